//! `at-least-once`: nothing is lost, and nothing comes again once it was acknowledged.
//!
//! Values are judged one by one, in no particular order. A value is *ready* after its put, *in
//! flight* after a take, and *done* after an acknowledgement. A recover puts each value in flight
//! back to ready, at a moment of its own within the recover's interval (an implementation moves one
//! after the other); it may leave alone a value that somebody acknowledges, since that worker was
//! alive. An acknowledgement that comes when the value is ready again may find nothing to do. So a
//! value taken twice is `duplicate` only when no recover can have come between, or when it had been
//! acknowledged for good.
//!
//! An unknown operation with an end is over by then: its process is dead, its connection closed. So an
//! unknown take may have left one value in flight, which a recover that starts later must bring back; and
//! an unknown recover cannot bring back what is taken after its end.

mod delivery;
mod presence;

use super::history::{Action, Effect, History, Outcome};
use super::judgement::{Judgement, Violation};
use super::values::Values;
use std::collections::HashMap;

/// What happened to one value, as indices of operations.
#[derive(Debug, Clone)]
struct Life<'a> {
    value: &'a str,
    put: usize,
    /// In order of start.
    takes: Vec<usize>,
    /// Certain or possible.
    acks: Vec<usize>,
}

/// Operations that concern all values.
#[derive(Debug, Default)]
struct Common {
    /// Certain or possible.
    recovers: Vec<usize>,
    empties: Vec<usize>,
    unknown_takes: Vec<usize>,
}

/// Judges a history of puts, takes, acknowledgements and recovers: a small search for each value
/// taken more than once, and O(n²) for the answers "empty".
pub(super) fn check(history: &History) -> Judgement {
    let values = Values::of(history);
    if let Some(violation) = values.invented(history) {
        return Judgement::Illegal(violation);
    }
    let common = common(history);
    let lives = lives(history, values);
    let mut undecided = None;
    for life in lives.iter().filter(|life| life.takes.len() > 1) {
        match delivery::explained(history, life, &common.recovers) {
            Ok(true) => {}
            Ok(false) => {
                return Judgement::Illegal(duplicate(history, life.clone(), &common.recovers));
            }
            Err(tried) => undecided = Some(Judgement::Undecided { tried }),
        }
    }
    if let Some(violation) = presence::violation(history, &lives, &common) {
        return Judgement::Illegal(violation);
    }
    undecided.unwrap_or(Judgement::Legal)
}

fn common(history: &History) -> Common {
    let mut common = Common::default();
    for (index, operation) in history.operations.iter().enumerate() {
        match (&operation.action, operation.effect(), &operation.outcome) {
            (_, Effect::None, _) => {}
            (Action::Recover, ..) => common.recovers.push(index),
            (Action::Take, Effect::Possible, _) => common.unknown_takes.push(index),
            (Action::Take, _, Outcome::Ok(None)) => common.empties.push(index),
            _ => {}
        }
    }
    common
}

/// All values that certainly or evidently were put, in order of put.
fn lives<'a>(history: &'a History, values: Values<'a>) -> Vec<Life<'a>> {
    let mut takes: HashMap<&str, Vec<usize>> = values.taken.into_iter().collect();
    let mut acks: HashMap<&str, Vec<usize>> = HashMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        if let (Action::Ack { value }, Effect::Certain | Effect::Possible) =
            (&operation.action, operation.effect())
        {
            acks.entry(value).or_default().push(index);
        }
    }
    let life = |(value, put): (&'a str, usize)| {
        // One that ended before the put began acknowledges nothing.
        let late =
            |&ack: &usize| history.operations[ack].deadline() >= history.operations[put].start;
        let acks = acks.get(value).into_iter().flatten().copied().filter(late).collect();
        Life { value, put, takes: takes.remove(value).unwrap_or_default(), acks }
    };
    let mut lives: Vec<_> = values
        .puts
        .into_iter()
        .map(life)
        .filter(|life| {
            !life.takes.is_empty() || history.operations[life.put].effect() == Effect::Certain
        })
        .collect();
    lives.sort_unstable_by_key(|life| (history.operations[life.put].start, life.put));
    lives
}

/// The fewest takes and acknowledgements that no recover explains. Leaving one out never makes a
/// legal life illegal.
fn duplicate(history: &History, mut life: Life, recovers: &[usize]) -> Violation {
    let illegal = |life: &Life| delivery::explained(history, life, recovers) == Ok(false);
    for position in (0..life.acks.len()).rev() {
        let fewer = Life { acks: without(&life.acks, position), ..life.clone() };
        life = if illegal(&fewer) { fewer } else { life };
    }
    for position in (0..life.takes.len()).rev() {
        let fewer = Life { takes: without(&life.takes, position), ..life.clone() };
        life = if illegal(&fewer) { fewer } else { life };
    }
    let value = life.value;
    let message = match (life.acks.is_empty(), life.takes.len()) {
        (false, _) => format!("{value:?} was taken again after its acknowledgement had returned"),
        (true, 2) => format!("{value:?} was handed out twice, and no recover came between"),
        (true, count) => {
            format!("{value:?} was handed out {count} times, and too few recovers came between")
        }
    };
    let between = delivery::relevant(history, &life, recovers);
    let excerpt = [vec![life.put], life.takes, life.acks, between].concat();
    Violation { code: "duplicate", message, excerpt: history.in_start_order(excerpt) }
}

fn without(operations: &[usize], position: usize) -> Vec<usize> {
    [&operations[..position], &operations[position + 1..]].concat()
}
