//! A value that the prompt tells and a check asks for stands in one place: a variable.

use std::collections::BTreeSet;

use crate::catalog::check::Subject;
use crate::catalog::check::tasks::checks;
use crate::catalog::problem::Problem;
use crate::catalog::text::Text;

/// The keys of a check that say what is asked of the work.
const PROBES: [&str; 4] = ["state", "trace", "workload", "fault"];

pub fn in_prompt_and_check(subject: &Subject, problems: &mut Vec<Problem>) {
    let mut told = BTreeSet::new();
    let mut of_task = "";
    for (pointer, task, _) in checks(subject.lab) {
        if of_task != task.id.value {
            of_task = &task.id.value;
            told = literals_of_prompt(subject, of_task);
        }
        for probe in PROBES {
            let pointer = format!("{pointer}/{probe}");
            let Some(node) = subject.source.node(&pointer) else { continue };
            node.scalars(&pointer, &mut |pointer, _, text| {
                let text = without_references(text);
                for literal in literals(&text).filter(|literal| told.contains(*literal)) {
                    let what = format!("{literal} stands here and in the prompt of {of_task:?}");
                    let problem = subject.source.problem(pointer, what);
                    let expected = "one variable for both, so that they cannot disagree";
                    problems.push(problem.expected(expected).help(format!(
                        "define NAME: {literal} under variables:, and write ${{NAME}}"
                    )));
                }
            });
        }
    }
}

fn literals_of_prompt(subject: &Subject, task: &str) -> BTreeSet<String> {
    let path = subject.path(&format!("tasks/{task}.md"));
    let text =
        Text::read(subject.catalog.lab_files(), &path).map(Text::into_string).unwrap_or_default();
    literals(&without_references(&text)).map(str::to_owned).collect()
}

/// The text with a gap where a variable stands.
fn without_references(text: &str) -> String {
    let mut rest = text;
    let mut out = String::new();
    while let Some((before, reference)) = rest.split_once("${") {
        out.push_str(before);
        out.push(' ');
        rest = reference.split_once('}').map_or("", |(_, after)| after);
    }
    out + rest
}

/// Numbers of two and more digits, also with a unit of time, and names of a form like `a:b`.
fn literals(text: &str) -> impl Iterator<Item = &str> {
    let part = |c: char| c.is_alphanumeric() || "_-.:".contains(c);
    text.split(move |c| !part(c)).map(|word| word.trim_matches(['.', ':', '-'])).filter_map(
        |word| {
            let number = word.trim_end_matches(['m', 's']);
            if number.len() >= 2 && number.chars().all(|c| c.is_ascii_digit()) {
                return Some(number);
            }
            let key_like = word.contains(':')
                && word.split(':').all(|part| !part.is_empty())
                && word.starts_with(|c: char| c.is_alphabetic());
            key_like.then_some(word)
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_keys_are_literals_words_are_not() {
        let text = "In 400ms, `log:archive` holds 20 of T-305 (p3-028), 5 in all: http://x 3.14, done: yes.";
        let found: Vec<_> = literals(text).collect();
        assert_eq!(found, ["400", "log:archive", "20"]);
    }

    #[test]
    fn a_variable_is_no_literal() {
        assert_eq!(without_references("${a:b} is 20"), "  is 20");
    }
}
