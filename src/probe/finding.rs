//! What a probe found, and the evidence for it.

use serde::{Deserialize, Serialize};

use super::expect::Mismatch;
use crate::error::Error;

/// The result of one probe.
#[derive(Debug, Clone)]
pub enum Finding {
    /// What the check claims holds; with what was measured on the way.
    Pass(Vec<Figure>),
    /// The learner's work does not do what the check claims.
    Fail(Box<Failure>),
    /// The cause lies outside the learner's work: costs no attempt.
    Error(Error),
}

/// Something measured while the claim held: what the work has cost.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Figure {
    pub name: String,
    pub value: serde_json::Number,
}

/// Why a check failed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// The kind of failure, e.g. `order`, `lost`, `commands`: misconceptions hang on it.
    pub code: String,
    pub evidence: Evidence,
}

/// What a failed probe shows. Generated from the observation, never authored.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Evidence {
    /// What happened, in one sentence.
    pub summary: String,
    /// The commands, calls or requests that were sent.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sent: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub observed: Option<String>,
    /// The first place where the two part.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<String>,
    /// The shortest piece of history that shows the failure.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
    /// What the learner's program printed, or its traceback.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output: Option<String>,
    /// A line that shows the same to the learner.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reproduce: Option<String>,
}

impl Finding {
    /// A pass with nothing to say.
    pub const PASS: Self = Self::Pass(Vec::new());
}

impl Evidence {
    pub fn new(summary: impl Into<String>) -> Self {
        Self { summary: summary.into(), ..Self::default() }
    }

    #[must_use]
    pub fn mismatch(mut self, mismatch: Mismatch) -> Self {
        self.expected = Some(mismatch.expected);
        self.observed = Some(mismatch.observed);
        self.difference = mismatch.difference;
        self
    }

    #[must_use]
    pub fn sent(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.sent.extend(lines);
        self
    }

    #[must_use]
    pub fn output(mut self, output: String) -> Self {
        if !output.is_empty() {
            self.output = Some(output);
        }
        self
    }

    pub fn fail(self, code: impl Into<String>) -> Finding {
        Finding::Fail(Box::new(Failure { code: code.into(), evidence: self }))
    }
}
