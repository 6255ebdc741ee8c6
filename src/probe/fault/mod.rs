//! Fault probes: do harm, undo it, and look whether the claim still holds.

mod boundary;
mod crash;
mod drill;
mod holder;
mod inject;
mod interleave;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Sent;
use super::finding::Finding;
use super::scene::Scene;
use super::workload;
use crate::error::{Error, Result};
use crate::model::Model;
use crate::template::Variables;

pub use drill::Drill;
pub use interleave::Interleave;

/// A fault, and what must survive it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Fault")]
pub struct Spec {
    pub kill: Option<Kill>,
    pub inject: Option<Inject>,
    pub interleave: Option<Interleave>,
    pub drill: Option<Drill>,
    /// What a kill or an injection disturbs, and the model that judges it.
    pub workload: Option<workload::Spec>,
}

/// The one fault of a probe.
enum Fault<'a> {
    Kill(&'a Kill, &'a workload::Spec),
    Inject(&'a Inject, &'a workload::Spec),
    Interleave(&'a Interleave),
    Drill(&'a Drill),
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
    Acquire,
    Release,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Moment {
    /// Before each command of the call in turn, and before its return.
    EveryCommand,
    /// After the call has returned, before the work is acknowledged or the lock released.
    Holding,
}

/// Lets another client put and take values before each command of a call in turn.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Inject {
    pub before: Victim,
    /// The priorities of what is put, in order. Where there are none, one value is put.
    #[serde(default)]
    pub put: Vec<String>,
}

impl Spec {
    fn fault(&self) -> Result<Fault<'_>> {
        let faults = [
            self.kill.as_ref().map(|kill| Ok(Fault::Kill(kill, self.disturbed()?))),
            self.inject.as_ref().map(|inject| Ok(Fault::Inject(inject, self.disturbed()?))),
            self.interleave.as_ref().map(|interleave| Ok(Fault::Interleave(interleave))),
            self.drill.as_ref().map(|drill| Ok(Fault::Drill(drill))),
        ];
        let mut faults = faults.into_iter().flatten();
        match (faults.next(), faults.next()) {
            (Some(Ok(Fault::Interleave(_) | Fault::Drill(_))), None) if self.workload.is_some() => {
                Err(Error::usage("Interleavings and drills are judged by expectations")
                    .help("leave the workload out"))
            }
            (Some(fault), None) => fault,
            _ => Err(Error::usage("A fault is one of kill, inject, interleave and drill")
                .help("make two checks of it")),
        }
    }

    /// What a kill or an injection disturbs.
    fn disturbed(&self) -> Result<&workload::Spec> {
        self.workload.as_ref().ok_or_else(|| {
            Error::usage("A kill or an injection needs a workload").help("give it workload: …")
        })
    }

    /// Whether it runs the learner's program.
    pub fn drives_program(&self) -> bool {
        self.drill.as_ref().is_none_or(Drill::drives_program)
    }

    /// The services it names, each with the place of its name below the fault.
    pub fn named(&self) -> Vec<(String, String)> {
        self.drill.as_ref().map(Drill::named).unwrap_or_default()
    }

    /// What is sent, word by word.
    pub fn sends(&self) -> Vec<Sent<'_>> {
        let drill = self.drill.iter().flat_map(Drill::sends);
        let interleave = self.interleave.iter().flat_map(Interleave::sends);
        let workload = self.workload.iter().flat_map(|spec| spec.sends("fault/workload"));
        drill.chain(interleave).chain(workload).collect()
    }

    /// The codes that its expectations can fail with.
    pub fn codes(&self) -> &'static [&'static str] {
        match &self.drill {
            Some(_) => drill::CODES,
            None => &["conflict", "half", "value"],
        }
    }

    /// The model that judges what happened, where one does.
    pub fn model(&self) -> Option<Model> {
        self.workload.as_ref().map(|workload| workload.model)
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        match self.fault()? {
            Fault::Kill(kill, workload) => {
                workload.lint(variables)?;
                lint_kill(kill, workload)
            }
            Fault::Inject(inject, workload) => {
                workload.lint(variables)?;
                lint_inject(inject, workload)
            }
            Fault::Interleave(interleave) => interleave.lint(variables),
            Fault::Drill(drill) => drill.lint(variables),
        }
    }
}

fn lint_kill(kill: &Kill, workload: &workload::Spec) -> Result<()> {
    let of_lock = matches!(kill.role, Victim::Acquire | Victim::Release);
    match workload.model {
        Model::AtLeastOnce if !of_lock => {}
        Model::Mutex if of_lock && workload.lease.is_some() => {}
        Model::Mutex if of_lock => {
            return Err(Error::usage("Without a lease nobody gets the lock of who was killed")
                .help("give the workload its lease"));
        }
        Model::AtLeastOnce | Model::Mutex => {
            return Err(Error::usage("The kill is of a role that the workload does not have")
                .help("kill take, ack or recover of at-least-once; acquire or release of mutex"));
        }
        _ => {
            return Err(Error::usage("A kill needs a workload in which something is held")
                .help("use the model at-least-once, or mutex"));
        }
    }
    if kill.role == Victim::Recover && workload.roles.recover.is_none() {
        return Err(Error::usage("The kill is of a role that the workload does not have")
            .help("add the role recover, or kill another"));
    }
    Ok(())
}

fn lint_inject(inject: &Inject, workload: &workload::Spec) -> Result<()> {
    if inject.before != Victim::Take {
        return Err(Error::usage("An injection comes before the commands of take"));
    }
    match workload.model {
        Model::Fifo | Model::Lifo if inject.put.is_empty() => {}
        Model::Fifo | Model::Lifo => {
            return Err(Error::usage("The injection puts priorities, and the model has none")
                .help("leave put out"));
        }
        Model::Priority if inject.put.is_empty() => {
            return Err(Error::usage("The injection puts nothing").help("give it put: [PRIORITY]"));
        }
        Model::Priority => {}
        _ => {
            return Err(Error::usage(
                "An injection needs a workload with the model fifo, lifo or priority",
            )
            .help("for other calls use interleave"));
        }
    }
    match inject.put.iter().find(|p| !workload.priorities.contains(p)) {
        Some(unknown) => {
            Err(Error::usage(format!("The injection puts {unknown:?}, which is no priority"))
                .help(format!("there are: {}", workload.priorities.join(", "))))
        }
        None => Ok(()),
    }
}

pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    match spec.fault()? {
        Fault::Kill(kill, workload) if workload.model == Model::Mutex => {
            holder::observe(workload, kill, scene).await
        }
        Fault::Kill(kill, workload) => crash::observe(workload, kill, scene).await,
        Fault::Inject(inject, workload) => inject::observe(workload, inject, scene).await,
        Fault::Interleave(interleave) => interleave::observe(interleave, scene).await,
        Fault::Drill(drill) => drill::observe(drill, scene).await,
    }
}
