//! The services of a lab and their set-up.

use std::collections::BTreeSet;

use super::{Subject, is_slug};
use crate::catalog::lab::ServiceUse;
use crate::catalog::load::Spanned;
use crate::catalog::problem::Problem;
use crate::catalog::source::escape;

/// Names that the parts of every seat have.
const RESERVED: [&str; 2] = ["workbench", "gate"];

pub fn defined(subject: &Subject, problems: &mut Vec<Problem>) {
    let known = subject.catalog.services();
    for (name, service) in declared(subject) {
        let definition = subject.lab.definition(name);
        let name = &service.value.declared;
        if known.iter().any(|k| k == definition) {
            continue;
        }
        let what = format!("There is no service {definition:?}");
        let pointer = format!("/services/{}", escape(name));
        let problem = match &service.value.definition {
            Some(_) => subject.source.problem(&format!("{pointer}/use"), what),
            None => subject.source.problem_of_key(&pointer, what),
        };
        let known = known.iter().map(String::as_str);
        problems.push(problem.nearest(definition, known, "services are the folders under docker/"));
    }
}

/// The services as the file declares them: of those in numbers the first.
fn declared<'a>(
    subject: &'a Subject,
) -> impl Iterator<Item = (&'a String, &'a Spanned<ServiceUse>)> {
    let mut seen = BTreeSet::new();
    let services = subject.lab.services.iter();
    services.filter(move |(_, service)| seen.insert(&service.value.declared))
}

pub fn named(subject: &Subject, problems: &mut Vec<Problem>) {
    for (_, service) in declared(subject) {
        let name = &service.value.declared;
        if !is_slug(name) || RESERVED.contains(&name.as_str()) {
            let what = format!("A service cannot be named {name:?}");
            let pointer = format!("/services/{}", escape(name));
            problems.push(subject.source.problem_of_key(&pointer, what).help(
                "use small letters, digits and hyphens; workbench and gate are parts of every seat",
            ));
        }
    }
}

/// Files for a service come from a folder that the workspace begins with, and the service takes some.
pub fn files(subject: &Subject, problems: &mut Vec<Problem>) {
    for (name, service) in declared(subject) {
        let Some(folder) = &service.value.files else { continue };
        let pointer = format!("/services/{}/files", escape(&service.value.declared));
        let name = subject.lab.definition(name);
        if subject.catalog.service(name).is_ok_and(|definition| definition.files.is_none()) {
            let what = format!("The service {name} takes no files");
            problems.push(subject.source.problem(&pointer, what).help("leave files out"));
        }
        let starter = format!("{}/starter/{}", subject.lab.slug, folder.value);
        if !is_slug(&folder.value) || subject.catalog.lab_files().below(&starter).is_empty() {
            let what = format!("There is no folder {:?} below starter/", folder.value);
            let help = "put at least one file into it: the service is started with them";
            problems.push(subject.source.problem(&pointer, what).help(help));
        }
    }
}

pub fn set_up(subject: &Subject, problems: &mut Vec<Problem>) {
    for (index, setup) in subject.lab.setup.iter().enumerate() {
        for name in setup.value.0.keys() {
            let pointer = format!("/setup/{index}/{}", escape(name));
            known(subject, name, &pointer, true, problems);
        }
    }
}

/// A name that must be one of the lab's services.
pub fn known(subject: &Subject, name: &str, pointer: &str, key: bool, problems: &mut Vec<Problem>) {
    let services = &subject.lab.services;
    if services.contains_key(name) {
        return;
    }
    let what = format!("There is no service {name:?}");
    let problem = if key {
        subject.source.problem_of_key(pointer, what)
    } else {
        subject.source.problem(pointer, what)
    };
    let names = services.keys().map(String::as_str);
    problems.push(problem.nearest(name, names, "name one of the lab's services"));
}
