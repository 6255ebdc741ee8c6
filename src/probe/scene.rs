//! What a probe may use: the seat's services, and a stand where the learner's program runs.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::relay::{Gatekeeper, Relay};
use super::runner::Runner;
use super::service::{self, Addresses, Books, Service, Session};
use super::waits::Waits;
use crate::catalog::service::Protocol;
use crate::error::{Error, Result};
use crate::template::Variables;

/// How long a stand may take to show that it is well.
const ANSWERS_WITHIN: Duration = Duration::from_secs(10);

/// The surroundings of one probe.
pub struct Scene<'a> {
    pub variables: &'a Variables,
    pub services: &'a Services,
    /// The runner with its twins; probes that run the learner's program have one.
    pub stand: Option<&'a Stand>,
    /// The learner's file that the task is about.
    pub program: Option<&'a str>,
}

/// Where a service is, and what it speaks.
pub type Place = (Option<Protocol>, Addresses);

/// The seat's own services, connected to when first asked.
#[derive(Default)]
pub struct Services {
    places: BTreeMap<String, Place>,
    /// What each had counted before it was restarted.
    kept: BTreeMap<String, Books>,
    sessions: Mutex<BTreeMap<String, Session>>,
}

/// A runner and the twins its program works on, each behind a relay.
pub struct Stand {
    pub runner: Runner,
    /// The learner's files, as they are loaded into the runner.
    pub files: Vec<(String, Vec<u8>)>,
    /// What of the learner's folder is not loaded, and why.
    pub left_out: BTreeMap<String, String>,
    pub relays: BTreeMap<String, Arc<Relay>>,
    pub twins: BTreeMap<String, Session>,
    pub hands: Box<dyn Hands>,
    pub waits: Waits,
}

/// What came of a script in a service's container.
pub struct Ran {
    /// None when it had not ended in time, or ended with the service.
    pub exit_code: Option<i64>,
    /// What it has written.
    pub said: String,
}

/// What a probe may do to the containers of a stand.
#[async_trait]
pub trait Hands: Send + Sync {
    /// Restarts the twin of a service in good order and waits until it answers.
    ///
    /// # Errors
    /// It does not come back.
    async fn restart(&self, service: &str) -> Result<()>;

    /// Ends the twin of a service without warning, as `kill -9` does.
    async fn kill(&self, service: &str) -> Result<()>;

    /// Starts the twin of a service that was killed and waits until it answers.
    ///
    /// # Errors
    /// It does not come back.
    async fn start(&self, service: &str) -> Result<()>;

    /// Gives the twin of a service files in place of those it has, and starts it with them; the inner error is what it
    /// says against them.
    ///
    /// # Errors
    /// The service takes no files, or the engine refuses.
    async fn deploy(
        &self,
        service: &str,
        files: &[(String, Vec<u8>)],
    ) -> Result<std::result::Result<(), String>>;

    /// Gives a running twin more files, or others of the same name, without telling it.
    ///
    /// # Errors
    /// The service takes no files, or the engine refuses.
    async fn put(&self, service: &str, files: &[(String, Vec<u8>)]) -> Result<()>;

    /// Runs one of the files that a service was given as a script in its container.
    ///
    /// # Errors
    /// The service takes no files, or the engine refuses.
    async fn run(&self, service: &str, file: &str) -> Result<Ran>;

    /// Whether the twin of a service has ended, or does so within a moment; then it is started again.
    ///
    /// # Errors
    /// It does not come back.
    async fn has_ended(&self, service: &str) -> Result<bool>;

    /// The folder of the workspace with a service's files.
    ///
    /// # Errors
    /// The service takes none.
    fn folder(&self, service: &str) -> Result<&str>;

    /// Moves the clock of a service's twin so far ahead of the right time; by nothing: puts it right.
    ///
    /// # Errors
    /// The service's clock cannot be moved.
    async fn set_clock(&self, service: &str, ahead: Duration) -> Result<()>;

    /// Freezes the twin of a service: its connections stay, and nobody answers.
    async fn pause(&self, service: &str) -> Result<()>;

    /// Lets a frozen twin go on.
    async fn unpause(&self, service: &str) -> Result<()>;
}

impl Scene<'_> {
    /// A session with a service of the seat: to observe, never to act.
    pub async fn service(&self, name: &str) -> Result<Session> {
        self.services.session(name).await
    }

    pub fn stand(&self) -> Result<&Stand> {
        self.stand.ok_or_else(|| {
            Error::infrastructure("A probe that runs the program was given no runner")
        })
    }

    pub fn program(&self) -> Result<&str> {
        self.program.ok_or_else(|| Error::usage("The task names no program to run"))
    }
}

impl Services {
    pub fn new(places: BTreeMap<String, Place>, kept: BTreeMap<String, Books>) -> Self {
        Self { places, kept, sessions: Mutex::default() }
    }

    /// What a service had counted before it was restarted.
    pub fn kept_books(&self, name: &str) -> Option<&Books> {
        self.kept.get(name)
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.places.keys().map(String::as_str)
    }

    pub async fn session(&self, name: &str) -> Result<Session> {
        let mut sessions = self.sessions.lock().await;
        if let Some(session) = sessions.get(name)
            && session.is_open().await
        {
            return Ok(session.clone());
        }
        let (protocol, addresses) = self
            .places
            .get(name)
            .ok_or_else(|| Error::usage(format!("The lab has no service {name:?}")))?;
        let session = service::connect(*protocol, name, addresses.clone()).await?;
        sessions.insert(name.to_owned(), session.clone());
        Ok(session)
    }
}

impl Stand {
    /// Ends every process of the program and puts its files back as they were: what it keeps from here on
    /// is in the service.
    pub async fn start_over(&self) -> Result<()> {
        self.runner.clean().await?;
        self.runner.load(&self.files).await
    }

    /// Whether runner and twins do what they are told, so that a check's delay is the program's.
    pub async fn answers(&self) -> bool {
        let all = async {
            let mut well = self.runner.clean().await.is_ok();
            for twin in self.twins.values() {
                well &= twin.is_genuine().await.is_ok();
            }
            well
        };
        tokio::time::timeout(ANSWERS_WITHIN, all).await.unwrap_or(false)
    }

    /// Asks `gatekeeper` before each command to any service from now on; `None` asks nobody.
    pub fn set_gatekeeper(&self, gatekeeper: Option<&Arc<dyn Gatekeeper>>) {
        for relay in self.relays.values() {
            relay.set_gatekeeper(gatekeeper.cloned());
        }
    }

    /// Ends the twin of a service without warning: who connects to it is refused.
    pub async fn kill(&self, service: &str) -> Result<()> {
        self.twin(Some(service))?.1.refuse(true);
        self.hands.kill(service).await
    }

    /// Starts the twin of a service that was killed, and speaks with it again.
    pub async fn start(&self, service: &str) -> Result<()> {
        let (twin, relay) = self.twin(Some(service))?;
        self.waits.wait(self.hands.start(service)).await?;
        relay.refuse(false);
        twin.renew().await
    }

    /// Restarts the twin of a service in good order, and speaks with it again.
    pub async fn restart(&self, service: &str) -> Result<()> {
        self.waits.wait(self.hands.restart(service)).await?;
        self.twin(Some(service))?.0.renew().await
    }

    /// The twin that a probe means: the named one, else the only one.
    pub fn twin(&self, name: Option<&str>) -> Result<(&dyn Service, &Arc<Relay>)> {
        let name = match name {
            Some(name) => name,
            None if self.twins.len() == 1 => self.twins.keys().next().map_or("", String::as_str),
            None => {
                return Err(Error::usage(
                    "The lab has several services, and the probe does not say which",
                )
                .help("add on: SERVICE"));
            }
        };
        match (self.twins.get(name), self.relays.get(name)) {
            (Some(twin), Some(relay)) => Ok((&**twin, relay)),
            _ => Err(Error::usage(format!("The lab has no service {name:?}"))),
        }
    }
}
