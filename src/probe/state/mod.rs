//! State probes: ask the live service, match the answer. They only read.

mod redis;

pub use redis::shell_line;

use schemars::JsonSchema;
use serde::Deserialize;

use super::finding::Finding;
use super::scene::Scene;
use crate::error::{Error, Result};
use crate::probe::expect::Matcher;
use crate::template::Variables;

/// One question to a service of the seat.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "State")]
pub struct Spec {
    /// The name of the service.
    pub on: String,
    /// The command and its arguments.
    pub send: Vec<String>,
    pub expect: Matcher,
}

impl Spec {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let words = self.words(variables)?;
        self.expect.lint(variables)?;
        if self.expect.same_as.is_some() {
            return Err(Error::usage(
                "same_as compares what the program returns; a state probe has no such thing",
            ));
        }
        if redis::reads_only(&words) {
            return Ok(());
        }
        let command = words.first().map_or("nothing", String::as_str);
        Err(Error::usage(format!("A state probe sends {command}, which is not known to only read"))
            .help("state probes observe the learner's service; act on a twin with a trace or workload probe"))
    }

    fn words(&self, variables: &Variables) -> Result<Vec<String>> {
        self.send.iter().map(|word| variables.render(word)).collect()
    }
}

/// Asks, and compares the answer.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    redis::observe(spec, &spec.words(scene.variables)?, scene).await
}
