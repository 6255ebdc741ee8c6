//! What the relay remembers of a command and its reply.

use std::sync::Arc;

use bytes::Bytes;
use serde::{Serialize, Serializer};

/// Bytes kept of one argument.
pub const KEPT_BYTES: usize = 256;
/// Arguments kept of one command.
pub const KEPT_ARGUMENTS: usize = 16;

/// An argument: its beginning and its true length in bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Argument {
    #[serde(serialize_with = "as_text")]
    pub start: Bytes,
    pub length: u64,
}

impl Argument {
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.start).into_owned()
    }

    /// True when `start` is all of it.
    pub fn whole(&self) -> bool {
        self.start.len() as u64 == self.length
    }
}

fn as_text<S: Serializer>(bytes: &Bytes, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&String::from_utf8_lossy(bytes))
}

/// An optional shared text, seen as a list of none or one.
fn as_name<'a, N, S>(name: &'a N, serializer: S) -> Result<S::Ok, S::Error>
where
    &'a N: IntoIterator<Item = &'a Arc<str>>,
    S: Serializer,
{
    name.into_iter().next().map(|name| &**name).serialize(serializer)
}

/// A request of the program, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Command {
    /// In capitals.
    pub name: String,
    /// The first arguments, the name not among them.
    pub args: Vec<Argument>,
    /// How many arguments there are in truth.
    pub count: u64,
    /// Bytes on the wire.
    pub bytes: u64,
    /// Of the client library's own accord, as when it says hello.
    pub handshake: bool,
    /// May wait for something to happen, by nature.
    pub blocks: bool,
    /// How long it says it waits at most, in milliseconds; `None` for ever, or when it does not block.
    pub patience_ms: Option<u64>,
}

/// One command and what became of it, times in microseconds of the clock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Record {
    pub id: u64,
    pub connection: u32,
    #[serde(serialize_with = "as_name")]
    pub process: Option<Arc<str>>,
    /// In capitals.
    pub command: String,
    pub args: Vec<Argument>,
    pub count: u64,
    pub bytes: u64,
    pub handshake: bool,
    pub blocks: bool,
    pub patience_ms: Option<u64>,
    /// When its end arrived at the relay (or its first 64 KiB).
    pub start_us: u64,
    /// When the end of its reply arrived.
    pub end_us: Option<u64>,
    pub reply: Option<Reply>,
    pub fate: Fate,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fate {
    /// At the gate, not sent on.
    Held,
    /// Sent on, not answered.
    Waiting,
    Answered,
    /// Sent on; no reply was asked for.
    Unanswered,
    /// Never sent on.
    Cut,
    /// Sent on; the connection ended before the reply.
    Lost,
}

/// A reply, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Reply {
    pub kind: ReplyKind,
    /// Elements of a list, map or set at the top.
    pub elements: Option<u64>,
    /// Values in a list, map or set at every depth.
    pub values: Option<u64>,
    /// Bytes on the wire.
    pub bytes: u64,
    /// The first line of an error, or a short status, number or text.
    pub text: Option<String>,
}

impl Record {
    /// The command as a person would type it, long arguments cut.
    pub fn line(&self) -> String {
        let mut line = self.command.clone();
        for arg in &self.args {
            line.push(' ');
            line.push_str(&arg.text());
            if !arg.whole() {
                line.push('…');
            }
        }
        if self.count > self.args.len() as u64 {
            line.push_str(" …");
        }
        line
    }
}

impl Reply {
    pub fn error(&self) -> Option<&str> {
        if self.kind == ReplyKind::Error { self.text.as_deref() } else { None }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ReplyKind {
    Status,
    Error,
    Number,
    Text,
    List,
    Map,
    Set,
    Null,
}

/// A connection, open or closed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConnectionInfo {
    pub id: u32,
    #[serde(serialize_with = "as_name")]
    pub process: Option<Arc<str>>,
    pub opened_us: u64,
    pub closed_us: Option<u64>,
    /// Why the service could not be reached, or what was not in its protocol.
    pub problem: Option<String>,
    /// Messages the service sent that answer no command.
    pub pushes: u64,
}
