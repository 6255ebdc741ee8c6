//! Running a command in a container that runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bollard::models::ExecConfig;
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};

use super::demux::{Output, demultiplex};
use super::hijack::{Input, RawOutput, hijack};
use super::process::Process;
use super::{CHANGE, Engine, fault};
use crate::error::Result;

/// How long the last output of a command may take to come after its end.
const LAST_WORDS: Duration = Duration::from_millis(200);

/// A command to be run in a container.
#[derive(Debug, Clone, Default)]
pub struct ExecSpec {
    pub command: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// `user`, `uid` or `uid:gid`; `None` is the container's own.
    pub user: Option<String>,
    pub working_dir: Option<String>,
}

impl ExecSpec {
    pub fn new<S: Into<String>>(command: impl IntoIterator<Item = S>) -> Self {
        Self { command: command.into_iter().map(Into::into).collect(), ..Self::default() }
    }
}

/// Where a command's streams go. No stdin means an empty one.
pub struct Streams<I, O, E> {
    pub stdin: Option<I>,
    pub stdout: O,
    pub stderr: E,
}

/// How a command ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExecEnd {
    Exited(i64),
    /// Cancelled; it and what it started were killed.
    Cancelled,
    /// Whoever read its output went away; it and what it started were killed.
    OutputClosed,
}

/// A command that runs. Dropping it leaves the command running: `kill` or `wait`.
pub struct Running {
    /// `None` where no stdin was asked for.
    pub stdin: Option<Input>,
    pub stdout: Output,
    pub stderr: Output,
    process: Process,
}

impl Running {
    /// Waits until the command has ended, and returns its exit code. Its outputs end first: read them.
    pub async fn wait(&self) -> Result<i64> {
        self.process.wait().await
    }

    /// Waits until the command itself has ended; what it left running may hold its outputs open. Each piece of them
    /// goes to `take`, as long as that answers `true`; else `None`.
    pub async fn finish(&mut self, mut take: impl FnMut(&[u8]) -> bool) -> Result<Option<i64>> {
        let Self { stdout, stderr, process, .. } = self;
        let mut open = [true; 2];
        let mut pieces = async || loop {
            let (output, piece) = tokio::select! {
                piece = stdout.chunk(), if open[0] => (0, piece),
                piece = stderr.chunk(), if open[1] => (1, piece),
                else => return true,
            };
            match piece {
                Some(Ok(bytes)) if !take(&bytes) => return false,
                Some(Ok(_)) => {}
                Some(Err(_)) | None => open[output] = false,
            }
        };
        let code = tokio::select! {
            wanted = pieces() => {
                if !wanted {
                    return Ok(None);
                }
                process.wait().await?
            }
            code = process.wait() => code?,
        };
        // What it printed last comes a moment after its end.
        let last = tokio::time::timeout(LAST_WORDS, pieces()).await;
        Ok((last != Ok(false)).then_some(code))
    }

    /// As [`Running::kill`], for a command whose outputs nobody reads any more: a full one would hold its end up.
    pub async fn abandon(self) -> Result<()> {
        let Self { stdin, stdout, stderr, process } = self;
        drop((stdin, stdout, stderr));
        process.kill().await
    }

    /// Kills the command and all that it started, except what became another user.
    pub async fn kill(&self) -> Result<()> {
        self.process.kill().await
    }
}

impl Engine {
    /// Starts a command, to be driven by the caller.
    pub async fn exec_start(
        &self,
        container: &str,
        spec: &ExecSpec,
        stdin: bool,
    ) -> Result<Running> {
        let (process, raw, input) = self.exec_open(container, spec, stdin, false).await?;
        let (stdout, stderr) = demultiplex(raw);
        Ok(Running { stdin: stdin.then_some(input), stdout, stderr, process })
    }

    /// Runs a command to its end, its streams passed on as they come; kills it when `cancel` resolves.
    /// Dropping the future leaves the command running.
    pub async fn exec<I, O, E>(
        &self,
        container: &str,
        spec: &ExecSpec,
        streams: Streams<I, O, E>,
        cancel: impl Future<Output = ()>,
    ) -> Result<ExecEnd>
    where
        I: AsyncRead + Unpin,
        O: AsyncWrite + Unpin,
        E: AsyncWrite + Unpin,
    {
        let Streams { stdin: source, stdout: out, stderr: err } = streams;
        let Running { stdin, stdout, stderr, process } =
            self.exec_start(container, spec, source.is_some()).await?;
        let feed = async {
            if let (Some(mut source), Some(mut stdin)) = (source, stdin) {
                // A command that wants no more input is no failure.
                let _ = tokio::io::copy(&mut source, &mut stdin).await;
                let _ = stdin.shutdown().await;
            }
            // Only the outputs, or the caller, end the command.
            std::future::pending().await
        };
        let drain = async {
            let drained = tokio::try_join!(pass(stdout, out), pass(stderr, err));
            match drained {
                Ok(_) => process.wait().await.map(ExecEnd::Exited),
                Err(PassError::Sink) => process.kill().await.map(|()| ExecEnd::OutputClosed),
                Err(PassError::Engine(error)) => {
                    Err(fault::broken(&process.what("read the output of"), &self.endpoint, &error))
                }
            }
        };
        tokio::select! {
            end = drain => end,
            () = cancel => process.kill().await.map(|()| ExecEnd::Cancelled),
            never = feed => never,
        }
    }

    /// Creates and starts an exec, and takes its connection.
    pub(super) async fn exec_open(
        &self,
        container: &str,
        spec: &ExecSpec,
        stdin: bool,
        tty: bool,
    ) -> Result<(Process, RawOutput, Input)> {
        let mut process = Process::new(self.clone(), container, spec);
        let variables = spec.env.iter().map(|(name, value)| format!("{name}={value}"));
        let config = ExecConfig {
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(tty),
            cmd: Some(spec.command.clone()),
            env: Some(variables.chain([process.mark.clone()]).collect()),
            user: spec.user.clone(),
            working_dir: spec.working_dir.clone(),
            ..Default::default()
        };
        let made = self
            .call(process.what("run"), CHANGE, self.docker.create_exec(container, config))
            .await?;
        process.id = made.id;
        let path = format!("/exec/{}/start", process.id);
        let body = format!(r#"{{"Detach":false,"Tty":{tty}}}"#);
        let connection = hijack(&self.endpoint.address, &path, &body);
        let (raw, input) = self.call(process.what("run"), CHANGE, connection).await?;
        Ok((process, raw, input))
    }
}

enum PassError {
    /// The reader of the output is gone.
    Sink,
    Engine(std::io::Error),
}

async fn pass(mut from: Output, mut to: impl AsyncWrite + Unpin) -> Result<(), PassError> {
    while let Some(chunk) = from.chunk().await {
        let chunk = chunk.map_err(PassError::Engine)?;
        to.write_all(&chunk).await.map_err(|_| PassError::Sink)?;
        to.flush().await.map_err(|_| PassError::Sink)?;
    }
    Ok(())
}
