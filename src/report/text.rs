//! Results as text for a person.

use std::fmt::Write;

use console::{Style, style};

use crate::probe::finding::Failure;
use crate::term::escape::visible;
use crate::term::markdown;
use crate::verdict::{CheckResult, LabResult, TaskResult, Verdict};

/// Longer values are shortened unless `--verbose` asks for all.
const SHORT: usize = 400;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub struct Detail {
    pub verbose: bool,
    pub width: usize,
}

/// The whole of a check, task by task, with a summary line.
pub fn lab(result: &LabResult, detail: Detail) -> String {
    let mut out: String = result.tasks.iter().map(|t| task(t, detail)).collect();
    let passed = result.tasks.iter().filter(|t| t.verdict == Verdict::Pass).count();
    let _ = writeln!(
        out,
        "{passed} of {} tasks pass, {} of {} points, {:.1} s",
        result.tasks.len(),
        result.points,
        result.max_points,
        std::time::Duration::from_millis(result.milliseconds).as_secs_f64()
    );
    out
}

/// One task with its checks.
pub fn task(result: &TaskResult, detail: Detail) -> String {
    let mut out = format!("{} {}\n", mark(result.verdict), style(&result.title).bold());
    for check in &result.checks {
        out.push_str(&self::check(check, detail));
    }
    out.push('\n');
    if let Some(explanation) = &result.explanation {
        out.push_str(&markdown::render(explanation, detail.width));
        out.push('\n');
    }
    out
}

fn check(result: &CheckResult, detail: Detail) -> String {
    let mut out = format!("  {} {}\n", mark(result.verdict), result.claim);
    if let Some(failure) = &result.failure {
        out.push_str(&evidence(failure, detail));
    }
    if let Some(text) = &result.misconception {
        let rendered = markdown::render(text, detail.width.saturating_sub(6));
        for line in rendered.lines() {
            let _ = writeln!(out, "      {line}");
        }
    }
    if let Some(by) = &result.blocked_by {
        let _ = writeln!(out, "      waits for {by}");
    }
    if let Some(error) = &result.error {
        field(&mut out, "error", &error.what, detail);
        for (name, value) in [("where", &error.place), ("why", &error.why), ("help", &error.help)] {
            if let Some(value) = value {
                field(&mut out, name, value, detail);
            }
        }
        let _ = writeln!(out, "      This is not your fault and costs no attempt.");
    }
    out
}

fn evidence(failure: &Failure, detail: Detail) -> String {
    let e = &failure.evidence;
    let mut out = String::new();
    let _ = writeln!(out, "      {}", visible(&e.summary));
    for line in &e.sent {
        field(&mut out, "sent", line, detail);
    }
    let values = [("expected", &e.expected), ("observed", &e.observed), ("differs", &e.difference)];
    for (name, value) in values {
        if let Some(value) = value {
            field(&mut out, name, value, detail);
        }
    }
    for line in &e.history {
        let _ = writeln!(out, "      {} {}", style("│").dim(), visible(line));
    }
    if let Some(output) = &e.output {
        field(&mut out, "output", output, detail);
    }
    if let Some(line) = &e.reproduce {
        field(&mut out, "try", line, detail);
    }
    out
}

fn field(out: &mut String, name: &str, value: &str, detail: Detail) {
    let value = visible(&shorten(value, detail));
    let mut lines = value.lines();
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "      {} {first}", style(format!("{name:<8}")).dim());
    for line in lines {
        let _ = writeln!(out, "               {line}");
    }
}

fn shorten(value: &str, detail: Detail) -> String {
    let length = value.chars().count();
    if detail.verbose || length <= SHORT {
        return value.to_owned();
    }
    let head: String = value.chars().take(SHORT).collect();
    format!("{head} … ({} more characters: --verbose)", length - SHORT)
}

fn mark(verdict: Verdict) -> String {
    let (sign, colour) = match verdict {
        Verdict::Pass => ("✓", Style::new().green()),
        Verdict::Fail => ("✗", Style::new().red()),
        Verdict::Blocked => ("·", Style::new().dim()),
        Verdict::Error => ("!", Style::new().yellow()),
    };
    colour.apply_to(sign).to_string()
}
