//! Reset: everything of the seat anew, the learner's files kept aside.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::ledger::check_lock;
use super::put::{Old, put};
use super::start::Reach;
use super::{Session, workspace};
use crate::catalog::lab::{Lab, Task};
use crate::error::{Error, Result};
use crate::failpoint;
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

impl ResetDone {
    /// Where the learner's files are now, where they were set aside.
    pub fn said(&self) -> Option<String> {
        self.old_workspace.as_deref().map(said_of)
    }
}

fn said_of(old_workspace: &Path) -> String {
    format!("Your old files are in {}", old_workspace.display())
}

/// A task that can be begun again.
#[derive(Debug, Serialize)]
pub struct TaskReset {
    pub task: String,
    /// Whether what it leaves in the services was undone.
    pub data: bool,
    /// The file that is as the lab gives it again.
    pub file: Option<String>,
    /// The name under which the learner's version of it is kept.
    pub kept: Option<String>,
}

impl TaskReset {
    /// What was done, in a sentence.
    pub fn said(&self) -> String {
        let mut said = format!("{} begins again.", self.task);
        if let Some(kept) = &self.kept {
            said.push_str(&format!(" Your file is now {kept}."));
        }
        said
    }
}

impl Session {
    /// The file, as the lab gives it, that a reset of a task puts in the place of the learner's.
    ///
    /// # Errors
    /// The task cannot be reset alone: there is neither such a file nor a command that undoes what it leaves.
    pub fn put_back_by_reset(&self, lab: &Lab, task: &Task) -> Result<Option<(String, Vec<u8>)>> {
        let given = match &task.program {
            Some(name) => workspace::starter(lab, self.catalog.lab_files(), &name.value)?
                .map(|content| (name.value.clone(), content)),
            None => None,
        };
        if task.reset.is_none() && given.is_none() {
            let what = format!("The task {} cannot be reset alone", task.id.value);
            return Err(Error::usage(what)
                .because("the lab does not say how to undo what it leaves")
                .help(format!(
                    "'labs reset {0} --data' makes all data anew, 'labs reset {0}' moves your files aside too",
                    lab.slug
                )));
        }
        Ok(given)
    }

    /// Begins one task again: undoes what it leaves in the services, and gives its program's file back as it was. What
    /// was passed stays passed.
    ///
    /// # Errors
    /// The task leaves nothing that could be undone alone, its command fails, or a link is in the file's place.
    pub async fn reset_task(&self, lab: &Lab, seat: SeatRow, task: &Task) -> Result<TaskReset> {
        let given = self.put_back_by_reset(lab, task)?;
        self.must_be_there(lab, &seat)?;
        let plan = self.plan(lab, seat.clone())?;
        if task.reset.is_some() {
            // It waits for who holds the seat's lock, who may wait for a check.
            self.workbench(&plan).await?;
        }
        let name = check_lock(&lab.slug);
        let check = self.events.passing("waiting for a check", self.store.lock_waiting(&name));
        let _check = check.await?;
        self.must_be_there(lab, &seat)?;
        if let Some(command) = &task.reset {
            let undone = self.run_steps(&plan, std::slice::from_ref(command));
            undone.await.map_err(|error| {
                Error { what: format!("What {} has left cannot be undone", task.id.value), ..error }
                    .help(format!("'labs reset {} --data' makes all data anew", lab.slug))
            })?;
        }
        let kept = match &given {
            Some((name, content)) => {
                let old = Old::Kept { unless: None };
                put(plan.workspace(), name, content, old, plan.owner())?
            }
            None => None,
        };
        Ok(TaskReset {
            task: task.id.value.clone(),
            data: task.reset.is_some(),
            file: given.map(|(name, _)| name),
            kept,
        })
    }

    /// Recreates containers, network and volumes, and the workspace too unless it is kept. What was passed stays passed.
    pub async fn reset(&self, lab: &Lab, seat: SeatRow, workspace: Workspace) -> Result<ResetDone> {
        let _locks = self.lock_seat(&lab.slug).await?;
        self.must_be_there(lab, &seat)?;
        let plan = self.plan(lab, seat)?;
        self.images.ensure(&self.engine, &self.images.of_lab(lab)?, &self.events).await?;
        let removal = self.remove_resources(&plan.seat.id);
        let removed = self.events.step("removing the old seat", removal).await?;
        if let Some(name) = removed.stay.first() {
            return Err(Error::infrastructure("Not all of the seat can be made anew")
                .at(name)
                .because("the engine has not removed what was there, as said above")
                .help("do what helps there, and reset again"));
        }
        let old_workspace = match workspace {
            Workspace::Kept => None,
            Workspace::SetAside => self.set_aside(plan.workspace())?,
        };
        self.prepare(lab, &plan)?;
        let services = self.provision(lab, &plan).await?;
        // It may be one whose start had failed.
        self.store.seat_is_ready(&plan.seat.id)?;
        Ok(ResetDone { old_workspace, workspace: plan.seat.workspace, services })
    }

    /// Moves a workspace aside and says at once where to: the learner finds it, whatever comes then.
    fn set_aside(&self, workspace: &Path) -> Result<Option<PathBuf>> {
        let old = workspace::set_aside(workspace)?;
        if let Some(old) = &old {
            self.events.note(said_of(old));
        }
        failpoint::step();
        Ok(old)
    }

    /// Somebody else may have ended it, and what is made for it then only gc would find.
    fn must_be_there(&self, lab: &Lab, seat: &SeatRow) -> Result<()> {
        match self.store.seat_of(&lab.slug)? {
            Some(now) if now.id == seat.id => Ok(()),
            _ => Err(Error::usage(format!("The seat of {} has ended meanwhile", lab.slug))
                .help(format!("'labs run {}' starts another", lab.slug))),
        }
    }
}
