//! Loads a lab and checks what the types alone cannot say.
//!
//! A rule looks at the whole lab and names every problem it finds. Loading takes the first problem of all;
//! linting takes them all.

mod packages;
mod services;
mod solutions;
pub mod tasks;
pub mod texts;

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::Catalog;
use super::files::Files;
use super::lab::{FORMAT, Lab};
use super::load;
use super::problem::{Place, Problem};
use super::source::{Source, escape};
use super::variable;
use crate::error::Result;
use crate::seed::Seed;
use crate::template::Variables;

/// A lab under examination, with the file it was read from.
pub struct Subject<'a> {
    pub catalog: &'a Catalog,
    pub lab: &'a Lab,
    pub source: &'a Source,
}

/// Looks for one kind of problem.
pub type Rule = fn(&Subject, &mut Vec<Problem>);

/// What makes a lab unfit to run, in the order in which it is told.
const RULES: &[Rule] = &[
    format,
    named,
    services::defined,
    services::named,
    services::files,
    services::set_up,
    packages::pinned,
    tasks::there,
    tasks::ids,
    tasks::needs,
    tasks::reachable,
    tasks::programs,
    texts::defined,
    tasks::probes,
    tasks::asked,
    tasks::sent,
    tasks::watched,
    tasks::codes,
    solutions::ids,
    solutions::laid_over,
    solutions::steps,
    solutions::fails,
    tasks::markdown,
    texts::printable,
];

/// Far more than a person writes; few enough to compare each with each.
const MAX_PARTS: usize = 2_000;

/// Every problem that makes a lab unfit to run.
pub fn problems(subject: &Subject) -> Vec<Problem> {
    let mut problems = Vec::new();
    if !is_of_sane_size(subject.lab) {
        let what =
            "The lab has too many tasks, checks, solutions, steps, variables and names of them";
        let expected = format!("at most {MAX_PARTS} in all");
        return vec![subject.source.problem("", what).expected(expected)];
    }
    for rule in RULES {
        rule(subject, &mut problems);
    }
    problems
}

/// A lab with its Markdown, checked.
///
/// Values that a seat was started with take the place of the lab's own.
pub fn load(
    files: &Files,
    slug: &str,
    catalog: &Catalog,
    seed: &Seed,
    kept: &Variables,
) -> Result<Lab> {
    let path = format!("{slug}/lab.yaml");
    let (mut lab, source): (Lab, Source) = load::yaml_with_source(files, &path)?;
    slug.clone_into(&mut lab.slug);
    seed.clone_into(&mut lab.seed);
    settle(&mut lab, &source, kept).map_err(|problem| *problem)?;
    let subject = Subject { catalog, lab: &lab, source: &source };
    if let Some(problem) = problems(&subject).into_iter().next() {
        return Err(problem.into());
    }
    for task in &mut lab.tasks {
        let text = |suffix: &str| {
            let path = format!("{slug}/tasks/{}{suffix}", task.id.value);
            lab.variables.render_file(&files.read_text(&path)?, &files.place(&path))
        };
        (task.prompt, task.explanation) = (text(".md")?, text(".explanation.md")?);
        for text in task.hints.iter_mut().chain(&mut task.reset) {
            *text = lab.variables.render(text)?;
        }
        for check in &mut task.checks {
            check.claim = lab.variables.render(&check.claim)?;
            for text in check.misconceptions.values_mut() {
                *text = lab.variables.render(text)?;
            }
        }
    }
    Ok(lab)
}

/// Gives the lab's variables the values they have in a seat of its seed; those that are kept stay as they are.
///
/// # Errors
/// The problem with the first one that has none.
pub fn settle(lab: &mut Lab, source: &Source, kept: &Variables) -> Result<(), Box<Problem>> {
    match variable::settle(&lab.declared, kept, &lab.seed, &lab.slug) {
        Ok(settled) => {
            lab.variables = settled;
            Ok(())
        }
        Err((name, error)) => {
            let mut problem = source.problem(&format!("/variables/{}", escape(name)), error.what);
            problem.why = error.why;
            problem.help = error.help;
            Err(Box::new(problem))
        }
    }
}

impl Subject<'_> {
    fn files(&self) -> &Files {
        self.catalog.lab_files()
    }

    /// A file of the lab's folder, as the catalog's files name it.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.lab.slug)
    }
}

/// Whether it has so few parts that each can be compared with each.
pub fn is_of_sane_size(lab: &Lab) -> bool {
    let checks = lab.tasks.iter().flat_map(|task| &task.checks);
    let of_tasks: usize = lab.tasks.iter().map(|t| 1 + t.checks.len() + t.needs.len()).sum();
    let of_checks: usize = checks.map(|check| check.needs.len() + check.misconceptions.len()).sum();
    let right: usize = lab.solutions.iter().map(|s| 1 + s.steps.len()).sum();
    let wrong: usize =
        lab.wrong.iter().map(|w| 1 + w.steps.len() + w.fails.len() + w.may_fail.len()).sum();
    let lists = lab.services.len() + lab.setup.len() + lab.questions.len() + lab.declared.len();
    let packages = lab.packages.python.len();
    of_tasks + of_checks + right + wrong + lists + packages <= MAX_PARTS
}

fn format(subject: &Subject, problems: &mut Vec<Problem>) {
    let format = subject.lab.format.value;
    if format != FORMAT {
        let what = format!("The lab has format {format}, expected {FORMAT}");
        problems.push(subject.source.problem("/format", what).help("a newer labs may read it"));
    }
}

fn named(subject: &Subject, problems: &mut Vec<Problem>) {
    let slug = &subject.lab.slug;
    if !is_slug(slug) {
        let place = subject.files().place(slug);
        let what = format!("A lab cannot be named {slug:?}");
        let problem = Problem::new(what, Place { file: place, position: None }, None);
        problems.push(problem.help("name its folder with small letters, digits and hyphens"));
    }
}

/// What can stand in a file name, an address and a message without quotes.
pub fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// Whether a path is below whatever folder it is relative to.
pub fn stays_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Ids of one kind: each well-formed, no two equal. `ids` are JSON pointers with what stands there.
fn unique<'a>(
    subject: &Subject,
    kind: &str,
    ids: impl Iterator<Item = (String, &'a str)>,
    problems: &mut Vec<Problem>,
) {
    let mut seen: BTreeMap<&str, Option<usize>> = BTreeMap::new();
    for (pointer, id) in ids {
        let problem = |what: String| subject.source.problem(&pointer, what);
        if !is_slug(id) {
            let what =
                format!("The {kind} {id:?} is not named with small letters, digits and hyphens");
            problems.push(problem(what));
        }
        let exists_twice = problem(format!("The {kind} {id:?} exists twice"));
        let line = exists_twice.place.position.map(|at| at.line);
        match seen.get(id) {
            Some(Some(first)) => {
                problems.push(exists_twice.because(format!("the first is in line {first}")));
            }
            Some(None) => problems.push(exists_twice),
            None => drop(seen.insert(id, line)),
        }
    }
}
