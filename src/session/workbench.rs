//! The workbench comes up when it is first used: nothing waits for it, and a seat that is only checked has none.

use std::time::Duration;

use super::Session;
use super::plan::{Networks, PLAN_LABEL, Plan, WORKBENCH};
use crate::engine::LogRequest;
use crate::error::{Error, Result};
use crate::store::SeatRow;

/// The workbench prints the nonce before anything else.
const NONCE_WITHIN: Duration = Duration::from_secs(10);

impl Session {
    /// The container of a seat's workbench, which runs from now on.
    ///
    /// # Errors
    /// The seat does not run or has never come up, or the engine does not see its workspace.
    pub async fn workbench(&self, plan: &Plan) -> Result<String> {
        must_have_come_up(&plan.seat)?;
        let container = plan.container(WORKBENCH);
        if self.runs(&container).await? {
            return Ok(container);
        }
        let _lock = self.store.lock_waiting(&plan.seat.lab).await?;
        self.raise(plan, &plan.workbench(&self.networks(plan).await?)).await?;
        self.events.step("workspace", self.prove_workspace(plan)).await?;
        Ok(container)
    }

    /// Ends all that runs in the workbench and what lies in its memory; the workspace stays.
    ///
    /// # Errors
    /// As [`Session::workbench`].
    pub async fn restart_workbench(&self, plan: &Plan) -> Result<()> {
        let container = plan.container(WORKBENCH);
        if self.runs(&container).await? {
            let stop = self.engine.stop(&container, Duration::ZERO);
            self.events.step("restarting the workbench", stop).await?;
        }
        self.workbench(plan).await.map(drop)
    }

    /// Removes a workbench that was made to another plan (other packages, another folder): the next use makes it anew.
    pub(super) async fn drop_outdated_workbench(
        &self,
        plan: &Plan,
        networks: &Networks,
    ) -> Result<()> {
        let spec = plan.workbench(networks);
        match self.engine.inspect(&spec.name).await? {
            Some(state) if state.labels.get(PLAN_LABEL) != spec.labels.get(PLAN_LABEL) => {
                self.drop_container(&spec.name).await
            }
            _ => Ok(()),
        }
    }

    /// A bind path that is missing on the engine's machine appears as an empty folder: the workbench
    /// prints the nonce it found, and it must be ours.
    async fn prove_workspace(&self, plan: &Plan) -> Result<()> {
        let container = plan.container(WORKBENCH);
        let mut logs =
            self.engine.logs(&container, &LogRequest { follow: true, ..LogRequest::default() });
        let first =
            tokio::time::timeout(NONCE_WITHIN, logs.next()).await.ok().flatten().transpose()?;
        if first.is_some_and(|line| line.bytes.trim_ascii() == plan.seat.id.as_bytes()) {
            return Ok(());
        }
        Err(Error::infrastructure("The engine does not see the workspace of this machine")
            .at(plan.workspace().display().to_string())
            .because("the folder mounted in the workbench is another one")
            .help("choose a folder that the engine shares, with --workspace DIR"))
    }
}

/// What is done in a seat whose start is not over, or was cut short, is lost with it, and meets services without their data.
///
/// # Errors
/// It is such a seat.
pub(super) fn must_have_come_up(seat: &SeatRow) -> Result<()> {
    if seat.ready {
        return Ok(());
    }
    Err(Error::infrastructure(format!("The seat of {} has not come up yet", seat.lab)).help(
        format!("wait for the 'labs run' that goes on, else 'labs run {}' begins again", seat.lab),
    ))
}
