//! Against servers on the loopback, which say what a test wants.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio_rustls::rustls::{ServerConfig, SupportedProtocolVersion, version};

use super::*;

macro_rules! pem {
    ($name:literal) => {
        include_str!(concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/tests/fixtures/http/tiny-tls/starter/front/",
            $name
        ))
    };
}

/// Who has signed all but one of the certificates.
fn authority() -> String {
    let lab =
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/http/tiny-tls/lab.yaml"));
    let lines = lab.lines().map(str::trim);
    let from = lines.skip_while(|line| !line.contains("BEGIN"));
    let mut pem = String::from("ca=");
    for line in from {
        pem.push_str(&format!("{line}\n"));
        if line.contains("END") {
            break;
        }
    }
    pem
}

/// What a server does once the connection is there.
#[derive(Clone, Copy)]
enum Then {
    Close,
    Stay,
}

/// A server that reads once, says the pieces one after the other, and then closes or not.
async fn saying(pieces: &[&[u8]], then: Then) -> Http {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let pieces: Vec<Vec<u8>> = pieces.iter().map(|piece| piece.to_vec()).collect();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            for piece in &pieces {
                let _ = stream.write_all(piece).await;
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
            if matches!(then, Then::Stay) {
                let _ = stream.read(&mut request).await;
            }
        }
    });
    Http::connect("front", &address.into())
}

/// A server of TLS that answers with the name it was asked for, or opens a WebSocket and says what it hears.
async fn over_tls(certificate: &str, versions: &[&'static SupportedProtocolVersion]) -> Http {
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(certificate.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(pem!("shop.key").as_bytes()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(versions)
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let name = stream.get_ref().1.server_name().unwrap_or_default().to_owned();
            if name == "socket.test" {
                let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
                let said = socket.next().await.unwrap().unwrap();
                socket.send(said).await.unwrap();
                continue;
            }
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let answer = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{name}", name.len());
            let _ = stream.write_all(answer.as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    let nobody = "127.0.0.1:1".parse().unwrap();
    Http::connect(
        "front",
        &Addresses { main: nobody, others: BTreeMap::from([(TLS.to_owned(), address)]) },
    )
}

async fn answer(http: &Http, words: &[&str]) -> Value {
    match http.ask(words).await.unwrap() {
        Answer::Value(value) => value,
        Answer::Refused(why) => panic!("{why}"),
    }
}

async fn raw(pieces: &[&[u8]], then: Then) -> Value {
    answer(&saying(pieces, then).await, &["RAW", "@GET / HTTP/1.1\r\n\r\n"]).await
}

/// Status, body and all statuses.
fn gist(answer: &Value) -> Value {
    json!([answer["status"], answer["body"], answer["statuses"]])
}

#[tokio::test]
async fn all_answers_on_a_connection_are_counted_and_the_first_is_told() {
    let both = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nA: b\r\n\r\nokHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nx";
    let found = raw(&[both], Then::Close).await;
    assert_eq!(gist(&found), json!([200, "ok", [200, 404]]));
    assert_eq!(found["headers"]["a"], "b");
    // In whatever pieces they come.
    let pieces: Vec<&[u8]> = both.chunks(7).collect();
    assert_eq!(gist(&raw(&pieces, Then::Close).await), json!([200, "ok", [200, 404]]));

    for (said, expected) in [
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n2;x=y\r\nab\r\n1\r\nc\r\n0\r\nT: u\r\n\r\nHTTP/1.1 500 No\r\n\r\nx",
            json!([200, "abc", [200, 500]]),
        ),
        (
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 None\r\n\r\nHTTP/1.0 200 OK\r\n\r\nto the end",
            json!([204, "", [100, 204, 200]]),
        ),
        ("HTTP/1.0 200 OK\r\n\r\nto the end", json!([200, "to the end", [200]])),
        // What is none after a whole one changes nothing.
        ("HTTP/1.1 304 Same\r\n\r\nno answer", json!([304, "", [304]])),
    ] {
        assert_eq!(gist(&raw(&[said.as_bytes()], Then::Close).await), expected, "{said:?}");
    }
}

#[tokio::test]
async fn what_is_no_answer_has_the_status_0_and_says_why() {
    for (said, why, statuses) in [
        ("", "closed without an answer", json!([])),
        ("<html>an error\r\n", "not one of HTTP/1.1", json!([])),
        ("HTTP/1.1 200 OK\r\nA", "before the end", json!([])),
        ("HTTP/1.1 100 Continue\r\n\r\n", "before the end", json!([100])),
        ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", "before the end", json!([200])),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
            "no length",
            json!([200]),
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "no length", json!([200])),
        ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n", "no size", json!([200])),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nxyz\r\n",
            "longer",
            json!([200]),
        ),
    ] {
        let found = raw(&[said.as_bytes()], Then::Close).await;
        let body = found["body"].as_str().unwrap();
        assert!(found["status"] == 0 && body.contains(why), "{said:?}: {found}");
        assert_eq!(found["statuses"], statuses, "{said:?}");
    }
    let long = [b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), vec![b'x'; MAX_BODY]].concat();
    let found = raw(&[&long], Then::Close).await;
    assert!(found["body"].as_str().unwrap().contains("more than"), "{found}");
}

#[tokio::test]
async fn a_connection_that_stays_is_not_waited_for() {
    let began = Instant::now();
    let said = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    let found = raw(&[said], Then::Stay).await;
    assert_eq!(gist(&found), json!([200, "ok", [200]]));
    assert!(found["milliseconds"].as_f64().unwrap() < 900.0, "{found}");
    assert!(began.elapsed() < ANSWER_TIMEOUT / 2);

    let switched = b"HTTP/1.1 101 Switched\r\n\r\n";
    let found = raw(&[switched, b"another protocol"], Then::Stay).await;
    assert_eq!(gist(&found), json!([101, "another protocol", [101]]));
}

#[tokio::test]
async fn a_certificate_is_judged_and_the_answer_told_all_the_same() {
    let ca = authority();
    let words = ["GET", "https://shop.test/", &ca];
    for (certificate, why) in [
        (pem!("shop.crt"), Value::Null),
        (pem!("name.crt"), "other name".into()),
        (pem!("issuer.crt"), "unknown issuer".into()),
        (pem!("expired.crt"), "expired".into()),
    ] {
        for version in [&version::TLS12, &version::TLS13] {
            let found = answer(&over_tls(certificate, &[version]).await, &words).await;
            assert_eq!((&found["status"], &found["body"]), (&200.into(), &"shop.test".into()));
            assert_eq!(
                (&found["tls"]["why"], &found["tls"]["trusted"]),
                (&why, &why.is_null().into())
            );
        }
    }
    let server = over_tls(pem!("shop.crt"), &[&version::TLS12]).await;
    let found = answer(&server, &words[..2]).await;
    let tls = json!({ "version": "1.2", "trusted": false, "why": "no CA given" });
    assert_eq!(found["tls"], tls, "{found}");
}

#[tokio::test]
async fn no_handshake_is_the_status_0() {
    let server = over_tls(pem!("shop.crt"), &[&version::TLS12]).await;
    let found = answer(&server, &["GET", "https://shop.test/", "tls=1.3"]).await;
    assert!(found["body"].as_str().unwrap().contains("handshake failed"), "{found}");
    let tls = json!({ "version": null, "trusted": false, "why": found["body"] });
    assert_eq!((&found["status"], &found["tls"]), (&0.into(), &tls));
    let found = answer(&server, &["GET", "https://shop.test/", "tls=1.2"]).await;
    assert_eq!(found["status"], 200, "{found}");
    let plain = saying(&[b"HTTP/1.1 400 Bad\r\n\r\n"], Then::Close).await;
    let plain = Http { tls: Some(plain.address), ..plain };
    let found = answer(&plain, &["GET", "https://shop.test/"]).await;
    assert!(found["body"].as_str().unwrap().contains("handshake failed"), "{found}");

    let error = Http { tls: None, ..plain }.ask(&["GET", "https://shop.test/"]).await.unwrap_err();
    assert!(error.what.contains("no port for TLS"), "{error}");
}

#[tokio::test]
async fn bytes_and_messages_go_over_tls_too() {
    let server = over_tls(pem!("shop.crt"), &[&version::TLS13]).await;
    let found = answer(&server, &["RAW", "https://shop.test", "@x\r\n", &authority()]).await;
    assert_eq!(gist(&found), json!([200, "shop.test", [200]]));
    assert_eq!(found["tls"]["trusted"], true);
    let found = answer(&server, &["WS", "https://socket.test/", "@hello"]).await;
    assert_eq!((&found["status"], &found["body"]), (&101.into(), &"hello".into()), "{found}");
}

#[tokio::test]
async fn what_comes_several_times_is_told_whole_and_no_answer_takes_no_time() {
    let head = b"HTTP/1.1 200 OK\r\nA: x\r\nB: z\r\nA: y\r\nContent-Length: 3\r\n\r\n42\n";
    let said = raw(&[head], Then::Close).await;
    assert_eq!(json!([said["headers"]["a"], said["headers"]["b"]]), json!(["x, y", "z"]));
    assert_eq!(said["body"], "42\n");
    let none = raw(&[], Then::Close).await;
    let times = json!([none["status"], none["first_byte"], none["milliseconds"]]);
    assert_eq!(times, json!([0, null, null]));
}

#[tokio::test]
async fn who_says_the_same_to_everything_is_no_server() {
    let same = saying(&[b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"], Then::Stay).await;
    assert!(!same.is_genuine().await.unwrap());
    assert!(saying(&[], Then::Close).await.is_genuine().await.is_err());
}
