//! The definition itself. Each value has a state of its own, and a recover touches each value at a
//! moment of its own.

use super::*;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Ready,
    InFlight,
    Done,
}

/// An effect still to come: an operation, and for a recover the value that it touches.
type Pending = (usize, Option<String>);

pub fn legal(history: &History) -> bool {
    let values: Vec<String> = history.operations.iter().filter_map(put_value).collect();
    let mut left = Vec::new();
    for (index, operation) in history.operations.iter().enumerate() {
        match (operation.effect(), &operation.action) {
            (Effect::None, _) => {}
            (_, Action::Recover) => {
                left.extend(values.iter().map(|value| (index, Some(value.clone()))));
            }
            _ => left.push((index, None)),
        }
    }
    search(history, &left, &BTreeMap::new())
}

fn put_value(operation: &Operation) -> Option<String> {
    match &operation.action {
        Action::Put { value, .. } => Some(value.clone()),
        _ => None,
    }
}

fn search(history: &History, left: &[Pending], states: &BTreeMap<String, State>) -> bool {
    let at = |pending: &Pending| &history.operations[pending.0];
    if left.iter().all(|pending| at(pending).effect() == Effect::Possible) {
        return true;
    }
    let first_end = left.iter().map(|pending| at(pending).over_by()).min().unwrap_or(u64::MAX);
    (0..left.len()).filter(|&i| at(&left[i]).start <= first_end).any(|i| {
        let mut rest = left.to_vec();
        let next = rest.remove(i);
        // What is unknown may never have taken effect.
        if at(&next).effect() == Effect::Possible && search(history, &rest, states) {
            return true;
        }
        outcomes(history, &next, left, states).iter().any(|states| search(history, &rest, states))
    })
}

fn outcomes(
    history: &History,
    (index, touched): &Pending,
    left: &[Pending],
    states: &BTreeMap<String, State>,
) -> Vec<BTreeMap<String, State>> {
    let operation = &history.operations[*index];
    let with = |value: &str, state: State| {
        let mut states = states.clone();
        states.insert(value.to_owned(), state);
        states
    };
    let ready =
        || states.iter().filter(|(_, state)| **state == State::Ready).map(|(value, _)| value);
    match (&operation.action, &operation.outcome) {
        (Action::Put { value, .. }, _) => vec![with(value, State::Ready)],
        (Action::Take, Outcome::Ok(Some(value))) => {
            ready().filter(|v| *v == value).map(|v| with(v, State::InFlight)).collect()
        }
        (Action::Take, Outcome::Ok(None)) => {
            if ready().next().is_none() {
                vec![states.clone()]
            } else {
                vec![]
            }
        }
        // Over by its end: nothing that started later has had an effect.
        (Action::Take, _) => {
            let starts_later =
                |i: &usize| operation.end.is_some_and(|end| history.operations[*i].start > end);
            let begun =
                |i: usize| left.iter().filter(|(other, _)| *other == i).count() < parts(history, i);
            if (0..history.operations.len()).filter(starts_later).any(begun) {
                return Vec::new();
            }
            ready().map(|v| with(v, State::InFlight)).collect()
        }
        (Action::Ack { value }, _) => match states.get(value) {
            Some(State::InFlight) => vec![with(value, State::Done)],
            Some(State::Ready) => vec![states.clone(), with(value, State::Done)],
            _ => vec![states.clone()],
        },
        (Action::Recover, _) => {
            let value = touched.as_deref().unwrap_or_default();
            match states.get(value) {
                Some(State::InFlight) if acknowledged(history, value) => {
                    vec![with(value, State::Ready), states.clone()]
                }
                Some(State::InFlight) => vec![with(value, State::Ready)],
                _ => vec![states.clone()],
            }
        }
        _ => vec![],
    }
}

/// How many effects an operation has.
fn parts(history: &History, index: usize) -> usize {
    match (history.operations[index].effect(), &history.operations[index].action) {
        (Effect::None, _) => 0,
        (_, Action::Recover) => history.operations.iter().filter_map(put_value).count(),
        _ => 1,
    }
}

/// Whether an acknowledgement that can have met the value exists.
fn acknowledged(history: &History, value: &str) -> bool {
    let all = &history.operations;
    let put = all.iter().find(|operation| put_value(operation).as_deref() == Some(value));
    all.iter().any(|operation| {
        operation.effect() != Effect::None
            && put.is_some_and(|put| put.start <= operation.deadline())
            && matches!(&operation.action, Action::Ack { value: v } if v == value)
    })
}
