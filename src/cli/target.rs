//! `[LAB] [TASK]` on the command line.

use clap_complete::ArgValueCompleter;

use super::completions;
use crate::catalog::lab::{Lab, Task};
use crate::catalog::{Catalog, unknown};
use crate::error::{Error, Result};
use crate::session::status::place;
use crate::session::{lease, resolve};
use crate::store::{SeatRow, Store};
use crate::suggest::did_you_mean;

/// A lab, a task of it, or both; the seat that the current directory means when no lab is named.
#[derive(Debug, Clone, clap::Args)]
pub struct Target {
    /// The lab, left out inside its workspace or when only one runs; and the task
    #[arg(value_names = ["LAB] [TASK"], num_args = 0..=2, add = ArgValueCompleter::new(completions::labs_and_tasks))]
    names: Vec<String>,
}

/// What the words mean.
pub struct Resolved {
    pub seat: SeatRow,
    pub lab: Lab,
    /// The id of the task, when one is named.
    pub task: Option<String>,
}

impl Target {
    /// What the words mean; the seat is used with that.
    ///
    /// # Errors
    /// Unknown names, with the nearest ones; no seat to mean; the record cannot be written.
    pub fn resolve(&self, catalog: &Catalog, store: &Store) -> Result<Resolved> {
        let slugs = catalog.slugs();
        let (lab, task) = match self.names.as_slice() {
            [lab, task] => (Some(lab), Some(task)),
            [name] if slugs.contains(name) => (Some(name), None),
            [name] => (None, Some(name)),
            _ => (None, None),
        };
        if let Some(lab) = lab
            && !slugs.contains(lab)
        {
            return Err(unknown("lab", lab, &slugs, "see 'labs list'"));
        }
        let current = std::env::current_dir().unwrap_or_default();
        let seat =
            resolve::seat(store, lab.map(String::as_str), &current).map_err(
                |error| match task {
                    // With no seat to look in, the word may as well have been meant as a lab.
                    Some(task) if lab.is_none() => {
                        match did_you_mean(task, slugs.iter().map(String::as_str)) {
                            Some(_) => unknown("lab", task, &slugs, ""),
                            None => error.because(format!(
                                "{task:?} is no lab; a task is looked for in the lab that runs, or in one named before it"
                            )),
                        }
                    }
                    _ => error,
                },
            )?;
        lease::renew(store, &seat)?;
        let lab = catalog.lab_of_seat(&seat.lab, &seat.seed, &seat.variables)?;
        if let Some(task) = task {
            find(&lab, task, &slugs)?;
        }
        Ok(Resolved { seat, task: task.cloned(), lab })
    }
}

impl Resolved {
    /// The named task, else the one that the learner is at.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn task_or_next(&self, store: &Store) -> Result<&Task> {
        if let Some(task) = self.task.as_deref().and_then(|id| self.lab.task(id)) {
            return Ok(task);
        }
        self.lab
            .tasks
            .get(place(store, &self.lab)?)
            .ok_or_else(|| Error::usage(format!("The lab {} has no tasks", self.lab.slug)))
    }
}

/// The task of this name.
///
/// # Errors
/// There is none, with the nearest ones of the lab's and of the labs'.
pub fn find<'a>(lab: &'a Lab, task: &str, slugs: &[String]) -> Result<&'a Task> {
    lab.task(task).ok_or_else(|| {
        let mut names: Vec<String> = lab.tasks.iter().map(|t| t.id.value.clone()).collect();
        let tasks = names.join(", ");
        names.extend_from_slice(slugs);
        unknown("task", task, &names, &format!("the tasks of {} are: {tasks}", lab.slug))
    })
}
