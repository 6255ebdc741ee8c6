//! Redis and what speaks its protocol.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, ErrorKind};
use serde_json::Value;

use super::{Answer, Service, down, gone};
use crate::digest;
use crate::error::{Error, Result};
use crate::probe::fresh;
use crate::term::shell_line;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// A session that does not touch LRU clocks and is not evicted.
pub struct Redis {
    name: String,
    connection: MultiplexedConnection,
}

impl Redis {
    /// Connects; the session does not touch LRU clocks and is not evicted.
    ///
    /// # Errors
    /// Nothing answers at the address within two seconds.
    pub async fn connect(name: &str, address: SocketAddr) -> Result<Self> {
        let url = format!("redis://{address}/");
        let client = Client::open(url).map_err(|e| down(name, address, e))?;
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT_TIMEOUT))
            .set_response_timeout(Some(ANSWER_TIMEOUT));
        let connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await
            .map_err(|e| down(name, address, e))?;
        let session = Self { name: name.to_owned(), connection };
        for words in [["CLIENT", "NO-EVICT", "ON"], ["CLIENT", "NO-TOUCH", "ON"]] {
            session.ask(&words).await?;
        }
        Ok(session)
    }

    async fn demand(&self, words: &[&str]) -> Result<Value> {
        (self as &dyn Service).demand(words).await
    }
}

#[async_trait]
impl Service for Redis {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, words: &[&str]) -> Result<Answer> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        match command.query_async::<redis::Value>(&mut self.connection.clone()).await {
            Ok(value) => Ok(Answer::Value(to_json(value))),
            Err(e) if is_reply(&e) => Ok(Answer::Refused(reply_text(&e))),
            Err(e) => Err(gone(&self.name, e)),
        }
    }

    async fn is_open(&self) -> bool {
        self.ask(&["PING"]).await.is_ok()
    }

    fn reproduce(&self, words: &[String]) -> String {
        format!("redis-cli -h {} {}", self.name, shell_line(words))
    }

    async fn is_genuine(&self) -> Result<bool> {
        let nonce = fresh::random("nonce");
        let backwards: String = nonce.chars().rev().collect();
        Ok(match self.ask(&["EVAL", "return string.reverse(ARGV[1])", "0", &nonce]).await? {
            Answer::Value(value) => value == backwards,
            // Scripts may be forbidden, or one may be running; who refuses does not say yes to everything.
            Answer::Refused(_) => true,
        })
    }

    /// Every key with its value and expiry, and the configuration.
    async fn digest(&self) -> Result<String> {
        let failed = |e: redis::RedisError| {
            Error::infrastructure(format!("The data of {} cannot be read", self.name)).because(e)
        };
        let mut parts = vec![digest::sha256(self.fingerprint().await?)];
        let mut connection = self.connection.clone();
        let mut cursor = 0_u64;
        loop {
            let (next, keys): (u64, Vec<Vec<u8>>) = redis::cmd("SCAN")
                .arg(cursor)
                .query_async(&mut connection)
                .await
                .map_err(failed)?;
            for key in keys {
                let (dump, expiry): (Option<Vec<u8>>, i64) = redis::pipe()
                    .cmd("DUMP")
                    .arg(&key)
                    .cmd("PEXPIRETIME")
                    .arg(&key)
                    .query_async(&mut connection)
                    .await
                    .map_err(failed)?;
                let dump = digest::sha256(dump.unwrap_or_default());
                parts.push(format!("{} {dump} {expiry}", digest::sha256(key)));
            }
            if next == 0 {
                break;
            }
            cursor = next;
        }
        // The order of keys says nothing, and a scan may name one twice.
        parts.sort();
        parts.dedup();
        Ok(digest::sha256(parts.join("\n")))
    }

    async fn forget_books(&self) -> Result<()> {
        for command in [["CONFIG", "RESETSTAT"], ["SLOWLOG", "RESET"]] {
            self.demand(&command).await?;
        }
        Ok(())
    }

    async fn wipe(&self) -> Result<()> {
        let commands: [&[&str]; 8] = [
            &["CLIENT", "UNPAUSE"],
            &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
            &["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"],
            &["FLUSHALL", "SYNC"],
            &["SCRIPT", "FLUSH", "SYNC"],
            &["FUNCTION", "FLUSH", "SYNC"],
            &["SLOWLOG", "RESET"],
            &["CONFIG", "RESETSTAT"],
        ];
        for command in commands {
            self.demand(command).await?;
        }
        Ok(())
    }

    /// Configuration, users, role.
    async fn fingerprint(&self) -> Result<String> {
        let mut parts = Vec::new();
        for command in [&["CONFIG", "GET", "*"][..], &["ACL", "LIST"]] {
            parts.push(self.demand(command).await?.to_string());
        }
        parts.push(self.demand(&["ROLE"]).await?[0].to_string());
        Ok(parts.join("\n"))
    }

    /// Counted since the last snapshot.
    async fn writes(&self) -> Result<i64> {
        let info = self.demand(&["INFO", "persistence"]).await?;
        let count = info.as_str().unwrap_or_default().lines().find_map(|line| {
            line.strip_prefix("rdb_changes_since_last_save:")?.trim().parse().ok()
        });
        count.ok_or_else(|| {
            Error::infrastructure(format!("{} does not say how much was written", self.name))
        })
    }

    /// A key with its expiry, byte for byte.
    async fn copy(&self, key: &str, to: &dyn Service) -> Result<()> {
        let to = to.of::<Self>()?;
        let mut from = self.connection.clone();
        let failed = |e: redis::RedisError| {
            Error::infrastructure(format!("The key {key} could not be copied to a twin")).because(e)
        };
        let dump: Option<Vec<u8>> =
            redis::cmd("DUMP").arg(key).query_async(&mut from).await.map_err(failed)?;
        let Some(dump) = dump else { return Ok(()) };
        let expires: i64 =
            redis::cmd("PEXPIRETIME").arg(key).query_async(&mut from).await.map_err(failed)?;
        redis::cmd("RESTORE")
            .arg(key)
            .arg(expires.max(0))
            .arg(dump)
            .arg("REPLACE")
            .arg("ABSTTL")
            .exec_async(&mut to.connection.clone())
            .await
            .map_err(failed)
    }
}

fn is_reply(error: &redis::RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension)
}

fn reply_text(error: &redis::RedisError) -> String {
    match (error.code(), error.detail()) {
        (Some(code), Some(detail)) => format!("{code} {detail}"),
        _ => error.to_string(),
    }
}

fn to_json(value: redis::Value) -> Value {
    use redis::Value as R;
    match value {
        R::Nil => Value::Null,
        R::Int(n) => n.into(),
        R::BulkString(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        R::Array(items) | R::Set(items) => items.into_iter().map(to_json).collect(),
        R::SimpleString(text) | R::VerbatimString { text, .. } => text.into(),
        R::Okay => "OK".into(),
        R::Map(pairs) => pairs.into_iter().flat_map(|(k, v)| [to_json(k), to_json(v)]).collect(),
        R::Double(n) => n.into(),
        R::Boolean(b) => b.into(),
        other => format!("{other:?}").into(),
    }
}
