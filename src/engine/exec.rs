//! Running a command in a container that runs.

use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use bollard::models::ExecConfig;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::demux::{Output, demultiplex};
use super::hijack::{Input, RawOutput, hijack};
use super::{CHANGE, Engine, READ, fault};
use crate::error::{Error, Result};

/// The most that `exec_capture` keeps of each output, bytes.
const CAPTURE_LIMIT: u64 = 4 * 1024 * 1024;
/// Marks every process that an exec starts, so that they can be found to be killed.
const MARK: &str = "LABS_EXEC";
/// Kills, again and again until none is left, whatever carries the mark `$1` in its environment. Runs as the same
/// user, and so may read it; the mark is not in its own environment.
const KILL_SCRIPT: &str = r#"
for round in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
  found=no
  for process in /proc/[0-9]*; do
    case "$({ tr '\0' '\n' <"$process/environ"; } 2>/dev/null)" in
      *"$1"*) kill -9 "${process#/proc/}" 2>/dev/null && found=yes ;;
    esac
  done
  [ $found = yes ] || exit 0
done
exit 1
"#;

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

    /// Creates and starts an exec, and takes its connection.
    pub(super) async fn exec_open(
        &self,
        container: &str,
        spec: &ExecSpec,
        stdin: bool,
        tty: bool,
    ) -> Result<(Process, RawOutput, Input)> {
        let mark = format!("{MARK}={:016x}", rand::random::<u64>());
        let variables = spec.env.iter().map(|(name, value)| format!("{name}={value}"));
        let config = ExecConfig {
            attach_stdin: Some(stdin),
            attach_stdout: Some(true),
            attach_stderr: Some(true),
            tty: Some(tty),
            cmd: Some(spec.command.clone()),
            env: Some(variables.chain([mark.clone()]).collect()),
            user: spec.user.clone(),
            working_dir: spec.working_dir.clone(),
            ..Default::default()
        };
        let mut process = Process {
            engine: self.clone(),
            id: String::new(),
            container: container.to_owned(),
            command: spec.command.first().cloned().unwrap_or_default(),
            user: spec.user.clone(),
            mark,
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

/// A command that an exec started.
pub(super) struct Process {
    pub engine: Engine,
    pub id: String,
    container: String,
    command: String,
    user: Option<String>,
    mark: String,
}

impl Process {
    pub fn what(&self, verb: &str) -> String {
        format!("{verb} {} in the container {}", self.command, self.container)
    }

    /// The engine books the exit a moment after the outputs end, and has no way to wait for it.
    pub async fn wait(&self) -> Result<i64> {
        let mut pause = Duration::from_millis(1);
        loop {
            let what = self.what("learn the end of");
            let state = self
                .engine
                .call(what.clone(), READ, self.engine.docker.inspect_exec(&self.id))
                .await?;
            if state.running != Some(true) {
                return state.exit_code.ok_or_else(|| {
                    Error::infrastructure(format!("cannot {what}"))
                        .because("it ended without an exit code")
                });
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// The engine cannot kill an exec: a second one does.
    pub async fn kill(&self) -> Result<()> {
        let spec = ExecSpec {
            user: self.user.clone(),
            ..ExecSpec::new(["/bin/sh", "-c", KILL_SCRIPT, "sh", &self.mark])
        };
        let killer = async {
            let (process, raw, _) =
                self.engine.exec_open(&self.container, &spec, false, false).await?;
            let (mut stdout, mut stderr) = demultiplex(raw);
            // Nothing is expected; its end is awaited here.
            while stdout.chunk().await.is_some() {}
            let mut said = Vec::new();
            let _ = stderr.read_to_end(&mut said).await;
            Ok((process.wait().await?, said))
        };
        let what = self.what("kill");
        let (code, said) = tokio::time::timeout(CHANGE, Box::pin(killer))
            .await
            .map_err(|_| self.engine.timed_out(&what, CHANGE))??;
        if code == 0 {
            return Ok(());
        }
        Err(fault::refused(&what, &format!("status {code}: {}", String::from_utf8_lossy(&said)))
            .help("restart the container to end what still runs in it"))
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

/// Keeps the beginning of what is written to it, and takes the rest.
#[derive(Default)]
struct Capped {
    kept: Vec<u8>,
}

impl AsyncWrite for Capped {
    fn poll_write(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
        bytes: &[u8],
    ) -> std::task::Poll<std::io::Result<usize>> {
        let room =
            usize::try_from(CAPTURE_LIMIT).unwrap_or(usize::MAX).saturating_sub(self.kept.len());
        self.kept.extend_from_slice(&bytes[..room.min(bytes.len())]);
        std::task::Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }

    fn poll_shutdown(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<std::io::Result<()>> {
        std::task::Poll::Ready(Ok(()))
    }
}
