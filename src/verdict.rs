//! The results of checks, as every report shows them.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Kind};
use crate::probe::finding::{Failure, Figure};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Pass,
    Fail,
    /// Something it needs has not passed.
    Blocked,
    /// Ours, never the learner's: costs no attempt.
    Error,
}

impl Verdict {
    /// The verdict on a whole: an error hides what the rest would have said, a failure a block.
    pub fn of(parts: impl IntoIterator<Item = Self>) -> Self {
        let rank = |v: &Self| match v {
            Self::Pass => 0,
            Self::Blocked => 1,
            Self::Fail => 2,
            Self::Error => 3,
        };
        parts.into_iter().max_by_key(rank).unwrap_or(Self::Pass)
    }
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Blocked => "blocked",
            Self::Error => "error",
        })
    }
}

/// One check, checked once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckResult {
    pub id: String,
    pub claim: String,
    pub verdict: Verdict,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failure: Option<Failure>,
    /// What the author says to somebody whose work fails this way.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub misconception: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ErrorReport>,
    /// What has not passed and is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub blocked_by: Option<String>,
    /// What the work has cost; only of a pass, where the check measures.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub figures: Vec<Figure>,
    /// How long it took.
    pub milliseconds: u64,
}

impl CheckResult {
    /// A verdict with nothing to say about it yet.
    pub fn new(check: &Check, verdict: Verdict) -> Self {
        Self {
            id: check.id.value.clone(),
            claim: check.claim.clone(),
            verdict,
            failure: None,
            misconception: None,
            error: None,
            blocked_by: None,
            figures: Vec::new(),
            milliseconds: 0,
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TaskResult {
    pub id: String,
    pub title: String,
    pub verdict: Verdict,
    /// Earned now: all or none.
    pub points: u32,
    pub max_points: u32,
    pub checks: Vec<CheckResult>,
    /// What an interviewer wants to hear; only after a pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<String>,
}

impl TaskResult {
    /// A task with its checks; its verdict and points follow from theirs.
    pub fn new(task: &Task, checks: Vec<CheckResult>) -> Self {
        let verdict = Verdict::of(checks.iter().map(|c| c.verdict));
        let pass = verdict == Verdict::Pass;
        Self {
            id: task.id.value.clone(),
            title: task.title.clone(),
            verdict,
            points: if pass { task.points } else { 0 },
            max_points: task.points,
            checks,
            explanation: pass.then(|| task.explanation.clone()),
        }
    }
}

/// The result of one `labs check`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LabResult {
    pub lab: String,
    pub seat: String,
    pub verdict: Verdict,
    pub points: u32,
    pub max_points: u32,
    pub tasks: Vec<TaskResult>,
    pub milliseconds: u64,
}

impl LabResult {
    /// A lab with its tasks; its verdict and points follow from theirs.
    pub fn new(lab: &Lab, seat: &str, tasks: Vec<TaskResult>, took: Duration) -> Self {
        Self {
            lab: lab.slug.clone(),
            seat: seat.to_owned(),
            verdict: Verdict::of(tasks.iter().map(|t| t.verdict)),
            points: tasks.iter().map(|t| t.points).sum(),
            max_points: tasks.iter().map(|t| t.max_points).sum(),
            tasks,
            milliseconds: millis(took),
        }
    }

    /// The first error, which stands for the rest.
    pub fn error(&self) -> Option<&str> {
        let mut checks = self.tasks.iter().flat_map(|t| &t.checks);
        checks.find_map(|check| Some(check.error.as_ref()?.what.as_str()))
    }

    /// How many tasks pass.
    pub fn passed(&self) -> usize {
        self.tasks.iter().filter(|t| t.verdict == Verdict::Pass).count()
    }
}

/// The result of grading one submission.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Grade {
    pub submission: String,
    pub verdict: Verdict,
    /// The points earned; none where the verdict is an error.
    pub score: Option<u32>,
    pub max_score: u32,
    /// RFC 3339 in UTC.
    pub graded_at: String,
    pub basis: Basis,
    /// How many throw-away seats it took: 2 after an error on the first, 0 where none was of use.
    pub seats: u32,
    /// Its time was over before the checks had ended.
    pub timed_out: bool,
    /// What of the submission was not taken over, and why.
    pub left_out: Vec<String>,
    /// How the submission's `apply.sh` ended, where it has one.
    pub apply: Option<Applied>,
    pub result: LabResult,
    /// The whole of it, seats and script and checks.
    pub milliseconds: u64,
}

/// What a grade rests on: an equal one would come to the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// A digest of the submission's files.
    pub submission: String,
    /// A digest of the lab and of the images it runs.
    pub lab: String,
    /// What the lab's keyed values were drawn from.
    pub seed: String,
    /// The version of `labs`.
    pub version: String,
}

/// How a submission's script ended.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Applied {
    /// None where it was stopped.
    pub exit_code: Option<i64>,
    /// Why it was stopped, or what else is to be said.
    pub note: Option<String>,
    /// What it printed, the beginning of it where that is much.
    pub output: String,
}

/// The result of grading many submissions.
#[derive(Debug, Serialize)]
pub struct BatchResult {
    pub lab: String,
    pub output: PathBuf,
    /// In the order of their names.
    pub submissions: Vec<Row>,
    pub milliseconds: u64,
}

/// One submission of a batch.
#[derive(Debug, Serialize)]
pub struct Row {
    pub submission: String,
    pub verdict: Verdict,
    pub score: Option<u32>,
    pub max_score: u32,
    /// What the values of its seat were drawn from.
    pub seed: String,
    /// It was graded by an earlier run.
    pub kept: bool,
    /// The checks that failed, as `task/check: code`.
    pub failed: Vec<String>,
    /// What went wrong that is not the submission's fault.
    pub error: Option<String>,
    pub milliseconds: u64,
    /// Points by task.
    #[serde(skip)]
    pub tasks: Vec<(String, u32)>,
}

impl BatchResult {
    /// How many ended so.
    pub fn count(&self, verdict: Verdict) -> usize {
        self.submissions.iter().filter(|row| row.verdict == verdict).count()
    }

    pub fn kept(&self) -> usize {
        self.submissions.iter().filter(|row| row.kept).count()
    }
}

impl Row {
    pub fn new(grade: &Grade, kept: bool) -> Self {
        let checks = || {
            let tasks = grade.result.tasks.iter();
            tasks.flat_map(|t| t.checks.iter().map(move |c| (t, c)))
        };
        let failed = checks().filter_map(|(task, check)| {
            let code = &check.failure.as_ref()?.code;
            Some(format!("{}/{}: {code}", task.id, check.id))
        });
        Self {
            submission: grade.submission.clone(),
            verdict: grade.verdict,
            score: grade.score,
            max_score: grade.max_score,
            seed: grade.basis.seed.clone(),
            kept,
            failed: failed.collect(),
            error: grade.result.error().map(str::to_owned),
            milliseconds: grade.milliseconds,
            tasks: grade.result.tasks.iter().map(|t| (t.id.clone(), t.points)).collect(),
        }
    }
}

/// An error, taken apart for a document.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ErrorReport {
    pub what: String,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl std::fmt::Display for ErrorReport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { what, place, why, help } = self.clone();
        Error { kind: Kind::Infrastructure, what, place, why, help }.fmt(f)
    }
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let Error { what, place, why, help, .. } = error;
        Self { what, place, why, help }
    }
}

/// A span of time in whole milliseconds.
pub fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
