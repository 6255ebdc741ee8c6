//! The standard streams of a container's first process.

use super::demux::{Output, demultiplex};
use super::hijack::{Input, hijack};
use super::{CHANGE, Engine};
use crate::error::Result;

/// The streams of a container. Dropping `stdin` is the end of file inside where it was made with [`Stdin::Once`].
///
/// [`Stdin::Once`]: super::Stdin::Once
pub struct Attached {
    pub stdin: Input,
    pub stdout: Output,
    pub stderr: Output,
}

impl Engine {
    /// Attaches to a container; what it writes while nobody is attached is lost.
    pub async fn attach(&self, container: &str) -> Result<Attached> {
        let path = format!("/containers/{container}/attach?stream=1&stdin=1&stdout=1&stderr=1");
        let what = format!("attach to the container {container}");
        let (raw, stdin) =
            self.call(what, CHANGE, hijack(&self.endpoint.address, &path, "")).await?;
        let (stdout, stderr) = demultiplex(raw);
        Ok(Attached { stdin, stdout, stderr })
    }
}
