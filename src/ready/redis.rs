//! Redis is ready when it answers PING with PONG, not while it loads its data.

use std::net::SocketAddr;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// The bytes of an answer that are read.
const LONGEST: u64 = 200;

pub async fn answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"PING\r\n").await?;
    let mut answer = Vec::new();
    BufReader::new(stream).take(LONGEST).read_until(b'\n', &mut answer).await?;
    match String::from_utf8_lossy(&answer).trim_end() {
        "+PONG" => Ok(true),
        "" => Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof)),
        refusal => Err(std::io::Error::other(refusal.to_owned())),
    }
}
