//! A command on a terminal of its own in a container.

use bollard::exec::ResizeExecOptions;

use super::hijack::{Input, RawOutput};
use super::process::Process;
use super::{Engine, ExecSpec, READ};
use crate::error::Result;

/// The size of a terminal, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TtySize {
    pub rows: u16,
    pub columns: u16,
}

/// A command on a terminal. Dropping it leaves the command running: `kill` or `wait`.
pub struct TtySession {
    /// What is typed, control characters too.
    pub input: Input,
    /// What the terminal shows, byte for byte; it ends with the command.
    pub output: RawOutput,
    pub control: TtyControl,
}

/// What is done to a command on a terminal besides typing; apart, so that the streams can be moved away.
pub struct TtyControl {
    process: Process,
}

impl TtyControl {
    pub async fn resize(&self, size: TtySize) -> Result<()> {
        let engine = &self.process.engine;
        let options = ResizeExecOptions { height: size.rows, width: size.columns };
        let what = self.process.what("resize the terminal of");
        engine.call(what, READ, engine.docker.resize_exec(&self.process.id, options)).await
    }

    /// Waits until the command has ended, and returns its exit code.
    pub async fn wait(&self) -> Result<i64> {
        self.process.wait().await
    }

    /// Kills the command and all that it started, except what became another user.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }
}

/// Sizes its terminal to `$1` rows and `$2` columns and becomes the command: an engine sizes a terminal after the
/// command has started, and a command that asks before that waits for an answer that no terminal of size 0 gives.
const SIZED: &str = r#"stty rows "$1" columns "$2"; shift 2; exec "$@""#;

impl Engine {
    /// Starts a command on a terminal; `TERM` is the caller's to set. The container needs `sh` and `stty`.
    pub async fn exec_tty(
        &self,
        container: &str,
        spec: &ExecSpec,
        size: TtySize,
    ) -> Result<TtySession> {
        let mut spec = spec.clone();
        let (rows, columns) = (size.rows.to_string(), size.columns.to_string());
        let sized = ["/bin/sh", "-c", SIZED, "sh", &rows, &columns];
        spec.command.splice(..0, sized.map(str::to_owned));
        let (process, output, input) = self.exec_open(container, &spec, true, true).await?;
        Ok(TtySession { input, output, control: TtyControl { process } })
    }
}
