//! Bytes that are sent as they are, and the responses of HTTP/1.1 that come back on the connection.

use std::pin::pin;
use std::time::{Duration, Instant};

use bytes::{Buf, BytesMut};
use httparse::{EMPTY_HEADER, Status};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, TRANSFER_ENCODING};
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::{ANSWER_TIMEOUT, MAX_BODY, SWITCHED, Wire, told};

/// After a whole response nothing more is awaited on a connection that is silent for so long.
const QUIET: Duration = Duration::from_secs(1);
/// Nor on one that goes on talking; what was heard must be told before the time is up.
const LISTEN: Duration = ANSWER_TIMEOUT.saturating_sub(QUIET);
const MAX_HEADERS: usize = 128;
const READ_AT_ONCE: usize = 16 << 10;

/// Sends the bytes and hears what is answered: the first response, and the `statuses` of all.
///
/// # Errors
/// Why there is no first response, or not the whole of it.
pub async fn exchange(
    wire: Box<dyn Wire>,
    bytes: &[u8],
    began: Instant,
    statuses: &mut Vec<u16>,
) -> Result<Value, String> {
    let (mut from, mut to) = tokio::io::split(wire);
    let mut heard = pin!(hear(&mut from, began, statuses));
    // What cannot be sent any more was refused before its end, and the answer says so.
    let send = async {
        if to.write_all(bytes).await.is_ok() {
            let _ = to.flush().await;
        }
    };
    tokio::select! {
        heard = &mut heard => return heard,
        () = send => {}
    }
    heard.await
}

async fn hear(
    from: &mut (impl AsyncRead + Unpin),
    began: Instant,
    statuses: &mut Vec<u16>,
) -> Result<Value, String> {
    let mut responses = Responses::new(statuses);
    let (mut first, mut whole, mut received) = (None, None, 0);
    loop {
        responses.rest.reserve(READ_AT_ONCE);
        let patience = match whole {
            None => ANSWER_TIMEOUT,
            Some(_) => QUIET.min(LISTEN.saturating_sub(began.elapsed())),
        };
        let read = timeout(patience, from.read_buf(&mut responses.rest)).await;
        let came = match read {
            Ok(Ok(came @ 1..)) => came,
            // A connection that breaks is at its end too.
            Ok(Ok(0) | Err(_)) | Err(_) => 0,
        };
        received += came;
        let mut going = if came == 0 { responses.end() } else { responses.go_on() };
        if going.is_ok() && received > MAX_BODY {
            going = Err(format!("more than {MAX_BODY} bytes"));
        }
        if !responses.body.is_empty() {
            first.get_or_insert_with(|| began.elapsed());
        }
        if responses.whole {
            whole.get_or_insert_with(|| began.elapsed());
        }
        match (going, whole) {
            (Ok(()), _) if came > 0 => {}
            (Err(why), None) => return Err(why),
            // What comes after a whole response and is none ends the talk.
            _ => break,
        }
    }
    let whole = whole.unwrap_or_else(|| began.elapsed());
    let (status, headers) = responses.head.unwrap_or_default();
    Ok(told(status, &headers, &responses.body, [first.unwrap_or(whole), whole]))
}

/// What comes next on the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Due {
    Head,
    Bytes(u64),
    ChunkSize,
    Chunk(u64),
    ChunkEnd,
    Trailers,
    /// A body without a length, which the connection's end ends.
    All,
}

/// Responses as they come.
struct Responses<'s> {
    /// What was received and not yet understood.
    rest: BytesMut,
    due: Due,
    statuses: &'s mut Vec<u16>,
    /// Status and headers of the first response that is more than an interim one.
    head: Option<(u16, HeaderMap)>,
    /// Its body.
    body: Vec<u8>,
    /// Whether it came to its end.
    whole: bool,
    /// Whether bodies are no longer its own.
    later: bool,
}

impl<'s> Responses<'s> {
    fn new(statuses: &'s mut Vec<u16>) -> Self {
        let (rest, body) = (BytesMut::new(), Vec::new());
        Self { rest, due: Due::Head, statuses, head: None, body, whole: false, later: false }
    }

    /// Takes in what there is.
    fn go_on(&mut self) -> Result<(), String> {
        while self.step()? {}
        Ok(())
    }

    /// The connection has come to its end.
    fn end(&mut self) -> Result<(), String> {
        match self.due {
            Due::All => self.finish(),
            Due::Head if self.statuses.is_empty() && self.rest.is_empty() => {
                return Err("the connection was closed without an answer".to_owned());
            }
            _ if self.whole => {}
            _ => return Err("the connection was closed before the end of the answer".to_owned()),
        }
        Ok(())
    }

    /// Takes in one piece; whether there was one.
    fn step(&mut self) -> Result<bool, String> {
        match self.due {
            Due::Head => return self.head(),
            Due::Bytes(0) => self.finish(),
            Due::Bytes(left) => {
                let taken = self.take(left);
                self.due = Due::Bytes(left - taken);
                return Ok(taken > 0);
            }
            Due::ChunkSize => match httparse::parse_chunk_size(&self.rest) {
                Err(_) => return Err("a chunk has no size".to_owned()),
                Ok(Status::Partial) => return Ok(false),
                Ok(Status::Complete((long, size))) => {
                    self.rest.advance(long);
                    self.due = if size == 0 { Due::Trailers } else { Due::Chunk(size) };
                }
            },
            Due::Chunk(0) => self.due = Due::ChunkEnd,
            Due::Chunk(left) => {
                let taken = self.take(left);
                self.due = Due::Chunk(left - taken);
                return Ok(taken > 0);
            }
            Due::ChunkEnd => match &self.rest[..] {
                [b'\r', b'\n', ..] => {
                    self.rest.advance(2);
                    self.due = Due::ChunkSize;
                }
                [] | [b'\r'] => return Ok(false),
                _ => return Err("a chunk is longer than it says".to_owned()),
            },
            Due::Trailers => {
                let mut headers = [EMPTY_HEADER; MAX_HEADERS];
                match httparse::parse_headers(&self.rest, &mut headers) {
                    Err(why) => return Err(format!("faulty trailers: {why}")),
                    Ok(Status::Partial) => return Ok(false),
                    Ok(Status::Complete((long, _))) => {
                        self.rest.advance(long);
                        self.finish();
                    }
                }
            }
            Due::All => {
                self.take(u64::MAX);
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes in a status line and its headers.
    fn head(&mut self) -> Result<bool, String> {
        if self.rest.is_empty() {
            return Ok(false);
        }
        let mut room = [EMPTY_HEADER; MAX_HEADERS];
        let mut response = httparse::Response::new(&mut room);
        let long = match response.parse(&self.rest) {
            Err(why) => return Err(format!("the answer is not one of HTTP/1.1: {why}")),
            Ok(Status::Partial) => return Ok(false),
            Ok(Status::Complete(long)) => long,
        };
        let status = response.code.unwrap_or_default();
        let mut headers = HeaderMap::new();
        for header in response.headers {
            let name = HeaderName::try_from(header.name);
            if let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(header.value)) {
                headers.append(name, value);
            }
        }
        self.rest.advance(long);
        self.statuses.push(status);
        let interim = (100..200).contains(&status) && status != SWITCHED;
        if interim {
            return Ok(true);
        }
        self.due = body(status, &headers)?;
        if self.head.is_none() {
            self.head = Some((status, headers));
            // Nobody knows where another protocol ends.
            self.whole = status == SWITCHED;
        }
        Ok(true)
    }

    /// Takes in so much of a body at most; how much.
    fn take(&mut self, most: u64) -> u64 {
        let long = usize::try_from(most).unwrap_or(usize::MAX).min(self.rest.len());
        let taken = self.rest.split_to(long);
        if !self.later {
            self.body.extend_from_slice(&taken);
        }
        long as u64
    }

    /// A response is there in full.
    fn finish(&mut self) {
        self.due = Due::Head;
        self.whole = true;
        self.later = true;
    }
}

/// What comes after a head.
fn body(status: u16, headers: &HeaderMap) -> Result<Due, String> {
    if matches!(status, 204 | 304) {
        return Ok(Due::Bytes(0));
    }
    if status == SWITCHED {
        return Ok(Due::All);
    }
    let text = |value: &HeaderValue| value.to_str().unwrap_or_default().trim().to_ascii_lowercase();
    if let Some(coding) = headers.get_all(TRANSFER_ENCODING).iter().next_back() {
        let chunked = text(coding).rsplit(',').next().is_some_and(|last| last.trim() == "chunked");
        return Ok(if chunked { Due::ChunkSize } else { Due::All });
    }
    let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(text);
    let Some(length) = lengths.next() else { return Ok(Due::All) };
    match length.parse() {
        Ok(bytes) if lengths.all(|other| other == length) => Ok(Due::Bytes(bytes)),
        _ => {
            Err("the answer has no length to rely on: two of them, or what is no number".to_owned())
        }
    }
}
