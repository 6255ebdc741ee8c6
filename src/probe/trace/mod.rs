//! Trace probes: what did the service see? Claims about *how* the work is done.

mod books;
mod plan;
mod scenario;
mod seen;
mod slow_log;
mod statements;

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Sent;
use super::finding::Finding;
use super::scene::Scene;
use super::step::Given;
use crate::error::{Error, Result};
use crate::template::Variables;

pub use books::Books;
pub use plan::Plan;
pub use scenario::Step;
pub use seen::Seen;
pub use slow_log::SlowLog;
pub use statements::Statements;

/// The service's own books, a plan, a log; or a scenario that is watched at the relay and in the books.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Trace")]
pub struct Spec {
    pub books: Option<Books>,
    /// How MySQL executes a statement.
    pub plan: Option<Plan>,
    /// What MySQL's slow-query log takes down.
    pub slow_log: Option<SlowLog>,
    /// The service that is watched, in a scenario its twin; the only one when left out.
    pub on: Option<String>,
    /// What the twin holds before the first step.
    #[serde(default)]
    pub given: Vec<Given>,
    #[serde(default)]
    pub steps: Vec<Step>,
    /// The steps must write nothing to the twin, in whatever way.
    #[serde(default)]
    pub reads_only: bool,
    /// What the relay must have seen.
    #[serde(default)]
    pub expect: Vec<Seen>,
    /// What statements must have cost MySQL: the program's in a scenario, else the learner's last ones.
    #[serde(default)]
    pub statements: Vec<Statements>,
}

/// What a trace looks at.
pub enum Source<'a> {
    Books(&'a Books),
    Plan(&'a Plan),
    SlowLog(&'a SlowLog),
    Statements,
    Scenario,
}

impl Spec {
    pub fn source(&self) -> Source<'_> {
        match (&self.books, &self.plan, &self.slow_log) {
            (Some(books), ..) => Source::Books(books),
            (_, Some(plan), _) => Source::Plan(plan),
            (_, _, Some(log)) => Source::SlowLog(log),
            _ if self.steps.is_empty() && !self.statements.is_empty() => Source::Statements,
            _ => Source::Scenario,
        }
    }

    /// The service that is named, and by which key.
    pub fn named(&self) -> Option<(&str, &'static str)> {
        match self.source() {
            Source::Books(books) => Some((&books.on, "books/on")),
            Source::Plan(plan) => Some((&plan.on, "plan/on")),
            Source::SlowLog(log) => Some((&log.on, "slow_log/on")),
            Source::Statements | Source::Scenario => Some((self.on.as_deref()?, "on")),
        }
    }

    /// What is sent, word by word.
    pub fn sends(&self) -> Vec<Sent<'_>> {
        let on = self.on.as_deref();
        let given = self.given.iter().enumerate();
        let given = given.filter_map(|(n, given)| given.sends(on, &format!("trace/given/{n}")));
        let steps = self.steps.iter().enumerate().filter_map(|(n, step)| match step {
            Step::Ask(ask) => Some(ask.sends(on, &format!("trace/steps/{n}/ask"))),
            _ => None,
        });
        given.chain(steps).collect()
    }

    /// Whether a step calls the learner's program; else the checker alone acts on the twin.
    pub fn calls_program(&self) -> bool {
        self.steps.iter().any(Step::calls_program)
    }

    /// The time that passes in its steps even where nothing is slow.
    pub fn passes(&self, variables: &Variables) -> Duration {
        let spans = self.steps.iter().map(|step| step.passes(variables));
        spans.fold(Duration::ZERO, Duration::saturating_add)
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let sources = [
            self.books.is_some(),
            self.plan.is_some(),
            self.slow_log.is_some(),
            !self.steps.is_empty() || !self.statements.is_empty(),
        ];
        match sources.iter().filter(|there| **there).count() {
            0 => {
                return Err(Error::usage("A trace looks at nothing")
                    .help("give it steps: [...], books, plan, slow_log or statements"));
            }
            1 => {}
            _ => {
                return Err(Error::usage("A trace has one of books, plan, slow_log and steps")
                    .help("make two checks of it"));
            }
        }
        self.statements.iter().try_for_each(|statements| statements.lint(variables))?;
        if self.reads_only && !self.statements.is_empty() {
            return Err(Error::usage("Statements are counted, and nothing is to be written")
                .help("leave reads_only out; count INSERT, UPDATE, DELETE and REPLACE"));
        }
        match self.source() {
            Source::Scenario => scenario::lint(self, variables),
            _ if !self.expect.is_empty() => {
                Err(Error::usage("A trace without steps has nothing to expect of the relay")
                    .help("leave expect out"))
            }
            Source::Books(books) => books.lint(variables),
            Source::Plan(plan) => plan.lint(variables),
            Source::SlowLog(log) => log.lint(variables),
            Source::Statements => match self.on {
                Some(_) => Ok(()),
                None => Err(Error::usage("A trace without steps does not say whose statements")
                    .help("give it on: SERVICE")),
            },
        }
    }
}

/// Looks at the books, or plays the scenario.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    match spec.source() {
        Source::Books(books) => books.observe(scene).await,
        Source::Plan(plan) => plan.observe(scene).await,
        Source::SlowLog(log) => log.observe(scene).await,
        Source::Statements => {
            let service = scene.service(spec.on.as_deref().unwrap_or_default()).await?;
            let (expected, variables) = (&spec.statements, scene.variables);
            let found = statements::judge_learners(expected, &*service, variables).await?;
            Ok(found.unwrap_or(Finding::PASS))
        }
        Source::Scenario => scenario::observe(spec, scene).await,
    }
}
