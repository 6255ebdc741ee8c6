//! Mutants: right solutions with one mistake each, made by machine, which the checks must catch.
//!
//! A right solution's own steps are the subjects; those it takes from the solution it is laid over are subjects there.
//! What a mutant does to a seat is found out by whoever applies it.

mod generate;
mod score;
mod subject;

use std::collections::BTreeSet;

use similar::TextDiff;

use crate::catalog::files::Files;
use crate::catalog::lab::{Equivalent, Lab, Solution};
use crate::catalog::solution::Placed;
use crate::digest;
use crate::engine::Engine;
use crate::error::Result;

pub use score::Score;
pub use subject::Concern;
use subject::Subject;

/// The most mutants of one file or command line.
const MOST: usize = 60;

/// A right solution with one mistake in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mutant {
    /// `solution/file/digits` or `solution/task/digits`. It stays the same while the function, statement or
    /// command line in which the mistake is does; nothing else matters to it.
    pub id: String,
    pub solution: String,
    /// The tasks whose checks may notice: it is caught when one of them fails. (Blocked is not failed: what the
    /// tasks need must have passed.)
    pub tasks: Vec<String>,
    pub concern: Concern,
    /// The kind of mistake, as `swap-ends`.
    pub operator: String,
    /// Of the file or command line, from 1: where the mistake begins.
    pub line: usize,
    /// The mistake in a few words, as "`rpush` becomes `lpush`".
    pub description: String,
    /// The whole file, or command line (its variables as they are in the lab), with the mistake.
    pub content: String,
    /// From the right one to this one; unified, with three lines of context.
    pub diff: String,
}

/// The mutants of a solution.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mutants {
    pub mutants: Vec<Mutant>,
    /// How many more there would be, had a file not its limit.
    pub left_out: usize,
}

/// All mutants of a solution's own steps, made by Python in a running container of the workbench's image.
///
/// # Errors
/// A file of the solution that cannot be read or parsed; an engine that does not answer.
pub async fn of_solution(
    engine: &Engine,
    container: &str,
    files: &Files,
    lab: &Lab,
    solution: &Solution,
) -> Result<Mutants> {
    let subjects = subject::of_solution(files, lab, solution)?;
    let found = generate::generate(engine, container, &subjects, MOST).await?;
    let mut made = Mutants::default();
    for (subject, found) in subjects.iter().zip(found) {
        made.left_out += found.left_out;
        made.mutants.extend(found.changes.iter().map(|change| mutant(solution, subject, change)));
    }
    Ok(made)
}

/// The ids under the lab's `equivalent` that name none of these mutants: of all the lab's solutions.
pub fn stale<'a>(lab: &'a Lab, mutants: &[Mutant]) -> Vec<&'a str> {
    let ids: BTreeSet<&str> = mutants.iter().map(|mutant| mutant.id.as_str()).collect();
    let named = lab.equivalent.iter().flat_map(|entry| &entry.mutants);
    named.map(|id| id.value.as_str()).filter(|id| !ids.contains(id)).collect()
}

impl Mutant {
    /// Why its author says that it is right.
    pub fn equivalent<'a>(&self, lab: &'a Lab) -> Option<&'a str> {
        let names = |entry: &&Equivalent| entry.mutants.iter().any(|id| id.value == self.id);
        lab.equivalent.iter().find(names).map(|entry| entry.reason.as_str())
    }

    /// What takes the place of a step of its solution, at that place in what
    /// [`crate::catalog::solution::steps`] gives; `None` where the step stays as it is.
    pub fn in_place_of(&self, place: usize, step: &Placed) -> Option<&str> {
        let concerned = match &self.concern {
            Concern::Step(mine) => *mine == place,
            Concern::File(name) => {
                step.folder == subject::folder(&self.solution)
                    && step.step.copy.as_ref().is_some_and(|copy| copy.value == *name)
            }
        };
        concerned.then_some(self.content.as_str())
    }
}

fn mutant(solution: &Solution, subject: &Subject, change: &generate::Change) -> Mutant {
    let content = change.apply(&subject.text);
    Mutant {
        id: id(&solution.id.value, subject, change),
        solution: solution.id.value.clone(),
        tasks: subject.tasks.clone(),
        concern: subject.concern.clone(),
        operator: change.operator.clone(),
        line: first_change(&subject.text, &content),
        description: change.description.clone(),
        diff: diff(&subject.name, &subject.text, &content),
        content,
    }
}

/// Equal command lines of a task are told apart by their order.
fn id(solution: &str, subject: &Subject, change: &generate::Change) -> String {
    let digits = digest::sha256(format!("{} {}", subject.ordinal, change.digest));
    format!("{solution}/{}/{}", subject.name, &digits[..8])
}

/// The number of the line in which two texts begin to differ.
fn first_change(text: &str, other: &str) -> usize {
    let same = text.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count();
    1 + text.bytes().take(same).filter(|&byte| byte == b'\n').count()
}

fn diff(name: &str, text: &str, other: &str) -> String {
    TextDiff::from_lines(text, other)
        .unified_diff()
        .context_radius(3)
        .missing_newline_hint(false)
        .header(name, name)
        .to_string()
}

#[cfg(test)]
mod tests;
