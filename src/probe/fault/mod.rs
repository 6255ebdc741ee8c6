//! Fault probes: do harm, undo it, and look whether the claim still holds.

mod crash;
mod inject;

use schemars::JsonSchema;
use serde::Deserialize;

use super::finding::Finding;
use super::scene::Scene;
use super::workload;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::template::Variables;

/// A fault, and the workload that must survive it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub struct Spec {
    pub kill: Option<Kill>,
    pub inject: Option<Inject>,
    pub workload: workload::Spec,
}

/// Kills a process of the learner's program.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kill {
    pub role: Victim,
    pub at: Moment,
}

/// The role whose call is disturbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Victim {
    Take,
    Ack,
    Recover,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before each command of the call in turn, and before its return.
    EveryCommand,
    /// After the call has returned, before the work is acknowledged.
    Holding,
}

/// Lets another client put values before each command of a call in turn.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    pub before: Victim,
    /// The priorities of what is put, in order.
    pub put: Vec<String>,
}

impl Spec {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.workload.lint(variables)?;
        match (&self.kill, &self.inject) {
            (Some(_), None) => self.lint_kill(),
            (None, Some(inject)) => self.lint_inject(inject),
            _ => {
                Err(Error::usage("A fault is one of kill and inject").help("make two checks of it"))
            }
        }
    }

    fn lint_kill(&self) -> Result<()> {
        if self.workload.model == Model::AtLeastOnce && self.workload.roles.recover.is_some() {
            return Ok(());
        }
        Err(Error::usage("A kill needs a workload that can be recovered")
            .help("use the model at-least-once with the role recover"))
    }

    fn lint_inject(&self, inject: &Inject) -> Result<()> {
        if inject.before != Victim::Take {
            return Err(Error::usage("An injection comes before the commands of take"));
        }
        if self.workload.model != Model::Priority {
            return Err(Error::usage("An injection needs a workload with the model priority"));
        }
        match inject.put.iter().find(|p| !self.workload.priorities.contains(p)) {
            Some(unknown) => {
                Err(Error::usage(format!("The injection puts {unknown:?}, which is no priority"))
                    .help(format!("there are: {}", self.workload.priorities.join(", "))))
            }
            None => Ok(()),
        }
    }
}

pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    match (&spec.kill, &spec.inject) {
        (Some(kill), _) => crash::observe(spec, kill, scene).await,
        (None, Some(inject)) => inject::observe(spec, inject, scene).await,
        (None, None) => Err(Error::usage("A fault is one of kill and inject")),
    }
}
