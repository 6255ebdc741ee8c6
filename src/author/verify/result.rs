//! What a verification comes to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::author::mutants::Score;
use crate::catalog::lab::Lab;
use crate::verdict::ErrorReport;

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
            Self::Mutants => {
                "Every mutant of a right solution is caught, and none that is called equivalent"
            }
        }
    }

    /// As the command line names it.
    pub fn name(self) -> String {
        let value = clap::ValueEnum::to_possible_value(&self);
        value.map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Why there is nothing to try where the lab has no case of it.
    pub fn needs(self) -> &'static str {
        match self {
            Self::Wrong => "the lab has no wrong solution",
            Self::Steps => "no solution has several steps for a task",
            Self::Guards => "no check is a guard",
            Self::Mutants => {
                "the right solutions have nothing to mutate, or all of it is called equivalent"
            }
            Self::ShutDown => "the lab has no service",
            Self::Fresh
            | Self::Right
            | Self::Twice
            | Self::Flakes
            | Self::Order
            | Self::Killed
            | Self::Impostor
            | Self::Reset => "the lab has no right solution, or none that passes",
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

/// A rule, or a case of it, that the lab gives no occasion to try: it neither holds nor is it broken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Untried {
    pub rule: Rule,
    /// None: the whole rule.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub case: Option<String>,
    pub why: String,
}

/// What a case says about a rule.
#[derive(Debug, Clone)]
pub struct Outcome {
    pub rule: Rule,
    pub case: String,
    pub seed: Option<String>,
    pub finding: Finding,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    Holds,
    Broken(Vec<String>),
    NothingToTry(String),
}

/// How many cases were tried, how many are as they should be, and in how many there was nothing to try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    pub good: usize,
    pub all: usize,
    pub nothing_to_try: usize,
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
    pub nothing_to_try: Vec<Untried>,
    /// What a check of the whole lab takes a learner whose work is right, on a seat that has been checked before. None
    /// where that was not tried, or something failed.
    #[serde(default)]
    pub check_seconds: Option<f64>,
    /// How many of these seconds every check that went on waited for servers that it had stopped, or for a span that the
    /// lab gives.
    #[serde(default)]
    pub check_waits: Option<f64>,
    pub seconds: f64,
}

impl Verification {
    /// A lab of which nothing is known yet.
    pub fn new(lab: &Lab) -> Self {
        let checks = lab.tasks.iter().map(|t| t.checks.len()).sum();
        Self { lab: lab.slug.clone(), checks, ..Self::default() }
    }

    pub fn add(&mut self, outcome: Outcome) {
        let Outcome { rule, case, seed, finding } = outcome;
        let tally = self.rules.entry(rule).or_default();
        match finding {
            Finding::NothingToTry(why) => {
                tally.nothing_to_try += 1;
                self.nothing_to_try.push(Untried { rule, case: Some(case), why });
            }
            Finding::Holds => {
                tally.all += 1;
                tally.good += 1;
            }
            Finding::Broken(faults) => {
                tally.all += 1;
                self.flakes += usize::from(rule == Rule::Flakes);
                self.breaches.extend(faults.into_iter().map(|what| Breach {
                    rule,
                    case: case.clone(),
                    what,
                    seed: seed.clone(),
                }));
            }
        }
    }

    /// Says of a rule that was to be tried and has no case at all that there was none.
    pub fn add_untried(&mut self, rule: Rule) {
        self.rules.entry(rule).or_insert_with(|| {
            let why = rule.needs().to_owned();
            self.nothing_to_try.push(Untried { rule, case: None, why });
            Tally { nothing_to_try: 1, ..Tally::default() }
        });
    }
}

impl Finding {
    /// It holds when there is no fault.
    pub fn of(faults: impl IntoIterator<Item = String>) -> Self {
        let faults: Vec<String> = faults.into_iter().collect();
        if faults.is_empty() { Self::Holds } else { Self::Broken(faults) }
    }
}
