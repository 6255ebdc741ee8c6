//! Fault probes: do harm, undo it, and look whether the claim still holds.

mod crash;

use serde::Deserialize;

use super::finding::Finding;
use super::scene::Scene;
use super::workload;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::template::Variables;

/// A fault, and the workload that must survive it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    pub kill: Kill,
    pub workload: workload::Spec,
}

/// Kills a process of the learner's program.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    pub role: Victim,
    pub at: Moment,
}

/// The role whose process dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Victim {
    Take,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before each command of the call in turn, and before its return.
    EveryCommand,
    /// After the call has returned, before the work is acknowledged.
    Holding,
}

impl Spec {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.workload.lint(variables)?;
        if self.workload.model != Model::AtLeastOnce || self.workload.roles.recover.is_none() {
            return Err(Error::usage("A kill needs a workload that can be recovered")
                .help("use the model at-least-once with the role recover"));
        }
        Ok(())
    }
}

pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    crash::observe(spec, scene).await
}
