//! MySQL is ready when it greets a new connection: protocol version 10, not an error packet.
//! See "Connection Phase" in the MySQL source's protocol documentation.

use std::net::SocketAddr;

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

const PROTOCOL_VERSION: u8 = 10;

pub async fn answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    // Three bytes of length, one sequence number, then the packet.
    let mut greeting = [0; 5];
    stream.read_exact(&mut greeting).await?;
    Ok(greeting[4] == PROTOCOL_VERSION)
}
