//! What of a solution is mutated: programs, scripts and command lines.

use std::path::Path;

use super::generate::Language;
use crate::catalog::files::Files;
use crate::catalog::lab::{Lab, Solution};
use crate::catalog::solution::{self, Placed};
use crate::error::Result;

/// The step of a solution that a mutant stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concern {
    /// Every step that copies this file.
    File(String),
    /// The command line at this place, from 0, in what [`solution::steps`] gives.
    Step(usize),
}

/// A text to be mutated.
#[derive(Debug)]
pub struct Subject {
    pub concern: Concern,
    pub language: Language,
    pub text: String,
    /// For ids and diffs: a file, or a task.
    pub name: String,
    /// Tells equal commands of a task apart.
    pub ordinal: usize,
    /// Which it serves.
    pub tasks: Vec<String>,
    /// Where an author finds it.
    pub place: String,
}

/// The folder of a right solution's files, relative to the lab's.
pub fn folder(solution: &str) -> String {
    format!("solutions/{solution}")
}

/// The texts of a solution's own steps, each once.
pub fn of_solution(files: &Files, lab: &Lab, of: &Solution) -> Result<Vec<Subject>> {
    let own = folder(&of.id.value);
    let mut subjects: Vec<Subject> = Vec::new();
    for (place, step) in solution::steps(lab, of)?.iter().enumerate() {
        if step.folder != own {
            continue;
        }
        let Some(mut subject) = of_step(files, lab, place, step)? else { continue };
        if let Some(known) = subjects.iter_mut().find(|known| known.concern == subject.concern) {
            known.tasks.append(&mut subject.tasks);
            continue;
        }
        let alike = |known: &&Subject| known.name == subject.name && known.text == subject.text;
        subject.ordinal = subjects.iter().filter(alike).count();
        subjects.push(subject);
    }
    Ok(subjects)
}

fn of_step(files: &Files, lab: &Lab, place: usize, placed: &Placed) -> Result<Option<Subject>> {
    let task = &placed.step.task.value;
    let tasks = vec![task.clone()];
    if let Some(line) = &placed.step.run {
        return Ok(Some(Subject {
            concern: Concern::Step(place),
            language: Language::Shell,
            text: line.clone(),
            name: task.clone(),
            ordinal: 0,
            tasks,
            place: format!("labs/{}/lab.yaml, a step of {task}", lab.slug),
        }));
    }
    let Some(copy) = &placed.step.copy else { return Ok(None) };
    let name = &copy.value;
    let program = lab.task(task).and_then(|task| task.program.as_ref());
    // What stands beside the program is a helper, such as a client: no place for mistakes about the service.
    if program.is_some_and(|program| program.value != *name) {
        return Ok(None);
    }
    let Some(language) = Language::of_file(Path::new(name)) else { return Ok(None) };
    let path = format!("{}/{}/{name}", lab.slug, placed.folder);
    Ok(Some(Subject {
        concern: Concern::File(name.clone()),
        language,
        text: files.read_text(&path)?,
        name: name.clone(),
        ordinal: 0,
        tasks,
        place: files.place(&path),
    }))
}
