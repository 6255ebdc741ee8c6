//! The processes of the learner's program that a scenario needs.

use std::collections::{BTreeMap, BTreeSet};

use super::{Made, Open, Spec, Start, Step};
use crate::error::{Error, Result};
use crate::probe::call;
use crate::probe::finding::Finding;
use crate::probe::runner::Process;
use crate::probe::scene::Scene;

/// The one that calls share which name none.
const SHARED: &str = "";

/// One for each name; none where no step calls the program.
pub struct Cast(BTreeMap<String, Process>);

/// The names of the processes.
pub fn names(spec: &Spec) -> BTreeSet<&str> {
    spec.steps.iter().filter_map(name).collect()
}

/// The process in which a step calls the program.
fn name(step: &Step) -> Option<&str> {
    match step {
        Step::Call(Made { process, .. }) | Step::Open(Open { process, .. }) => {
            Some(process.as_deref().unwrap_or(SHARED))
        }
        Step::Start(Start { call: Some(_), name, .. }) => Some(name),
        _ => None,
    }
}

impl Cast {
    pub async fn spawn(spec: &Spec, scene: &Scene<'_>) -> Result<Result<Self, Finding>> {
        if !spec.calls_program() {
            return Ok(Ok(Self(BTreeMap::new())));
        }
        let moved: BTreeSet<&str> = spec
            .steps
            .iter()
            .filter_map(|step| if let Step::Clock(clock) = step { Some(clock) } else { None })
            .filter(|clock| clock.on.is_none())
            .map(|clock| clock.of.as_deref().unwrap_or(SHARED))
            .collect();
        let (moved, right): (Vec<&str>, Vec<&str>) =
            names(spec).into_iter().partition(|name| moved.contains(name));
        let spawned = tokio::try_join!(
            call::spawn(scene, right.len()),
            call::spawn_with_movable_clocks(scene, moved.len())
        )?;
        Ok(match spawned {
            (Ok(others), Ok(movable)) => {
                let names = right.into_iter().chain(moved).map(str::to_owned);
                Ok(Self(names.zip(others.into_iter().chain(movable)).collect()))
            }
            (Err(finding), _) | (_, Err(finding)) => Err(finding),
        })
    }

    /// The process of that name; without one that which calls share.
    pub fn process(&self, name: Option<&str>) -> Result<&Process> {
        self.0
            .get(name.unwrap_or(SHARED))
            .ok_or_else(|| Error::infrastructure("The runner started no process"))
    }
}
