//! What a probe may do to the containers of a stand: kill, freeze, restart, start with the learner's files.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use async_trait::async_trait;

use super::twin::Starting;
use crate::catalog::service::{CLOCK, Configured, Service};
use crate::engine::{Engine, ExecSpec};
use crate::error::{Error, Result};
use crate::probe::scene::{Hands, Ran};
use crate::session::plan::Member;

/// How long the engine may take to end a twin that was killed.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long a twin that was killed or restarted may take to be ready again.
const BACK_WITHIN: Duration = Duration::from_secs(30);
/// How long a twin that was started with other files may take to answer.
const SPEAKS_WITHIN: Duration = Duration::from_secs(5);
/// How long unpacking files and looking them over may take.
const RUNS_WITHIN: Duration = Duration::from_secs(10);
/// How long a service may take to end that was told to.
const ENDING_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// Bytes that are kept of what a script has written.
const SAID: usize = 64 << 10;
/// Puts an archive in place of what a folder holds, and has the service started anew if its test says nothing against it. What
/// it remembers of the last check, such as who failed, goes with it, and so does all that a script has left running.
const DEPLOY: &str = r#"at=$1; shift
find "$at" -mindepth 1 -delete && timeout 5 tar -x -o -C "$at" || exit 99
"$@" || exit 1
kill -s ALRM 1; kill -s KILL -- -1"#;
/// How that ends when the archive cannot be unpacked.
const NOT_UNPACKED: i64 = 99;
/// The first process of a twin that takes files: the folders to be emptied, the service's command.
const RESPAWN: &str = include_str!("respawn.sh");

/// In one step: the service may read it at any moment.
const SET_CLOCK: &str = r#"echo "$1" > "$2.new"; mv "$2.new" "$2""#;

/// The engine's hold on the twins of a stand. What a check leaves dead or frozen is replaced before the next one.
pub struct OfEngine {
    pub engine: Engine,
    pub twins: BTreeMap<String, Held>,
}

/// A twin as the engine and the network know it.
pub struct Held {
    container: String,
    member: Member,
    address: SocketAddr,
}

/// The command of a twin that takes files, so that it can be started with others.
pub fn respawned(definition: &Service, command: &[String]) -> Vec<String> {
    let emptied: Vec<&str> = definition.tmpfs.keys().map(String::as_str).collect();
    let supervisor = ["sh", "-c", RESPAWN, "sh", &emptied.join(" ")].map(str::to_owned);
    [&supervisor, command].concat()
}

impl Held {
    pub fn new(container: String, member: Member, address: SocketAddr) -> Self {
        Self { container, member, address }
    }

    fn files(&self) -> Result<(&str, &Configured)> {
        let Member { name, .. } = &self.member;
        self.member.files().ok_or_else(|| {
            Error::usage(format!("The service {name} takes no files of the learner"))
                .help("name a folder of the workspace: services: NAME: { files: FOLDER }")
        })
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(u64::from(self.member.definition.stop_seconds))
    }
}

/// What came of a command in a twin that failed.
struct Refusal {
    /// None when it had not ended in time.
    code: Option<i64>,
    /// What it says on its standard error.
    said: String,
}

#[async_trait]
impl Hands for OfEngine {
    async fn restart(&self, service: &str) -> Result<()> {
        let twin = self.twin(service)?;
        self.engine.restart(&twin.container, twin.patience()).await?;
        self.until_ready(twin).await
    }

    async fn kill(&self, service: &str) -> Result<()> {
        let container = &self.twin(service)?.container;
        self.engine.kill(container, "SIGKILL").await?;
        self.engine.wait(container, ENDS_WITHIN).await.map(drop)
    }

    async fn start(&self, service: &str) -> Result<()> {
        let twin = self.twin(service)?;
        self.engine.start(&twin.container).await?;
        self.until_ready(twin).await
    }

    async fn deploy(
        &self,
        service: &str,
        files: &[(String, Vec<u8>)],
    ) -> Result<Result<(), String>> {
        let twin = self.twin(service)?;
        let (_, configured) = twin.files()?;
        let mut deploy = vec!["sh", "-c", DEPLOY, "sh", &configured.at];
        deploy.extend(configured.test.iter().map(String::as_str));
        match self.do_in(twin, ExecSpec::new(deploy), &archive(files)?).await? {
            Ok(()) => {}
            Err(refusal) if refusal.code == Some(NOT_UNPACKED) => {
                return Err(not_put(service, refusal));
            }
            Err(refusal) => return Ok(Err(refusal.said)),
        }
        match tokio::time::timeout(SPEAKS_WITHIN, self.until_ready(twin)).await {
            Ok(Ok(())) => Ok(Ok(())),
            Ok(Err(error)) => Ok(Err(error.why.unwrap_or(error.what))),
            Err(_) => {
                let port = twin.member.definition.port.unwrap_or_default();
                Ok(Err(format!("it runs, but answers nobody on port {port}")))
            }
        }
    }

    async fn put(&self, service: &str, files: &[(String, Vec<u8>)]) -> Result<()> {
        let twin = self.twin(service)?;
        let (_, configured) = twin.files()?;
        let add = ExecSpec::new(["tar", "-x", "-o", "-C", &configured.at]);
        self.do_in(twin, add, &archive(files)?).await?.map_err(|refusal| not_put(service, refusal))
    }

    async fn run(&self, service: &str, file: &str) -> Result<Ran> {
        let twin = self.twin(service)?;
        let (_, configured) = twin.files()?;
        let script = ExecSpec::new(["sh", &format!("{}/{file}", configured.at)]);
        let ran = self.engine.exec_capture(&twin.container, &script, b"", RUNS_WITHIN).await;
        // With a container its scripts end, and how they would have ended nobody knows.
        if ran.is_err() && !self.runs(twin).await? {
            return Ok(Ran { exit_code: None, said: String::new() });
        }
        let ran = ran?;
        let mut said = [ran.stdout, ran.stderr].concat();
        said.truncate(SAID);
        let said = String::from_utf8_lossy(&said).trim().to_owned();
        Ok(Ran { exit_code: ran.exit_code, said })
    }

    async fn has_ended(&self, service: &str) -> Result<bool> {
        let twin = self.twin(service)?;
        let deadline = Instant::now() + ENDING_WITHIN;
        while self.runs(twin).await? {
            if Instant::now() > deadline {
                return Ok(false);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.start(service).await?;
        Ok(true)
    }

    fn folder(&self, service: &str) -> Result<&str> {
        self.twin(service)?.files().map(|(folder, _)| folder)
    }

    async fn set_clock(&self, service: &str, ahead: Duration) -> Result<()> {
        let twin = self.twin(service)?;
        if twin.member.definition.clock.is_none() {
            return Err(Error::usage(format!("The clock of {service} cannot be moved")));
        }
        let seconds = ahead.as_secs().to_string();
        let set = ExecSpec::new(["sh", "-ec", SET_CLOCK, "sh", &seconds, CLOCK]);
        self.do_in(twin, set, &[]).await?.map_err(|refusal| {
            Error::infrastructure(format!("The clock of {service} cannot be moved"))
                .because(refusal.said)
        })
    }

    async fn pause(&self, service: &str) -> Result<()> {
        self.engine.pause(&self.twin(service)?.container).await
    }

    async fn unpause(&self, service: &str) -> Result<()> {
        self.engine.unpause(&self.twin(service)?.container).await
    }
}

impl OfEngine {
    fn twin(&self, service: &str) -> Result<&Held> {
        let unknown = || Error::usage(format!("The lab has no service {service:?}"));
        self.twins.get(service).ok_or_else(unknown)
    }

    /// Runs something short in a twin.
    async fn do_in(
        &self,
        twin: &Held,
        what: ExecSpec,
        input: &[u8],
    ) -> Result<Result<(), Refusal>> {
        let ran = self.engine.exec_capture(&twin.container, &what, input, RUNS_WITHIN).await?;
        let code = ran.exit_code;
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        let said = match code {
            Some(0) => return Ok(Ok(())),
            Some(code) if said.is_empty() => format!("it ended with {code} and said nothing"),
            Some(_) => said,
            None => format!("it had not ended after {} s", RUNS_WITHIN.as_secs()),
        };
        Ok(Err(Refusal { code, said }))
    }

    async fn runs(&self, twin: &Held) -> Result<bool> {
        let state = self.engine.inspect(&twin.container).await?;
        Ok(state.is_some_and(|state| state.running))
    }

    async fn until_ready(&self, Held { container, member, address, .. }: &Held) -> Result<()> {
        let twin = Starting { container, member, address: *address };
        twin.until_ready(&self.engine, BACK_WITHIN).await
    }
}

fn not_put(service: &str, refusal: Refusal) -> Error {
    Error::infrastructure(format!("The files for {service} cannot be put into its container"))
        .because(refusal.said)
}

fn archive(files: &[(String, Vec<u8>)]) -> Result<Vec<u8>> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut append = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, content)
    };
    let packed = files.iter().try_for_each(|(name, content)| append(name, content));
    packed
        .and_then(|()| archive.into_inner())
        .map_err(|e| Error::infrastructure("The files for a service cannot be packed").because(e))
}
