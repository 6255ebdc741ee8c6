//! What a lab says and refers to: questions, variables, hints, starters.

use std::collections::BTreeSet;

use crate::catalog::check::{Subject, stays_inside, texts};
use crate::catalog::problem::Problem;
use crate::catalog::source::escape;

pub fn questions(subject: &Subject, problems: &mut Vec<Problem>) {
    let bank = match subject.catalog.questions() {
        Ok(bank) => bank,
        Err(error) => return problems.push(error.into()),
    };
    let mut seen = BTreeSet::new();
    for (index, question) in subject.lab.questions.iter().enumerate() {
        let problem = |what| subject.source.problem(&format!("/questions/{index}"), what);
        let id = &question.value;
        if !bank.iter().any(|entry| entry.id == *id) {
            let known = bank.iter().map(|entry| entry.id.as_str());
            let unknown = problem(format!("There is no question {id:?} in the bank"));
            problems.push(unknown.nearest(id, known, "see 'labs questions'"));
        }
        if !seen.insert(id) {
            problems.push(problem(format!("The question {id:?} is named twice")));
        }
    }
}

pub fn unused_variables(subject: &Subject, problems: &mut Vec<Problem>) {
    let used = texts::used(subject);
    for name in subject.lab.declared.keys().filter(|name| !used.contains_key(*name)) {
        let pointer = format!("/variables/{}", escape(name));
        let what = format!("The variable {name:?} is not used");
        let problem = subject.source.problem_of_key(&pointer, what);
        problems
            .push(problem.help(format!("write ${{{name}}} where its value stands, or drop it")));
    }
}

pub fn hints(subject: &Subject, problems: &mut Vec<Problem>) {
    for (t, task) in subject.lab.tasks.iter().enumerate().filter(|(_, task)| task.hints.is_empty())
    {
        let what = format!("The task {:?} has no hints", task.id.value);
        let problem = subject.source.problem(&format!("/tasks/{t}/id"), what);
        problems.push(problem.help("give it hints: from a nudge to nearly the solution"));
    }
}

/// The learner begins with the file that the checks run.
pub fn starters(subject: &Subject, problems: &mut Vec<Problem>) {
    let files = subject.catalog.lab_files();
    let starter = files.below(&subject.path("starter"));
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        let Some(program) = &task.program else { continue };
        let name = program.value.as_str();
        if !stays_inside(name) {
            continue;
        }
        if starter.iter().any(|file| file.strip_suffix(".tmpl").unwrap_or(file) == name) {
            continue;
        }
        let what = format!("The program {name:?} is not in starter/");
        let problem = subject.source.problem(&format!("/tasks/{t}/program"), what);
        let there = starter.iter().map(String::as_str);
        problems.push(problem.nearest(
            name,
            there,
            "put a file there whose functions are still to be written",
        ));
    }
}
