//! A right solution as text for a person.

use serde::Serialize;

use crate::catalog::lab::{Lab, Solution};
use crate::catalog::{Catalog, solution};
use crate::error::Result;
use crate::term::escape::visible;

/// A step: a command for the shell, or a file with its content.
#[derive(Debug, Serialize)]
pub struct Step {
    pub run: Option<String>,
    pub file: Option<String>,
    pub content: Option<String>,
}

/// The steps of a solution that serve a task.
///
/// # Errors
/// A file of the lab that cannot be read, or names what is not there.
pub fn of_task(catalog: &Catalog, lab: &Lab, style: &Solution, task: &str) -> Result<Vec<Step>> {
    let steps = solution::steps(lab, style)?;
    let steps = steps.iter().filter(|placed| placed.step.task.value == task);
    steps
        .map(|placed| {
            let content = placed.content(catalog.lab_files(), lab)?;
            Ok(Step {
                run: placed.command(lab)?,
                file: placed.name().map(str::to_owned),
                content: content.map(|c| String::from_utf8_lossy(&c).into_owned()),
            })
        })
        .collect()
}

/// What to type and what to write, in their order.
pub fn text(steps: &[Step]) -> String {
    let mut text = String::new();
    for step in steps {
        if let Some(run) = &step.run {
            text.push_str(&format!("In the shell:\n\n{}\n", indented(run)));
        }
        if let (Some(file), Some(content)) = (&step.file, &step.content) {
            text.push_str(&format!("{file}:\n\n{}\n", indented(content)));
        }
    }
    text
}

fn indented(text: &str) -> String {
    visible(text)
        .lines()
        .map(|line| if line.is_empty() { "\n".to_owned() } else { format!("    {line}\n") })
        .collect()
}
