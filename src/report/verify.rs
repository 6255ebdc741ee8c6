//! What a verification found, as a table for a person.

use std::fmt::Write;

use console::style;

use crate::author::verify::result::{Rule, Verification};
use crate::term::escape::visible;

/// A line for each lab, then the rules that do not hold.
pub fn table(found: &[Verification]) -> String {
    let width = found.iter().map(|lab| lab.lab.len()).max().unwrap_or(0).max("lab".len());
    let mut out = String::new();
    let head = format!(
        "  {:width$}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>7}",
        "lab", "checks", "right", "wrong", "steps", "mutants", "flakes", "seconds"
    );
    let _ = writeln!(out, "{}", style(head).dim());
    for lab in found {
        let _ = writeln!(
            out,
            "{} {:width$}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>7.1}{}",
            mark(lab.holds),
            lab.lab,
            lab.checks,
            tally(lab, Rule::Right),
            tally(lab, Rule::Wrong),
            tally(lab, Rule::Steps),
            lab.mutants.map_or("-".to_owned(), |score| format!("{:.0} %", 100.0 * score.ratio())),
            lab.flakes,
            lab.seconds,
            if lab.cached { "  (earlier; nothing has changed)" } else { "" }
        );
    }
    for lab in found.iter().filter(|lab| !lab.holds) {
        let _ = writeln!(out, "\n{}", style(&lab.lab).bold());
        if let Some(error) = &lab.error {
            let _ = writeln!(out, "{} {}", mark(false), visible(&error.to_string()));
        }
        for rule in Rule::ALL {
            let mut breaches = lab.breaches.iter().filter(|b| b.rule == rule).peekable();
            if breaches.peek().is_some() {
                let _ = writeln!(out, "{} {}", mark(false), rule.says());
            }
            for breach in breaches {
                let what = visible(&breach.what).replace('\n', "\n      ");
                let seed = breach.seed.as_ref().map_or(String::new(), |s| format!(" (seed {s})"));
                let _ = writeln!(out, "    {}{seed}: {what}", breach.case);
            }
        }
    }
    out
}

/// How many of a rule's cases are good; a dash where none was tried.
fn tally(lab: &Verification, rule: Rule) -> String {
    lab.rules.get(&rule).map_or("-".to_owned(), |t| format!("{}/{}", t.good, t.all))
}

fn mark(good: bool) -> String {
    if good { style("✓").green().to_string() } else { style("✗").red().to_string() }
}
