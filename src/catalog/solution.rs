//! The steps of a solution, in the order of the lab's tasks.

use super::files::Files;
use super::lab::{Lab, Solution, Step, Wrong};
use super::rendered;
use crate::error::{Error, Result};

/// A step, with the folder its files come from.
#[derive(Debug, Clone)]
pub struct Placed<'a> {
    pub step: &'a Step,
    /// Relative to the lab's folder, e.g. `solutions/lists`.
    pub folder: String,
}

/// The steps of a right solution, those it leaves out taken from the one it is laid over.
///
/// # Errors
/// It is laid over a solution that does not exist.
pub fn steps<'a>(lab: &'a Lab, solution: &'a Solution) -> Result<Vec<Placed<'a>>> {
    let own = place(&solution.steps, &format!("solutions/{}", solution.id.value));
    let under = match &solution.over {
        Some(over) => steps(lab, find(lab, &over.value)?)?,
        None => Vec::new(),
    };
    Ok(laid_over(lab, &own, &under))
}

/// The steps of a wrong solution: the right one's, with the mistake in place of them.
///
/// # Errors
/// It is laid over a solution that does not exist.
pub fn wrong_steps<'a>(lab: &'a Lab, wrong: &'a Wrong) -> Result<Vec<Placed<'a>>> {
    let own = place(&wrong.steps, &format!("wrong/{}", wrong.id.value));
    Ok(laid_over(lab, &own, &steps(lab, find(lab, &wrong.over.value)?)?))
}

impl<'a> Placed<'a> {
    /// The file that a `copy` step copies, by its name in the workspace.
    pub fn name(&self) -> Option<&'a str> {
        self.step.copy.as_ref().map(|copy| rendered::name(&copy.value))
    }

    /// The content of that file, with the variables in place if it is a template.
    ///
    /// # Errors
    /// The file is not there, or cannot be rendered.
    pub fn content(&self, files: &Files, lab: &Lab) -> Result<Option<Vec<u8>>> {
        let Some(copy) = &self.step.copy else { return Ok(None) };
        let path = format!("{}/{}/{}", lab.slug, self.folder, copy.value);
        Ok(Some(rendered::file(files, &path, &lab.variables)?.into_owned()))
    }

    /// The command line of a `run` step, with the variables in place.
    ///
    /// # Errors
    /// A variable that is not defined.
    pub fn command(&self, lab: &Lab) -> Result<Option<String>> {
        self.step.run.as_deref().map(|run| lab.variables.render(run)).transpose()
    }
}

fn find<'a>(lab: &'a Lab, id: &str) -> Result<&'a Solution> {
    lab.solutions
        .iter()
        .find(|s| s.id.value == id)
        .ok_or_else(|| Error::usage(format!("The lab {} has no solution {id:?}", lab.slug)))
}

fn place<'a>(steps: &'a [Step], folder: &str) -> Vec<Placed<'a>> {
    steps.iter().map(|step| Placed { step, folder: folder.to_owned() }).collect()
}

fn laid_over<'a>(lab: &Lab, own: &[Placed<'a>], under: &[Placed<'a>]) -> Vec<Placed<'a>> {
    let mut steps = Vec::new();
    for task in &lab.tasks {
        let of_task = |s: &&Placed| s.step.task.value == task.id.value;
        let mine: Vec<_> = own.iter().filter(of_task).cloned().collect();
        steps.extend(if mine.is_empty() {
            under.iter().filter(of_task).cloned().collect()
        } else {
            mine
        });
    }
    steps
}
