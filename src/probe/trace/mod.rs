//! Trace probes: what did the service see? Claims about *how* the work is done.

mod books;
mod scenario;
mod seen;

use schemars::JsonSchema;
use serde::Deserialize;

use super::finding::Finding;
use super::scene::Scene;
use super::step::Given;
use crate::error::{Error, Result};
use crate::template::Variables;

pub use books::Books;
pub use scenario::Step;
pub use seen::Seen;

/// Either the service's own books, or a scenario that is watched at the relay.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Trace")]
pub struct Spec {
    pub books: Option<Books>,
    /// The service whose twin is watched; the only one when left out.
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
}

impl Spec {
    pub fn drives_program(&self) -> bool {
        self.books.is_none()
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        match &self.books {
            Some(books) if self.steps.is_empty() && self.expect.is_empty() => books.lint(variables),
            Some(_) => {
                Err(Error::usage("A trace has either books or steps").help("make two checks of it"))
            }
            None if self.steps.is_empty() => {
                Err(Error::usage("A trace has neither books nor steps")
                    .help("give it steps: [...]"))
            }
            None => scenario::lint(self, variables),
        }
    }
}

/// Looks at the books, or plays the scenario.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    match &spec.books {
        Some(books) => books.observe(scene).await,
        None => scenario::observe(spec, scene).await,
    }
}
