//! Readiness: a real round trip of the service's protocol, asked again every few milliseconds.

mod amqp;
mod http;
mod mysql;
mod redis;

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::catalog::service::Protocol;

/// How long to wait between two questions at first, and which part of the time waited so far later on: a service that
/// takes seconds needs the machine more than it needs questions.
const PAUSE: Duration = Duration::from_millis(5);
const PART: u32 = 25;
/// A service that has not answered one question by then is asked anew.
const PATIENCE: Duration = Duration::from_secs(2);

/// What a service is asked, in words.
pub fn question(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Redis => "PING",
        Protocol::Mysql => "a new connection",
        Protocol::Amqp => "the protocol header",
        Protocol::Http => "OPTIONS *",
    }
}

/// Asks until the service answers as only a ready one does.
///
/// # Errors
/// It did not within the time; says what the last question met.
pub async fn wait(protocol: Protocol, address: SocketAddr, within: Duration) -> Result<(), String> {
    let begun = Instant::now();
    loop {
        let question = async {
            match protocol {
                Protocol::Redis => redis::answers(address).await,
                Protocol::Mysql => mysql::answers(address).await,
                Protocol::Amqp => amqp::answers(address).await,
                Protocol::Http => http::answers(address).await,
            }
        };
        let met = match tokio::time::timeout(PATIENCE, question).await {
            Ok(Ok(true)) => return Ok(()),
            Ok(Ok(false)) => "it answered, but not as a ready one does".to_owned(),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no answer within {} s", PATIENCE.as_secs()),
        };
        let waited = begun.elapsed();
        if waited > within {
            return Err(format!("asked at {address} over {protocol:?}: {met}"));
        }
        tokio::time::sleep(PAUSE.max(waited / PART)).await;
    }
}
