//! What is done to a throw-away seat to see that its checks notice, and what its services keep.

use std::time::Duration;

use futures_util::future::try_join_all;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::Session;
use super::plan::{Member, Plan};
use super::start::{addresses, reach};
use crate::catalog::lab::Lab;
use crate::catalog::service::Protocol;
use crate::error::{Error, Result};
use crate::probe::service;

/// Every impostor is a listener that forks for each client; what it says is the protocol's part.
const LISTEN: &str = r#"
use IO::Socket::INET;
my ($port, $word) = @ARGV;
sub serve {
  my ($port, $talk) = @_;
  my $listener = IO::Socket::INET->new(LocalPort => $port, Listen => 64, ReuseAddr => 1) or die "no listener: $!";
  $SIG{CHLD} = 'IGNORE';
  while (my $client = $listener->accept) {
    next if fork;
    $talk->($client);
    exit;
  }
}
"#;

/// Says the same to whatever it is asked, once for each request that arrives together with others.
const YES_MAN: &str = r#"
serve $port, sub {
  while (sysread($_[0], my $request, 65536)) {
    my $requests = () = $request =~ /^\*\d/mg;
    syswrite($_[0], "+$word\r\n" x ($requests || 1));
  }
};
"#;

/// The same in the protocol of MySQL: greets, lets everybody in, and has done whatever it is told.
const YES_MAN_OF_MYSQL: &str = r#"
sub packet { my ($number, $body) = @_; substr(pack('V', length $body), 0, 3) . chr($number) . $body }
my $greeting = packet(0, "\x0a9.7.0-$word\0" . pack('V', 1) . 'a' x 8 . "\0" . pack('vCvv', 0xa209, 255, 2, 8)
  . chr(21) . "\0" x 10 . 'b' x 12 . "\0mysql_native_password\0");
serve $port, sub {
  syswrite($_[0], $greeting);
  while (sysread($_[0], my $request, 65536)) {
    syswrite($_[0], packet((ord(substr($request, 3, 1)) + 1) % 256, "\0\0\0\x02\0\0\0"));
  }
};
"#;

/// The same of RabbitMQ: greets in AMQP whoever says something, and answers each request to the management with success.
const YES_MAN_OF_RABBITMQ: &str = r#"
my $longstr = sub { pack('N', length $_[0]) . $_[0] };
my $start = pack('n n C C N', 10, 10, 0, 9, 0) . $longstr->($word) . $longstr->('en_US');
my $amqp = "\x01\0\0" . pack('N', length $start) . $start . "\xce";
my $json = "{\"ok\":\"$word\"}";
my $http = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: " . length($json) . "\r\n\r\n$json";
my ($at, $answer) = fork ? ($port, $amqp) : (10000 + $port, $http);
serve $at, sub { syswrite($_[0], $answer) while sysread($_[0], my $request, 65536) };
"#;

/// The same of an HTTP server, whatever is asked.
const YES_MAN_OF_HTTP: &str = r#"
my $answer = "HTTP/1.1 200 $word\r\nContent-Length: 2\r\n\r\n{}";
serve $port, sub { syswrite($_[0], $answer) while sysread($_[0], my $request, 65536) };
"#;

/// An impostor's script, and how many bytes it says before its word.
fn script(protocol: Option<Protocol>) -> (String, usize) {
    let (talk, before) = match protocol {
        Some(Protocol::Mysql) => (YES_MAN_OF_MYSQL, 11),
        Some(Protocol::Amqp) => (YES_MAN_OF_RABBITMQ, 21),
        Some(Protocol::Http) => (YES_MAN_OF_HTTP, "HTTP/1.1 200 ".len()),
        Some(Protocol::Redis) | None => (YES_MAN, 1),
    };
    (format!("{LISTEN}{talk}"), before)
}

const ANSWERS_WITHIN: Duration = Duration::from_secs(20);
const ASK_WITHIN: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// Where an impostor stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Impostor {
    /// In a container of its own, at the address of the service, which does not run.
    Beside,
    /// In the place of the service's first process, in its own container.
    Inside,
}

impl Session {
    /// A digest of all that the services of a seat keep.
    ///
    /// # Errors
    /// One of them does not answer.
    pub async fn digest(&self, plan: &Plan) -> Result<String> {
        let sessions = self.sessions(plan).await?;
        let parts = try_join_all(sessions.iter().map(|(_, service)| service.digest())).await?;
        Ok(parts.join(" "))
    }

    /// Whether [`Session::digest`] sees everything that the services of a seat keep.
    pub fn is_seen_whole(plan: &Plan) -> bool {
        let seen = |protocol| service::known(protocol) && protocol != Some(Protocol::Http);
        plan.members.iter().all(|m| seen(m.definition.ready))
    }

    /// Begins the services' own books anew.
    ///
    /// # Errors
    /// One of them does not answer.
    pub async fn forget_books(&self, plan: &Plan) -> Result<()> {
        for (member, service) in self.sessions(plan).await? {
            service.forget_books().await?;
            self.store.forget_books(&plan.data_of(member).1)?;
        }
        Ok(())
    }

    /// Empties the services and does the lab's set-up again. What this does not bring back, such as a
    /// configuration, the digest shows.
    ///
    /// # Errors
    /// One of them does not answer.
    pub async fn refill(&self, lab: &Lab, plan: &Plan) -> Result<()> {
        let sessions = self.sessions(plan).await?;
        let refills = sessions.iter().map(|(member, service)| async {
            service.wipe().await?;
            self.store.forget_books(&plan.data_of(member).1)?;
            self.fill(lab, member, &**service).await
        });
        try_join_all(refills).await.map(drop)
    }

    async fn sessions<'p>(&self, plan: &'p Plan) -> Result<Vec<(&'p Member, service::Session)>> {
        let gate = self.gate(plan).await?;
        let known = plan.members.iter().filter(|m| service::known(m.definition.ready));
        let gate = &gate;
        let sessions = known.map(|member| async move {
            let addresses = addresses(member, None, gate)?;
            Ok((member, service::connect(member.definition.ready, &member.name, addresses).await?))
        });
        try_join_all(sessions).await
    }

    /// Kills the throw-away copies of a service that checks run on right now; answers how many.
    pub async fn kill_twins(&self, plan: &Plan, member: &Member) -> usize {
        let mut killed = 0;
        for lane in 0..plan.lanes() {
            let container = plan.twin_name(member, lane);
            killed += usize::from(self.engine.kill(&container, "SIGKILL").await.is_ok());
        }
        killed
    }

    /// Waits until the impostor says its word to who asks the service.
    ///
    /// # Errors
    /// It does not, so that nothing would be proven.
    pub async fn answers(&self, plan: &Plan, member: &Member, word: &str) -> Result<()> {
        let address = reach(member, None, &self.gate(plan).await?)?;
        let (_, before) = script(member.definition.ready);
        let deadline = tokio::time::Instant::now() + ANSWERS_WITHIN;
        while tokio::time::Instant::now() < deadline {
            let asked = async {
                let mut stream = TcpStream::connect(address).await?;
                stream.write_all(b"x\r\n").await?;
                let mut said = vec![0; before + word.len()];
                stream.read_exact(&mut said).await?;
                Ok::<_, std::io::Error>(said[before..] == *word.as_bytes())
            };
            if let Ok(Ok(true)) = tokio::time::timeout(ASK_WITHIN, asked).await {
                return Ok(());
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(Error::infrastructure(format!("An impostor of {} does not answer", member.name)))
    }

    /// Puts something at the port of a service, in its place, that says `word` to everything. Only a reset brings the
    /// service back.
    pub async fn impersonate(
        &self,
        plan: &Plan,
        member: &Member,
        place: Impostor,
        word: &str,
    ) -> Result<()> {
        let port = member.definition.port.unwrap_or_default();
        let mut spec = plan.service(member, &self.networks(plan).await?);
        let (script, _) = script(member.definition.ready);
        spec.command = ["perl", "-e", &script, &port.to_string(), word].map(str::to_owned).to_vec();
        self.engine.kill(&spec.name, "SIGKILL").await?;
        match place {
            Impostor::Beside => spec.name = plan.container("impostor"),
            Impostor::Inside => self.drop_container(&spec.name).await?,
        }
        self.make_container(&plan.seat.id, &spec).await?;
        self.engine.start(&spec.name).await
    }
}
