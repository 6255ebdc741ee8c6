//! What proves the checks: right solutions that pass them, wrong ones that they catch.

use std::collections::BTreeSet;

use crate::catalog::check::Subject;
use crate::catalog::check::tasks::checks;
use crate::catalog::problem::Problem;
use crate::catalog::solution;

pub fn right(subject: &Subject, problems: &mut Vec<Problem>) {
    if subject.lab.solutions.is_empty() && !subject.lab.tasks.is_empty() {
        let problem = subject.source.problem_of_key("/tasks", "The lab has no solution");
        problems.push(problem.help("add solutions: steps that make every check pass"));
    }
    for (index, right) in subject.lab.solutions.iter().enumerate() {
        // A solution laid over a missing one is told elsewhere.
        let Ok(steps) = solution::steps(subject.lab, right) else { continue };
        let done: BTreeSet<&str> = steps.iter().map(|s| s.step.task.value.as_str()).collect();
        for task in subject.lab.tasks.iter().filter(|task| !done.contains(task.id.value.as_str())) {
            let (id, task) = (&right.id.value, &task.id.value);
            let what = format!("The solution {id:?} has no step for the task {task:?}");
            let problem = subject.source.problem(&format!("/solutions/{index}/id"), what);
            problems
                .push(problem.help("add one, or lay the solution over one that has it (over: ID)"));
        }
    }
}

/// A check that nothing wrong has failed may be one that cannot fail.
pub fn wrong(subject: &Subject, problems: &mut Vec<Problem>) {
    let failed = || subject.lab.wrong.iter().flat_map(|wrong| wrong.fails.keys());
    let checks_failed: BTreeSet<&str> = failed().map(String::as_str).collect();
    let tasks_failed: BTreeSet<&str> =
        failed().filter_map(|name| name.split_once('/')).map(|(task, _)| task).collect();
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        let id = task.id.value.as_str();
        if !tasks_failed.contains(id) {
            let what = format!("No wrong solution concerns the task {id:?}");
            let problem = subject.source.problem(&format!("/tasks/{t}/id"), what);
            problems.push(
                problem.help(
                    "add one under wrong: a mistake people make, and the checks that catch it",
                ),
            );
        }
    }
    for (pointer, task, check) in checks(subject.lab) {
        let (id, name) = (&task.id.value, format!("{}/{}", task.id.value, check.id.value));
        // Where no wrong solution concerns the task, that has been said.
        if tasks_failed.contains(id.as_str()) && !checks_failed.contains(name.as_str()) {
            let kind = if check.guard { "breaks the guard" } else { "fails the check" };
            let what = format!("No wrong solution {kind} {name}");
            let problem = subject.source.problem(&format!("{pointer}/id"), what);
            problems
                .push(problem.help(format!("add one under wrong: that has {name} in its fails")));
        }
    }
}
