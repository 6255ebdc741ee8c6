//! A TCP connection of the program, as the host sees it.

use std::sync::Arc;

use super::stream::{Incoming, Outgoing};

/// Takes the connections a program opens to one service.
pub trait Tunnel: Send + Sync {
    /// Called in order of opening, from the task that reads the link: it must
    /// return at once and do its work in a task of its own.
    fn open(self: Arc<Self>, connection: Connection);
}

/// One connection from the moment the program opened it.
#[derive(Debug)]
pub struct Connection {
    /// Unique within its runner.
    pub id: u32,
    pub service: Arc<str>,
    /// The name of the process that opened it, where it could be found.
    pub process: Option<Arc<str>>,
    /// When it was opened, microseconds of the runner's clock.
    pub opened_us: u64,
    pub incoming: Incoming,
    pub outgoing: Outgoing,
}
