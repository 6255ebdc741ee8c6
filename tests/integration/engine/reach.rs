use labs::engine::{Address, Endpoint, Engine, Found};
use tokio::net::TcpListener;

use super::scratch::Scratch;

fn at(address: Address) -> Engine {
    Engine::at(Endpoint { address, found: Found::DockerHost }).unwrap()
}

#[tokio::test]
async fn the_engine_tells_what_it_is() {
    let scratch = Scratch::new().await;
    scratch.engine.ping().await.unwrap();
    let info = scratch.engine.info().await.unwrap();
    assert!(info.api() >= (1, 40), "{info:?}");
    assert!(info.cpus > 0 && info.memory > 0 && !info.version.is_empty() && !info.os.is_empty());
}

#[tokio::test]
async fn an_address_where_nothing_listens_is_explained() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let engine = at(Address::Tcp(free.to_string()));
    for error in [engine.ping().await.unwrap_err(), engine.attach("x").await.err().unwrap()] {
        assert_eq!(error.exit_code(), 3);
        assert_eq!(error.why.as_deref(), Some("nothing listens at this address"), "{error}");
        assert!(error.place.unwrap().contains(&free.to_string()));
        assert!(error.help.unwrap().contains("unset DOCKER_HOST"));
    }
}

#[tokio::test]
async fn a_socket_left_behind_is_explained() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let error = at(Address::Unix(path)).inspect("x").await.unwrap_err();
    assert_eq!(error.why.as_deref(), Some("nothing listens at this address"), "{error}");
    let missing = Engine::at(Endpoint {
        address: Address::Unix(dir.path().join("no.sock")),
        found: Found::Context("desk".into()),
    });
    assert!(missing.unwrap_err().help.unwrap().contains("desk"));
}

#[tokio::test]
async fn what_is_no_engine_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = at(Address::Tcp(listener.local_addr().unwrap().to_string()));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            use tokio::io::AsyncWriteExt;
            let _ = connection.write_all(b"SSH-2.0-x\r\n\r\n").await;
        }
    });
    assert!(engine.ping().await.is_err());
    assert!(engine.attach("x").await.is_err());
}
