//! What a verification found, as a table for a person.

use std::fmt::Write;

use console::style;

use crate::author::verify::result::{Rule, Untried, Verification};
use crate::term::escape::visible;

/// In the place of a tally where the lab gives nothing to try.
const NOTHING: &str = "none";

/// A line for each lab, then what could not be tried and the rules that do not hold.
pub fn table(found: &[Verification]) -> String {
    let width = found.iter().map(|lab| lab.lab.len()).max().unwrap_or(0).max("lab".len());
    let mut out = String::new();
    let head = format!(
        "  {:width$}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>7}  {:>7}  {:>7}",
        "lab",
        "checks",
        "right",
        "wrong",
        "steps",
        "mutants",
        "flakes",
        "check s",
        "waiting",
        "seconds"
    );
    let _ = writeln!(out, "{}", style(head).dim());
    for lab in found {
        let _ = writeln!(
            out,
            "{} {:width$}  {:>6}  {:>7}  {:>7}  {:>7}  {:>7}  {:>6}  {:>7}  {:>7}  {:>7.1}{}",
            mark(lab.holds),
            lab.lab,
            lab.checks,
            tally(lab, Rule::Right),
            tally(lab, Rule::Wrong),
            tally(lab, Rule::Steps),
            lab.mutants.filter(|_| tally(lab, Rule::Mutants) != NOTHING).map_or_else(
                || tally(lab, Rule::Mutants),
                |score| format!("{:.0} %", 100.0 * score.ratio())
            ),
            lab.flakes,
            seconds(lab.check_seconds),
            seconds(lab.check_waits),
            lab.seconds,
            if lab.cached { "  (earlier; nothing has changed)" } else { "" }
        );
    }
    for lab in found.iter().filter(|lab| !lab.nothing_to_try.is_empty()) {
        let _ = writeln!(out, "\n{}: nothing to try", style(&lab.lab).bold());
        for Untried { rule, case, why } in &lab.nothing_to_try {
            let case = case.as_ref().map_or(String::new(), |case| format!(", {case}"));
            let _ = writeln!(out, "  {} {}{case}: {why}", style("–").dim(), rule.name());
        }
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

fn seconds(seconds: Option<f64>) -> String {
    seconds.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1}"))
}

/// How many of a rule's cases are good; a dash where the rule was not tried.
fn tally(lab: &Verification, rule: Rule) -> String {
    match lab.rules.get(&rule) {
        None => "-".to_owned(),
        Some(tally) if tally.all == 0 => NOTHING.to_owned(),
        Some(tally) => format!("{}/{}", tally.good, tally.all),
    }
}

fn mark(good: bool) -> String {
    if good { style("✓").green().to_string() } else { style("✗").red().to_string() }
}
