//! RabbitMQ is ready when it answers the protocol header with a method frame (Connection.Start);
//! a refusal is a protocol header of its own. See AMQP 0-9-1, section 4.2.2.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const METHOD_FRAME: u8 = 1;

pub async fn answers(address: SocketAddr) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"AMQP\x00\x00\x09\x01").await?;
    let mut kind = [0];
    stream.read_exact(&mut kind).await?;
    Ok(kind[0] == METHOD_FRAME)
}
