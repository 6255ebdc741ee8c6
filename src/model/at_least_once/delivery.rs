//! Whether some order of effects explains the deliveries of one value.

use super::Life;
use crate::model::history::{Action, Effect, History};
use std::collections::HashSet;

/// Partial orders of one value's operations tried before giving up.
const BUDGET: usize = 20_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum State {
    Absent,
    Ready,
    InFlight,
    Done,
}

/// Recovers that can have come between the first and the last take.
pub fn relevant(history: &History, life: &Life, recovers: &[usize]) -> Vec<usize> {
    let first = life.takes.iter().map(|&take| history.operations[take].start).min();
    let last = life.takes.iter().map(|&take| history.operations[take].deadline()).max();
    let (Some(first), Some(last)) = (first, last) else { return Vec::new() };
    let between = |&&recover: &&usize| {
        history.operations[recover].start <= last && history.operations[recover].over_by() >= first
    };
    recovers.iter().filter(between).copied().collect()
}

/// Searches depth first for a legal order of the value's operations, remembering what was tried
/// (Wing, Gong, "Testing and Verifying Concurrent Objects", 1993; Lowe, "Testing for
/// linearizability", 2017). `Err` holds the number of partial orders tried when the budget is
/// spent.
pub fn explained(history: &History, life: &Life, recovers: &[usize]) -> Result<bool, usize> {
    let recovers = relevant(history, life, recovers);
    let operations: Vec<usize> = [&[life.put], &life.takes[..], &life.acks, &recovers].concat();
    if operations.len() > 64 {
        return Err(0);
    }
    let mut open = vec![(0_u64, State::Absent)];
    let mut seen = HashSet::new();
    while let Some((done, state)) = open.pop() {
        if !seen.insert((done, state)) {
            continue;
        }
        if seen.len() > BUDGET {
            return Err(BUDGET);
        }
        let left = || {
            (0..operations.len())
                .filter(|i| done & (1 << i) == 0)
                .map(|i| (i, &history.operations[operations[i]]))
        };
        if left().all(|(_, operation)| operation.effect() == Effect::Possible) {
            return Ok(true);
        }
        let first_end = left().map(|(_, operation)| operation.over_by()).min().unwrap_or(u64::MAX);
        for (i, operation) in left().filter(|(_, operation)| operation.start <= first_end) {
            let mut next = after(&operation.action, state, !life.acks.is_empty());
            if operation.effect() == Effect::Possible {
                next.push(state);
            }
            open.extend(next.into_iter().map(|state| (done | (1 << i), state)));
        }
    }
    Ok(false)
}

/// The states in which an operation can leave the value; none when it cannot take effect now.
fn after(action: &Action, state: State, acknowledged: bool) -> Vec<State> {
    match (action, state) {
        (Action::Put { .. }, State::Absent) => vec![State::Ready],
        (Action::Take, State::Ready) => vec![State::InFlight],
        (Action::Put { .. } | Action::Take, _) => vec![],
        (Action::Ack { .. }, State::InFlight) => vec![State::Done],
        (Action::Ack { .. }, State::Ready) => vec![State::Ready, State::Done],
        (Action::Recover, State::InFlight) if acknowledged => vec![State::Ready, State::InFlight],
        (Action::Recover, State::InFlight) => vec![State::Ready],
        (_, unchanged) => vec![unchanged],
    }
}
