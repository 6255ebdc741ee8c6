//! The packages of a lab.

use std::collections::BTreeSet;

use super::Subject;
use crate::catalog::problem::Problem;

/// Each with its exact version, so that the lab is the same next year as it is today; none twice.
pub fn pinned(subject: &Subject, problems: &mut Vec<Problem>) {
    let mut seen = BTreeSet::new();
    for (index, package) in subject.lab.packages.python.iter().enumerate() {
        let problem = |what| subject.source.problem(&format!("/packages/python/{index}"), what);
        let text = package.value.as_str();
        let Some((name, _)) = text.split_once("==").filter(|(n, v)| is_name(n) && is_version(v))
        else {
            let what = format!("The package {text:?} has no exact version");
            let expected = "NAME==VERSION, as redis==6.4.0";
            problems.push(problem(what).expected(expected));
            continue;
        };
        if !seen.insert(compared(name)) {
            problems.push(problem(format!("The package {name:?} is named twice")));
        }
    }
}

fn is_name(text: &str) -> bool {
    let ends_well = |c: Option<char>| c.is_some_and(|c| c.is_ascii_alphanumeric());
    ends_well(text.chars().next())
        && ends_well(text.chars().last())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// One version: neither a range nor `1.*`.
fn is_version(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || ".!+".contains(c))
}

/// The name as the index compares names.
fn compared(name: &str) -> String {
    let parts = name.split(['-', '_', '.']).filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("-").to_lowercase()
}
