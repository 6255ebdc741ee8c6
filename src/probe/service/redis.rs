//! Redis and what speaks its protocol.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ErrorKind, FromRedisValue, RedisConnectionInfo};
use serde_json::Value;
use tokio::net::TcpStream;

use super::bounded::{Bounded, TOO_LONG};
use super::{Answer, Books, Service, down, gone};
use crate::digest;
use crate::error::{Error, Result};
use crate::probe::fresh;
use crate::term::shell_line;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// A machine's clock may be off by minutes; a clock that was moved is off by more.
const ABOUT_RIGHT: Duration = Duration::from_secs(3600);
/// How many keys a digest asks for at a time, about.
const SCANNED: usize = 100;

/// A session that does not touch LRU clocks and is not evicted.
pub struct Redis {
    name: String,
    address: SocketAddr,
    link: Mutex<Link>,
}

/// A connection, and whether an answer was too long, so that it is no good any more.
#[derive(Clone)]
struct Link {
    connection: MultiplexedConnection,
    broken: Arc<AtomicBool>,
}

impl Link {
    fn is_broken(&self) -> bool {
        self.broken.load(Ordering::Relaxed)
    }

    async fn say(&self, words: &[&str]) -> redis::RedisResult<redis::Value> {
        let mut command = redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query_async(&mut self.connection.clone()).await
    }
}

impl Redis {
    /// Connects; the session does not touch LRU clocks and is not evicted.
    ///
    /// # Errors
    /// Nothing answers at the address within two seconds.
    pub async fn connect(name: &str, address: SocketAddr) -> Result<Self> {
        let link = Mutex::new(open(name, address).await?);
        Ok(Self { name: name.to_owned(), address, link })
    }

    /// The connection that all share; another one after an answer that was too long.
    async fn link(&self) -> Result<Link> {
        let link = self.link.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if !link.is_broken() {
            return Ok(link);
        }
        self.renew().await?;
        Ok(self.link.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    async fn demand(&self, words: &[&str]) -> Result<Value> {
        (self as &dyn Service).demand(words).await
    }

    /// The numbers of the databases that have keys.
    async fn databases(&self) -> Result<Vec<String>> {
        let info = self.demand(&["INFO", "keyspace"]).await?;
        let lines = info.as_str().unwrap_or_default().lines();
        let numbers = lines.filter_map(|line| Some(line.strip_prefix("db")?.split_once(':')?.0));
        Ok(numbers.map(str::to_owned).collect())
    }

    /// A digest of the keys of one database, in which the session then is.
    async fn keys_of(&self, database: &str) -> Result<String> {
        self.demand(&["SELECT", database]).await?;
        let mut parts = Vec::new();
        let mut cursor = 0_u64;
        loop {
            let (next, keys): (u64, Vec<Vec<u8>>) =
                self.read(redis::cmd("SCAN").arg(cursor).arg("COUNT").arg(SCANNED)).await?;
            let dumps: Vec<Option<Vec<u8>>> = self.read_each("DUMP", &keys).await?;
            let expiries: Vec<i64> = self.read_each("PEXPIRETIME", &keys).await?;
            for ((key, dump), expiry) in keys.into_iter().zip(dumps).zip(expiries) {
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

    async fn read<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T> {
        let mut connection = self.link().await?.connection;
        command.query_async(&mut connection).await.map_err(|e| self.unreadable(e))
    }

    /// What one command answers to each key.
    async fn read_each<T: FromRedisValue>(&self, command: &str, keys: &[Vec<u8>]) -> Result<T> {
        let mut pipe = redis::pipe();
        for key in keys {
            pipe.cmd(command).arg(key);
        }
        let mut connection = self.link().await?.connection;
        pipe.query_async(&mut connection).await.map_err(|e| self.unreadable(e))
    }

    async fn tells_the_time(&self) -> Result<bool> {
        let said = self.demand(&["TIME"]).await?;
        let theirs = said[0].as_str().and_then(|seconds| seconds.parse().ok());
        let ours = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        Ok(theirs.is_some_and(|s| ours.abs_diff(Duration::from_secs(s)) < ABOUT_RIGHT))
    }

    fn unreadable(&self, why: redis::RedisError) -> Error {
        Error::infrastructure(format!("The data of {} cannot be read", self.name)).because(why)
    }
}

/// Connects; the session does not touch LRU clocks and is not evicted.
async fn open(name: &str, address: SocketAddr) -> Result<Link> {
    let broken = Arc::new(AtomicBool::new(false));
    let info = RedisConnectionInfo::default();
    let failed = |e: redis::RedisError| down(name, address, e);
    let work = async {
        let stream = TcpStream::connect(address).await.map_err(|e| down(name, address, e))?;
        stream.set_nodelay(true).map_err(|e| down(name, address, e))?;
        let config = AsyncConnectionConfig::new().set_response_timeout(Some(ANSWER_TIMEOUT));
        let stream = Bounded::new(stream, Arc::clone(&broken));
        let connecting = MultiplexedConnection::new_with_config(&info, stream, config);
        let (connection, driver) = connecting.await.map_err(failed)?;
        tokio::spawn(driver);
        let link = Link { connection, broken: Arc::clone(&broken) };
        for words in [["CLIENT", "NO-EVICT", "ON"], ["CLIENT", "NO-TOUCH", "ON"]] {
            // Who may not ask for it is served all the same.
            if let Err(e) = link.say(&words).await
                && !is_reply(&e)
            {
                return Err(failed(e));
            }
        }
        Ok(link)
    };
    let late = |_| down(name, address, "no connection in time");
    tokio::time::timeout(CONNECT_TIMEOUT, work).await.map_err(late)?
}

#[async_trait]
impl Service for Redis {
    fn name(&self) -> &str {
        &self.name
    }

    async fn ask(&self, words: &[&str]) -> Result<Answer> {
        let link = self.link().await?;
        let mut said = link.say(words).await;
        if said.is_err() && link.is_broken() {
            // Others ask over the same connection: whose answer was too long is found out alone.
            let alone = open(&self.name, self.address).await?;
            said = alone.say(words).await;
            if said.is_err() && alone.is_broken() {
                return Ok(Answer::Refused(TOO_LONG.to_owned()));
            }
        }
        match said {
            Ok(value) => Ok(Answer::Value(to_json(value))),
            Err(e) if is_reply(&e) => Ok(Answer::Refused(reply_text(&e))),
            Err(e) => Err(gone(&self.name, e)),
        }
    }

    async fn ask_as_client(&self, words: &[&str]) -> Result<Answer> {
        let one = Self::connect(&self.name, self.address).await?;
        (&one as &dyn Service).ask(words).await
    }

    async fn is_open(&self) -> bool {
        self.ask(&["PING"]).await.is_ok()
    }

    async fn renew(&self) -> Result<()> {
        let link = open(&self.name, self.address).await?;
        *self.link.lock().unwrap_or_else(PoisonError::into_inner) = link;
        Ok(())
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
            Answer::Refused(said) => said != TOO_LONG,
        })
    }

    /// Every key of every database with its value and expiry, functions, configuration. The session is in the first
    /// database again afterwards, as it was before.
    async fn digest(&self) -> Result<String> {
        let functions: Vec<u8> = self.read(redis::cmd("FUNCTION").arg("DUMP")).await?;
        let mut parts = vec![digest::sha256(self.fingerprint().await?), digest::sha256(functions)];
        for database in self.databases().await? {
            let found = self.keys_of(&database).await;
            self.demand(&["SELECT", "0"]).await?;
            parts.push(format!("{database} {}", found?));
        }
        Ok(digest::sha256(parts.join("\n")))
    }

    async fn books(&self) -> Result<Books> {
        Ok(commandstats(&self.demand(&["INFO", "commandstats"]).await?))
    }

    async fn forget_books(&self) -> Result<()> {
        for command in [["CONFIG", "RESETSTAT"], ["SLOWLOG", "RESET"]] {
            self.demand(&command).await?;
        }
        Ok(())
    }

    async fn wipe(&self) -> Result<()> {
        let commands: [&[&str]; 10] = [
            &["CLIENT", "UNPAUSE"],
            // A replica takes no writes but its primary's.
            &["REPLICAOF", "NO", "ONE"],
            &["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"],
            &["CLIENT", "KILL", "TYPE", "pubsub", "SKIPME", "yes"],
            &["FLUSHALL", "SYNC"],
            &["SCRIPT", "FLUSH", "SYNC"],
            &["FUNCTION", "FLUSH", "SYNC"],
            &["SLOWLOG", "RESET"],
            &["CONFIG", "RESETSTAT"],
            // What the file says comes true with the next start; the fingerprint shows only what holds now.
            &["CONFIG", "REWRITE"],
        ];
        for command in commands {
            self.demand(command).await?;
        }
        Ok(())
    }

    /// Configuration, users, role, whether its clock is about right.
    async fn fingerprint(&self) -> Result<String> {
        let config = self.demand(&["CONFIG", "GET", "*"]).await?;
        let words = config.as_array().map(Vec::as_slice).unwrap_or_default();
        // Each server process lists them in an order of its own.
        let mut parts: Vec<String> =
            words.chunks(2).map(|setting| Value::from(setting).to_string()).collect();
        parts.sort();
        parts.push(self.demand(&["ACL", "LIST"]).await?.to_string());
        parts.push(self.demand(&["ROLE"]).await?[0].to_string());
        parts.push(self.tells_the_time().await?.to_string());
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

    async fn setting(&self, name: &str) -> Result<Option<String>> {
        let found = self.demand(&["CONFIG", "GET", name]).await?;
        Ok(found[1].as_str().map(str::to_owned))
    }

    async fn configure(&self, name: &str, value: &str) -> Result<()> {
        self.demand(&["CONFIG", "SET", name, value]).await.map(drop)
    }

    /// A key with its expiry, byte for byte.
    async fn copy(&self, key: &str, to: &dyn Service) -> Result<()> {
        let to = to.of::<Self>()?;
        let mut from = self.link().await?.connection;
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
            .exec_async(&mut to.link().await?.connection)
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

/// What `INFO commandstats` answers: commands, and how often each was called.
pub fn commandstats(info: &Value) -> Books {
    let lines = info.as_str().unwrap_or_default().lines();
    lines.filter_map(counted).map(|(command, calls)| (command.to_owned(), calls)).collect()
}

/// `cmdstat_lmove:calls=2,usec=…` → (`lmove`, 2). Rejected calls did nothing and are not counted as calls.
fn counted(line: &str) -> Option<(&str, u64)> {
    let (command, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    let field = |name: &str| {
        fields
            .split(',')
            .find_map(|f| f.strip_prefix(name)?.strip_prefix('=')?.trim().parse::<u64>().ok())
    };
    Some((command, field("calls")?.saturating_sub(field("failed_calls").unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn failed_calls_do_not_count() {
        let line =
            "cmdstat_lmove:calls=3,usec=9,usec_per_call=3.00,rejected_calls=1,failed_calls=1";
        assert_eq!(counted(line), Some(("lmove", 2)));
        assert_eq!(counted("# Commandstats"), None);
    }
}
