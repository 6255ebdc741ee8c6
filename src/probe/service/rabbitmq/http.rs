//! RabbitMQ over HTTP: its management, and its metrics, which are fresher than the statistics of the management.

use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{Method, Request};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use serde_json::Value;

use crate::probe::service::bounded::{MAX_ANSWER, TOO_LONG};

const ANSWER_TIMEOUT: Duration = Duration::from_secs(20);
/// The checker's own account, `labs` with password `labs`, which the image makes: the learner's may change.
const ACCOUNT: &str = "Basic bGFiczpsYWJz";

pub struct Http {
    client: Client<HttpConnector, Full<Bytes>>,
    management: SocketAddr,
    metrics: SocketAddr,
}

/// What the server said: a status and a body.
pub struct Said {
    pub status: u16,
    pub body: Bytes,
}

impl Http {
    pub fn new(management: SocketAddr, metrics: SocketAddr) -> Self {
        // Connections are not kept: a server that is restarted would leave them dead.
        let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build_http();
        Self { client, management, metrics }
    }

    /// One request to the management, at a path below `/api`.
    pub async fn manage(
        &self,
        method: Method,
        path: &str,
        body: Option<String>,
    ) -> Result<Said, String> {
        let url = format!("http://{}/api{path}", self.management);
        let body = body.unwrap_or_default();
        let request = Request::builder()
            .method(method)
            .uri(url)
            .header("authorization", ACCOUNT)
            .header("content-type", "application/json")
            .body(Full::from(body))
            .map_err(|e| e.to_string())?;
        self.send(request).await
    }

    /// The metrics of all queues, in the text format of Prometheus. A queue says them 100 ms after something happened
    /// to it; quorum queues do it every few seconds.
    pub async fn metrics(&self) -> Result<String, String> {
        const FAMILIES: &str = "family=queue_coarse_metrics&family=queue_metrics";
        let url = format!("http://{}/metrics/detailed?{FAMILIES}", self.metrics);
        let request =
            Request::builder().uri(url).body(Full::default()).map_err(|e| e.to_string())?;
        let said = self.send(request).await?;
        Ok(String::from_utf8_lossy(&said.body).into_owned())
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Said, String> {
        let work = async {
            let response = self.client.request(request).await.map_err(|e| deepest(&e))?;
            let status = response.status().as_u16();
            let body = Limited::new(response.into_body(), MAX_ANSWER);
            let body = body.collect().await.map_err(|e| {
                if e.is::<LengthLimitError>() { TOO_LONG.to_owned() } else { deepest(&*e) }
            })?;
            Ok(Said { status, body: body.to_bytes() })
        };
        let late = |_| format!("no answer within {} s", ANSWER_TIMEOUT.as_secs());
        tokio::time::timeout(ANSWER_TIMEOUT, work).await.map_err(late)?
    }
}

impl Said {
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The body as JSON; null where there is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// Why it was refused.
    pub fn reason(&self) -> String {
        let said = self.json();
        let reason = said["reason"].as_str().or(said["error"].as_str()).unwrap_or("no reason told");
        format!("{} {reason}", self.status)
    }
}

/// What an error came from: the outermost says only that the request failed.
fn deepest(error: &dyn std::error::Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// A name as a part of a path.
pub fn encoded(name: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_.".contains(&b);
    name.bytes()
        .map(|b| if plain(b) { char::from(b).to_string() } else { format!("%{b:02X}") })
        .collect()
}

/// A metric of a queue in the first virtual host.
pub fn metric(text: &str, metric: &str, queue: &str) -> Option<u64> {
    let queue = queue.replace('\\', "\\\\").replace('"', "\\\"");
    let head = format!("rabbitmq_detailed_queue_{metric}{{vhost=\"/\",queue=\"{queue}\"}} ");
    text.lines().find_map(|line| line.strip_prefix(&head)?.trim().parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_is_that_of_its_queue() {
        let text = "rabbitmq_detailed_queue_messages_ready{vhost=\"/\",queue=\"a\"} 3\n\
                    rabbitmq_detailed_queue_messages{vhost=\"/\",queue=\"ab\"} 4\n\
                    rabbitmq_detailed_queue_messages{vhost=\"/\",queue=\"a\"} 5\n";
        assert_eq!(metric(text, "messages", "a"), Some(5));
        assert_eq!(metric(text, "messages", "b"), None);
    }

    #[test]
    fn names_are_safe_in_a_path() {
        assert_eq!(encoded("a/b c.d-ü"), "a%2Fb%20c.d-%C3%BC");
    }
}
