use labs::engine::{Address, Endpoint, Engine, Found};
use tokio::net::{TcpListener, TcpStream};

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
async fn an_address_that_takes_no_connection_is_given_up_soon() {
    // Its queue is full: further connections are neither taken nor refused.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let listener = socket.listen(1).unwrap();
    let address = listener.local_addr().unwrap();
    let waiting = (0..8).map(|_| async move {
        tokio::time::timeout(std::time::Duration::from_millis(200), TcpStream::connect(address))
            .await
    });
    let _waiting = futures_util::future::join_all(waiting).await;
    let engine = at(Address::Tcp(address.to_string()));
    for error in [engine.ping().await.unwrap_err(), engine.attach("x").await.err().unwrap()] {
        assert_eq!(error.why.as_deref(), Some("nothing answers at this address"), "{error}");
        assert!(error.help.unwrap().contains("firewall"));
    }
}

#[tokio::test]
async fn what_speaks_http_and_is_no_engine_is_explained() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let engine = at(Address::Tcp(listener.local_addr().unwrap().to_string()));
    tokio::spawn(async move {
        while let Ok((mut connection, _)) = listener.accept().await {
            use tokio::io::{AsyncReadExt, AsyncWriteExt};
            let _ = connection.read(&mut [0; 4096]).await;
            let answer =
                b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
            let _ = connection.write_all(answer).await;
        }
    });
    let error = engine.ping().await.unwrap_err();
    assert!(error.why.as_deref().unwrap().contains("it is no Docker engine"), "{error}");
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
