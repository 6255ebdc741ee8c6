use std::collections::BTreeSet;
use std::net::SocketAddr;

use labs::engine::{
    ContainerSpec, Link, Network, NetworkChoice, NetworkSpec, Subnet, SubnetChoice,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::scratch::Scratch;

/// Away from the default range, so that running seats and these tests do not count each other's subnets.
const RANGE: &str = "10.213.0.0/16";
/// Answers every connection with a word and what it was sent.
const SERVER: &str = "use IO::Socket::INET; my $s = IO::Socket::INET->new(LocalPort => 7000, Listen => 9, ReuseAddr => 1); \
    while (my $c = $s->accept) { my $line = <$c>; print $c \"heard $line\"; close $c }";

async fn network(scratch: &Scratch, part: &str, closed: bool) -> Network {
    let spec = NetworkSpec {
        name: scratch.name(part),
        subnet: SubnetChoice::FreeIn { range: RANGE.parse().unwrap(), prefix: 27, likely: None },
        internal: closed,
        closed_gateway: closed,
        isolated: false,
        labels: scratch.labels(),
    };
    scratch.engine.network_create(&spec).await.unwrap()
}

fn on(networks: &[&Network], address: Option<u32>, alias: &str) -> NetworkChoice {
    let link = |network: &&Network| Link {
        network: network.name.clone(),
        address: address.and_then(|n| network.subnets[0].host(n)),
        aliases: vec![alias.to_owned()],
    };
    NetworkChoice::Networks(networks.iter().map(link).collect())
}

/// What a client in the container hears, or why it hears nothing.
async fn call(scratch: &Scratch, from: &str, host: &str, port: u16) -> Result<String, String> {
    let client = format!(
        "use IO::Socket::INET; my $c = IO::Socket::INET->new(PeerAddr => '{host}', PeerPort => {port}, Timeout => 1) \
         or die \"$@ $!\"; print $c \"hello\\n\"; print <$c>"
    );
    let done = scratch.sh(from, &format!("perl -e '{}'", client.replace('\'', "'\\''"))).await;
    match done.exit_code {
        Some(0) => Ok(String::from_utf8(done.stdout).unwrap()),
        _ => Err(String::from_utf8(done.stderr).unwrap()),
    }
}

#[tokio::test]
async fn a_closed_network_reaches_its_own_and_nothing_else() {
    let scratch = Scratch::new().await;
    let (seat, other, open) = tokio::join!(
        network(&scratch, "seat", true),
        network(&scratch, "other", true),
        network(&scratch, "open", false)
    );
    let server = |part: &str, choice| ContainerSpec {
        network: choice,
        ..scratch.spec(part, &["/bin/perl", "-e", SERVER])
    };
    let service = scratch.start(&server("service", on(&[&seat], Some(5), "redis"))).await;
    let stranger = scratch.start(&server("stranger", on(&[&other], None, "redis"))).await;
    let client = scratch
        .start(&ContainerSpec {
            network: on(&[&seat], None, "client"),
            ..scratch.spec("client", &["/bin/sleep", "1000"])
        })
        .await;
    let open_client = scratch
        .start(&ContainerSpec {
            network: on(&[&open], None, "open"),
            ..scratch.spec("open-client", &["/bin/sleep", "1000"])
        })
        .await;

    let state = scratch.engine.inspect(&service).await.unwrap().unwrap();
    let fixed = seat.subnets[0].host(5).unwrap();
    assert_eq!(state.addresses[&seat.name], fixed);
    // By alias, by name and by address.
    for host in ["redis", &scratch.name("service"), &fixed.to_string()] {
        assert_eq!(call(&scratch, &client, host, 7000).await, Ok("heard hello\n".into()), "{host}");
    }

    let foreign = scratch.engine.inspect(&stranger).await.unwrap().unwrap().addresses[&other.name];
    call(&scratch, &client, &foreign.to_string(), 7000).await.unwrap_err();

    let on_host = TcpListener::bind("0.0.0.0:0").await.unwrap();
    let port = on_host.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = on_host.accept().await {
            let _ = connection.write_all(b"the host\n").await;
        }
    });
    // The same host service, from an ordinary network: there is something to be kept from.
    let gateway = |network: &Network| network.subnets[0].host(1).unwrap().to_string();
    assert_eq!(call(&scratch, &open_client, &gateway(&open), port).await, Ok("the host\n".into()));
    for host in [gateway(&seat), gateway(&open), "172.17.0.1".into()] {
        call(&scratch, &client, &host, port).await.unwrap_err();
    }
}

#[tokio::test]
async fn a_gate_on_two_networks_publishes_a_port_of_the_engines_choice() {
    let scratch = Scratch::new().await;
    let (seat, open) =
        tokio::join!(network(&scratch, "seat", true), network(&scratch, "open", false));
    let gate = ContainerSpec {
        network: on(&[&open, &seat], None, "gate"),
        published: vec![7000],
        ..scratch.spec("gate", &["/bin/perl", "-e", SERVER])
    };
    let id = scratch.start(&gate).await;
    let state = scratch.engine.inspect(&id).await.unwrap().unwrap();
    assert_eq!(
        state.addresses.keys().collect::<BTreeSet<_>>(),
        BTreeSet::from([&open.name, &seat.name])
    );
    let address: SocketAddr = state.ports[&7000];
    assert!(address.ip().is_loopback());
    assert_eq!(ask(address).await, "heard hello\n");

    // A container that runs can be taken off and put back.
    let link = Link { network: seat.name.clone(), ..Link::default() };
    assert!(scratch.engine.network_disconnect(&id, &seat.name).await.unwrap());
    assert!(
        !scratch.engine.inspect(&id).await.unwrap().unwrap().addresses.contains_key(&seat.name)
    );
    scratch.engine.network_connect(&id, &link).await.unwrap();
    assert!(scratch.engine.inspect(&id).await.unwrap().unwrap().addresses.contains_key(&seat.name));
}

/// The published port accepts before the server inside listens: ask until it answers.
async fn ask(address: SocketAddr) -> String {
    let answer = async {
        loop {
            let mut answer = String::new();
            if let Ok(mut connection) = TcpStream::connect(address).await {
                let sent = connection.write_all(b"hello\n").await;
                if sent.is_ok()
                    && connection.read_to_string(&mut answer).await.is_ok()
                    && !answer.is_empty()
                {
                    return answer;
                }
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(super::scratch::LIMIT, answer).await.unwrap()
}

#[tokio::test]
async fn networks_made_at_once_do_not_overlap_and_run_out_politely() {
    let scratch = Scratch::new().await;
    let range: Subnet = "10.214.7.0/27".parse().unwrap();
    let spec = |n: usize| NetworkSpec {
        name: scratch.name(&format!("small-{n}")),
        subnet: SubnetChoice::FreeIn { range, prefix: 29, likely: None },
        internal: true,
        closed_gateway: true,
        isolated: false,
        labels: scratch.labels(),
    };
    let specs: Vec<_> = (0..4).map(spec).collect();
    let made = futures_util::future::join_all(
        specs.iter().map(|spec| scratch.engine.network_create(spec)),
    )
    .await;
    let subnets: BTreeSet<Subnet> =
        made.into_iter().flat_map(|network| network.unwrap().subnets).collect();
    assert_eq!(subnets.len(), 4);
    assert!(subnets.iter().all(|subnet| range.contains(subnet.base()) && subnet.prefix() == 29));

    let error = scratch.engine.network_create(&spec(4)).await.unwrap_err();
    assert!(error.why.unwrap().contains("10.214.7.0/27"));
    let listed = scratch.engine.networks(&[&scratch.label()]).await.unwrap();
    assert_eq!(
        listed.iter().flat_map(|network| network.subnets.clone()).collect::<BTreeSet<_>>(),
        subnets
    );

    let exact = NetworkSpec { subnet: SubnetChoice::Exactly(*subnets.first().unwrap()), ..spec(5) };
    assert!(
        scratch.engine.network_create(&exact).await.unwrap_err().why.unwrap().contains("overlaps")
    );
    assert!(scratch.engine.network_remove(&listed[0].id).await.unwrap());
    assert!(!scratch.engine.network_remove(&listed[0].id).await.unwrap());
}
