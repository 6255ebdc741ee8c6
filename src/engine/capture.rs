//! Short commands, whose output is kept.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::AsyncWrite;

use super::Engine;
use super::exec::{ExecEnd, ExecSpec, Streams};
use crate::error::Result;

/// The most that `exec_capture` keeps of each output, bytes.
const CAPTURE_LIMIT: usize = 4 * 1024 * 1024;

/// What a short command did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Captured {
    /// `None`: it took too long, and was killed.
    pub exit_code: Option<i64>,
    /// The first 4 MiB.
    pub stdout: Vec<u8>,
    /// The first 4 MiB.
    pub stderr: Vec<u8>,
}

impl Engine {
    /// Runs a short command with this input, killed after `limit`, and keeps what it wrote.
    pub async fn exec_capture(
        &self,
        container: &str,
        spec: &ExecSpec,
        input: &[u8],
        limit: Duration,
    ) -> Result<Captured> {
        let (mut stdout, mut stderr) = (Capped::default(), Capped::default());
        let streams = Streams {
            stdin: (!input.is_empty()).then_some(input),
            stdout: &mut stdout,
            stderr: &mut stderr,
        };
        let end = self.exec(container, spec, streams, tokio::time::sleep(limit)).await?;
        let exit_code = match end {
            ExecEnd::Exited(code) => Some(code),
            ExecEnd::Cancelled | ExecEnd::OutputClosed => None,
        };
        Ok(Captured { exit_code, stdout: stdout.kept, stderr: stderr.kept })
    }
}

/// Keeps the beginning of what is written to it, and takes the rest.
#[derive(Default)]
struct Capped {
    kept: Vec<u8>,
}

impl AsyncWrite for Capped {
    fn poll_write(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let room = CAPTURE_LIMIT.saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
