//! Servers that speak HTTP. A question is a request: method, path, headers as `Name: value`, a body as `@text` or as the word
//! after a lone `@`; the method `WS` opens a WebSocket and sends the body as a message.

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full};
use hyper::header::{HOST, HeaderMap, HeaderName, HeaderValue};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::{Answer, Service, down, gone};
use crate::error::{Error, Result};
use crate::term::shell_line;
use crate::verdict::millis;

/// The port that the images' servers listen on.
const PORT: u16 = 8080;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A request that is not answered in full by then has the status 0.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a body that are kept; what is longer has the status 0.
const MAX_BODY: usize = 1 << 20;
const WEBSOCKET: &str = "WS";
const SWITCHED: u16 = 101;

/// Its address; each question has a connection of its own.
pub struct Http {
    name: String,
    address: SocketAddr,
}

/// A request in words.
struct Asked<'a> {
    method: &'a str,
    path: &'a str,
    headers: HeaderMap,
    body: &'a str,
}

impl<'a> Asked<'a> {
    fn of(words: &[&'a str]) -> Result<Self> {
        let wrong = |what: String| {
            Error::usage(what)
                .help("send a method, a path, headers as \"Name: value\", a body as \"@text\"")
        };
        let [method, path, rest @ ..] = words else {
            return Err(wrong("A request has a method and a path".to_owned()));
        };
        let (mut headers, mut body) = (HeaderMap::new(), "");
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            if let Some(text) = word.strip_prefix('@') {
                body =
                    if text.is_empty() { rest.next().copied().unwrap_or_default() } else { text };
                continue;
            }
            let header = word.split_once(": ").and_then(|(name, value)| {
                Some((HeaderName::try_from(name).ok()?, HeaderValue::try_from(value).ok()?))
            });
            let Some((name, value)) = header else {
                return Err(wrong(format!("{word:?} is no header")));
            };
            headers.append(name, value);
        }
        Ok(Self { method, path, headers, body })
    }
}

impl Http {
    pub fn connect(name: &str, address: SocketAddr) -> Self {
        Self { name: name.to_owned(), address }
    }

    async fn open(&self) -> Result<TcpStream> {
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(self.address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(down(&self.name, self.address, error)),
            Err(_) => Err(down(&self.name, self.address, "no connection in time")),
        }
    }

    /// The answer with its times in milliseconds. The inner error says why there is none.
    async fn request(&self, asked: &Asked<'_>) -> Result<Result<Value, String>> {
        let mut request = Request::builder().method(asked.method).uri(asked.path);
        let headers = request.headers_mut();
        if let Some(headers) = headers {
            headers.extend(asked.headers.clone());
            if !headers.contains_key(HOST) {
                headers.insert(HOST, HeaderValue::from_static("localhost"));
            }
        }
        let request = request
            .body(Full::new(Bytes::from(asked.body.to_owned())))
            .map_err(|why| Error::usage("A request cannot be sent").because(why))?;
        let began = Instant::now();
        let stream = TokioIo::new(self.open().await?);
        let work = async {
            let (mut sender, connection) =
                hyper::client::conn::http1::handshake(stream).await.map_err(|e| deepest(&e))?;
            let connection = tokio::spawn(connection);
            let answer = read(sender.send_request(request).await, began).await;
            connection.abort();
            answer
        };
        Ok(work.await)
    }

    /// Says the body to a WebSocket; the first message that comes back.
    async fn talk(&self, asked: &Asked<'_>) -> Result<Result<Value, String>> {
        let host =
            asked.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        let mut request = format!("ws://{host}{}", asked.path)
            .into_client_request()
            .map_err(|why| Error::usage("A WebSocket cannot be opened").because(why))?;
        for (name, value) in asked.headers.iter().filter(|(name, _)| **name != HOST) {
            request.headers_mut().append(name, value.clone());
        }
        let began = Instant::now();
        let stream = self.open().await?;
        let config = WebSocketConfig::default().max_message_size(Some(MAX_BODY));
        let opened =
            tokio_tungstenite::client_async_with_config(request, stream, Some(config)).await;
        let (mut socket, response) = match opened {
            Ok(opened) => opened,
            Err(SocketError::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let status = response.status().as_u16();
                return Ok(Ok(told(status, response.headers(), &body, [began.elapsed(); 2])));
            }
            Err(why) => return Ok(Err(why.to_string())),
        };
        let talk = async {
            socket.send(Message::text(asked.body)).await.map_err(|e| e.to_string())?;
            let said = socket.next().await.ok_or("the connection was closed")?;
            let said = said.map_err(|e| e.to_string())?.into_data();
            // Whatever comes of it: what was to be seen has been.
            let _ = socket.close(None).await;
            Ok(told(SWITCHED, response.headers(), &said, [began.elapsed(); 2]))
        };
        Ok(talk.await)
    }
}

/// Reads an answer to its end.
async fn read(
    answered: hyper::Result<Response<hyper::body::Incoming>>,
    began: Instant,
) -> Result<Value, String> {
    let (head, mut incoming) = answered.map_err(|e| deepest(&e))?.into_parts();
    let (mut body, mut first) = (Vec::new(), None);
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|e| deepest(&e))?;
        first.get_or_insert_with(|| began.elapsed());
        body.extend_from_slice(frame.data_ref().map_or(&[], |data| &data[..]));
        if body.len() > MAX_BODY {
            return Err(format!("a body of more than {MAX_BODY} bytes"));
        }
    }
    let times = [first.unwrap_or_else(|| began.elapsed()), began.elapsed()];
    Ok(told(head.status.as_u16(), &head.headers, &body, times))
}

fn told(status: u16, headers: &HeaderMap, body: &[u8], [first, whole]: [Duration; 2]) -> Value {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| (name.to_string(), text(value).into())).collect();
    let body = serde_json::from_slice(body)
        .unwrap_or_else(|_| Value::from(String::from_utf8_lossy(body).into_owned()));
    json!({
        "status": status,
        "headers": headers,
        "body": body,
        "first_byte": millis(first),
        "milliseconds": millis(whole),
    })
}

/// What an error came from: the outermost says only that the request failed.
fn deepest(error: &dyn StdError) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[async_trait]
impl Service for Http {
    fn name(&self) -> &str {
        &self.name
    }

    /// A request that gets no answer, or not the whole of it, has the status 0 and the reason as its body.
    async fn ask(&self, words: &[&str]) -> Result<Answer> {
        let asked = Asked::of(words)?;
        let began = Instant::now();
        let work = async {
            if asked.method == WEBSOCKET {
                self.talk(&asked).await
            } else {
                self.request(&asked).await
            }
        };
        let late = || Ok(Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())));
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, work).await.unwrap_or_else(|_| late())?;
        let none = |why: String| told(0, &HeaderMap::new(), why.as_bytes(), [began.elapsed(); 2]);
        Ok(Answer::Value(answer.unwrap_or_else(none)))
    }

    async fn is_open(&self) -> bool {
        true
    }

    async fn renew(&self) -> Result<()> {
        Ok(())
    }

    fn reproduce(&self, words: &[String]) -> String {
        let [method, path, rest @ ..] = words else { return String::new() };
        let mut line = vec!["curl".to_owned(), "-i".to_owned(), "-X".to_owned(), method.clone()];
        let mut rest = rest.iter();
        while let Some(word) = rest.next() {
            let (option, value) = match word.strip_prefix('@') {
                Some("") => ("-d", rest.next().map_or("", String::as_str)),
                Some(body) => ("-d", body),
                None => ("-H", word.as_str()),
            };
            line.extend([option.to_owned(), value.to_owned()]);
        }
        line.push(format!("http://{}:{PORT}{path}", self.name));
        shell_line(&line)
    }

    /// A server tells a request from what is none.
    async fn is_genuine(&self) -> Result<bool> {
        let first_line = async |request: &str| {
            let work = async {
                let mut stream = TcpStream::connect(self.address).await?;
                stream.write_all(request.as_bytes()).await?;
                let mut line = [0; 12];
                stream.read_exact(&mut line).await?;
                Ok::<_, std::io::Error>(line)
            };
            match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
                Ok(line) => line.map_err(|why| gone(&self.name, why)),
                Err(_) => Err(gone(&self.name, "no answer in time")),
            }
        };
        let good = "HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        let bad = "HEAD\u{1} / HTTP/1.1\r\n\r\n";
        Ok(first_line(good).await? != first_line(bad).await?)
    }

    /// What it keeps cannot be asked for.
    async fn digest(&self) -> Result<String> {
        self.fingerprint().await
    }

    async fn forget_books(&self) -> Result<()> {
        Ok(())
    }

    /// Requests leave nothing in these servers; one that does not answer is not clean.
    async fn wipe(&self) -> Result<()> {
        if self.is_genuine().await? {
            Ok(())
        } else {
            Err(gone(&self.name, "it is another server"))
        }
    }

    async fn fingerprint(&self) -> Result<String> {
        Ok(String::new())
    }

    async fn writes(&self) -> Result<i64> {
        Ok(0)
    }

    async fn setting(&self, _name: &str) -> Result<Option<String>> {
        Ok(None)
    }

    async fn configure(&self, name: &str, _value: &str) -> Result<()> {
        Err(Error::usage(format!("{} has no setting {name:?}", self.name)))
    }

    async fn copy(&self, what: &str, _to: &dyn Service) -> Result<()> {
        Err(Error::usage(format!("{} has nothing called {what:?}", self.name)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_a_request() {
        let asked = Asked::of(&["POST", "/x?y=1", "Host: shop.test", "@a: b"]).unwrap();
        assert_eq!((asked.method, asked.path, asked.body), ("POST", "/x?y=1", "a: b"));
        assert_eq!(asked.headers["host"], "shop.test");
        assert_eq!(Asked::of(&["PUT", "/", "@", "$x: y"]).unwrap().body, "$x: y");
        for wrong in [&["GET"][..], &["GET", "/", "no header"], &["GET", "/", "a b: c"]] {
            assert!(Asked::of(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_learner_asks_the_same_with_curl() {
        let session = Http::connect("front", "127.0.0.1:1".parse().unwrap());
        let words = ["POST", "/a", "Host: shop.test", "@x"].map(str::to_owned);
        let line = "curl -i -X POST -H 'Host: shop.test' -d x http://front:8080/a";
        assert_eq!(session.reproduce(&words), line);
    }
}
