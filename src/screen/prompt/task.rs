//! A task as the prompt shows it.

use std::collections::BTreeMap;

use console::style;

use crate::catalog::lab::{Lab, Task};
use crate::store::TaskProgress;
use crate::term::{self, markdown};

/// The task at a place of the lab: where in the lab it is, what is to be done, and what will be checked.
pub fn view(
    lab: &Lab,
    at: usize,
    progress: &BTreeMap<String, TaskProgress>,
    width: usize,
) -> String {
    let task = &lab.tasks[at];
    let passed = |t: &Task| progress.get(&t.id.value).is_some_and(|p| p.passed_at.is_some());
    let dots: String = lab.tasks.iter().map(|t| if passed(t) { '●' } else { '○' }).collect();
    let state =
        if passed(task) { style("passed").green().to_string() } else { term::points(task.points) };
    let mut text = format!(
        "\n{}  task {} of {}  {dots}  {state}\n\n",
        style(&lab.title).bold(),
        at + 1,
        lab.tasks.len()
    );
    text.push_str(&format!("{}\n", markdown::render(&task.prompt, width)));
    for check in &task.checks {
        let claim = term::wrapped(&check.claim, 4, width);
        text.push_str(&format!("  {} {}\n", style("○").dim(), claim.trim_start()));
    }
    text
}
