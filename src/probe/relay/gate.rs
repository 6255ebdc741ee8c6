//! The hook at each command's boundary.

use std::fmt;
use std::sync::Arc;

use futures_util::future::BoxFuture;

use super::record::Command;

/// A command that is about to be sent on.
#[derive(Debug)]
pub struct Moment<'a> {
    pub connection: u32,
    pub process: Option<&'a Arc<str>>,
    /// 1 for the first command of its connection, handshake included.
    pub nth: u64,
    /// The record's id.
    pub id: u64,
    pub command: &'a Command,
}

/// What to do with a command.
pub enum Verdict {
    Forward,
    /// Close both sides; the service never sees the command.
    Cut,
    /// First do this. It starts when all earlier commands of the connection are
    /// answered (those that block apart), and must end by itself.
    After(BoxFuture<'static, After>),
}

impl fmt::Debug for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Forward => "Forward",
            Self::Cut => "Cut",
            Self::After(_) => "After",
        })
    }
}

/// What to do with a command after what came first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum After {
    Forward,
    Cut,
}

/// Asked before each command, in the order in which they arrive on a
/// connection; different connections ask at the same time.
pub trait Gatekeeper: Send + Sync {
    /// Must return at once; what takes time goes into `Verdict::After`.
    fn before(&self, moment: &Moment<'_>) -> Verdict;
}
