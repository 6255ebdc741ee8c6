//! Readiness: a real round trip of the service's protocol, asked again every few milliseconds.

mod amqp;
mod http;
mod mysql;
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
                Protocol::Mysql => mysql::answers(address).await,
                Protocol::Amqp => amqp::answers(address).await,
                Protocol::Http => http::answers(address).await,
            }
        };
        if let Ok(Ok(true)) = tokio::time::timeout(PATIENCE, question).await {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
}
