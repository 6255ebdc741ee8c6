//! A task as the prompt shows it.

use std::collections::BTreeMap;
use std::time::Duration;

use console::style;

use crate::catalog::lab::{Lab, Task};
use crate::probe::finding::Finding;
use crate::screen::trouble::notice;
use crate::store::TaskProgress;
use crate::term::escape::visible;
use crate::term::{self, markdown};
use crate::verdict::{TaskResult, Verdict};

/// The task at a place of the lab: where in the lab it is, what is to be done, and what will be checked; in words alone
/// where it may be read out.
pub fn view(
    lab: &Lab,
    at: usize,
    progress: &BTreeMap<String, TaskProgress>,
    spent: Duration,
    width: usize,
    spoken: bool,
) -> String {
    let task = &lab.tasks[at];
    let passed = |t: &Task| progress.get(&t.id.value).is_some_and(|p| p.passed_at.is_some());
    let dots: String = lab.tasks.iter().map(|t| if passed(t) { '●' } else { '○' }).collect();
    let state =
        if passed(task) { style("passed").green().to_string() } else { term::points(task.points) };
    let won: u32 = lab.tasks.iter().filter(|t| passed(t)).map(|t| t.points).sum();
    let all: u32 = lab.tasks.iter().map(|t| t.points).sum();
    let (title, number, count) = (style(&lab.title).bold(), at + 1, lab.tasks.len());
    let minutes = spent.as_secs() / 60;
    let (head, so_far) = if spoken {
        let head = format!("{title}, task {number} of {count}, {state}");
        (head, format!("{won} of {all} points so far, {minutes} min"))
    } else {
        let head = format!("{title}  task {number} of {count}  {dots}  {state}");
        (head, format!("{won}/{all} points, {minutes} min"))
    };
    let fits = console::measure_text_width(&head) + 2 + so_far.len() <= width;
    let between = match (fits, spoken) {
        (false, _) => "\n",
        (true, true) => ", ",
        (true, false) => "  ",
    };
    let mut text = format!("\n{head}{between}{}\n\n", style(so_far).dim());
    text.push_str(&format!("{}\n", markdown::render(&task.prompt, width)));
    for check in &task.checks {
        if spoken {
            let claim = format!("to check: {}", check.claim);
            text.push_str(&format!("{}\n", term::wrapped(&claim, 2, width)));
        } else {
            let claim = term::wrapped(&check.claim, 4, width);
            text.push_str(&format!("  {} {}\n", style("○").dim(), claim.trim_start()));
        }
    }
    text
}

/// Which checks hold by the look of it: what is not true yet is no fault.
pub fn seen(result: &TaskResult, width: usize) -> String {
    let mut text = String::from("\n");
    for check in &result.checks {
        let word = match check.verdict {
            Verdict::Pass => "holds:",
            Verdict::Error => "not checked:",
            _ => "not yet:",
        };
        let claim = term::wrapped(&format!("{word} {}", check.claim), 2, width);
        text.push_str(&format!("{claim}\n"));
    }
    if let Some(error) = result.checks.iter().find_map(|check| check.error.as_ref()) {
        text.push_str(&format!("\n{}\n", visible(&error.what)));
    }
    text
}

/// What keeps a service from answering; here words are typed in the place of keys.
pub fn broken(finding: &Finding) -> String {
    let said = notice(finding).unwrap_or_default();
    let said = said.replacen("'u' ", "'up' ", 1).replacen("('l')", "('logs')", 1);
    format!("\n{said}\n")
}
