//! Stands: a runner and twins for one check after the other, clean each time.

use std::net::Ipv4Addr;
use std::sync::Arc;

use super::plan::{Member, Plan, SEAT_LABEL, WORKBENCH};
use super::start::reach;
use super::{Session, workspace};
use crate::engine::{ContainerSpec, NetworkChoice, Subnet};
use crate::error::{Error, Result};
use crate::probe::clock::Clock;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::redis::Redis;
use crate::probe::relay::Relay;
use crate::probe::relay::resp::Resp;
use crate::probe::runner::Runner;
use crate::probe::scene::Stand;
use crate::ready;

/// Isolated from the environment and from site packages' start-up: it starts in a third of the time.
const SUPERVISOR: [&str; 3] = ["python3", "-I", "/usr/lib/labs/runner.py"];
/// Marks the throw-away containers of checks.
const STAND_LABEL: &str = "labs.stand";

/// A place where one check at a time runs the learner's program.
pub struct Lane<'a> {
    session: &'a Session,
    plan: &'a Plan,
    number: u8,
    subnet: Subnet,
    open: Option<Open>,
    used: bool,
}

/// A stand with the containers it consists of.
struct Open {
    stand: Stand,
    runner: String,
    twins: Vec<Part>,
}

/// A twin's container.
struct Part {
    container: String,
    service: String,
    /// Its configuration before any program could change it.
    pristine: serde_json::Value,
}

impl<'a> Lane<'a> {
    pub fn new(session: &'a Session, plan: &'a Plan, number: u8, subnet: Subnet) -> Self {
        Self { session, plan, number, subnet, open: None, used: false }
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
            let name = format!("preparing lane {}", self.number + 1);
            let opened =
                self.session.events.step(name, self.open()).await.map_err(Finding::Error)?;
            self.open = Some(opened);
        }
        self.used = true;
        match self.stand() {
            Some(stand) => stand.runner.load(&files).await.map_err(Finding::Error),
            None => Ok(()),
        }
    }

    /// Removes the containers.
    pub async fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.used = false;
        let names = open.twins.iter().map(|twin| &twin.container).chain([&open.runner]);
        let drops = names.map(|name| self.session.drop_container(name));
        futures_util::future::try_join_all(drops).await.map(drop)
    }

    async fn open(&self) -> Result<Open> {
        let clock = Clock::start();
        let tail = crate::probe::fresh::random("").trim_start_matches('-').to_owned();
        let gate = self.session.gate(self.plan).await?;
        let members: Vec<&Member> =
            self.plan.members.iter().filter(|m| m.definition.port.is_some()).collect();
        let runner_name = self.plan.container(&format!("runner-{tail}"));
        let twins = members.iter().map(|member| async {
            let name = self.plan.container(&format!("twin-{}-{tail}", member.name));
            let mut spec = self.plan.twin(member, self.number, self.subnet, name.clone());
            spec.labels.insert(STAND_LABEL.to_owned(), "twin".to_owned());
            self.session.make_container(&self.plan.seat.id, &spec).await?;
            self.session.engine.start(&name).await?;
            let address = reach(member, Some(self.number), &gate)?;
            if let Some(protocol) = member.definition.ready {
                let patience = std::time::Duration::from_secs(20);
                tokio::time::timeout(patience, ready::wait(protocol, address)).await.map_err(
                    |_| {
                        Error::infrastructure(format!(
                            "The twin of {} does not answer",
                            member.name
                        ))
                        .at(&name)
                    },
                )?;
            }
            Ok::<_, Error>((
                name,
                member.name.clone(),
                address,
                Redis::connect(&member.name, address).await?,
            ))
        });
        let runner = async {
            let spec = runner_spec(self.plan, &members, runner_name.clone());
            self.session.make_container(&self.plan.seat.id, &spec).await?;
            let attached = self.session.engine.attach(&runner_name).await?;
            self.session.engine.start(&runner_name).await?;
            let runner = Runner::start(attached.stdout, attached.stdin, clock).await?;
            let libraries: Vec<&str> =
                members.iter().flat_map(|m| &m.definition.libraries).map(String::as_str).collect();
            runner.preload(&libraries).await?;
            Ok(runner)
        };
        let (twins, runner) = tokio::try_join!(futures_util::future::try_join_all(twins), runner)?;
        let mut stand = Stand { runner, relays: [].into(), twins: [].into() };
        let mut parts = Vec::new();
        for (((name, service, address, session), member), host) in
            twins.into_iter().zip(members).zip(2u8..)
        {
            let relay = Relay::new(clock, address, Arc::new(Resp));
            let port = member.definition.port.unwrap_or_default();
            stand
                .runner
                .route(&service, Ipv4Addr::new(127, 0, 0, host), port, relay.clone())
                .await?;
            parts.push(Part {
                container: name,
                pristine: session.configuration().await?,
                service: service.clone(),
            });
            stand.relays.insert(service.clone(), relay);
            stand.twins.insert(service.clone(), session);
        }
        Ok(Open { stand, runner: runner_name, twins: parts })
    }

    /// Whose fault a finding is: a twin or runner that died changes what it means.
    pub async fn explain(&mut self, finding: Finding) -> Finding {
        let Some(open) = &self.open else { return finding };
        let engine = &self.session.engine;
        for Part { container, service, .. } in &open.twins {
            let Ok(state) = engine.inspect(container).await else { continue };
            if state.as_ref().is_some_and(|s| s.running && !s.paused) {
                continue;
            }
            let Some(member) = self.plan.member(service) else { continue };
            let said = engine.log_tail(container, 20).await.unwrap_or_default();
            return super::trouble::service_died(member, state.as_ref(), &said, finding);
        }
        if let Finding::Error(error) = &finding {
            let state = engine.inspect(&open.runner).await.ok().flatten();
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
}

impl Open {
    /// Kills what the last check left running and empties the twins; `false` when something stays.
    async fn clean(&self) -> bool {
        if self.stand.runner.clean().await.is_err() {
            return false;
        }
        for Part { service, pristine, .. } in &self.twins {
            let (Some(relay), Some(twin)) =
                (self.stand.relays.get(service), self.stand.twins.get(service))
            else {
                return false;
            };
            relay.set_gatekeeper(None);
            relay.forget();
            let wiped = twin.wipe().await.is_ok();
            if !wiped || twin.configuration().await.ok().as_ref() != Some(pristine) {
                return false;
            }
        }
        true
    }
}

impl Session {
    /// Removes stands of checks that were cut short, unless a check goes on right now.
    pub async fn remove_abandoned_stands(&self, seat: &str) -> Result<Vec<String>> {
        let Some(row) = self.store.seats()?.into_iter().find(|s| s.id == seat) else {
            return Ok(Vec::new());
        };
        let Ok(_lock) = self.store.lock(&format!("{}.check", row.lab)) else {
            return Ok(Vec::new());
        };
        let found = self.engine.list(&[STAND_LABEL, &format!("{SEAT_LABEL}={seat}")]).await?;
        let names: Vec<String> = found.into_iter().map(|c| c.name).collect();
        let drops = names.iter().map(|name| self.drop_container(name));
        futures_util::future::try_join_all(drops).await?;
        Ok(names)
    }
}

/// The container that the program runs in: no network, nothing mounted, nothing writable but memory.
fn runner_spec(plan: &Plan, members: &[&Member], name: String) -> ContainerSpec {
    const MIB: u64 = 1 << 20;
    let (uid, gid) = plan.owner();
    let mut labels = plan.labels();
    labels.insert(STAND_LABEL.to_owned(), "runner".to_owned());
    let owned = |size: &str| format!("size={size},uid={uid},gid={gid},mode=700");
    ContainerSpec {
        name,
        image: plan.workbench_image.clone(),
        command: SUPERVISOR.map(str::to_owned).to_vec(),
        labels,
        user: Some(format!("{uid}:{gid}")),
        hostname: Some(WORKBENCH.to_owned()),
        working_dir: Some("/".to_owned()),
        network: NetworkChoice::None,
        extra_hosts: members
            .iter()
            .zip(2u8..)
            .map(|(m, n)| (m.name.clone(), format!("127.0.0.{n}")))
            .collect(),
        tmpfs: [("/workspace".to_owned(), owned("64m")), ("/tmp".to_owned(), owned("64m"))].into(),
        read_only: true,
        memory: Some(512 * MIB),
        pids: Some(256),
        nano_cpus: Some(2_000_000_000),
        open_stdin: true,
        log_bytes: None,
        ..ContainerSpec::default()
    }
}
