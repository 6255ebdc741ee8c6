//! JUnit's XML, for CI systems: a suite is a task, a case is a check.
//!
//! No standard describes it; this keeps to what the schemas in use have in common.

use std::io::Write;

use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesText, Event};

use super::{seconds, text};
use crate::term::escape::visible;
use crate::verdict::{CheckResult, Grade, TaskResult, Verdict};

/// The document, with a line feed at the end.
pub fn grade(grade: &Grade) -> String {
    let mut writer = Writer::new_with_indent(Vec::new(), b' ', 2);
    // Writing into memory cannot fail.
    let _ = document(&mut writer, grade);
    let mut text = String::from_utf8_lossy(&writer.into_inner()).into_owned();
    text.push('\n');
    text
}

type Written = std::io::Result<()>;

fn document<W: Write>(writer: &mut Writer<W>, grade: &Grade) -> Written {
    writer.write_event(Event::Decl(BytesDecl::new("1.0", Some("UTF-8"), None)))?;
    let result = &grade.result;
    let counts = Counts::of(result.tasks.iter().flat_map(|t| &t.checks));
    writer
        .create_element("testsuites")
        .with_attribute(("name", text(&format!("{} {}", result.lab, grade.submission)).as_str()))
        .with_attribute(("tests", counts.tests.to_string().as_str()))
        .with_attribute(("failures", counts.failures.to_string().as_str()))
        .with_attribute(("errors", counts.errors.to_string().as_str()))
        .with_attribute(("time", time(result.milliseconds).as_str()))
        .write_inner_content(|writer| {
            for (id, task) in result.tasks.iter().enumerate() {
                suite(writer, id, task, grade)?;
            }
            Ok(())
        })?;
    Ok(())
}

fn suite<W: Write>(writer: &mut Writer<W>, id: usize, task: &TaskResult, grade: &Grade) -> Written {
    let counts = Counts::of(&task.checks);
    let milliseconds = task.checks.iter().map(|c| c.milliseconds).sum();
    // Schemas want the time without a zone.
    let timestamp = grade.graded_at.trim_end_matches('Z');
    writer
        .create_element("testsuite")
        .with_attribute(("name", text(&task.title).as_str()))
        .with_attribute(("package", grade.result.lab.as_str()))
        .with_attribute(("id", id.to_string().as_str()))
        .with_attribute(("hostname", "localhost"))
        .with_attribute(("timestamp", timestamp))
        .with_attribute(("tests", counts.tests.to_string().as_str()))
        .with_attribute(("failures", counts.failures.to_string().as_str()))
        .with_attribute(("errors", counts.errors.to_string().as_str()))
        .with_attribute(("skipped", counts.skipped.to_string().as_str()))
        .with_attribute(("time", time(milliseconds).as_str()))
        .write_inner_content(|writer| {
            writer.create_element("properties").write_inner_content(|writer| {
                property(writer, "points", &task.points.to_string())?;
                property(writer, "max_points", &task.max_points.to_string())
            })?;
            let class = format!("{}.{}", grade.result.lab, task.id);
            for check in &task.checks {
                case(writer, &class, check)?;
            }
            // The submission is one, its suites are several: what is said of it stands in the first.
            let about = if id == 0 { text::remarks(grade).join("\n") } else { String::new() };
            let about = text(&about);
            writer.create_element("system-out").write_text_content(BytesText::new(&about))?;
            writer.create_element("system-err").write_text_content(BytesText::new(""))?;
            Ok(())
        })?;
    Ok(())
}

fn property<W: Write>(writer: &mut Writer<W>, name: &str, value: &str) -> Written {
    writer
        .create_element("property")
        .with_attribute(("name", name))
        .with_attribute(("value", value))
        .write_empty()?;
    Ok(())
}

fn case<W: Write>(writer: &mut Writer<W>, class: &str, check: &CheckResult) -> Written {
    let case = writer
        .create_element("testcase")
        .with_attribute(("name", text(&check.claim).as_str()))
        .with_attribute(("classname", class))
        .with_attribute(("time", time(check.milliseconds).as_str()));
    let Some((tag, kind, message)) = trouble(check) else {
        case.write_empty()?;
        return Ok(());
    };
    case.write_inner_content(|writer| {
        let reason = text(&text::plain_reason(check));
        writer
            .create_element(tag)
            .with_attribute(("message", text(&message).as_str()))
            .with_attribute(("type", text(&kind).as_str()))
            .write_text_content(BytesText::new(&reason))?;
        Ok(())
    })?;
    Ok(())
}

/// The element that says why a check has not passed, its type and its message.
fn trouble(check: &CheckResult) -> Option<(&'static str, String, String)> {
    match check.verdict {
        Verdict::Pass => None,
        Verdict::Fail => {
            let failure = check.failure.as_ref();
            let code = failure.map(|f| f.code.clone()).unwrap_or_default();
            let summary = failure.map(|f| f.evidence.summary.clone()).unwrap_or_default();
            Some(("failure", code, summary))
        }
        Verdict::Error => {
            let what = check.error.as_ref().map(|e| e.what.clone()).unwrap_or_default();
            Some(("error", "infrastructure".to_owned(), what))
        }
        Verdict::Blocked => {
            let by = check.blocked_by.as_deref().unwrap_or_default();
            Some(("skipped", "blocked".to_owned(), format!("waits for {by}")))
        }
    }
}

#[derive(Default)]
struct Counts {
    tests: usize,
    failures: usize,
    errors: usize,
    skipped: usize,
}

impl Counts {
    fn of<'a>(checks: impl IntoIterator<Item = &'a CheckResult>) -> Self {
        let mut counts = Self::default();
        for check in checks {
            counts.tests += 1;
            match check.verdict {
                Verdict::Pass => {}
                Verdict::Fail => counts.failures += 1,
                Verdict::Error => counts.errors += 1,
                Verdict::Blocked => counts.skipped += 1,
            }
        }
        counts
    }
}

fn time(milliseconds: u64) -> String {
    format!("{:.3}", seconds(milliseconds))
}

/// Text without the characters that XML 1.0 cannot hold.
fn text(raw: &str) -> String {
    visible(raw).replace(['\u{fffe}', '\u{ffff}'], "\u{fffd}")
}
