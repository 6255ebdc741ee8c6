//! Problems of labs as text.

use crate::catalog::problem::{MAX_PROBLEMS, Problem, caret};
use crate::term::escape::visible;

/// Each problem with its place and the line there, then how many there are.
pub fn text(problems: &[&Problem], labs: usize) -> String {
    let mut out = String::new();
    for problem in problems {
        out.push_str(&format!("{}\n\n", visible(&one(problem))));
    }
    let of =
        |count: usize, what: &str| format!("{count} {what}{}", if count == 1 { "" } else { "s" });
    let more = if problems.len() >= MAX_PROBLEMS { " or more" } else { "" };
    match problems.len() {
        0 => out.push_str(&format!("No problem in {}\n", of(labs, "lab"))),
        n => out.push_str(&format!("{}{more} in {}\n", of(n, "problem"), of(labs, "lab"))),
    }
    out
}

fn one(problem: &Problem) -> String {
    let mut lines = vec![problem.place.to_string(), format!("  {}", problem.what)];
    if let (Some(excerpt), Some(at)) = (&problem.excerpt, problem.place.position) {
        lines.extend(caret(excerpt, at).lines().map(|line| format!("  {line}")));
    }
    let notes = [("why", &problem.why), ("expected", &problem.expected), ("help", &problem.help)];
    for (name, note) in notes {
        if let Some(note) = note {
            lines.push(format!("  {name}: {}", note.replace('\n', "\n    ")));
        }
    }
    lines.join("\n")
}
