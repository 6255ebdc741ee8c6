//! The runner's container: where the learner's program runs, and nothing else does.

use crate::engine::{ContainerSpec, NetworkChoice};
use crate::error::Result;
use crate::probe::clock::Clock;
use crate::probe::runner::Runner;
use crate::session::Session;
use crate::session::plan::{Member, Plan, WORKBENCH};

/// Isolated from the environment and from site packages' start-up, which it does not need.
const SUPERVISOR: [&str; 3] = ["python3", "-I", "/usr/lib/labs/runner.py"];
const MIB: u64 = 1 << 20;

/// Starts a runner in a container of that name.
///
/// # Errors
/// The engine refuses, or the supervisor does not greet.
pub async fn start(
    session: &Session,
    plan: &Plan,
    members: &[&Member],
    name: &str,
    clock: Clock,
) -> Result<Runner> {
    session.make_container(&plan.seat.id, &spec(plan, members, name.to_owned())).await?;
    let attached = session.engine.attach(name).await?;
    session.engine.start(name).await?;
    let runner = Runner::start(attached.stdout, attached.stdin, clock).await?;
    let libraries: Vec<&str> =
        members.iter().flat_map(|m| &m.definition.libraries).map(String::as_str).collect();
    runner.preload(&libraries).await?;
    Ok(runner)
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
        open_stdin: true,
        // It ends with the connection to it, however this process ends.
        auto_remove: true,
        log_bytes: None,
        ..ContainerSpec::default()
    }
}
