//! The fast algorithms against the definition, on small histories with many overlaps and ties.

use super::brute;
use super::cases;
use super::simulate::{self, Fate};
use super::{dump, operation};
use crate::model::{Action, History, Judgement, Model, Operation, Outcome};
use proptest::prelude::*;
use std::cell::Cell;

const MODELS: [Model; 3] = [Model::Fifo, Model::Lifo, Model::Priority];
const CASES: u32 = 2_000;

#[derive(Debug, Clone, Copy)]
enum Call {
    Put,
    Take,
    Empty,
    UnknownTake,
    UnknownPut,
}

/// Up to six calls at random on a small clock; each take asks for the value of its own number.
fn noise() -> impl Strategy<Value = History> {
    let call = prop_oneof![
        8 => Just(Call::Put),
        8 => Just(Call::Take),
        2 => Just(Call::Empty),
        2 => Just(Call::UnknownTake),
        1 => Just(Call::UnknownPut),
    ];
    let calls = prop::collection::vec((call, 0..14u64, 0..8u64, 0..2i64), 1..=7);
    (calls, Just(["a", "b", "c", "d"]).prop_shuffle()).prop_map(|(calls, takes)| {
        let (mut puts, mut takes) = (["a", "b", "c", "d"].into_iter(), takes.into_iter());
        let operations = calls.into_iter().filter_map(|(call, start, length, rank)| {
            let end = Some(start + length);
            Some(match call {
                Call::Put | Call::UnknownPut => {
                    let unknown = matches!(call, Call::UnknownPut);
                    let outcome = if unknown { Outcome::Unknown } else { Outcome::Ok(None) };
                    operation(
                        Action::Put { value: puts.next()?.to_owned(), priority: Some(rank) },
                        start,
                        end,
                        outcome,
                    )
                }
                Call::Take => {
                    operation(Action::Take, start, end, Outcome::Ok(Some(takes.next()?.to_owned())))
                }
                Call::Empty => operation(Action::Take, start, end, Outcome::Ok(None)),
                Call::UnknownTake => operation(Action::Take, start, end, Outcome::Unknown),
            })
        });
        History { operations: operations.collect() }
    })
}

/// Matched pairs of puts and takes with random intervals: nothing invented, so only order and
/// "empty" decide.
fn pairs() -> impl Strategy<Value = History> {
    let value = (0..10u64, 0..5u64, 0..12u64, 0..6u64, 0..2i64, prop::bool::weighted(0.85));
    let empties = prop::collection::vec((0..20u64, 0..4u64), 0..=2);
    let unknowns = prop::collection::vec(0..20u64, 0..=2);
    (prop::collection::vec(value, 1..=3), empties, unknowns).prop_map(
        |(values, empties, unknowns)| {
            let mut operations: Vec<Operation> = Vec::new();
            for (number, (start, length, wait, duration, rank, taken)) in
                values.into_iter().enumerate()
            {
                let value = ["a", "b", "c"][number];
                operations.push(super::ranked(value, rank, start, start + length));
                if taken {
                    operations.push(super::take(value, start + wait, start + wait + duration));
                }
            }
            operations.extend(
                empties.into_iter().map(|(start, length)| super::empty(start, start + length)),
            );
            operations.extend(unknowns.into_iter().map(super::unknown_take));
            History { operations }
        },
    )
}

/// Small legal histories whose takes then exchange their answers at random.
fn shuffled() -> impl Strategy<Value = (Vec<simulate::Step>, usize, usize)> {
    let fates = prop_oneof![
        6 => Just(Fate::Returns),
        1 => Just(Fate::Killed),
        1 => Just(Fate::KilledBefore),
    ];
    (simulate::steps(fates, 1..=4), 0..8usize, 0..8usize)
}

fn agree(model: Model, history: &History, legal: &Cell<u32>) -> Result<(), TestCaseError> {
    let expected = brute::legal(model, history);
    legal.set(legal.get() + u32::from(expected));
    let judgement = model.check(history);
    let undecided = matches!(judgement, Judgement::Undecided { .. });
    prop_assert!(!undecided);
    prop_assert_eq!(
        judgement == Judgement::Legal,
        expected,
        "{}: {:?}{}",
        model,
        judgement,
        dump(history)
    );
    Ok(())
}

/// Runs many cases and makes sure that both answers were common.
fn cross_check<S: Strategy>(strategy: S, history: impl Fn(Model, &S::Value) -> History) {
    for model in MODELS {
        let legal = Cell::new(0);
        let mut runner = proptest::test_runner::TestRunner::new(cases(CASES));
        let result = runner.run(&strategy, |value| agree(model, &history(model, &value), &legal));
        result.unwrap_or_else(|error| panic!("{error}"));
        assert!(
            (CASES / 20..CASES * 19 / 20).contains(&legal.get()),
            "{model}: {} of {CASES} legal",
            legal.get()
        );
    }
}

#[test]
fn noise_is_judged_as_by_definition() {
    cross_check(noise(), |_, history| history.clone());
}

#[test]
fn pairs_are_judged_as_by_definition() {
    cross_check(pairs(), |_, history| history.clone());
}

#[test]
fn exchanged_answers_are_judged_as_by_definition() {
    cross_check(shuffled(), |model, (steps, a, b)| {
        let mut history = simulate::run(model, steps);
        let takes: Vec<usize> = (0..history.operations.len())
            .filter(|&i| {
                matches!(
                    (&history.operations[i].action, &history.operations[i].outcome),
                    (Action::Take, Outcome::Ok(_))
                )
            })
            .collect();
        let (a, b) = (takes[a % takes.len()], takes[b % takes.len()]);
        let outcome = history.operations[a].outcome.clone();
        history.operations[a].outcome =
            std::mem::replace(&mut history.operations[b].outcome, outcome);
        history
    });
}
