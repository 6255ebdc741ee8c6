//! A lab as its `lab.yaml` says it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::load::Spanned;
use super::variable::Variable;
use crate::probe::{Probe, fault, state, trace, workload};
use crate::seed::Seed;
use crate::template::Variables;

/// The format of `lab.yaml` that this program reads.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    pub format: Spanned<u32>,
    /// The name of the folder; not in the file.
    #[serde(skip)]
    pub slug: String,
    pub title: String,
    pub topic: String,
    pub level: Level,
    /// How long a learner needs for all tasks, in minutes.
    pub minutes: u32,
    pub summary: String,
    pub questions: Vec<Spanned<String>>,
    pub services: BTreeMap<String, Spanned<ServiceUse>>,
    #[serde(default, rename = "variables")]
    pub declared: BTreeMap<String, Spanned<Variable>>,
    /// What the declared variables are in one seat; not in the file.
    #[serde(skip)]
    pub variables: Variables,
    /// What the keyed ones were drawn from; not in the file.
    #[serde(skip, default = "Seed::sample")]
    pub seed: Seed,
    /// Done once, on fresh services.
    #[serde(default)]
    pub setup: Vec<Spanned<Setup>>,
    pub tasks: Vec<Task>,
    #[serde(default)]
    pub solutions: Vec<Solution>,
    #[serde(default)]
    pub wrong: Vec<Wrong>,
    /// Mutants of right solutions that are right themselves.
    #[serde(default)]
    pub equivalent: Vec<Equivalent>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Beginner,
    Intermediate,
    Advanced,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        })
    }
}

/// A service of the seat.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceUse {
    /// The definition under `docker/`, when it is not the service's own name.
    #[serde(rename = "use")]
    pub definition: Option<Spanned<String>>,
}

/// One step of the set-up: the service's name and the command it gets.
#[derive(Debug, Clone, Deserialize)]
#[serde(transparent)]
pub struct Setup(pub BTreeMap<String, Vec<String>>);

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Task {
    pub id: Spanned<String>,
    pub title: String,
    pub points: u32,
    /// The file in the workspace that the checks of this task run.
    pub program: Option<Spanned<String>>,
    #[serde(default)]
    pub needs: Vec<Spanned<String>>,
    #[serde(default)]
    pub hints: Vec<String>,
    pub checks: Vec<Check>,
    /// From `tasks/<id>.md`.
    #[serde(skip)]
    pub prompt: String,
    /// From `tasks/<id>.explanation.md`.
    #[serde(skip)]
    pub explanation: String,
}

/// One claim about the learner's work.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    pub id: Spanned<String>,
    /// The sentence the learner reads.
    pub claim: String,
    /// Checks of the same task that must pass first.
    #[serde(default)]
    pub needs: Vec<Spanned<String>>,
    /// Holds on a fresh lab and must go on holding.
    #[serde(default)]
    pub guard: bool,
    /// What to tell a learner whose work fails with a code.
    #[serde(default)]
    pub misconceptions: BTreeMap<String, String>,
    state: Option<state::Spec>,
    trace: Option<trace::Spec>,
    workload: Option<workload::Spec>,
    fault: Option<fault::Spec>,
}

impl Check {
    /// The one probe that proves the claim; `None` when there is not exactly one.
    pub fn probe(&self) -> Option<Probe> {
        let mut probes = [
            self.state.clone().map(Probe::State),
            self.trace.clone().map(Probe::Trace),
            self.workload.clone().map(Probe::Workload),
            self.fault.clone().map(Probe::Fault),
        ]
        .into_iter()
        .flatten();
        let probe = probes.next();
        if probes.next().is_some() { None } else { probe }
    }
}

/// A right solution: every check passes.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Solution {
    pub id: Spanned<String>,
    pub title: String,
    /// The solution whose steps serve the tasks not mentioned here.
    pub over: Option<Spanned<String>>,
    pub steps: Vec<Step>,
}

/// A wrong solution: a mistake people make, and the checks that catch it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    pub id: Spanned<String>,
    /// The mistake in one sentence.
    pub mistake: String,
    pub over: Spanned<String>,
    pub steps: Vec<Step>,
    /// `task/check` → the failure code it must fail with.
    pub fails: BTreeMap<String, String>,
}

/// A mutant of a right solution that no check can tell from it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalent {
    /// As [`crate::author::mutants::Mutant::id`].
    pub mutant: Spanned<String>,
    /// Why what it does is right.
    pub reason: String,
}

/// One step of a solution.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    pub task: Spanned<String>,
    /// A command line for the workbench's shell.
    pub run: Option<String>,
    /// A file from the solution's folder, copied into the workspace.
    pub copy: Option<Spanned<String>>,
}

impl Lab {
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|t| t.id.value == id)
    }

    pub fn points(&self) -> u32 {
        self.tasks.iter().map(|t| t.points).sum()
    }

    /// The definition under `docker/` that a service of this lab uses.
    pub fn definition<'a>(&'a self, service: &'a str) -> &'a str {
        self.services
            .get(service)
            .and_then(|s| s.value.definition.as_ref())
            .map_or(service, |d| d.value.as_str())
    }
}
