//! Stands between a program and a service: records every command with its
//! times, and can hold, cut or delay one at its boundary.
//!
//! What knows a protocol is in a folder of its own (`resp`); the rest knows
//! connections, bytes and hooks.

mod connection;
mod gate;
mod log;
mod plain;
mod protocol;
mod record;
pub mod resp;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

pub use gate::{After, Gatekeeper, Moment, Verdict};
pub use log::Mark;
pub use protocol::{Parsed, Protocol, Session};
pub use record::{Argument, Command, ConnectionInfo, Fate, Record, Reply, ReplyKind};

use super::clock::Clock;
use super::runner::{Connection, Tunnel};
use crate::catalog::service;
use crate::error::{Error, Result};
use connection::Live;
use log::Log;

/// What the relay knows of what a service speaks.
pub fn protocol(spoken: Option<service::Protocol>) -> Arc<dyn Protocol> {
    match spoken {
        Some(service::Protocol::Redis) => Arc::new(resp::Resp),
        _ => Arc::new(plain::Plain),
    }
}

/// The relay of one service.
pub struct Relay {
    clock: Clock,
    protocol: Arc<dyn Protocol>,
    log: Arc<Log>,
    state: Mutex<State>,
}

struct State {
    target: SocketAddr,
    refuses: bool,
    gatekeeper: Option<Arc<dyn Gatekeeper>>,
    live: HashMap<u32, Arc<Live>>,
}

impl Relay {
    /// A relay to `target`; `clock` is the runner's.
    pub fn new(clock: Clock, target: SocketAddr, protocol: Arc<dyn Protocol>) -> Arc<Self> {
        let state =
            Mutex::new(State { target, refuses: false, gatekeeper: None, live: HashMap::new() });
        Arc::new(Self { clock, protocol, log: Arc::default(), state })
    }

    /// Sends connections opened from now on to another address.
    pub fn retarget(&self, target: SocketAddr) {
        self.state().target = target;
    }

    /// Takes no connections from now on, or takes them again: where a process has died its machine refuses at once, while
    /// nobody answers at the address of a container that is gone.
    pub fn refuse(&self, refuses: bool) {
        self.state().refuses = refuses;
    }

    /// # Errors
    /// No commands are told apart, so that a gatekeeper is asked nothing: what waits for a command would prove nothing.
    pub fn must_tell_commands(&self) -> Result<()> {
        if self.protocol.tells_commands() {
            return Ok(());
        }
        Err(Error::usage("The commands to this service are not told apart")
            .help("only those of Redis are: act before or after the call, in a drill"))
    }

    /// Asks `gatekeeper` before each command from now on; `None` asks nobody.
    pub fn set_gatekeeper(&self, gatekeeper: Option<Arc<dyn Gatekeeper>>) {
        self.state().gatekeeper = gatekeeper;
    }

    /// Everything recorded, in the order it arrived.
    pub fn records(&self) -> Vec<Record> {
        self.log.since(Mark::default())
    }

    /// What was recorded after `mark` was taken.
    pub fn records_since(&self, mark: Mark) -> Vec<Record> {
        self.log.since(mark)
    }

    /// How many commands recorded after `mark` a filter lets through.
    pub fn count_since(&self, mark: Mark, filter: impl Fn(&Record) -> bool) -> usize {
        self.log.count(mark, filter)
    }

    pub fn mark(&self) -> Mark {
        self.log.mark()
    }

    /// Commands not recorded since the bound on records was reached.
    pub fn unrecorded(&self) -> u64 {
        self.log.unrecorded()
    }

    /// Bytes that came from programs, of whatever protocol.
    pub fn sent(&self) -> u64 {
        self.log.sent()
    }

    /// Every connection, the closed ones too.
    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.log.connections()
    }

    /// Commands that wait for their reply or at the gate.
    pub fn in_flight(&self) -> Vec<Record> {
        self.log.waiting()
    }

    /// Forgets all records and closed connections; what is under way goes on
    /// without one.
    pub fn forget(&self) {
        self.log.forget();
    }

    /// Cuts a connection on both sides; false when there is none of that id.
    pub fn cut(&self, connection: u32) -> bool {
        let live = self.state().live.get(&connection).cloned();
        live.is_some_and(|live| {
            live.cut();
            true
        })
    }

    /// Cuts every connection.
    pub fn cut_all(&self) {
        let live: Vec<_> = self.state().live.values().cloned().collect();
        for connection in live {
            connection.cut();
        }
    }

    /// Waits until everything the program sent is answered, apart from commands
    /// that block by nature. The error holds what was not after `limit`.
    pub async fn settled(&self, limit: Duration) -> Result<(), Vec<Record>> {
        let deadline = Instant::now() + limit;
        loop {
            let changed = self.log.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let idle = self.state().live.values().all(|live| live.idle());
            let waiting: Vec<_> =
                self.in_flight().into_iter().filter(|record| !record.blocks).collect();
            if idle && waiting.is_empty() {
                return Ok(());
            }
            if timeout_at(deadline, changed).await.is_err() {
                return Err(waiting);
            }
        }
    }

    fn gatekeeper(&self) -> Option<Arc<dyn Gatekeeper>> {
        self.state().gatekeeper.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tunnel for Relay {
    fn open(self: Arc<Self>, connection: Connection) {
        let live = Live::new(&connection);
        let target = {
            let mut state = self.state();
            if state.refuses {
                return;
            }
            state.live.insert(connection.id, live.clone());
            state.target
        };
        self.log.opened(&connection);
        tokio::spawn(async move {
            let id = connection.id;
            connection::carry(&self, connection, &live, target).await;
            self.state().live.remove(&id);
            self.log.closed(id, self.clock.now_us());
        });
    }
}
