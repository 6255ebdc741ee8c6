//! Quiet sessions with services, one file a protocol: what the checker sends must not change what it observes.

mod bounded;
mod http;
mod mysql;
mod rabbitmq;
mod redis;

use std::any::Any;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use serde_json::Value;

pub use http::Http;
pub use mysql::{Booked, KINDS, Logged, Mysql, Scope, Tally};
pub use rabbitmq::Rabbitmq;
pub use redis::{Redis, commandstats};

use crate::catalog::service::{self as definition, Protocol};
use crate::error::{Error, Result};

/// A session that several askers share.
pub type Session = Arc<dyn Service>;

/// Where a service is reached.
#[derive(Debug, Clone)]
pub struct Addresses {
    /// The port that clients connect to.
    pub main: SocketAddr,
    /// Its other ports, by what they are for.
    pub others: BTreeMap<String, SocketAddr>,
}

impl From<SocketAddr> for Addresses {
    fn from(main: SocketAddr) -> Self {
        Self { main, others: BTreeMap::new() }
    }
}

/// What a service says to a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    Value(Value),
    /// An error reply, e.g. `WRONGTYPE …`.
    Refused(String),
}

/// What every protocol's session can do.
#[async_trait]
pub trait Service: Any + Send + Sync {
    /// The service's name in the seat.
    fn name(&self) -> &str;

    /// Sends one command, as the words of Redis or as one SQL statement.
    ///
    /// # Errors
    /// The service went away or did not answer in time; an error reply is an [`Answer`].
    async fn ask(&self, words: &[&str]) -> Result<Answer>;

    /// As [`Service::ask`], over a connection as any client has it: the server books and logs what it is sent.
    ///
    /// # Errors
    /// As [`Service::ask`].
    async fn ask_as_client(&self, words: &[&str]) -> Result<Answer> {
        self.ask(words).await
    }

    /// Whether it still holds: a server may be told to close what is idle for a while.
    async fn is_open(&self) -> bool;

    /// Connects anew, after the server was started again.
    async fn renew(&self) -> Result<()>;

    /// The line by which a learner asks the same.
    fn reproduce(&self, words: &[String]) -> String;

    /// Whether a server is there that computes: a listener that says the same to whatever it is asked does not.
    async fn is_genuine(&self) -> Result<bool>;

    /// A digest of all that the server keeps: data and configuration.
    async fn digest(&self) -> Result<String>;

    /// How often the server has been asked what since it was started, as far as it counts that.
    async fn books(&self) -> Result<Books> {
        Ok(Books::new())
    }

    /// Begins the server's own books anew: what was asked, how often, how long it took.
    async fn forget_books(&self) -> Result<()>;

    /// Empties the server of everything that a program can leave there.
    async fn wipe(&self) -> Result<()>;

    /// What a program can change that [`Service::wipe`] does not bring back, e.g. configuration, users, role.
    async fn fingerprint(&self) -> Result<String>;

    /// How many changes of data the server has counted.
    async fn writes(&self) -> Result<i64>;

    /// The value of a setting of the server as it runs; nothing where there is no such setting.
    async fn setting(&self, name: &str) -> Result<Option<String>>;

    /// Changes a setting of the server as it runs.
    async fn configure(&self, name: &str, value: &str) -> Result<()>;

    /// Copies one thing of the learner's, e.g. a key, to a twin as it is. What does not exist is not copied.
    async fn copy(&self, what: &str, to: &dyn Service) -> Result<()>;
}

impl dyn Service {
    /// Sends one command that must succeed.
    ///
    /// # Errors
    /// As [`Service::ask`], and an error reply.
    pub async fn demand<S: AsRef<str>>(&self, words: &[S]) -> Result<Value> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        match self.ask(&words).await? {
            Answer::Value(value) => Ok(value),
            Answer::Refused(message) => {
                let line = words[..words.len().min(3)].join(" ");
                Err(Error::infrastructure(format!("{} refused {line}", self.name()))
                    .because(message))
            }
        }
    }

    /// The session as one of a protocol.
    ///
    /// # Errors
    /// The service speaks another.
    pub fn of<T: Service>(&self) -> Result<&T> {
        (self as &dyn Any).downcast_ref().ok_or_else(|| {
            Error::usage(format!("The service {} does not speak what the probe does", self.name()))
        })
    }
}

/// Commands, in small letters, and how often each was called.
pub type Books = BTreeMap<String, u64>;

/// Whether there are sessions of a protocol.
pub fn known(protocol: Option<Protocol>) -> bool {
    protocol.is_some()
}

/// Finds what can be found in words without a live system.
///
/// # Errors
/// No service of this definition can be asked so.
pub fn lint(service: &definition::Service, words: &[String]) -> Result<()> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match service.ready {
        Some(Protocol::Http) => http::lint(&words, service.ports.keys()),
        _ => Ok(()),
    }
}

/// Connects to a service.
///
/// # Errors
/// Nothing answers at the address in time, or there are no sessions of its protocol.
pub async fn connect(
    protocol: Option<Protocol>,
    name: &str,
    addresses: impl Into<Addresses>,
) -> Result<Session> {
    let addresses = addresses.into();
    Ok(match protocol {
        Some(Protocol::Redis) => Arc::new(Redis::connect(name, addresses.main).await?),
        Some(Protocol::Mysql) => Arc::new(Mysql::connect(name, addresses.main).await?),
        Some(Protocol::Amqp) => Arc::new(Rabbitmq::connect(name, &addresses).await?),
        Some(Protocol::Http) => Arc::new(Http::connect(name, &addresses)),
        None => {
            return Err(Error::usage(format!("There are no probes for the service {name}"))
                .because("its protocol is not known to any"));
        }
    })
}

/// The error for a service that cannot be reached.
fn down(name: &str, address: SocketAddr, why: impl std::fmt::Display) -> Error {
    Error::infrastructure(format!("The service {name} does not answer"))
        .at(address.to_string())
        .because(why)
        .help("see 'labs status' and 'labs logs'")
}

/// The error for a service that was there before.
fn gone(name: &str, why: impl std::fmt::Display) -> Error {
    Error::infrastructure(format!("The service {name} stopped answering"))
        .because(why)
        .help("see 'labs status' and 'labs logs'")
}
