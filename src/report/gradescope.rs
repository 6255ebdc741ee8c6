//! Gradescope's `results.json`: a test is a task, since points are given for tasks.

use serde::Serialize;

use super::json::pretty;
use super::text;
use crate::term::escape::visible;
use crate::verdict::{Grade, TaskResult, Verdict};

#[derive(Serialize)]
struct Results {
    /// Without one here and in the tests, Gradescope takes the run for a failure of the grader, to be repeated.
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u32>,
    /// Seconds.
    execution_time: f64,
    output: String,
    output_format: &'static str,
    visibility: &'static str,
    stdout_visibility: &'static str,
    tests: Vec<Test>,
}

#[derive(Serialize)]
struct Test {
    name: String,
    number: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    score: Option<u32>,
    max_score: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<&'static str>,
    output: String,
    output_format: &'static str,
    tags: [String; 1],
    visibility: &'static str,
}

/// The document, with a line feed at the end.
pub fn grade(grade: &Grade) -> String {
    let tests = grade.result.tasks.iter().zip(1..).map(|(task, n)| test(task, n, grade)).collect();
    pretty(&Results {
        score: grade.score,
        execution_time: super::seconds(grade.milliseconds),
        output: about(grade),
        output_format: "text",
        visibility: "visible",
        stdout_visibility: "hidden",
        tests,
    })
}

fn about(grade: &Grade) -> String {
    let mut lines = match grade.score {
        Some(_) => vec![text::summary(grade)],
        None => vec![
            "This submission could not be graded, so it has no score.".to_owned(),
            "The cause lies in the grading machine, not in the submission: please have it graded again."
                .to_owned(),
        ],
    };
    lines.extend(text::remarks(grade));
    lines.join("\n")
}

fn test(task: &TaskResult, number: usize, grade: &Grade) -> Test {
    Test {
        name: visible(&task.title),
        number: number.to_string(),
        score: grade.score.map(|_| task.points),
        max_score: task.max_points,
        status: match task.verdict {
            Verdict::Pass => Some("passed"),
            Verdict::Fail | Verdict::Blocked => Some("failed"),
            Verdict::Error => None,
        },
        output: checks(task),
        output_format: "text",
        tags: [task.id.clone()],
        visibility: "visible",
    }
}

/// The task's checks, each with why it has not passed.
fn checks(task: &TaskResult) -> String {
    let mut out = String::new();
    for check in &task.checks {
        out.push_str(&format!("[{}] {}\n", check.verdict, visible(&check.claim)));
        for line in text::plain_reason(check).lines() {
            out.push_str(&format!("    {line}\n"));
        }
    }
    out
}
