//! At least once: the definition as a search over whole states, simulated workloads, and each mistake by name.

use super::{Action, History, Judgement, Model, Operation, Outcome, dump, violation};
use super::{empty, history, operation, put, take};
use crate::model::history::Effect;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::BTreeMap;

const MODEL: Model = Model::AtLeastOnce;

fn ack(value: &str, start: u64, end: u64) -> Operation {
    operation(Action::Ack { value: value.to_owned() }, start, Some(end), Outcome::Ok(None))
}

fn recover(start: u64, end: u64) -> Operation {
    operation(Action::Recover, start, Some(end), Outcome::Ok(None))
}

fn dead_take(start: u64, end: u64) -> Operation {
    operation(Action::Take, start, Some(end), Outcome::Unknown)
}

/// The definition itself. Each value has a state of its own, and a recover touches each value at a moment of its own.
mod definition {
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
                    left.extend(values.iter().map(|value| (index, Some(value.clone()))))
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
        let first_end = left.iter().map(|pending| at(pending).deadline()).min().unwrap_or(u64::MAX);
        (0..left.len()).filter(|&i| at(&left[i]).start <= first_end).any(|i| {
            let mut rest = left.to_vec();
            let next = rest.remove(i);
            outcomes(history, &next, left, states)
                .iter()
                .any(|states| search(history, &rest, states))
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
                let begun = |i: usize| {
                    left.iter().filter(|(other, _)| *other == i).count() < parts(history, i)
                };
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
}

#[derive(Debug, Clone, Copy)]
enum Call {
    Put,
    Take,
    Ack,
    Recover,
    Empty,
    UnknownTake,
    UnknownRecover,
    UnknownAck,
}

/// Up to six calls on a small clock, about one or two values.
fn noise(calls: &[Call]) -> impl Strategy<Value = History> + use<> {
    let call = prop::sample::select(calls.to_vec());
    let first = (0..4u64, 0..6u64).prop_map(|(start, length)| put("a", start, start + length));
    let more = prop::collection::vec((call, 0..16u64, 0..6u64, prop::bool::weighted(0.7)), 1..=6);
    (first, more).prop_map(|(first, more)| {
        let mut operations = vec![first];
        for (call, start, length, a) in more {
            let (value, end) = (if a { "a" } else { "b" }, start + length);
            let another = match call {
                Call::Put
                    if operations.iter().any(|o: &Operation| o.action == put("b", 0, 0).action) =>
                {
                    continue;
                }
                Call::Put => put("b", start, end),
                Call::Take => take(value, start, end),
                Call::Ack => ack(value, start, end),
                Call::Recover => recover(start, end),
                Call::Empty => empty(start, end),
                Call::UnknownTake => dead_take(start, end),
                Call::UnknownRecover => operation(Action::Recover, start, None, Outcome::Unknown),
                Call::UnknownAck => {
                    Operation { outcome: Outcome::Unknown, ..ack(value, start, end) }
                }
            };
            operations.push(another);
        }
        History { operations }
    })
}

fn compare(calls: &[Call], exact: bool) {
    const CASES: u32 = 3_000;
    let legal = Cell::new(0);
    let config =
        ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
    let result = proptest::test_runner::TestRunner::new(config).run(&noise(calls), |history| {
        let expected = definition::legal(&history);
        let judgement = MODEL.check(&history);
        let found = judgement == Judgement::Legal;
        legal.set(legal.get() + u32::from(expected));
        prop_assert!(found || !expected, "{:?}{}", judgement, dump(&history));
        prop_assert!(!exact || !found || expected, "accepted{}", dump(&history));
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        (CASES / 20..CASES * 19 / 20).contains(&legal.get()),
        "{} of {CASES} legal",
        legal.get()
    );
}

#[test]
fn deliveries_are_judged_as_by_definition() {
    compare(
        &[
            Call::Put,
            Call::Take,
            Call::Take,
            Call::Ack,
            Call::Recover,
            Call::UnknownRecover,
            Call::UnknownAck,
        ],
        true,
    );
}

#[test]
fn empty_answers_are_judged_as_by_definition() {
    compare(&[Call::Put, Call::Take, Call::Ack, Call::Empty, Call::Empty], true);
}

#[test]
fn nothing_legal_is_rejected() {
    compare(
        &[
            Call::Put,
            Call::Take,
            Call::Take,
            Call::Ack,
            Call::Recover,
            Call::Empty,
            Call::UnknownTake,
            Call::UnknownRecover,
            Call::UnknownAck,
        ],
        false,
    );
}
