//! What no protocol is known of: bytes pass both ways, no command is seen.

use super::protocol::{Foreign, Parsed, Protocol, Session};
use super::record::{Command, Reply};

pub struct Plain;

impl Protocol for Plain {
    fn tells_commands(&self) -> bool {
        false
    }

    fn session(&self) -> Box<dyn Session> {
        Box::new(Self)
    }
}

impl Session for Plain {
    fn request(&mut self, bytes: &[u8]) -> Result<(usize, Parsed), Foreign> {
        Ok((bytes.len(), Parsed::Nothing))
    }

    fn partial(&self) -> Command {
        Command::default()
    }

    fn sent(&mut self, _id: u64, _command: &Command) -> bool {
        false
    }

    fn replies(
        &mut self,
        _bytes: &[u8],
        _answered: &mut dyn FnMut(Option<u64>, Reply),
    ) -> Result<(), Foreign> {
        Ok(())
    }
}
