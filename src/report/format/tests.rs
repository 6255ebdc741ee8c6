//! One grade with every verdict and hostile texts, in every format.

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;

use super::Format;
use crate::probe::finding::{Evidence, Failure};
use crate::verdict::{
    Applied, Basis, CheckResult, ErrorReport, Grade, LabResult, TaskResult, Verdict,
};

/// Markup, a terminal's escape, a right-to-left override, what no XML may hold, and words of other scripts.
const HOSTILE: &str = "</failure>]]><![CDATA[ \"quoted\" & 'so' \u{1b}[31m\u{0}\u{b}\u{202e}\u{ffff}\r\nwarteschlange größer 队列";

fn check(id: &str, verdict: Verdict) -> CheckResult {
    CheckResult {
        id: id.to_owned(),
        claim: format!("The check {id} holds <for> & \"all\""),
        verdict,
        failure: None,
        misconception: None,
        error: None,
        blocked_by: None,
        figures: Vec::new(),
        milliseconds: 1234,
    }
}

fn task(id: &str, points: u32, checks: Vec<CheckResult>) -> TaskResult {
    let verdict = Verdict::of(checks.iter().map(|c| c.verdict));
    TaskResult {
        id: id.to_owned(),
        title: format!("Task <{id}>"),
        verdict,
        points: if verdict == Verdict::Pass { points } else { 0 },
        max_points: points,
        checks,
        explanation: (verdict == Verdict::Pass).then(|| "Because *so*.".to_owned()),
    }
}

/// A grade with a pass, failures with all kinds of evidence, a blocked check; and an error where asked.
fn grade(with_error: bool) -> Grade {
    let failed = CheckResult {
        failure: Some(Failure {
            code: "order".to_owned(),
            evidence: Evidence {
                summary: HOSTILE.to_owned(),
                sent: vec!["LRANGE queue 0 -1".to_owned()],
                expected: Some("x".repeat(1000)),
                observed: Some(HOSTILE.to_owned()),
                difference: Some("at position 0".to_owned()),
                history: vec!["put-1  0.000 … 3.480 ms  put \"a\"  ok".to_owned()],
                output: Some("Traceback:\n  line 1".to_owned()),
                reproduce: None,
            },
        }),
        misconception: Some("A list has **two** ends.".to_owned()),
        ..check("broken", Verdict::Fail)
    };
    let blocked = CheckResult {
        blocked_by: Some("check broken".to_owned()),
        ..check("later", Verdict::Blocked)
    };
    let mut tasks = vec![
        task("right", 10, vec![check("holds", Verdict::Pass)]),
        task("wrong", 20, vec![check("first", Verdict::Pass), failed, blocked]),
    ];
    if with_error {
        let error = ErrorReport {
            what: "The container of redis is gone".to_owned(),
            place: Some("labs-seat-redis".to_owned()),
            why: Some(HOSTILE.to_owned()),
            help: Some("grade again".to_owned()),
        };
        let ours = CheckResult { error: Some(error), ..check("ours", Verdict::Error) };
        tasks.push(task("unlucky", 5, vec![ours]));
    }
    let result = LabResult {
        lab: "tiny-queue".to_owned(),
        seat: "tiny-queue-abcde".to_owned(),
        verdict: Verdict::of(tasks.iter().map(|t| t.verdict)),
        points: tasks.iter().map(|t| t.points).sum(),
        max_points: tasks.iter().map(|t| t.max_points).sum(),
        tasks,
        milliseconds: 7412,
    };
    Grade {
        submission: "müller & \u{202e}söhne".to_owned(),
        verdict: result.verdict,
        score: (!with_error).then_some(result.points),
        max_score: result.max_points,
        graded_at: "2026-11-22T09:21:04Z".to_owned(),
        basis: Basis {
            submission: "a1".to_owned(),
            lab: "b2".to_owned(),
            seed: "c3".to_owned(),
            version: "0.1.0".to_owned(),
        },
        seats: if with_error { 2 } else { 1 },
        timed_out: false,
        left_out: vec!["queue.py: a symbolic link".to_owned()],
        apply: Some(Applied { exit_code: Some(1), note: None, output: format!("{HOSTILE}\n") }),
        result,
        milliseconds: 9876,
    }
}

fn golden(name: &str, format: Format) {
    insta::assert_snapshot!(name, format.file(&grade(false)));
    insta::assert_snapshot!(format!("{name}_error"), format.file(&grade(true)));
}

#[test]
fn text() {
    golden("text", Format::Text);
}

#[test]
fn json() {
    golden("json", Format::Json);
}

#[test]
fn junit() {
    golden("junit", Format::Junit);
}

#[test]
fn gradescope() {
    golden("gradescope", Format::Gradescope);
}

#[test]
fn a_document_in_json_can_be_read_back() {
    for with_error in [false, true] {
        let written = Format::Json.file(&grade(with_error));
        let read: Grade = serde_json::from_str(&written).unwrap();
        assert_eq!(Format::Json.file(&read), written);
    }
}

#[test]
fn no_format_lets_a_control_character_through() {
    for format in [Format::Text, Format::Junit, Format::Gradescope] {
        let written = format.file(&grade(true));
        let document = match format {
            // JSON writes some characters as escapes of its own.
            Format::Gradescope => strings(&serde_json::from_str(&written).unwrap()),
            _ => written,
        };
        let stray = document.chars().find(|&c| c.is_control() && c != '\n' && c != '\t');
        assert_eq!(stray, None, "{format:?}");
        assert!(!document.contains(['\u{202e}']), "{format:?}");
    }
}

/// Every string of a document.
fn strings(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(strings).collect(),
        Value::Object(fields) => fields.values().map(strings).collect(),
        _ => String::new(),
    }
}

/// What an element may hold and must carry in the published schemas: its name, required attributes, children.
const JUNIT: [(&str, &[&str], &[&str]); 10] = [
    ("", &[], &["testsuites"]),
    ("testsuites", &["name", "tests", "failures", "errors", "time"], &["testsuite"]),
    (
        "testsuite",
        &[
            "name",
            "package",
            "id",
            "hostname",
            "timestamp",
            "tests",
            "failures",
            "errors",
            "skipped",
            "time",
        ],
        &["properties", "testcase", "system-out", "system-err"],
    ),
    ("properties", &[], &["property"]),
    ("property", &["name", "value"], &[]),
    ("testcase", &["name", "classname", "time"], &["failure", "error", "skipped"]),
    ("failure", &["message", "type"], &[]),
    ("error", &["message", "type"], &[]),
    ("skipped", &["message", "type"], &[]),
    ("system-out", &[], &[]),
];

#[test]
fn junit_has_the_structure_that_its_readers_expect() {
    let document = Format::Junit.file(&grade(true));
    let mut reader = Reader::from_str(&document);
    let mut open = vec![String::new()];
    let mut seen: Vec<String> = Vec::new();
    loop {
        let event = reader.read_event().unwrap();
        if let Event::Start(element) | Event::Empty(element) = &event {
            let name = element.name().as_ref().to_owned();
            let parent = open.last().unwrap();
            let of = |name: &str| JUNIT.iter().find(|(n, _, _)| *n == name);
            assert!(of(parent).unwrap().2.contains(&name.as_str()), "{name} in {parent}");
            let attributes: Vec<String> =
                element.attributes().map(|a| a.unwrap().key.as_ref().to_owned()).collect();
            let required = of(&name).map_or::<&[&str], _>(&[], |(_, required, _)| required);
            assert_eq!(attributes.len(), required.len(), "{name}: {attributes:?}");
            assert!(required.iter().all(|r| attributes.iter().any(|a| a == r)), "{attributes:?}");
            if matches!(event, Event::Start(_)) {
                open.push(name.clone());
            }
            seen.push(name);
        }
        match event {
            Event::End(_) => drop(open.pop()),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(open, [""]);
    let count = |name: &str| seen.iter().filter(|n| *n == name).count();
    let verdicts = [count("failure"), count("error"), count("skipped")];
    assert_eq!((count("testsuite"), count("testcase"), verdicts), (3, 5, [1, 1, 1]));
}

#[test]
fn gradescope_keeps_to_its_documented_fields() {
    let all = [
        "score",
        "max_score",
        "name",
        "number",
        "status",
        "output",
        "output_format",
        "tags",
        "visibility",
    ];
    for with_error in [false, true] {
        let document: Value =
            serde_json::from_str(&Format::Gradescope.file(&grade(with_error))).unwrap();
        assert!(document["execution_time"].is_number() && document["output"].is_string());
        assert_eq!(
            (&document["visibility"], &document["output_format"]),
            (&"visible".into(), &"text".into())
        );
        let mut sum = 0;
        for test in document["tests"].as_array().unwrap() {
            let fields = test.as_object().unwrap();
            assert!(fields.keys().all(|key| all.contains(&key.as_str())), "{test:#}");
            assert!(["passed", "failed"].contains(&test["status"].as_str().unwrap_or("passed")));
            assert!(test["tags"].as_array().unwrap().iter().all(Value::is_string));
            assert!(test["number"].is_string() && test["name"].is_string());
            if let Some(score) = test["score"].as_u64() {
                assert!(score <= test["max_score"].as_u64().unwrap());
                sum += score;
            }
        }
        if with_error {
            let scores =
                document["tests"].as_array().unwrap().iter().filter(|t| !t["score"].is_null());
            assert_eq!((document.get("score"), scores.count()), (None, 0));
            assert!(document["output"].as_str().unwrap().contains("not in the submission"));
        } else {
            assert_eq!(document["score"].as_u64(), Some(sum));
        }
    }
}
