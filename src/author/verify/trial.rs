//! What is tried of some tasks alone: a solution with a mistake in it, or without one as the baseline of those.
//!
//! The seat gets the steps of these tasks and of all that they need, so that what is noticed is the mistake and not that
//! something else is missing. Trials that cannot disturb each other are checked in one round.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::judge::{self, Found};
use super::result::Rule;
use crate::author::mutants::Mutant;
use crate::catalog::lab::{Check, Lab, Solution, Wrong};
use crate::catalog::solution::{self, Placed};
use crate::error::Result;

#[derive(Debug, Clone)]
pub enum What<'a> {
    Wrong(&'a Wrong),
    /// A solution without one of its own steps.
    LeftOut(&'a Solution, usize),
    Mutant(Box<Mutant>),
    /// One that its author argues to be right: no check may tell it from the solution.
    Equivalent(Box<Mutant>),
    /// A right solution: it must pass before a mistake in it can be said to be noticed. The rule that needs it.
    Baseline(&'a Solution, Rule),
}

#[derive(Debug, Clone)]
pub struct Trial<'a> {
    pub what: What<'a>,
    /// Those whose checks are looked at.
    pub tasks: BTreeSet<&'a str>,
    /// Those and all that they need.
    applied: BTreeSet<&'a str>,
    /// What is done, in order; another text in the place of a file or command line that has a mistake.
    pub steps: Vec<(Placed<'a>, Option<String>)>,
    /// Where the file of a name comes from and what it is instead, or none: it is left out.
    files: BTreeMap<&'a str, Option<(String, Option<String>)>>,
}

/// Every wrong solution.
pub fn wrong(lab: &Lab) -> Result<Vec<Trial<'_>>> {
    lab.wrong
        .iter()
        .map(|wrong| {
            let steps = solution::wrong_steps(lab, wrong)?;
            Ok(Trial::new(lab, What::Wrong(wrong), concerned(lab, wrong), steps))
        })
        .collect()
}

/// Every solution without each of its steps in turn. A task without any of its steps is as on a fresh seat.
pub fn left_out(lab: &Lab) -> Result<Vec<Trial<'_>>> {
    let mut trials = Vec::new();
    for of in &lab.solutions {
        for (number, step) in of.steps.iter().enumerate() {
            let task = step.task.value.as_str();
            if of.steps.iter().filter(|s| s.task.value == task).count() > 1 {
                let steps = solution::steps(lab, of)?;
                let tasks = BTreeSet::from([task]);
                trials.push(Trial::new(lab, What::LeftOut(of, number), tasks, steps));
            }
        }
    }
    Ok(trials)
}

/// The mutants of a solution.
pub fn mutants<'a>(lab: &'a Lab, of: &'a Solution, all: Vec<Mutant>) -> Result<Vec<Trial<'a>>> {
    all.into_iter()
        .map(|mutant| {
            let tasks = tasks(lab, |id| mutant.tasks.iter().any(|task| task == id));
            let argued = mutant.equivalent(lab).is_some();
            let mutant = Box::new(mutant);
            let what = if argued { What::Equivalent(mutant) } else { What::Mutant(mutant) };
            Ok(Trial::new(lab, what, tasks, solution::steps(lab, of)?))
        })
        .collect()
}

/// The baselines of trials, each once.
pub fn baselines<'a>(lab: &'a Lab, trials: &[Trial<'a>]) -> Result<Vec<Trial<'a>>> {
    let mut found: Vec<Trial> = Vec::new();
    for trial in trials {
        let (id, rule) = match &trial.what {
            What::LeftOut(of, _) => (&of.id.value, Rule::Steps),
            What::Mutant(mutant) | What::Equivalent(mutant) => (&mutant.solution, Rule::Mutants),
            What::Wrong(_) | What::Baseline(..) => continue,
        };
        let known = |t: &Trial| matches!(t.what, What::Baseline(of, _) if of.id.value == *id);
        let Some(of) = lab.solutions.iter().find(|s| s.id.value == *id) else { continue };
        if !found.iter().any(|t| known(t) && t.tasks == trial.tasks) {
            let steps = solution::steps(lab, of)?;
            found.push(Trial::new(lab, What::Baseline(of, rule), trial.tasks.clone(), steps));
        }
    }
    Ok(found)
}

/// Trials that are checked together: each goes to the smallest round that it fits in. Those that fit with fewest
/// come first; of the rounds that which takes longest.
pub fn rounds<'a>(lab: &Lab, mut trials: Vec<Trial<'a>>) -> Vec<Vec<Trial<'a>>> {
    trials.sort_by_key(|trial| Reverse(trial.applied.len()));
    let mut rounds: Vec<Vec<Trial>> = Vec::new();
    for trial in trials {
        let fits = |round: &&mut Vec<Trial>| round.iter().all(|other| trial.goes_with(other));
        match rounds.iter_mut().filter(fits).min_by_key(|round| round.len()) {
            Some(round) => round.push(trial),
            None => rounds.push(vec![trial]),
        }
    }
    rounds.sort_by_cached_key(|round| {
        Reverse(round.iter().map(|t| t.takes(lab)).fold(Duration::ZERO, Duration::saturating_add))
    });
    rounds
}

impl What<'_> {
    /// A file that is left out is brought by no other step either.
    fn leaves_out(&self, placed: &Placed) -> bool {
        let Self::LeftOut(of, number) = self else { return false };
        let missing = of.steps.get(*number).map(|step| Placed { step, folder: String::new() });
        missing.is_some_and(|missing| {
            std::ptr::eq(missing.step, placed.step)
                || missing.name().is_some() && missing.name() == placed.name()
        })
    }

    fn in_place_of(&self, place: usize, placed: &Placed) -> Option<String> {
        match self {
            Self::Mutant(mutant) | Self::Equivalent(mutant) => {
                mutant.in_place_of(place, placed).map(str::to_owned)
            }
            _ => None,
        }
    }
}

impl<'a> Trial<'a> {
    /// Of a solution's steps, those that the tasks and what they need take.
    fn new(
        lab: &'a Lab,
        what: What<'a>,
        tasks: BTreeSet<&'a str>,
        solution: Vec<Placed<'a>>,
    ) -> Self {
        let applied = with_needs(lab, &tasks);
        let (mut steps, mut files) = (Vec::new(), BTreeMap::new());
        for (place, placed) in solution.into_iter().enumerate() {
            if !applied.contains(placed.step.task.value.as_str()) {
                continue;
            }
            let left_out = what.leaves_out(&placed);
            let change = what.in_place_of(place, &placed);
            if let Some(name) = placed.name() {
                let source = format!("{}/{:?}", placed.folder, placed.step.copy);
                files.insert(name, (!left_out).then(|| (source, change.clone())));
            }
            if !left_out {
                steps.push((placed, change));
            }
        }
        Self { what, tasks, applied, steps, files }
    }

    /// About how long its checks take.
    fn takes(&self, lab: &Lab) -> Duration {
        let tasks = lab.tasks.iter().filter(|t| self.tasks.contains(t.id.value.as_str()));
        let probes = tasks.flat_map(|task| &task.checks).filter_map(Check::probe);
        probes
            .map(|probe| probe.takes(&lab.variables))
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    pub fn rule(&self) -> Rule {
        match &self.what {
            What::Wrong(_) => Rule::Wrong,
            What::LeftOut(..) => Rule::Steps,
            What::Mutant(_) | What::Equivalent(_) => Rule::Mutants,
            What::Baseline(_, rule) => *rule,
        }
    }

    pub fn name(&self) -> String {
        match &self.what {
            What::Wrong(wrong) => format!("wrong {}", wrong.id.value),
            What::LeftOut(of, step) => {
                let task = of.steps.get(*step).map_or("", |s| s.task.value.as_str());
                format!("solution {} without step {} ({task})", of.id.value, step + 1)
            }
            What::Mutant(mutant) => format!("mutant {}", mutant.id),
            What::Equivalent(mutant) => format!("equivalent {}", mutant.id),
            What::Baseline(of, _) => {
                let tasks: Vec<&str> = self.tasks.iter().copied().collect();
                format!("solution {} for {} alone", of.id.value, tasks.join(", "))
            }
        }
    }

    /// Whether commands that fail are what is tried: what is left of a solution may fail without what is missing.
    pub fn may_fail(&self) -> bool {
        matches!(self.what, What::LeftOut(..) | What::Mutant(_) | What::Equivalent(_))
    }

    /// Whether it is there for the sake of others: no case of its rule, though it may break it.
    pub fn only_speaks_of_faults(&self) -> bool {
        matches!(self.what, What::Equivalent(_) | What::Baseline(..))
    }

    /// What is wrong with what its tasks' checks came to.
    pub fn fault(&self, found: &Found) -> Option<String> {
        let missed = || (!judge::noticed(found)).then_some(());
        match &self.what {
            What::Wrong(wrong) => judge::wrong(&wrong.fails, &wrong.may_fail, found),
            What::LeftOut(..) => {
                missed().map(|()| "no check notices that the step is missing".to_owned())
            }
            What::Mutant(mutant) => {
                missed().map(|()| format!("survives: {}\n{}", mutant.description, mutant.diff))
            }
            What::Equivalent(mutant) => judge::right(found).map(|fault| {
                format!(
                    "{fault}. Either a check refuses what is right, or the reason is wrong and the id has to go: {}\n{}",
                    mutant.description, mutant.diff
                )
            }),
            What::Baseline(..) => judge::right(found).map(|fault| {
                format!("with nothing but its steps and those of the tasks it needs it {fault}")
            }),
        }
    }

    /// Whether neither can make a difference to the other: other tasks that do not need each other, nothing but files
    /// in the learner's workspace, and no file that the two want otherwise. A baseline is to show that it
    /// needs nobody, and what must pass is not to suffer from a neighbour that hangs or floods.
    fn goes_with(&self, other: &Self) -> bool {
        let mixes = |t: &Self| {
            !t.only_speaks_of_faults() && t.steps.iter().all(|(s, _)| s.step.run.is_none())
        };
        let same = |(name, source)| other.files.get(name).is_none_or(|others| others == source);
        mixes(self)
            && mixes(other)
            && self.applied.is_disjoint(&other.tasks)
            && other.applied.is_disjoint(&self.tasks)
            && self.files.iter().all(same)
    }
}

/// The tasks that a wrong solution has steps for or says it fails.
fn concerned<'a>(lab: &'a Lab, wrong: &Wrong) -> BTreeSet<&'a str> {
    let fails = |id: &str| {
        wrong.fails.keys().any(|name| name.split_once('/').is_some_and(|(task, _)| task == id))
    };
    tasks(lab, |id| wrong.steps.iter().any(|s| s.task.value == id) || fails(id))
}

fn tasks(lab: &Lab, meant: impl Fn(&str) -> bool) -> BTreeSet<&str> {
    lab.tasks.iter().map(|t| t.id.value.as_str()).filter(|id| meant(id)).collect()
}

/// Some tasks with all that they need.
pub fn with_needs<'a>(lab: &'a Lab, tasks: &BTreeSet<&'a str>) -> BTreeSet<&'a str> {
    let mut all = tasks.clone();
    loop {
        let known = all.len();
        let needed = lab.tasks.iter().filter(|t| all.contains(t.id.value.as_str()));
        let needed: Vec<&str> = needed.flat_map(|t| &t.needs).map(|n| n.value.as_str()).collect();
        all.extend(needed);
        if all.len() == known {
            return all;
        }
    }
}

#[cfg(test)]
mod tests;
