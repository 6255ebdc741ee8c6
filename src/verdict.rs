//! The results of checks, as every report shows them.

use serde::Serialize;

use crate::error::Error;
use crate::probe::finding::Failure;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
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
#[derive(Debug, Clone, Serialize)]
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
    /// How long it took.
    pub milliseconds: u64,
}

#[derive(Debug, Clone, Serialize)]
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

/// The result of one `labs check`.
#[derive(Debug, Clone, Serialize)]
pub struct LabResult {
    pub lab: String,
    pub seat: String,
    pub verdict: Verdict,
    pub points: u32,
    pub max_points: u32,
    pub tasks: Vec<TaskResult>,
    pub milliseconds: u64,
}

/// An error, taken apart for a document.
#[derive(Debug, Clone, Serialize)]
pub struct ErrorReport {
    pub what: String,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
}

impl From<Error> for ErrorReport {
    fn from(error: Error) -> Self {
        let Error { what, place, why, help, .. } = error;
        Self { what, place, why, help }
    }
}
