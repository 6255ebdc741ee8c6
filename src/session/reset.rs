//! Reset: everything of the seat anew, the learner's files kept aside.

use std::path::PathBuf;

use serde::Serialize;

use super::start::Reach;
use super::{Session, workspace};
use crate::catalog::lab::Lab;
use crate::error::{Error, Result};
use crate::store::SeatRow;

/// What a reset makes of the learner's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Workspace {
    Kept,
    /// Moved away, so that the starter files are there again.
    SetAside,
}

#[derive(Debug, Serialize)]
pub struct ResetDone {
    /// Where the workspace as it was is now.
    pub old_workspace: Option<PathBuf>,
    pub workspace: PathBuf,
    pub services: Vec<Reach>,
}

impl Session {
    /// Recreates containers, network and volumes, and the workspace too unless it is kept. What was passed stays passed.
    pub async fn reset(&self, lab: &Lab, seat: SeatRow, workspace: Workspace) -> Result<ResetDone> {
        let _locks = self.lock_seat(&lab.slug).await?;
        if self.store.seat_of(&lab.slug)?.is_none_or(|now| now.id != seat.id) {
            return Err(Error::usage(format!("The seat of {} has ended meanwhile", lab.slug))
                .help(format!("'labs run {}' starts another", lab.slug)));
        }
        let plan = self.plan(lab, seat)?;
        self.images.ensure(&self.engine, &self.images.of_lab(lab)?, &self.events).await?;
        let removal = self.remove_resources(&plan.seat.id);
        let removed = self.events.step("removing the old seat", removal).await?;
        if let Some(network) = removed.stay.first() {
            return Err(Error::infrastructure("The seat's network cannot be made anew")
                .at(network)
                .because("something is still on it that is not the seat's")
                .help("take it off ('docker network inspect' shows it), and reset again"));
        }
        let old_workspace = match workspace {
            Workspace::Kept => None,
            Workspace::SetAside => workspace::set_aside(plan.workspace())?,
        };
        self.prepare(lab, &plan)?;
        let services = self.provision(lab, &plan).await?;
        Ok(ResetDone { old_workspace, workspace: plan.seat.workspace, services })
    }
}
