//! What a verification comes to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::author::mutants::Score;
use crate::verdict::{ErrorReport, LabResult, Verdict};

/// What must hold of every lab, in the order of the report.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Rule {
    Fresh,
    Right,
    Wrong,
    Steps,
    Guards,
    Twice,
    Flakes,
    Order,
    Killed,
    ShutDown,
    Impostor,
    Reset,
    Mutants,
}

impl Rule {
    pub const ALL: [Self; 13] = [
        Self::Fresh,
        Self::Right,
        Self::Wrong,
        Self::Steps,
        Self::Guards,
        Self::Twice,
        Self::Flakes,
        Self::Order,
        Self::Killed,
        Self::ShutDown,
        Self::Impostor,
        Self::Reset,
        Self::Mutants,
    ];

    pub fn says(self) -> &'static str {
        match self {
            Self::Fresh => "On a fresh seat no task passes, guards hold and nothing errors",
            Self::Right => "Every right solution passes every check",
            Self::Wrong => {
                "Every wrong solution fails just the checks it names, for the reason it names"
            }
            Self::Steps => "Each step of a solution is missed by some check when it is left out",
            Self::Guards => "Each guard is broken by some wrong solution",
            Self::Twice => {
                "Checking twice gives equal verdicts and leaves the learner's data as it was"
            }
            Self::Flakes => "Checking again and again gives equal verdicts",
            Self::Order => "Checks give equal verdicts in another order",
            Self::Killed => "A service killed from outside is an error, and the next check works",
            Self::ShutDown => {
                "A service that the submission shuts down is a failure, and the next check works"
            }
            Self::Impostor => "Nothing passes while something else answers in a service's place",
            Self::Reset => "A reset brings the lab back to its beginning",
            Self::Mutants => "Every mutant of a right solution is caught",
        }
    }
}

/// A rule that does not hold.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Breach {
    pub rule: Rule,
    /// What was tried, e.g. `wrong stack-for-queue`.
    pub case: String,
    pub what: String,
    /// Gives the seat's keyed values again; none where no seat was needed.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub seed: Option<String>,
}

/// How many of something there are, and how many are as they should be.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub good: usize,
    pub all: usize,
}

impl Tally {
    pub fn count(&mut self, good: bool) {
        self.all += 1;
        self.good += usize::from(good);
    }
}

/// Everything that was found out about one lab.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Verification {
    pub lab: String,
    /// Why it could not be verified.
    pub error: Option<ErrorReport>,
    /// Every rule that was tried holds.
    pub holds: bool,
    /// Found earlier; nothing has changed since.
    pub cached: bool,
    pub checks: usize,
    /// Cases in which checking again gave another verdict.
    pub flakes: usize,
    /// With `mutants`: how good the checks are at noticing mistakes.
    pub mutants: Option<Score>,
    /// How many cases were tried for each rule.
    pub rules: BTreeMap<Rule, Tally>,
    pub breaches: Vec<Breach>,
    pub seconds: f64,
}

/// `task/check` → failure code, or the verdict where there is none, of all that did not pass.
pub fn not_passed(result: &LabResult) -> BTreeMap<String, String> {
    let checks = result.tasks.iter().flat_map(|t| t.checks.iter().map(move |c| (t, c)));
    checks
        .filter(|(_, check)| check.verdict != Verdict::Pass)
        .map(|(task, check)| {
            let verdict = check.verdict.to_string();
            let code = check.failure.as_ref().map_or(verdict, |f| f.code.clone());
            (format!("{}/{}", task.id, check.id), code)
        })
        .collect()
}

/// Findings in one line, for a message.
pub fn listed(found: &BTreeMap<String, String>) -> String {
    if found.is_empty() {
        return "nothing".to_owned();
    }
    found.iter().map(|(check, code)| format!("{check}: {code}")).collect::<Vec<_>>().join(", ")
}
