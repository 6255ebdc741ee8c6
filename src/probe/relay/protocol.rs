//! What the relay needs to know of a protocol.

use super::record::{Command, Reply};

/// A protocol of requests and replies.
pub trait Protocol: Send + Sync {
    /// Whether commands are told apart, so that one can be held or delayed.
    fn tells_commands(&self) -> bool;

    /// The state of one connection.
    fn session(&self) -> Box<dyn Session>;
}

/// What a piece of the program's bytes came to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Parsed {
    /// All consumed; a command may be under way.
    Part,
    /// Up to and including the end of this command was consumed.
    Command(Command),
    /// Consumed bytes that are no command and get no reply.
    Nothing,
}

/// Bytes that do not fit the protocol; from here on they pass unseen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Foreign(pub &'static str);

/// Both directions of one connection. Must hold a bounded amount of memory.
pub trait Session: Send {
    /// Reads what the program sent, up to the end of one command at most;
    /// returns the bytes consumed.
    fn request(&mut self, bytes: &[u8]) -> Result<(usize, Parsed), Foreign>;

    /// What is known of the command under way.
    fn partial(&self) -> Command;

    /// The command will be sent on now under this id. False: it gets no reply.
    fn sent(&mut self, id: u64, command: &Command) -> bool;

    /// Reads what the service sent. Calls `answered` for each reply that is
    /// complete, `None` for messages that answer no command.
    fn replies(
        &mut self,
        bytes: &[u8],
        answered: &mut dyn FnMut(Option<u64>, Reply),
    ) -> Result<(), Foreign>;
}
