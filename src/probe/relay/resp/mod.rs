//! RESP, the protocol of Redis, versions 2 and 3.

mod reply;
mod request;
mod session;

use super::protocol::{Protocol, Session};

/// Redis and what speaks its protocol.
#[derive(Debug, Clone, Copy, Default)]
pub struct Resp;

impl Protocol for Resp {
    fn tells_commands(&self) -> bool {
        true
    }

    fn session(&self) -> Box<dyn Session> {
        Box::<session::RespSession>::default()
    }
}
