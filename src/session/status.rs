//! What a seat consists of right now.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Serialize;

use super::Session;
use super::plan::{GATE, WORKBENCH};
use super::start::reach;
use crate::catalog::lab::{Lab, Task};
use crate::engine::ContainerState;
use crate::error::Result;
use crate::seed::Seed;
use crate::store::{SeatRow, Store, TaskProgress};

/// The state of a workbench that nobody has used yet.
const UNUSED: &str = "not used yet";

#[derive(Debug, Serialize)]
pub struct SeatStatus {
    pub seat: String,
    pub lab: String,
    pub workspace: PathBuf,
    #[serde(flatten)]
    pub seed: Seed,
    pub created_at: String,
    pub lease_until: String,
    pub tasks: usize,
    pub passed: usize,
    pub parts: Vec<Part>,
}

/// A container of the seat.
#[derive(Debug, Serialize)]
pub struct Part {
    pub name: String,
    /// `running`, `paused`, `stopped (exit code N)`, `missing`; of the workbench also `not used yet`.
    pub state: String,
    /// How a service is reached from this machine.
    pub address: Option<SocketAddr>,
}

/// The place of the first task that has not passed.
pub fn first_open(lab: &Lab, progress: &BTreeMap<String, TaskProgress>) -> Option<usize> {
    let passed = |t: &Task| progress.get(&t.id.value).is_some_and(|p| p.passed_at.is_some());
    lab.tasks.iter().position(|task| !passed(task))
}

/// The place of the task that the learner is at: where they left, else the first that is open, else the last.
///
/// # Errors
/// The store cannot be read.
pub fn place(store: &Store, lab: &Lab) -> Result<usize> {
    if let Some(task) = store.place(&lab.slug)?
        && let Some(at) = lab.tasks.iter().position(|t| t.id.value == task)
    {
        return Ok(at);
    }
    let last = lab.tasks.len().saturating_sub(1);
    Ok(first_open(lab, &store.progress(&lab.slug)?).unwrap_or(last))
}

impl Session {
    /// # Errors
    /// The engine does not answer, or the lab's files are faulty.
    pub async fn status(&self, seat: SeatRow) -> Result<SeatStatus> {
        let lab = self.catalog.lab_of_seat(&seat.lab, &seat.seed, &seat.variables)?;
        let progress = self.store.progress(&lab.slug)?;
        let passed = lab
            .tasks
            .iter()
            .filter(|t| progress.get(&t.id.value).is_some_and(|p| p.passed_at.is_some()))
            .count();
        let plan = self.plan(&lab, seat)?;
        let gate = self.engine.inspect(&plan.gate_name()).await?;
        let mut parts = Vec::new();
        for member in &plan.members {
            let state = self.engine.inspect(&plan.container(&member.name)).await?;
            let address = gate.as_ref().and_then(|g| reach(member, None, g).ok());
            parts.push(Part {
                name: member.name.clone(),
                state: describe(state.as_ref()),
                address,
            });
        }
        let workbench = self.engine.inspect(&plan.container(WORKBENCH)).await?;
        let state = workbench.map_or(UNUSED.to_owned(), |workbench| describe(Some(&workbench)));
        parts.push(Part { name: WORKBENCH.to_owned(), state, address: None });
        parts.push(Part { name: GATE.to_owned(), state: describe(gate.as_ref()), address: None });
        Ok(SeatStatus {
            seat: plan.seat.id,
            lab: lab.slug,
            workspace: plan.seat.workspace,
            seed: plan.seat.seed,
            created_at: plan.seat.created_at,
            lease_until: plan.seat.lease_until,
            tasks: lab.tasks.len(),
            passed,
            parts,
        })
    }
}

/// The state of a part that is as it should be.
pub const RUNNING: &str = "running";

fn describe(state: Option<&ContainerState>) -> String {
    match state {
        None => "missing".to_owned(),
        Some(s) if s.paused => "paused".to_owned(),
        Some(s) if s.running => RUNNING.to_owned(),
        Some(s) if s.oom_killed => "stopped (out of memory)".to_owned(),
        Some(s) => format!("stopped (exit code {})", s.exit_code),
    }
}
