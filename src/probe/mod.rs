//! Probes: observations of a live system, and what is expected of them.

pub mod call;
pub mod clock;
pub mod codes;
pub mod expect;
pub mod fault;
pub mod finding;
pub mod fresh;
pub mod relay;
pub mod runner;
pub mod scene;
pub mod service;
pub mod state;
pub mod step;
pub mod trace;
pub mod waits;
pub mod workload;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use finding::Finding;
use scene::Scene;

use crate::error::Result;
use crate::template::Variables;

/// How long a probe takes, about, by its family, besides the time that it lets pass.
const CALLED_FOR: Duration = Duration::from_millis(100);
const DRIVEN_FOR: Duration = Duration::from_millis(300);
const DISTURBED_FOR: Duration = Duration::from_millis(500);

/// The four families, as a lab file declares them.
#[derive(Debug, Clone)]
pub enum Probe {
    State(Box<state::Spec>),
    Trace(Box<trace::Spec>),
    Workload(Box<workload::Spec>),
    Fault(Box<fault::Spec>),
}

/// Words that a probe sends.
pub struct Sent<'a> {
    /// The service that is asked; the lab's only one where none is named.
    pub on: Option<&'a str>,
    pub words: &'a [String],
    /// Where they stand, below the check.
    pub pointer: String,
}

impl Probe {
    /// Observes the live system once.
    pub async fn observe(&self, scene: &Scene<'_>) -> Finding {
        let finding = match self {
            Self::State(spec) => state::observe(spec, scene).await,
            Self::Trace(spec) => trace::observe(spec, scene).await,
            Self::Workload(spec) => workload::observe(spec, scene).await,
            Self::Fault(spec) => fault::observe(spec, scene).await,
        };
        finding.unwrap_or_else(Finding::Error)
    }

    /// Whether it runs the learner's program.
    pub fn drives_program(&self) -> bool {
        match self {
            Self::State(_) => false,
            Self::Trace(spec) => {
                matches!(spec.source(), trace::Source::Scenario) && spec.calls_program()
            }
            Self::Workload(_) => true,
            Self::Fault(spec) => spec.drives_program(),
        }
    }

    /// Whether it acts on twins: for the learner's program, or by itself.
    pub fn needs_stand(&self) -> bool {
        match self {
            Self::State(_) => false,
            Self::Trace(spec) => {
                matches!(spec.source(), trace::Source::SlowLog(_) | trace::Source::Scenario)
            }
            Self::Workload(_) | Self::Fault(_) => true,
        }
    }

    /// About how long it takes; nothing to speak of where it only looks.
    pub fn takes(&self, variables: &Variables) -> Duration {
        match self {
            _ if !self.needs_stand() => Duration::ZERO,
            Self::State(_) => Duration::ZERO,
            Self::Trace(spec) => CALLED_FOR.saturating_add(spec.passes(variables)),
            Self::Workload(spec) => DRIVEN_FOR + spec.passes(),
            Self::Fault(_) => DISTURBED_FOR,
        }
    }

    /// What is sent to services, word by word.
    pub fn sends(&self) -> Vec<Sent<'_>> {
        match self {
            Self::State(spec) => spec.sends(),
            Self::Trace(spec) => spec.sends(),
            Self::Workload(spec) => spec.sends("workload"),
            Self::Fault(spec) => spec.sends(),
        }
    }

    /// Finds what can be found without a live system: unknown commands, undefined variables.
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        match self {
            Self::State(spec) => spec.lint(variables),
            Self::Trace(spec) => spec.lint(variables),
            Self::Workload(spec) => spec.lint(variables),
            Self::Fault(spec) => spec.lint(variables),
        }
    }
}

/// A function of the learner's program, and the values it is called with.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Call {
    pub call: String,
    #[serde(default)]
    pub args: Vec<serde_json::Value>,
}
