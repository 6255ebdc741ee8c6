//! Requests after which the connection becomes the container's raw byte stream.
//!
//! Bollard's own decoder guesses from each first byte whether a stream is multiplexed, and so loses what a terminal
//! prints beginning with the bytes 0 to 2. Here the connection is taken as it is; each direction closes on its own.

use std::io::{self, Cursor, ErrorKind};
use std::time::Duration;

use bollard::errors::Error as Cause;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

use super::address::Address;
use super::connect::CONNECTS_WITHIN;

/// What a process writes.
pub(super) type RawOutput = Box<dyn AsyncRead + Send + Unpin>;

/// The standard input of a process. Shutting it down, or dropping it, is the end of file there.
pub type Input = Box<dyn AsyncWrite + Send + Unpin>;

/// The head of an answer, and the body of a refusal, are far shorter.
const HEAD_LIMIT: usize = 64 * 1024;
/// How long the rest of a refusal is waited for.
const REFUSAL_LIMIT: Duration = Duration::from_secs(2);

/// Sends `POST path` with a JSON body, and returns the connection's two directions.
pub(super) async fn hijack(
    address: &Address,
    path: &str,
    json: &str,
) -> Result<(RawOutput, Input), Cause> {
    match address {
        Address::Unix(socket) => {
            let (read, write) = UnixStream::connect(socket).await?.into_split();
            upgrade(Box::new(read), Box::new(write), path, json).await
        }
        Address::Tcp(host) => {
            let connected = tokio::time::timeout(CONNECTS_WITHIN, TcpStream::connect(host)).await;
            let stream = connected.map_err(io::Error::from)??;
            stream.set_nodelay(true)?;
            let (read, write) = stream.into_split();
            upgrade(Box::new(read), Box::new(write), path, json).await
        }
    }
}

async fn upgrade(
    mut read: RawOutput,
    mut write: Input,
    path: &str,
    json: &str,
) -> Result<(RawOutput, Input), Cause> {
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: docker\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\
         Content-Type: application/json\r\nContent-Length: {}\r\n\r\n{json}",
        json.len()
    );
    write.write_all(request.as_bytes()).await?;
    write.flush().await?;
    let mut received = Vec::new();
    let end = read_head(&mut read, &mut received).await?;
    let head = String::from_utf8_lossy(&received[..end]).into_owned();
    let rest = received.split_off(end);
    match status(&head) {
        // 200 is what engines answer that were not asked to upgrade, or do not know how.
        Some(101 | 200) => Ok((Box::new(Cursor::new(rest).chain(read)), write)),
        Some(status_code) => {
            let body = read_refusal(&mut read, rest, content_length(&head)).await;
            Err(Cause::DockerResponseServerError { status_code, message: refusal(&body) })
        }
        None => {
            Err(io::Error::new(ErrorKind::InvalidData, "what answers there does not speak HTTP")
                .into())
        }
    }
}

/// Reads up to the blank line; returns where it ends.
async fn read_head(read: &mut RawOutput, received: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        if let Some(at) = received.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(at + 4);
        }
        if received.len() > HEAD_LIMIT {
            return Err(io::Error::new(ErrorKind::InvalidData, "the answer has no end of head"));
        }
        if read.read_buf(received).await? == 0 {
            return Err(io::Error::new(
                ErrorKind::UnexpectedEof,
                "the engine closed the connection",
            ));
        }
    }
}

async fn read_refusal(read: &mut RawOutput, mut body: Vec<u8>, length: Option<usize>) -> Vec<u8> {
    let length = length.unwrap_or(HEAD_LIMIT).min(HEAD_LIMIT);
    let all = async {
        while body.len() < length && read.read_buf(&mut body).await.is_ok_and(|count| count > 0) {}
    };
    // Half a message is better than none.
    let _ = tokio::time::timeout(REFUSAL_LIMIT, all).await;
    body.truncate(length);
    body
}

fn status(head: &str) -> Option<u16> {
    head.strip_prefix("HTTP/1.")?.split(' ').nth(1)?.parse().ok()
}

fn content_length(head: &str) -> Option<usize> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
        .and_then(|(_, value)| value.trim().parse().ok())
}

/// The engine's words; what stands before it may answer in plain text.
fn refusal(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Refusal {
        message: String,
    }
    serde_json::from_slice::<Refusal>(body)
        .map_or_else(|_| String::from_utf8_lossy(body).trim().to_owned(), |refusal| refusal.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn answer(text: &'static [u8]) -> Result<(RawOutput, Input), Cause> {
        upgrade(Box::new(text), Box::new(tokio::io::sink()), "/x", "{}").await
    }

    #[tokio::test]
    async fn what_follows_the_head_belongs_to_the_stream() {
        let (mut read, _) =
            answer(b"HTTP/1.1 101 UPGRADED\r\nUpgrade: tcp\r\n\r\n\x01raw").await.unwrap();
        let mut received = Vec::new();
        read.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, b"\x01raw");
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_status_and_words() {
        let refused = answer(
            b"HTTP/1.1 409 Conflict\r\ncontent-length: 23\r\n\r\n{\"message\":\"is paused\"}\nrest",
        )
        .await;
        match refused {
            Err(Cause::DockerResponseServerError { status_code: 409, message }) => {
                assert_eq!(message, "is paused");
            }
            other => panic!("{:?}", other.err()),
        }
    }

    #[tokio::test]
    async fn other_answers_are_errors() {
        for text in [&b"SSH-2.0-x\r\n\r\n"[..], b"HTTP/1.1 101 UPGR", b""] {
            assert!(answer(text).await.is_err());
        }
    }
}
