//! Stands: a runner and twins for one check after the other, clean each time.

mod runner;
mod twin;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use tokio::sync::Mutex;

use super::ledger::check_lock;
use super::plan::{Member, Networks, Plan, SEAT_LABEL};
use super::{Session, workspace};
use crate::catalog::service::Configured;
use crate::engine::{ContainerState, Engine, ExecSpec};
use crate::error::{Error, Result};
use crate::probe::clock::Clock;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::relay::{self, Relay};
use crate::probe::scene::{Hands, Stand};
use crate::probe::service;
use crate::ready;
use twin::{Place, Twin};

/// Marks the throw-away containers of checks.
const STAND_LABEL: &str = "labs.stand";
const RUNNER: &str = "runner";
const TWIN: &str = "twin";
/// How long the engine may take to end a twin that was killed.
const ENDS_WITHIN: Duration = Duration::from_secs(10);
/// How long the engine may take to book the end of a twin that no longer answers.
const BOOKED_WITHIN: Duration = Duration::from_secs(5);
/// How long a twin that was started with other files may take to answer.
const SPEAKS_WITHIN: Duration = Duration::from_secs(5);
/// How long unpacking files and looking them over may take.
const RUNS_WITHIN: Duration = Duration::from_secs(10);
/// Puts an archive in place of what a folder holds.
const UNPACK: &str = r#"find "$1" -mindepth 1 -delete; tar -x -o -C "$1""#;
/// How often a twin that starts is looked at, in case it ended.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A place where one check at a time runs the learner's program.
pub struct Lane<'a> {
    session: &'a Session,
    plan: &'a Plan,
    number: u8,
    networks: Networks,
    open: Option<Open>,
    used: bool,
}

/// A stand with the containers it consists of.
struct Open {
    stand: Stand,
    runner: runner::Container,
    twins: Vec<Twin>,
}

impl<'a> Lane<'a> {
    pub fn new(session: &'a Session, plan: &'a Plan, number: u8, networks: Networks) -> Self {
        Self { session, plan, number, networks, open: None, used: false }
    }

    pub fn stand(&self) -> Option<&Stand> {
        self.open.as_ref().map(|open| &open.stand)
    }

    /// Makes the stand, or cleans the one there is; one that does not come clean is replaced.
    ///
    /// # Errors
    /// The finding to report instead: a workspace that cannot be sent, an engine that refuses.
    pub async fn ready(&mut self) -> Result<(), Finding> {
        let files = workspace::collect(self.plan.workspace()).map_err(|why| {
            let mut evidence = Evidence::new("The workspace cannot be checked");
            evidence.observed = Some(why);
            evidence.fail("workspace")
        })?;
        if let Some(open) = &self.open
            && !(self.used && open.clean().await)
        {
            self.close().await.map_err(Finding::Error)?;
        }
        if self.open.is_none() {
            self.open = Some(self.open().await.map_err(Finding::Error)?);
        }
        self.used = true;
        let Some(open) = &mut self.open else { return Ok(()) };
        open.stand.files = files;
        open.stand.runner.load(&open.stand.files).await.map_err(Finding::Error)
    }

    /// Leaves what comes clean warm for the next check, and removes the rest.
    pub async fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.used = false;
        let twins = open.twins.iter().map(|twin| async {
            if twin.clean().await {
                Ok(())
            } else {
                self.session.drop_container(&twin.container).await
            }
        });
        tokio::try_join!(
            futures_util::future::try_join_all(twins),
            open.runner.close(self.session, open.stand.runner),
        )?;
        Ok(())
    }

    async fn open(&self) -> Result<Open> {
        let clock = Clock::start();
        let gate = self.session.gate(self.plan).await?;
        let members: Vec<&Member> =
            self.plan.members.iter().filter(|m| service::known(m.definition.ready)).collect();
        let twins = members.iter().map(|member| async {
            let Self { session, plan, number, .. } = *self;
            Twin::open(
                &Place { session, plan, member, lane: number, networks: &self.networks },
                &gate,
            )
            .await
        });
        let opened = tokio::try_join!(
            futures_util::future::try_join_all(twins),
            runner::Container::open(self.session, self.plan, &members, self.number, clock),
        );
        let (twins, (container, runner)) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.session.drop_container(&self.plan.runner_name(self.number)).await?;
                return Err(error);
            }
        };
        let hands = OfEngine {
            engine: self.session.engine.clone(),
            twins: (members.iter().zip(&twins))
                .map(|(member, twin)| {
                    let member = (*member).clone();
                    let container = twin.container.clone();
                    let held =
                        Held { container, member, address: twin.address, has: Mutex::default() };
                    (twin.service.clone(), held)
                })
                .collect(),
        };
        let mut stand = Stand {
            runner,
            files: Vec::new(),
            relays: [].into(),
            twins: [].into(),
            hands: Box::new(hands),
        };
        for ((twin, member), host) in twins.iter().zip(members).zip(2u8..) {
            let relay = Relay::new(clock, twin.address, relay::protocol(member.definition.ready));
            let port = member.definition.port.unwrap_or_default();
            let address = Ipv4Addr::new(127, 0, 0, host);
            stand.runner.route(&twin.service, address, port, relay.clone()).await?;
            stand.relays.insert(twin.service.clone(), relay);
            stand.twins.insert(twin.service.clone(), twin.session.clone());
        }
        Ok(Open { stand, runner: container, twins })
    }

    /// Whose fault a finding is: a twin or runner that died changes what it means.
    pub async fn explain(&mut self, finding: Finding) -> Finding {
        let Some(open) = &self.open else { return finding };
        let engine = &self.session.engine;
        for twin in &open.twins {
            let Some(member) = self.plan.member(&twin.service) else { continue };
            let Ok(state) = self.fate(twin, member).await else { continue };
            if state.as_ref().is_some_and(|s| s.running && !s.paused) {
                continue;
            }
            let said = self.session.words_of_last_run(&twin.container, state.as_ref()).await;
            return super::trouble::service_died(member, state.as_ref(), &said, finding);
        }
        if let Finding::Error(error) = &finding {
            for twin in &open.twins {
                if !twin.obeys().await {
                    let summary = format!(
                        "After what the program sent, {} no longer does what it is told",
                        twin.service
                    );
                    let mut evidence = Evidence::new(summary);
                    evidence.observed = error.why.clone().or_else(|| Some(error.what.clone()));
                    return evidence.fail("service-broken");
                }
            }
            let state = engine.inspect(&open.runner.name).await.ok().flatten();
            if state.is_some_and(|s| s.oom_killed) {
                let mut evidence = Evidence::new(
                    "The program used more memory than a check allows and was stopped",
                );
                evidence.observed = Some(error.what.clone());
                return evidence.fail("died");
            }
        }
        finding
    }

    /// The state of a twin. The engine books an end a moment after everybody else has noticed it: one that does not
    /// answer is looked at again.
    async fn fate(&self, twin: &Twin, member: &Member) -> Result<Option<ContainerState>> {
        let patience = Instant::now() + BOOKED_WITHIN;
        loop {
            let state = self.session.engine.inspect(&twin.container).await?;
            let runs = state.as_ref().is_some_and(|s| s.running && !s.paused);
            let (true, Some(protocol)) = (runs, member.definition.ready) else { return Ok(state) };
            let answers = ready::wait(protocol, twin.address, LOOK_EVERY).await.is_ok();
            if answers || Instant::now() >= patience {
                return Ok(state);
            }
        }
    }
}

/// The engine's hold on the twins of a stand. What a check leaves dead or frozen is replaced before the next one.
struct OfEngine {
    engine: Engine,
    twins: BTreeMap<String, Held>,
}

/// A twin as the engine and the network know it.
struct Held {
    container: String,
    member: Member,
    address: SocketAddr,
    /// The digest of the files that it was started with.
    has: Mutex<Option<String>>,
}

impl Held {
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
        let archive = archive(files)?;
        let now = crate::digest::sha256(&archive);
        let mut has = twin.has.lock().await;
        if has.take().is_none_or(|before| before != now) {
            let unpack = ["sh", "-ec", UNPACK, "sh", &configured.at];
            if let Err(why) = self.run(twin, ExecSpec::new(unpack), &archive).await? {
                let what = format!("The files for {service} cannot be put into its container");
                return Err(Error::infrastructure(what).because(why));
            }
            if let Err(why) = self.run(twin, ExecSpec::new(configured.test.clone()), &[]).await? {
                return Ok(Err(why));
            }
        }
        // Also with the same files: what it remembers of the last check, such as who failed, is gone then.
        self.engine.restart(&twin.container, twin.patience()).await?;
        match tokio::time::timeout(SPEAKS_WITHIN, self.until_ready(twin)).await {
            Ok(Ok(())) => {
                *has = Some(now);
                Ok(Ok(()))
            }
            Ok(Err(error)) => Ok(Err(error.why.unwrap_or(error.what))),
            Err(_) => {
                let port = twin.member.definition.port.unwrap_or_default();
                Ok(Err(format!("it runs, but answers nobody on port {port}")))
            }
        }
    }

    fn folder(&self, service: &str) -> Result<&str> {
        self.twin(service)?.files().map(|(folder, _)| folder)
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

    /// Runs something short in a twin; the inner error is what it says when it fails.
    async fn run(&self, twin: &Held, what: ExecSpec, input: &[u8]) -> Result<Result<(), String>> {
        let ran = self.engine.exec_capture(&twin.container, &what, input, RUNS_WITHIN).await?;
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        Ok(match ran.exit_code {
            Some(0) => Ok(()),
            Some(code) if said.is_empty() => Err(format!("it ended with {code} and said nothing")),
            Some(_) => Err(said),
            None => Err(format!("it had not ended after {} s", RUNS_WITHIN.as_secs())),
        })
    }

    async fn until_ready(&self, Held { container, member, address, .. }: &Held) -> Result<()> {
        let Some(protocol) = member.definition.ready else { return Ok(()) };
        let service = &member.name;
        let what = || Error::infrastructure(format!("The twin of {service} does not come back"));
        tokio::select! {
            answered = ready::wait(protocol, *address, twin::READY_WITHIN) => {
                answered.map_err(|met| what().at(container).because(met))
            }
            ended = self.ends(container) => Err(ended.err().unwrap_or_else(what)),
        }
    }

    /// Returns when a container has ended.
    async fn ends(&self, container: &str) -> Result<()> {
        while self.engine.inspect(container).await?.is_some_and(|s| s.running) {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        Ok(())
    }
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

impl Open {
    /// Kills what the last check left running and empties the twins; `false` when something stays.
    async fn clean(&self) -> bool {
        if self.stand.runner.clean().await.is_err() {
            return false;
        }
        for twin in &self.twins {
            let Some(relay) = self.stand.relays.get(&twin.service) else { return false };
            relay.set_gatekeeper(None);
            relay.forget();
            if !twin.clean().await {
                return false;
            }
        }
        true
    }
}

impl Session {
    /// Removes the runners of checks that were cut short, unless a check goes on right now. Those that were left clean
    /// stay, and twins: the next check cleans them or makes them anew.
    pub async fn remove_abandoned_stands(&self, seat: &str) -> Result<Vec<String>> {
        self.engine.settled().await;
        let Some(row) = self.store.seats()?.into_iter().find(|s| s.id == seat) else {
            return Ok(Vec::new());
        };
        let Ok(_lock) = self.store.lock(&check_lock(&row.lab)) else {
            return Ok(Vec::new());
        };
        let found = self
            .engine
            .list(&[&format!("{STAND_LABEL}={RUNNER}"), &format!("{SEAT_LABEL}={seat}")])
            .await?;
        let recorded = self.store.resources(Some(seat))?;
        let clean = |name: &str| recorded.iter().any(|r| r.name == name && !r.detail.is_empty());
        let names: Vec<String> =
            found.into_iter().map(|c| c.name).filter(|name| !clean(name)).collect();
        let drops = names.iter().map(|name| self.drop_container(name));
        futures_util::future::try_join_all(drops).await?;
        Ok(names)
    }
}
