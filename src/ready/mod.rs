//! Readiness: a real round trip of the service's protocol, asked again every few milliseconds.

mod redis;

use std::net::SocketAddr;
use std::time::Duration;

use crate::catalog::service::Protocol;

/// How long to wait between two questions.
const PAUSE: Duration = Duration::from_millis(5);
/// A service that has not answered one question by then is asked anew.
const PATIENCE: Duration = Duration::from_secs(2);

/// Asks until the service answers as only a ready one does. The caller bounds the time.
pub async fn wait(protocol: Protocol, address: SocketAddr) {
    loop {
        let question = async {
            match protocol {
                Protocol::Redis => redis::answers(address).await,
                Protocol::Tcp | Protocol::Mysql | Protocol::Amqp | Protocol::Http => accepts(address).await,
            }
        };
        if let Ok(Ok(true)) = tokio::time::timeout(PATIENCE, question).await {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The weakest sign of life: something listens and does not hang up.
async fn accepts(address: SocketAddr) -> std::io::Result<bool> {
    let stream = tokio::net::TcpStream::connect(address).await?;
    let mut byte = [0];
    match tokio::time::timeout(Duration::from_millis(100), stream.peek(&mut byte)).await {
        Ok(read) => Ok(read? > 0),
        Err(_) => Ok(true),
    }
}
