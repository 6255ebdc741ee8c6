//! Trials checked in one round. Whatever is not as it should be is tried again alone, and that decides.

use super::Options;
use super::judge::{self, Found};
use super::result::{Finding, Outcome, Rule};
use super::seat::Seat;
use super::trial::{Trial, What};
use crate::error::{Kind, Result};

/// What came of one trial.
struct Tried {
    fault: Option<String>,
    /// Where it was checked again and again: whether that came to something else.
    again: Option<Finding>,
}

pub async fn run(seat: &mut Seat, trials: &[Trial<'_>], options: &Options) -> Result<Vec<Outcome>> {
    let tried = round(seat, trials, options).await?;
    let mut outcomes = Vec::new();
    if trials.len() == 1 || tried.iter().all(|tried| tried.fault.is_none()) {
        for (trial, tried) in trials.iter().zip(tried) {
            outcomes.extend(said(seat, trial, tried));
        }
        return Ok(outcomes);
    }
    for (number, (trial, together)) in trials.iter().zip(tried).enumerate() {
        for alone in round(seat, std::slice::from_ref(trial), options).await? {
            if alone.fault.is_some() != together.fault.is_some() {
                let others = trials.iter().enumerate().filter(|(other, _)| *other != number);
                let others: Vec<String> = others.map(|(_, other)| other.name()).collect();
                let as_it_should_be = || "as it should be".to_owned();
                let what = format!(
                    "alone: {}; checked together with {}: {}",
                    alone.fault.clone().unwrap_or_else(as_it_should_be),
                    others.join(", "),
                    together.fault.clone().unwrap_or_else(as_it_should_be),
                );
                outcomes.push(outcome(seat, trial, Rule::Flakes, Finding::of([what])));
            }
            outcomes.extend(said(seat, trial, alone));
        }
    }
    Ok(outcomes)
}

/// One round of checks on a renewed seat, and what each trial came to.
async fn round(seat: &mut Seat, trials: &[Trial<'_>], options: &Options) -> Result<Vec<Tried>> {
    seat.renew().await?;
    let steps = trials.iter().flat_map(|trial| &trial.steps);
    match seat.apply(steps.map(|(placed, change)| (placed, change.as_deref()))).await {
        // What is left of a solution may fail without what is missing, which the checks must notice too.
        Err(error) if error.kind == Kind::Usage && trials.iter().any(|t| !t.may_fail()) => {
            let fault = Some(error.to_string());
            return Ok(trials
                .iter()
                .map(|_| Tried { fault: fault.clone(), again: None })
                .collect());
        }
        Err(error) if error.kind != Kind::Usage => return Err(error),
        _ => {}
    }
    let tasks = trials.iter().flat_map(|trial| trial.tasks.iter().copied()).collect();
    let first = seat.check_only(&tasks).await?;
    let is_wrong = |trial: &Trial| matches!(trial.what, What::Wrong(_));
    let mut rounds = Vec::new();
    if options.tries(Rule::Flakes) && trials.iter().any(is_wrong) {
        for _ in 0..options.repeat {
            rounds.push(seat.check_only(&tasks).await?);
        }
    }
    let tried = |trial: &Trial| {
        let mine = |found: &Found| judge::of_tasks(found, &trial.tasks);
        let fault = trial.fault(&mine(&first));
        let again = rounds.iter().map(|found| trial.fault(&mine(found)));
        let again =
            again.into_iter().find(|again| again.is_some() != fault.is_some()).map(|again| {
                format!("checked again: {}", again.unwrap_or_else(|| "as it should be".to_owned()))
            });
        Tried { fault, again: (is_wrong(trial) && !rounds.is_empty()).then(|| Finding::of(again)) }
    };
    Ok(trials.iter().map(tried).collect())
}

fn said(seat: &Seat, trial: &Trial, tried: Tried) -> Vec<Outcome> {
    let says_nothing = trial.only_speaks_of_faults() && tried.fault.is_none();
    let found =
        (!says_nothing).then(|| outcome(seat, trial, trial.rule(), Finding::of(tried.fault)));
    let again = tried.again.map(|finding| outcome(seat, trial, Rule::Flakes, finding));
    found.into_iter().chain(again).collect()
}

fn outcome(seat: &Seat, trial: &Trial, rule: Rule, finding: Finding) -> Outcome {
    Outcome { rule, case: trial.name(), seed: Some(seat.seed().to_owned()), finding }
}
