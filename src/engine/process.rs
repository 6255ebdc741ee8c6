//! The process behind an exec: its end, and ending it.

use std::time::{Duration, Instant};

use tokio::io::AsyncReadExt;

use super::demux::demultiplex;
use super::{Engine, ExecSpec, READ, fault};
use crate::error::{Error, Result};

/// Bound of killing a command.
const KILL: Duration = Duration::from_secs(30);
/// How long the engine takes to book that a killed command has ended.
const SETTLE: Duration = Duration::from_millis(200);
/// How long a command may take from the engine's answer to its start.
const STARTS_WITHIN: Duration = Duration::from_secs(30);
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

/// A command that an exec started.
pub(super) struct Process {
    pub engine: Engine,
    pub id: String,
    /// A variable in the environment of the command, and so of all that it starts.
    pub mark: String,
    container: String,
    command: String,
    user: Option<String>,
}

impl Process {
    /// One that has no id yet.
    pub fn new(engine: Engine, container: &str, spec: &ExecSpec) -> Self {
        Self {
            engine,
            id: String::new(),
            mark: format!("{MARK}={:016x}", rand::random::<u64>()),
            container: container.to_owned(),
            command: spec.command.first().cloned().unwrap_or_default(),
            user: spec.user.clone(),
        }
    }

    pub fn what(&self, verb: &str) -> String {
        format!("{verb} {} in the container {}", self.command, self.container)
    }

    /// The engine answers a start before it starts, and books the exit a moment after the outputs end; it has no way to
    /// wait for either.
    pub async fn wait(&self) -> Result<i64> {
        let began = Instant::now();
        let mut pause = Duration::from_millis(1);
        loop {
            let what = self.what("learn the end of");
            let inspection = self.engine.docker.inspect_exec(&self.id);
            let state = self.engine.call(what.clone(), READ, inspection).await?;
            match state.exit_code {
                _ if state.running == Some(true) => {}
                Some(code) => return Ok(code),
                None if began.elapsed() < STARTS_WITHIN && self.may_start().await? => {}
                None => {
                    return Err(Error::infrastructure(format!("cannot {what}"))
                        .because("it neither runs nor has ended with an exit code"));
                }
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(Duration::from_millis(50));
        }
    }

    /// In a container that has ended nothing starts any more.
    async fn may_start(&self) -> Result<bool> {
        Ok(self.engine.inspect(&self.container).await?.is_some_and(|state| state.running))
    }

    /// The engine cannot kill an exec: a second one does. Again while it runs, since a command that is just being
    /// started does not carry its mark yet.
    pub async fn kill(&self) -> Result<()> {
        let what = self.what("kill");
        let kill = async {
            loop {
                self.kill_marked().await?;
                if tokio::time::timeout(SETTLE, self.wait()).await.is_ok() {
                    return Ok(());
                }
            }
        };
        // Boxed, since killing is itself an exec.
        tokio::time::timeout(KILL, Box::pin(kill))
            .await
            .map_err(|_| self.engine.timed_out(&what, KILL))?
    }

    async fn kill_marked(&self) -> Result<()> {
        let spec = ExecSpec {
            user: self.user.clone(),
            ..ExecSpec::new(["/bin/sh", "-c", KILL_SCRIPT, "sh", &self.mark])
        };
        let (process, raw, _) = self.engine.exec_open(&self.container, &spec, false, false).await?;
        let (stdout, mut stderr) = demultiplex(raw);
        drop(stdout);
        let mut said = Vec::new();
        // What could be read helps; its status decides.
        let _ = stderr.read_to_end(&mut said).await;
        match process.wait().await? {
            0 => Ok(()),
            code => {
                let why = format!("status {code}: {}", String::from_utf8_lossy(&said));
                Err(fault::refused(&self.what("kill"), &why)
                    .help("restart the container to end what still runs in it"))
            }
        }
    }
}
