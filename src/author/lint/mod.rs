//! Every problem of a lab, in one pass: the structure of its files, then what they mean.
//!
//! A rule is a function in a list: those that make a lab unfit to run are in [`crate::catalog::check`], those
//! that make it a poor one are here.

mod literals;
mod proof;
mod structure;
mod words;

use crate::catalog::Catalog;
use crate::catalog::check::{self, Rule, Subject};
use crate::catalog::lab::Lab;
use crate::catalog::problem::{MAX_PROBLEMS, Problem};
use crate::catalog::source::Source;
use crate::error::Result;
use crate::template::Variables;

/// What makes a lab a poor one.
const RULES: &[Rule] = &[
    words::questions,
    words::unused_variables,
    words::hints,
    words::starters,
    literals::in_prompt_and_check,
    proof::right,
    proof::wrong,
];

/// All problems of a lab, in the order of its files. At most [`MAX_PROBLEMS`].
///
/// # Errors
/// There is no such lab.
pub fn lint(catalog: &Catalog, slug: &str) -> Result<Vec<Problem>> {
    catalog.named(slug)?;
    let mut problems = match Source::read(catalog.lab_files(), &format!("{slug}/lab.yaml")) {
        Ok(source) => examine(catalog, slug, &source),
        Err(problem) => vec![*problem],
    };
    // Whatever loading refuses is a problem, also where no rule here foresaw it.
    if problems.is_empty()
        && let Err(error) = catalog.lab(slug)
    {
        problems.push(error.into());
    }
    let own = catalog.lab_files().place(&format!("{slug}/lab.yaml"));
    problems.sort_by(|a, b| {
        let key = |p: &Problem| (p.place.file != own, p.place.clone());
        key(a).cmp(&key(b))
    });
    problems.dedup_by(|a, b| a.place == b.place && a.what == b.what);
    problems.truncate(MAX_PROBLEMS);
    Ok(problems)
}

fn examine(catalog: &Catalog, slug: &str, source: &Source) -> Vec<Problem> {
    let mut problems = source.faults.clone();
    let Some(root) = source.root() else { return problems };
    let structure = structure::examine(source, root.to_json());
    problems.extend(structure.problems);
    // What does not fit was put right, as well as may be, so that the rest can be examined all the same.
    let Ok(mut lab) = serde_json::from_value::<Lab>(structure.repaired) else { return problems };
    slug.clone_into(&mut lab.slug);
    let unsettled = check::settle(&mut lab, source, &Variables::default()).err();
    problems.extend(unsettled.map(|problem| *problem));
    let subject = Subject { catalog, lab: &lab, source };
    let mut meant = check::problems(&subject);
    for rule in RULES.iter().take_while(|_| check::is_of_sane_size(&lab)) {
        rule(&subject, &mut meant);
    }
    let repaired = |problem: &Problem| {
        structure.pointers.iter().any(|at| {
            problem
                .pointer
                .strip_prefix(at.as_str())
                .is_some_and(|r| r.is_empty() || r.starts_with('/'))
        })
    };
    problems.extend(meant.into_iter().filter(|problem| !repaired(problem)));
    problems
}
