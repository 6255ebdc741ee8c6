//! The solutions of a lab, right and wrong.

use super::{Subject, stays_inside, tasks, unique};
use crate::catalog::lab::Lab;
use crate::catalog::lab::Step;
use crate::catalog::problem::Problem;
use crate::catalog::source::escape;

pub fn ids(subject: &Subject, problems: &mut Vec<Problem>) {
    let right = subject.lab.solutions.iter().enumerate();
    let right = right.map(|(i, s)| (format!("/solutions/{i}/id"), s.id.value.as_str()));
    unique(subject, "solution", right, problems);
    let wrong = subject.lab.wrong.iter().enumerate();
    let wrong = wrong.map(|(i, w)| (format!("/wrong/{i}/id"), w.id.value.as_str()));
    unique(subject, "wrong solution", wrong, problems);
}

/// Solutions are laid over right ones that come before.
pub fn laid_over(subject: &Subject, problems: &mut Vec<Problem>) {
    let ids: Vec<&str> = subject.lab.solutions.iter().map(|s| s.id.value.as_str()).collect();
    let right = subject.lab.solutions.iter().enumerate();
    let right =
        right.filter_map(|(i, s)| Some((i, format!("/solutions/{i}/over"), s.over.as_ref()?)));
    let wrong = subject.lab.wrong.iter().enumerate();
    let wrong = wrong.map(|(i, w)| (ids.len(), format!("/wrong/{i}/over"), &w.over));
    for (earlier, pointer, over) in right.chain(wrong) {
        if ids[..earlier].contains(&over.value.as_str()) {
            continue;
        }
        let problem = if ids.contains(&over.value.as_str()) {
            let what = format!("The solution {:?} comes later", over.value);
            subject.source.problem(&pointer, what).help("a solution is laid over one before it")
        } else {
            let what = format!("There is no solution {:?}", over.value);
            let known = ids[..earlier].iter().copied();
            subject.source.problem(&pointer, what).nearest(
                &over.value,
                known,
                "name one of the lab's solutions",
            )
        };
        problems.push(problem);
    }
}

pub fn steps(subject: &Subject, problems: &mut Vec<Problem>) {
    for (pointer, folder, step) in all_steps(subject.lab) {
        let tasks = || subject.lab.tasks.iter().map(|task| task.id.value.as_str());
        let problem =
            |key: &str, what: String| subject.source.problem(&format!("{pointer}/{key}"), what);
        let task = step.task.value.as_str();
        if !tasks().any(|id| id == task) {
            let unknown = problem("task", format!("There is no task {task:?}"));
            problems.push(unknown.nearest(task, tasks(), "see the lab's tasks"));
        }
        if step.run.is_some() == step.copy.is_some() {
            problems
                .push(problem("task", "A step either runs a command or copies a file".to_owned()));
        }
        let Some(copy) = step.copy.as_ref().map(|copy| copy.value.as_str()) else { continue };
        if !stays_inside(copy) {
            let outside = format!("The file {copy:?} is not inside the solution's folder");
            let help = "name it relative to that folder, without ..";
            problems.push(problem("copy", outside).help(help));
            continue;
        }
        let path = subject.path(&format!("{folder}/{copy}"));
        if !subject.files().exists(&path) {
            let there = subject.files().below(&subject.path(&folder));
            let missing = problem("copy", format!("There is no file {path}"));
            let there = there.iter().map(String::as_str);
            problems.push(missing.nearest(copy, there, &format!("put it into {folder}/")));
        }
    }
}

/// What a wrong solution fails: checks that are there, with codes that they can give.
pub fn fails(subject: &Subject, problems: &mut Vec<Problem>) {
    let checks: Vec<(String, Vec<&str>)> = tasks::checks(subject.lab)
        .map(|(_, task, check)| {
            let codes = check.probe().map(|probe| probe.codes()).unwrap_or_default();
            (format!("{}/{}", task.id.value, check.id.value), codes)
        })
        .collect();
    for (w, wrong) in subject.lab.wrong.iter().enumerate() {
        if wrong.fails.is_empty() {
            let what = format!("The wrong solution {:?} fails nothing", wrong.id.value);
            let problem = subject.source.problem(&format!("/wrong/{w}/fails"), what);
            problems.push(problem.help("name what catches the mistake: task/check: code"));
        }
        let named = [("fails", &wrong.fails), ("may_fail", &wrong.may_fail)];
        let named = named.into_iter().flat_map(|(key, named)| named.iter().map(move |n| (key, n)));
        for (key, (name, code)) in named {
            let pointer = format!("/wrong/{w}/{key}/{}", escape(name));
            let Some((_, codes)) = checks.iter().find(|(check, _)| check == name) else {
                let what = format!("There is no check {name:?}");
                let problem = subject.source.problem_of_key(&pointer, what);
                let known = checks.iter().map(|(name, _)| name.as_str());
                problems.push(problem.nearest(name, known, "write it as task/check"));
                continue;
            };
            if !codes.is_empty() && !codes.contains(&code.as_str()) {
                let what = format!("The check {name} cannot fail with {code:?}");
                problems.push(tasks::unknown_code(
                    subject.source.problem(&pointer, what),
                    code,
                    codes,
                ));
            }
        }
    }
}

/// Every step of every solution, with its JSON pointer and the folder of its files.
fn all_steps(lab: &Lab) -> impl Iterator<Item = (String, String, &Step)> {
    let right = lab.solutions.iter().enumerate().flat_map(|(i, solution)| {
        let folder = format!("solutions/{}", solution.id.value);
        numbered(format!("/solutions/{i}/steps"), folder, &solution.steps)
    });
    let wrong = lab.wrong.iter().enumerate().flat_map(|(i, wrong)| {
        numbered(format!("/wrong/{i}/steps"), format!("wrong/{}", wrong.id.value), &wrong.steps)
    });
    right.chain(wrong)
}

fn numbered(
    pointer: String,
    folder: String,
    steps: &[Step],
) -> impl Iterator<Item = (String, String, &Step)> {
    let steps = steps.iter().enumerate();
    steps.map(move |(s, step)| (format!("{pointer}/{s}"), folder.clone(), step))
}
