//! `${variables}` in all that is rendered: `lab.yaml`, the Markdown of tasks, templates.

use std::collections::BTreeMap;

use super::Subject;
use crate::catalog::lab::Lab;
use crate::catalog::problem::{MAX_PROBLEMS, Problem};
use crate::catalog::rendered;
use crate::catalog::text::Text;
use crate::template;
use crate::term::escape::visible;

/// The parts of `lab.yaml` in which variables are put.
const RENDERED: [&str; 4] = ["/setup", "/tasks", "/solutions", "/wrong"];

/// Every variable that a text refers to is defined.
pub fn defined(subject: &Subject, problems: &mut Vec<Problem>) {
    for pointer in RENDERED {
        undefined_in_yaml(subject, pointer, problems);
    }
    for text in files(subject, problems) {
        undefined(subject, &text, 0..text.as_str().len(), problems);
    }
}

/// What is shown as it is, and what comes into it.
const SHOWN: [&str; 5] = ["title", "topic", "summary", "claim", "mistake"];

/// Nothing that is shown speaks to the terminal, or reads other than it is.
pub fn printable(subject: &Subject, problems: &mut Vec<Problem>) {
    let Some(node) = subject.source.node("") else { return };
    node.scalars("", &mut |pointer, _, text| {
        let is_shown = pointer.rsplit('/').next().is_some_and(|key| SHOWN.contains(&key));
        if (is_shown || pointer.starts_with("/variables/")) && visible(text) != *text {
            let what = format!("A control character in \"{}\"", visible(text));
            problems.push(subject.source.problem(pointer, what).expected("a text for people"));
        }
    });
}

/// Whether a text below a JSON pointer refers to a variable that is not there.
pub fn undefined_below(subject: &Subject, pointer: &str) -> bool {
    let mut problems = Vec::new();
    undefined_in_yaml(subject, pointer, &mut problems);
    !problems.is_empty()
}

/// How often each variable is referred to.
pub fn used(subject: &Subject) -> BTreeMap<String, usize> {
    let mut used = BTreeMap::new();
    let mut count = |text: &str| {
        for reference in template::references(text) {
            *used.entry(reference.name.unwrap_or_default().to_owned()).or_default() += 1;
        }
    };
    for pointer in RENDERED.into_iter().chain(["/variables"]) {
        if let Some(node) = subject.source.node(pointer) {
            node.scalars(pointer, &mut |_, _, text| count(text));
        }
    }
    for text in files(subject, &mut Vec::new()) {
        count(text.as_str());
    }
    used
}

fn undefined_in_yaml(subject: &Subject, pointer: &str, problems: &mut Vec<Problem>) {
    let Some(node) = subject.source.node(pointer) else { return };
    node.scalars(pointer, &mut |pointer, node, text| {
        if text.contains("${") {
            let before = problems.len();
            undefined(subject, subject.source.text(), node.at.clone(), problems);
            for problem in &mut problems[before..] {
                pointer.clone_into(&mut problem.pointer);
            }
        }
    });
}

/// Problems with the references in a part of a file.
fn undefined(
    subject: &Subject,
    text: &Text,
    part: std::ops::Range<usize>,
    problems: &mut Vec<Problem>,
) {
    let Lab { declared, variables, .. } = subject.lab;
    for reference in template::references(&text.as_str()[part.clone()]) {
        if problems.len() >= MAX_PROBLEMS {
            return;
        }
        let at = part.start + reference.at;
        match reference.name {
            None => {
                problems.push(text.problem(at, "A variable is not closed").help("write ${name}"));
            }
            Some(name) if !declared.contains_key(name) && !variables.0.contains_key(name) => {
                let problem = text.problem(at, format!("The variable {name:?} is not defined"));
                let known = declared.keys().map(String::as_str);
                let otherwise = "define it under variables:, or write $${ for a plain ${";
                problems.push(problem.nearest(name, known, otherwise));
            }
            Some(_) => {}
        }
    }
}

/// The files that are rendered: prompts and explanations, and templates.
fn files(subject: &Subject, problems: &mut Vec<Problem>) -> Vec<Text> {
    let markdown = subject.lab.tasks.iter().flat_map(|task| {
        [".md", ".explanation.md"].map(|suffix| format!("tasks/{}{suffix}", task.id.value))
    });
    let paths =
        markdown.map(|name| subject.path(&name)).filter(|path| subject.files().exists(path));
    let below = |folder: &str| {
        let folder = subject.path(folder);
        let names = subject.files().below(&folder).into_iter();
        names.map(move |name| format!("{folder}/{name}"))
    };
    let folders = ["starter", "solutions", "wrong"].into_iter();
    let templates = folders.flat_map(below).filter(|path| rendered::is_template(path));
    let mut texts = Vec::new();
    for path in paths.chain(templates) {
        match Text::read(subject.files(), &path) {
            Ok(text) => texts.push(text),
            Err(problem) => problems.push(*problem),
        }
    }
    texts
}
