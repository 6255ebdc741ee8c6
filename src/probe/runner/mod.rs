//! Runs the learner's program in a runner container.
//!
//! The supervisor (`docker/workbench/runner`) is PID 1 there; this is its other
//! end, over any pair of byte streams: the engine's attach, or a child
//! process's pipes.

mod frame;
mod link;
mod outcome;
mod pending;
mod process;
mod reply;
mod stream;
mod tunnel;
mod waits;

#[cfg(test)]
pub(super) mod tests;

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::AbortHandle;
use tokio::time::timeout;

pub use outcome::{Call, Cause, End, LoadFailure, LoadReason, Outcome};
pub use pending::{Item, Stream};
pub use process::Process;
pub use reply::{Raised, Syntax};
pub use stream::{Arrival, Backlog, Closed, Incoming, Outgoing, ResetNotice};
pub use tunnel::{Connection, Tunnel};

use frame::{CHUNK, Frame, Kind};
use link::{Link, file_request};

use crate::error::{Error, Result};
use crate::probe::clock::Clock;

/// The version of the link's protocol that both ends must speak.
const PROTOCOL: u64 = 1;
const HELLO_LIMIT: Duration = Duration::from_secs(20);
/// Bound on importing the learner's file.
pub const LOAD_LIMIT: Duration = Duration::from_secs(10);
/// Bound on the files of one workspace, as the supervisor has it.
pub const MAX_WORKSPACE: usize = 64 * 1024 * 1024;

/// A running supervisor. Dropped, the link closes: the supervisor kills everything
/// and exits, at once where that is the end of its input, else after some silence.
pub struct Runner {
    link: Link,
    tasks: [AbortHandle; 2],
    last_process: AtomicU32,
}

/// How the start of a program went.
pub enum Spawned {
    Ready(Process),
    /// The learner's fault, with what there is to say about it.
    Failed(LoadFailure),
}

impl Runner {
    /// Waits for the supervisor to greet. `reader` is its stdout, `writer` its stdin.
    pub async fn start<R, W>(reader: R, writer: W, clock: Clock) -> Result<Self>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (link, greeted, tasks) = Link::start(reader, writer, clock);
        let runner = Self { link, tasks, last_process: AtomicU32::new(0) };
        let hello = match timeout(HELLO_LIMIT, greeted).await {
            Ok(Ok(hello)) => hello,
            Ok(Err(_)) => return Err(runner.link.reason()),
            Err(_) => return Err(Error::infrastructure("the runner does not start")),
        };
        fits(&hello)?;
        Ok(runner)
    }

    /// Goes on with a supervisor that was parked.
    pub async fn resume<R, W>(reader: R, writer: W, clock: Clock) -> Result<Self>
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (link, _, tasks) = Link::start(reader, writer, clock);
        let runner = Self { link, tasks, last_process: AtomicU32::new(0) };
        let greeting = runner.link.request(&json!({ "do": "greet" })).await?;
        fits(&greeting.expect("the runner does not go on").await?)?;
        Ok(runner)
    }

    /// Leaves a clean supervisor to whoever resumes it.
    pub async fn park(self) -> Result<()> {
        let request = json!({ "do": "park" });
        self.link.request(&request).await?.expect("the runner cannot be left").await.map(drop)
    }

    pub fn clock(&self) -> Clock {
        self.link.clock
    }

    /// How long its programs have been waited for since it was started or resumed; waits at the same time count once.
    pub fn waited(&self) -> Duration {
        self.link.waits.total()
    }

    /// Imports libraries in the supervisor, so that each process has them for
    /// nothing. Returns those the image does not have.
    pub async fn preload(&self, modules: &[&str]) -> Result<Vec<String>> {
        let request = json!({ "do": "preload", "modules": modules });
        let answer = self.link.request(&request).await?.expect("cannot preload").await?;
        let missing = answer["missing"].as_array().cloned().unwrap_or_default();
        Ok(missing.iter().filter_map(|name| name.as_str().map(str::to_owned)).collect())
    }

    /// Writes files (path inside the workspace, contents).
    pub async fn load(&self, files: &[(String, Vec<u8>)]) -> Result<()> {
        let total: usize = files.iter().map(|(_, contents)| contents.len()).sum();
        if total > MAX_WORKSPACE {
            return Err(Error::usage("the workspace is too large to check")
                .because(format!("{total} bytes; the most is {MAX_WORKSPACE}")));
        }
        let mut answers = Vec::with_capacity(files.len());
        for (path, contents) in files {
            let answer = self.link.request(&file_request(path, contents.len())).await?;
            for piece in contents.chunks(CHUNK) {
                let piece = Bytes::copy_from_slice(piece);
                self.link.send(Frame::new(Kind::File, answer.number(), piece)).await?;
            }
            answers.push((path, answer));
        }
        for (path, answer) in answers {
            let what = format!("cannot write {path} in the runner");
            answer.expect(&what).await?;
        }
        Ok(())
    }

    /// Listens on `address:port` in the container (0: any free port) and gives
    /// each connection to `tunnel`. Returns the port. A service routed before
    /// gets the new tunnel.
    pub async fn route(
        &self,
        service: &str,
        address: Ipv4Addr,
        port: u16,
        tunnel: Arc<dyn Tunnel>,
    ) -> Result<u16> {
        self.link.route(service, tunnel);
        let address = address.to_string();
        let request =
            json!({ "do": "route", "service": service, "address": address, "port": port });
        let what = format!("the runner cannot stand in for {service} on {address}:{port}");
        let answer = self.link.request(&request).await?.expect(&what).await?;
        answer["port"]
            .as_u64()
            .and_then(|port| u16::try_from(port).ok())
            .ok_or_else(|| Error::infrastructure(what))
    }

    /// Starts a process that serves a Python file of the workspace.
    pub async fn spawn(&self, program: &str) -> Result<Spawned> {
        self.spawn_with(program, &[], false).await
    }

    /// Starts a process that serves the harness protocol: `command`, or the
    /// Python harness when it is empty. A movable clock is right until [`Process::set_clock`].
    pub async fn spawn_with(
        &self,
        program: &str,
        command: &[String],
        movable_clock: bool,
    ) -> Result<Spawned> {
        let id = self.last_process.fetch_add(1, Ordering::SeqCst) + 1;
        let stem = program.rsplit('/').next().unwrap_or(program);
        let stem = stem.split('.').next().unwrap_or(stem);
        let name: Arc<str> = format!("{stem}-{id}").into();
        let streams = self.link.stream(id, Some(name.clone()));
        let (process, loaded) = Process::wire(self.link.clone(), id, name, streams);
        let mut request = json!({ "do": "spawn", "process": id, "program": program });
        if !command.is_empty() {
            request["command"] = json!(command);
        }
        if movable_clock {
            request["movable_clock"] = true.into();
        }
        let answer = self.link.request(&request).await?.wait().await?;
        if let Some(why) = answer["error"].as_str() {
            self.link.forget(id);
            return Ok(failed(&process, LoadReason::NotStarted(why.to_owned())));
        }
        match timeout(LOAD_LIMIT, loaded).await {
            Ok(Ok(Ok(_))) => Ok(Spawned::Ready(process)),
            Ok(Ok(Err(raised))) => {
                // Its output is complete once it has ended, which it does now.
                if process.wait(Duration::from_secs(1)).await?.is_none() {
                    process.kill().await?;
                }
                Ok(failed(&process, LoadReason::Raised(raised)))
            }
            Ok(Err(_)) => {
                let reason = match process.wait(Duration::from_secs(1)).await? {
                    Some(end) => LoadReason::Ended(end),
                    None => LoadReason::TimedOut,
                };
                Ok(failed(&process, reason))
            }
            Err(_) => {
                process.kill().await?;
                Ok(failed(&process, LoadReason::TimedOut))
            }
        }
    }

    /// Kills every process of the program, confirms that none is left, closes
    /// every connection and empties the workspace and scratch folders.
    pub async fn clean(&self) -> Result<()> {
        let request = json!({ "do": "clean" });
        self.link.request(&request).await?.expect("the runner cannot be cleaned").await?;
        Ok(())
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        self.link.fail(Error::infrastructure("the runner was stopped"));
        for task in &self.tasks {
            task.abort();
        }
    }
}

fn fits(hello: &Value) -> Result<()> {
    if hello["protocol"].as_u64() == Some(PROTOCOL) {
        return Ok(());
    }
    Err(Error::infrastructure("the runner's image does not fit this version")
        .because(format!("it greets with {hello}"))
        .help("Build the images again: labs images build"))
}

fn failed(process: &Process, reason: LoadReason) -> Spawned {
    let process_name = process.name().to_owned();
    Spawned::Failed(LoadFailure { process: process_name, reason, output: process.output() })
}
