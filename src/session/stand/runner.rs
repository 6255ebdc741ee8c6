//! The runner's container: where the learner's program runs, and nothing else does. Kept warm from check to check as
//! long as it comes clean; nobody having come for it in ten minutes, it ends.

use crate::engine::{ContainerSpec, NetworkChoice, Stdin};
use crate::error::Result;
use crate::probe::clock::Clock;
use crate::probe::runner::Runner;
use crate::session::Session;
use crate::session::plan::{Member, PLAN_LABEL, Plan, WORKBENCH, planned};
use crate::store::ResourceKind;

/// Isolated from the environment and from site packages' start-up, which it does not need.
const SUPERVISOR: [&str; 3] = ["python3", "-I", "/usr/lib/labs/runner.py"];
const MIB: u64 = 1 << 20;

/// A runner's container, and what it was made from.
pub struct Container {
    pub name: String,
    plan: String,
}

impl Container {
    /// Takes the runner that the last check of the lane left warm, or makes one.
    ///
    /// # Errors
    /// The engine refuses, or the supervisor does not greet.
    pub async fn open(
        session: &Session,
        plan: &Plan,
        members: &[&Member],
        lane: u8,
        clock: Clock,
    ) -> Result<(Self, Runner)> {
        let libraries: Vec<&str> =
            members.iter().flat_map(|m| &m.definition.libraries).map(String::as_str).collect();
        let spec = planned(spec(plan, members, plan.runner_name(lane)), &libraries.join(" "));
        let made_from = spec.labels.get(PLAN_LABEL).cloned().unwrap_or_default();
        let container = Self { name: spec.name.clone(), plan: made_from };
        if let Some(warm) = container.resume(session, &plan.seat.id, clock).await? {
            return Ok((container, warm));
        }
        session.drop_container(&spec.name).await?;
        session.make_container(&plan.seat.id, &spec).await?;
        let attached = session.engine.attach(&spec.name).await?;
        session.engine.start(&spec.name).await?;
        let runner = Runner::start(attached.stdout, attached.stdin, clock).await?;
        runner.preload(&libraries).await?;
        Ok((container, runner))
    }

    /// Leaves the runner to the next check, or removes it where it does not come clean.
    pub async fn close(&self, session: &Session, runner: Runner) -> Result<()> {
        if runner.clean().await.is_ok() && runner.park().await.is_ok() {
            return session.store.note_resource(ResourceKind::Container, &self.name, &self.plan);
        }
        session.drop_container(&self.name).await
    }

    async fn resume(&self, session: &Session, seat: &str, clock: Clock) -> Result<Option<Runner>> {
        let recorded = session.store.resources(Some(seat))?;
        if !recorded.iter().any(|r| r.name == self.name && r.detail == self.plan) {
            return Ok(None);
        }
        // From here on it is used: whoever is cut short leaves one that is not clean.
        session.store.note_resource(ResourceKind::Container, &self.name, "")?;
        let state = session.engine.inspect(&self.name).await?;
        if !state.is_some_and(|s| s.running && !s.paused) {
            return Ok(None);
        }
        let Ok(attached) = session.engine.attach(&self.name).await else { return Ok(None) };
        Ok(Runner::resume(attached.stdout, attached.stdin, clock).await.ok())
    }
}

/// No network, nothing mounted, nothing writable but memory.
fn spec(plan: &Plan, members: &[&Member], name: String) -> ContainerSpec {
    let (uid, gid) = plan.owner();
    let mut labels = plan.labels();
    labels.insert(super::STAND_LABEL.to_owned(), super::RUNNER.to_owned());
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
        // Memory and queues that outlive their processes would outlive the check.
        sysctls: [("kernel.shmmni", "0"), ("kernel.msgmni", "0"), ("kernel.sem", "0 0 0 0")]
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .into(),
        memory: Some(512 * MIB),
        pids: Some(256),
        nano_cpus: Some(2_000_000_000),
        stdin: Stdin::Kept,
        // It ends with the connection to it, however this process ends.
        auto_remove: true,
        log_bytes: None,
        ..ContainerSpec::default()
    }
}
