//! Results as text for a person.

use std::borrow::Cow;
use std::fmt::Write;

use console::{Style, style};

use crate::probe::finding::Failure;
use crate::term::escape::visible;
use crate::term::{self, folded, folded_command, markdown, spoken, wrapped};
use crate::verdict::{BatchResult, CheckResult, Grade, LabResult, Row, TaskResult, Verdict};

/// Longer values are shortened unless `--verbose` asks for all.
const SHORT: usize = 400;

/// The columns of text that no terminal shows.
const PLAIN_WIDTH: usize = 100;

/// The column that the values of evidence begin at.
const VALUE: usize = 15;

/// How much is shown.
#[derive(Debug, Clone, Copy)]
pub struct Detail {
    pub verbose: bool,
    pub width: usize,
    /// On a screen that is drawn no line may be wider, and a key shows the rest.
    pub drawn: bool,
    /// Read out: words in place of signs.
    pub spoken: bool,
}

impl Detail {
    /// What suffices, as wide as the terminal.
    pub fn brief() -> Self {
        Self { verbose: false, width: term::width(), drawn: false, spoken: false }
    }
}

/// The whole of a check, task by task, with a summary line.
pub fn lab(result: &LabResult, detail: Detail) -> String {
    // An explanation is for who has just passed that task, not one of many.
    let alone = result.tasks.len() == 1;
    let mut out: String = result.tasks.iter().map(|t| task(t, alone, detail)).collect();
    let _ = writeln!(
        out,
        "{} of {} tasks pass, {} of {} points, {}",
        result.passed(),
        result.tasks.len(),
        result.points,
        result.max_points,
        seconds(result.milliseconds)
    );
    out
}

/// Why a check of a task has not passed; nothing where it has.
pub fn why(check: &CheckResult, of: &TaskResult, detail: Detail) -> String {
    reason(check, blocked_by(check, &of.checks).as_deref(), detail)
}

/// One task with all its checks.
pub fn whole(result: &TaskResult, detail: Detail) -> String {
    task(result, false, detail)
}

/// A grade: the checks, then the submission, its score, and what is to be said about it.
pub fn grade(grade: &Grade, detail: Detail) -> String {
    let mut out: String = grade.result.tasks.iter().map(|t| task(t, false, detail)).collect();
    for line in remarks(grade) {
        let _ = writeln!(out, "{line}");
    }
    let _ = writeln!(out, "{}", summary(grade));
    out
}

/// The submission, its verdict and its score on one line.
pub fn summary(grade: &Grade) -> String {
    let score = match grade.score {
        Some(score) => format!("{score} of {} points", grade.max_score),
        None => "no score: this is not the submission's fault".to_owned(),
    };
    format!(
        "{}: {}, {} of {} tasks pass, {score}, {}",
        visible(&grade.submission),
        grade.verdict,
        grade.result.passed(),
        grade.result.tasks.len(),
        seconds(grade.milliseconds)
    )
}

/// What is to be said of a submission besides its checks, unstyled.
pub fn remarks(grade: &Grade) -> Vec<String> {
    let mut lines: Vec<String> =
        grade.left_out.iter().map(|what| format!("left out: {}", visible(what))).collect();
    if let Some(apply) = &grade.apply {
        let end = match (apply.exit_code, &apply.note) {
            (Some(code), None) => format!("exit code {code}"),
            (Some(code), Some(note)) => format!("exit code {code}; {note}"),
            (None, note) => note.clone().unwrap_or_default(),
        };
        lines.push(format!("apply.sh: {end}"));
        lines.extend(visible(&apply.output).lines().map(|line| format!("    {line}")));
    }
    lines
}

/// Why a check has not passed, in full and unstyled, as other formats carry it.
pub fn plain_reason(result: &CheckResult) -> String {
    let detail = Detail { verbose: true, width: PLAIN_WIDTH, drawn: false, spoken: false };
    let styled = reason(result, result.blocked_by.as_deref(), detail);
    textwrap::dedent(&console::strip_ansi_codes(&styled)).trim_end().to_owned()
}

/// A batch: a table of its submissions, and what it came to.
pub fn batch(summary: &BatchResult) -> String {
    let names: Vec<String> = summary.submissions.iter().map(|r| visible(&r.submission)).collect();
    let width = names.iter().map(|n| console::measure_text_width(n)).max().unwrap_or(0);
    let mut out = String::new();
    for (row, name) in summary.submissions.iter().zip(&names) {
        let line = format!(
            "{} {}  {:<7}  {:>10}  {:>8}  {}",
            mark(row.verdict),
            console::pad_str(name, width, console::Alignment::Left, None),
            row.verdict,
            score(row),
            seconds(row.milliseconds),
            cause(row)
        );
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let count = |verdict| summary.count(verdict);
    let _ = writeln!(
        out,
        "\n{} graded in {}: {} pass, {} fail, {} error; {} kept from before\nresults in {}",
        summary.submissions.len(),
        seconds(summary.milliseconds),
        count(Verdict::Pass),
        count(Verdict::Fail) + count(Verdict::Blocked),
        count(Verdict::Error),
        summary.kept(),
        summary.output.display()
    );
    out
}

/// One submission of a batch, in a few words.
pub fn row(row: &Row) -> String {
    let kept = if row.kept { ", kept" } else { "" };
    format!("{}: {}, {}{kept}", visible(&row.submission), row.verdict, score(row))
}

fn score(row: &Row) -> String {
    match row.score {
        Some(score) => format!("{score} of {}", row.max_score),
        None => "no score".to_owned(),
    }
}

/// Why a submission has not passed, as far as a line tells.
fn cause(row: &Row) -> String {
    const SHOWN: usize = 2;
    if let Some(error) = &row.error {
        return visible(error.lines().next().unwrap_or_default());
    }
    let mut parts: Vec<String> = row.failed.iter().take(SHOWN).cloned().collect();
    if row.failed.len() > SHOWN {
        parts.push(format!("{} more", row.failed.len() - SHOWN));
    }
    parts.join(", ")
}

fn seconds(milliseconds: u64) -> String {
    format!("{:.1} s", super::seconds(milliseconds))
}

/// One task with its checks.
fn task(result: &TaskResult, explain: bool, detail: Detail) -> String {
    let title = style(&result.title).bold();
    let mut out = if detail.spoken {
        format!("{} {title}\n", word(result.verdict))
    } else {
        format!("{} {title}\n", mark(result.verdict))
    };
    for check in &result.checks {
        out.push_str(&self::check(check, &result.checks, detail));
    }
    out.push('\n');
    if explain && let Some(explanation) = &result.explanation {
        out.push_str(&rendered(explanation, detail.width, detail));
        out.push('\n');
    }
    out
}

fn check(result: &CheckResult, among: &[CheckResult], detail: Detail) -> String {
    let figures = match result.figures.as_slice() {
        [] => String::new(),
        figures => {
            let parts: Vec<String> =
                figures.iter().map(|f| format!("{} {}", f.value, f.name)).collect();
            format!("      {}\n", style(parts.join(", ")).dim())
        }
    };
    let claim = if detail.spoken {
        wrapped(&format!("{} {}", word(result.verdict), result.claim), 2, detail.width)
    } else {
        let claim = wrapped(&result.claim, 4, detail.width);
        format!("  {} {}", mark(result.verdict), claim.trim_start())
    };
    let reason = reason(result, blocked_by(result, among).as_deref(), detail);
    format!("{claim}\n{figures}{reason}")
}

/// What a check waits for. Who reads this has seen what the other check claims, and not its id.
fn blocked_by(result: &CheckResult, among: &[CheckResult]) -> Option<String> {
    let other = result.blocked_by.as_deref().and_then(|by| by.strip_prefix("check "));
    let other = other.and_then(|id| among.iter().find(|check| check.id == id));
    other.map(|check| format!("“{}”", check.claim)).or(result.blocked_by.clone())
}

/// Why a check has not passed, line by line.
fn reason(result: &CheckResult, blocked_by: Option<&str>, detail: Detail) -> String {
    let mut out = String::new();
    if let Some(failure) = &result.failure {
        out.push_str(&evidence(failure, detail));
    }
    if let Some(text) = &result.misconception {
        let rendered = rendered(text, detail.width.saturating_sub(VALUE), detail);
        for (at, line) in rendered.trim_end().lines().enumerate() {
            let name = if at == 0 { "why" } else { "" };
            let _ = writeln!(out, "      {} {line}", name_of(name));
        }
    }
    if let Some(by) = blocked_by {
        let _ = writeln!(out, "{}", wrapped(&format!("waits for {by}"), 6, detail.width));
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
    for line in shown(&e.summary, detail).lines() {
        let _ = writeln!(out, "{}", wrapped(line, 6, detail.width));
    }
    for line in &e.sent {
        let line =
            if detail.spoken { Cow::Owned(spoken::answered(line)) } else { Cow::Borrowed(&**line) };
        field(&mut out, "sent", &line, detail);
    }
    let values = [("expected", &e.expected), ("observed", &e.observed), ("differs", &e.difference)];
    for (name, value) in values {
        if let Some(value) = value {
            field(&mut out, name, value, detail);
        }
    }
    for line in &e.history {
        let mut line = shown(line, detail);
        if detail.spoken {
            let _ = writeln!(out, "{}", wrapped(&spoken::line(&line), 6, detail.width));
            continue;
        }
        // The columns give way where there is no room for them.
        if detail.drawn && console::measure_text_width(&line) + 8 > detail.width {
            line = narrowed(&line);
        }
        let _ = writeln!(out, "      {} {line}", style("│").dim());
    }
    if let Some(output) = &e.output {
        field(&mut out, "output", output, detail);
    }
    if detail.drawn {
        let lines: Vec<String> =
            out.lines().flat_map(|line| term::fit(line, detail.width)).collect();
        out = format!("{}\n", lines.join("\n"));
    }
    if let Some(line) = &e.reproduce {
        // It is there to be copied: in one piece, or in lines that a shell puts together again.
        let room = if detail.drawn { detail.width.saturating_sub(VALUE) } else { usize::MAX };
        let line = shown(line, detail).replace("\nlabs ", "\0labs ");
        let lines = line.split('\0').flat_map(|line| folded_command(line, room));
        let lines: Vec<String> = lines.collect();
        let next = format!("\n{}", " ".repeat(VALUE));
        let _ = writeln!(out, "      {} {}", name_of("try"), lines.join(&next));
        if lines.iter().any(|line| console::measure_text_width(line) > room) {
            let _ = writeln!(out, "{:VALUE$}(in one piece: 'labs check' prints it)", "");
        }
    }
    out
}

/// A line of columns with no more than two spaces between them; what is in quotes stays as it is.
fn narrowed(line: &str) -> String {
    let (mut out, mut quoted, mut spaces) = (String::new(), false, 0);
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        spaces = if c == ' ' && !quoted { spaces + 1 } else { 0 };
        if spaces <= 2 {
            out.push(c);
        }
        match c {
            '"' => quoted = !quoted,
            '\\' if quoted => out.extend(chars.next()),
            _ => {}
        }
    }
    out
}

fn field(out: &mut String, name: &str, value: &str, detail: Detail) {
    let value = shown(&shorten(value, detail), detail);
    // In full means in one piece too: it may be searched, copied, read by a program.
    let room = if detail.verbose && !detail.drawn {
        usize::MAX
    } else {
        detail.width.saturating_sub(VALUE)
    };
    let mut lines = value.lines().flat_map(|line| folded(line, room));
    let first = lines.next().unwrap_or_default();
    let _ = writeln!(out, "      {} {first}", name_of(name));
    for line in lines {
        let _ = writeln!(out, "{:VALUE$}{line}", "");
    }
}

/// A text that may hold anything.
fn shown(text: &str, detail: Detail) -> String {
    if detail.drawn { term::drawable(text) } else { visible(text) }
}

fn rendered(source: &str, width: usize, detail: Detail) -> String {
    let render = if detail.drawn { markdown::drawn } else { markdown::render };
    render(source, width)
}

fn name_of(field: &str) -> impl std::fmt::Display {
    style(format!("{field:<8}")).dim()
}

/// The beginning of a long value; of one that has lines, as a log and a traceback have, the last of them.
fn shorten(value: &str, detail: Detail) -> String {
    let length = value.chars().count();
    if detail.verbose || length <= SHORT {
        return value.to_owned();
    }
    let all = if detail.drawn { "'e' at the task" } else { "--verbose" };
    let whole = value.trim_end().lines().rev().scan(0, |taken, line| {
        *taken += line.chars().count() + 1;
        (*taken <= SHORT).then_some(line)
    });
    let mut last: Vec<&str> = whole.collect();
    if !last.is_empty() {
        last.reverse();
        let last = last.join("\n");
        let more = length - last.chars().count();
        return format!("({more} more characters: {all}) …\n{last}");
    }
    let head: String = value.chars().take(SHORT).collect();
    format!("{head} … ({} more characters: {all})", length - SHORT)
}

/// What [`mark`] says, in a word.
fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "passed:",
        Verdict::Fail => "failed:",
        Verdict::Blocked => "waiting:",
        Verdict::Error => "not checked:",
    }
}

fn mark(verdict: Verdict) -> String {
    let (sign, colour) = match verdict {
        Verdict::Pass => ("✓", Style::new().green()),
        Verdict::Fail => ("✗", Style::new().red()),
        Verdict::Blocked => ("·", Style::new().dim()),
        Verdict::Error => ("!", Style::new().magenta()),
    };
    colour.apply_to(sign).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::finding::Evidence;

    fn shown(evidence: Evidence, width: usize) -> String {
        let failure = Failure { code: "value".to_owned(), evidence };
        let text = super::evidence(
            &failure,
            Detail { verbose: false, width, drawn: false, spoken: false },
        );
        console::strip_ansi_codes(&text).into_owned()
    }

    #[test]
    fn long_values_go_on_below_where_they_begin() {
        let list = r#"["T-101","T-102","T-103","T-104","T-105"]"#;
        let evidence = Evidence {
            summary: "redis answers something else".to_owned(),
            sent: vec!["LRANGE tickets:waiting 0 -1".to_owned()],
            expected: Some(list.to_owned()),
            observed: Some(format!("first line\n{}", "x".repeat(30))),
            ..Evidence::default()
        };
        insta::assert_snapshot!(shown(evidence, 40), @r#"
              redis answers something else
              sent     LRANGE tickets:waiting 0
                       -1
              expected ["T-101","T-102","T-103",
                       "T-104","T-105"]
              observed first line
                       xxxxxxxxxxxxxxxxxxxxxxxxx
                       xxxxx
        "#);
    }

    #[test]
    fn what_is_read_out_says_in_words_what_signs_say() {
        let evidence = Evidence {
            history: vec!["take-1  112.574 … 140.779 ms  take  \"a\"".to_owned()],
            ..Evidence::new("it was taken twice")
        };
        let failure = Failure { code: "value".to_owned(), evidence };
        let detail = Detail { verbose: false, width: 60, drawn: false, spoken: true };
        let text = super::evidence(&failure, detail);
        assert_eq!(
            text,
            "      it was taken twice\n      take-1, 112.574 to 140.779 ms, take, \"a\"\n"
        );
    }

    #[test]
    fn of_a_long_log_the_last_lines_are_shown_and_of_a_long_line_the_beginning() {
        let detail = Detail { verbose: false, width: 80, drawn: false, spoken: false };
        let log: String = (1..=100).map(|n| format!("line {n} of a log\n")).collect();
        let shown = shorten(&log, detail);
        assert!(shown.starts_with('(') && shown.ends_with("\nline 100 of a log"), "{shown}");
        assert!(shown.chars().count() < SHORT + 50, "{shown}");
        assert!(
            shorten(&"x".repeat(500), detail).ends_with("x … (100 more characters: --verbose)")
        );
        assert_eq!(shorten(&log, Detail { verbose: true, ..detail }), log);
    }

    #[test]
    fn what_is_to_be_copied_or_stands_in_columns_stays_as_it_is() {
        let command =
            format!("labs exec workbench -- redis-cli -h redis MGET {}", "key ".repeat(200));
        let operation = format!("take-1  112.574 … 140.779 ms  take  {}", "y".repeat(60));
        let evidence = Evidence {
            history: vec![operation.clone()],
            reproduce: Some(command.clone()),
            ..Evidence::new("so")
        };
        let text = shown(evidence, 40);
        assert!(text.contains(&format!("│ {operation}\n")), "{text}");
        assert!(text.contains(&format!("try      {command}\n")), "{text}");
    }
}
