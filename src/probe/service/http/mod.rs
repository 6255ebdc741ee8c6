//! Servers that speak HTTP. A question is a request, a message to a WebSocket, or bytes that are sent as they are; over TLS
//! where a whole URL is asked for. See [`words`].

mod raw;
mod tls;
mod words;

use std::error::Error as StdError;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use futures_util::{SinkExt, StreamExt};
use http_body_util::BodyExt;
use hyper::Response;
use hyper::header::{HeaderMap, HeaderValue};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error as SocketError, Message};

use super::{Addresses, Answer, Service, down, gone};
use crate::error::{Error, Result};
use crate::verdict::millis;
use words::{Asked, RAW, WEBSOCKET};

/// The port that the images' servers listen on.
const PORT: u16 = 8080;
/// The one for TLS, and its name in a definition.
const TLS_PORT: u16 = 8443;
const TLS: &str = "tls";
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// A request that is not answered in full by then has the status 0.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a body that are kept; what is longer has the status 0.
const MAX_BODY: usize = 1 << 20;
const SWITCHED: u16 = 101;

/// A connection, plain or over TLS.
trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

/// Its addresses; each question has a connection of its own.
pub struct Http {
    name: String,
    address: SocketAddr,
    tls: Option<SocketAddr>,
}

/// What is known of an exchange, whatever becomes of the answer.
#[derive(Default)]
struct Seen {
    tls: Option<Value>,
    statuses: Vec<u16>,
}

/// Whether words are a question for a server with these ports.
///
/// # Errors
/// Says what is wrong with them.
pub fn lint<'a>(words: &[&str], mut ports: impl Iterator<Item = &'a String>) -> Result<()> {
    let asked = Asked::of(words)?;
    if asked.tls.is_some() && !ports.any(|port| port == TLS) { Err(no_tls()) } else { Ok(()) }
}

fn no_tls() -> Error {
    Error::usage("A URL with https:// is asked for, and the service has no port for TLS")
        .help("ask for the path alone, or a service whose service.yaml has ports: { tls: PORT }")
}

impl Http {
    pub fn connect(name: &str, addresses: &Addresses) -> Self {
        let tls = addresses.others.get(TLS).copied();
        Self { name: name.to_owned(), address: addresses.main, tls }
    }

    async fn open(&self, address: SocketAddr) -> Result<TcpStream> {
        match tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(error)) => Err(down(&self.name, address, error)),
            Err(_) => Err(down(&self.name, address, "no connection in time")),
        }
    }

    /// The answer with its times in milliseconds. The inner error says why there is none.
    async fn answer(&self, asked: &Asked<'_>, seen: &mut Seen) -> Result<Result<Value, String>> {
        let began = Instant::now();
        let wire: Box<dyn Wire> = match &asked.tls {
            None => Box::new(self.open(self.address).await?),
            Some(tls) => {
                let stream = self.open(self.tls.ok_or_else(no_tls)?).await?;
                // As long as nobody knows better.
                seen.tls = Some(tls::told(None, Some("no handshake in time")));
                match tls.handshake(stream).await {
                    Ok((stream, told)) => {
                        seen.tls = Some(told);
                        Box::new(stream)
                    }
                    Err(why) => {
                        seen.tls = Some(tls::told(None, Some(&why)));
                        return Ok(Err(why));
                    }
                }
            }
        };
        Ok(match asked.method {
            WEBSOCKET => talk(wire, asked, began).await?,
            RAW => raw::exchange(wire, asked.body.as_bytes(), began, &mut seen.statuses).await,
            _ => request(wire, asked, began).await?,
        })
    }
}

async fn request(
    wire: Box<dyn Wire>,
    asked: &Asked<'_>,
    began: Instant,
) -> Result<Result<Value, String>> {
    let request = asked.request()?;
    let work = async {
        let wire = TokioIo::new(wire);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(wire).await.map_err(|e| deepest(&e))?;
        let connection = tokio::spawn(connection);
        let answer = read(sender.send_request(request).await, began).await;
        connection.abort();
        answer
    };
    Ok(work.await)
}

/// Says the body to a WebSocket; the first message that comes back.
async fn talk(
    wire: Box<dyn Wire>,
    asked: &Asked<'_>,
    began: Instant,
) -> Result<Result<Value, String>> {
    let config = WebSocketConfig::default().max_message_size(Some(MAX_BODY));
    let opening = asked.opening()?;
    let opened = tokio_tungstenite::client_async_with_config(opening, wire, Some(config)).await;
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
        let said = loop {
            let said = socket.next().await.ok_or("the connection was closed")?;
            let said = said.map_err(|e| e.to_string())?;
            // The others are the protocol's own.
            if said.is_text() || said.is_binary() {
                break said.into_data();
            }
        };
        // Whatever comes of it: what was to be seen has been.
        let _ = socket.close(None).await;
        Ok(told(SWITCHED, response.headers(), &said, [began.elapsed(); 2]))
    };
    Ok(talk.await)
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

fn told(status: u16, headers: &HeaderMap, body: &[u8], times: [Duration; 2]) -> Value {
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let of_name = |name| headers.get_all(name).iter().map(text).collect::<Vec<_>>().join(", ");
    let headers: serde_json::Map<String, Value> =
        headers.keys().map(|name| (name.to_string(), of_name(name).into())).collect();
    // A text such as "42\n" keeps its form.
    let parts = serde_json::from_slice(body).ok().filter(|v: &Value| v.is_object() || v.is_array());
    let body = parts.unwrap_or_else(|| Value::from(String::from_utf8_lossy(body).into_owned()));
    // Who refuses at once has not answered soon.
    let [first, whole] = times.map(|time| (status != 0).then(|| millis(time)));
    json!({
        "status": status,
        "headers": headers,
        "body": body,
        "first_byte": first,
        "milliseconds": whole,
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
        let mut seen = Seen::default();
        let work = self.answer(&asked, &mut seen);
        let late = || Ok(Err(format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())));
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, work).await.unwrap_or_else(|_| late())?;
        let none = |why: String| told(0, &HeaderMap::new(), why.as_bytes(), [Duration::ZERO; 2]);
        let mut answer = answer.unwrap_or_else(none);
        if let Some(tls) = seen.tls {
            answer["tls"] = tls;
        }
        if asked.method == RAW {
            answer["statuses"] = seen.statuses.into();
        }
        Ok(Answer::Value(answer))
    }

    async fn is_open(&self) -> bool {
        true
    }

    async fn renew(&self) -> Result<()> {
        Ok(())
    }

    fn reproduce(&self, words: &[String]) -> String {
        words::line(&self.name, words)
    }

    /// A server tells requests from what is none: not all of these begin their answers, if any, alike.
    async fn is_genuine(&self) -> Result<bool> {
        let beginning = async |request: &str| {
            let mut stream = self.open(self.address).await?;
            let mut begins = Vec::new();
            let talk = async {
                stream.write_all(request.as_bytes()).await?;
                (&mut stream).take(12).read_to_end(&mut begins).await
            };
            match tokio::time::timeout(ANSWER_TIMEOUT, talk).await {
                // A connection that breaks is at its end.
                Ok(_) => Ok(begins),
                Err(_) => Err(gone(&self.name, "no answer in time")),
            }
        };
        let good =
            beginning("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").await?;
        let bad = beginning("HEAD\u{1} / HTTP/1.1\r\n\r\n").await?;
        let unknown = beginning("HEAD / HTTP/9.9\r\nHost: localhost\r\n\r\n").await?;
        if [&good, &bad, &unknown].iter().all(|begins| begins.is_empty()) {
            return Err(gone(&self.name, "it closes every connection without an answer"));
        }
        Ok(good != bad || bad != unknown)
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
mod tests;
