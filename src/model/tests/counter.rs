//! Counting: the definition as a search, simulated counters, and each mistake by name.

use super::cases;
use super::{
    Action, History, Judgement, Model, Operation, Outcome, dump, history, operation, violation,
};
use crate::model::history::Effect;
use proptest::prelude::*;
use std::cell::Cell;

const MODEL: Model = Model::Counter;

fn set(value: i64) -> Operation {
    operation(Action::Set { value }, 0, Some(0), Outcome::Ok(None))
}

fn add(value: i64, start: u64, end: u64) -> Operation {
    operation(Action::Add, start, Some(end), Outcome::Ok(Some(value.to_string())))
}

fn draw(granted: bool, start: u64, end: u64) -> Operation {
    let outcome = Outcome::Ok(granted.then(|| "granted".to_owned()));
    operation(Action::Draw, start, Some(end), outcome)
}

fn unknown(action: Action, start: u64) -> Operation {
    operation(action, start, None, Outcome::Unknown)
}

/// Every order of effects on a number.
fn legal(left: &[&Operation], value: i64) -> bool {
    if left.iter().all(|operation| operation.effect() == Effect::Possible) {
        return true;
    }
    let first_end = left.iter().map(|operation| operation.deadline()).min().unwrap_or(0);
    (0..left.len()).filter(|&i| left[i].start <= first_end).any(|i| {
        let mut rest = left.to_vec();
        let next = rest.remove(i);
        after(next, value).is_some_and(|value| legal(&rest, value))
    })
}

fn after(operation: &Operation, value: i64) -> Option<i64> {
    let certain = operation.effect() == Effect::Certain;
    match (&operation.action, &operation.outcome) {
        (Action::Set { value }, _) => Some(*value),
        (Action::Add, Outcome::Ok(said)) if certain && *said != Some((value + 1).to_string()) => {
            None
        }
        (Action::Add, _) => Some(value + 1),
        (Action::Draw, Outcome::Ok(said)) if certain && said.is_some() != (value > 0) => None,
        (Action::Draw, _) => Some((value - 1).max(0)),
        _ => None,
    }
}

/// Up to seven calls at random on a small clock.
fn noise() -> impl Strategy<Value = History> {
    let call = (1..14u64, 0..8u64, 0..10u8, 1..7i64);
    (prop::bool::ANY, 0..4i64, prop::collection::vec(call, 1..=7)).prop_map(
        |(adds, start, calls)| {
            let calls = calls.into_iter().map(|(begin, length, fate, said)| match (adds, fate) {
                (true, 0) => unknown(Action::Add, begin),
                (false, 0) => unknown(Action::Draw, begin),
                (true, _) => add(start + said, begin, begin + length),
                (false, _) => draw(fate < 6, begin, begin + length),
            });
            History { operations: std::iter::once(set(start)).chain(calls).collect() }
        },
    )
}

/// Calls around the effects of a correct counter, some of them spoilt.
fn nearly() -> impl Strategy<Value = History> {
    let call = (1..12u64, 0..6u64, 0..30u8);
    (prop::bool::ANY, 0..4i64, prop::collection::vec(call, 1..=6)).prop_map(
        |(adds, start, calls)| {
            let (mut value, mut now) = (start, 1_u64);
            let mut operations = vec![set(start)];
            for (lead, lag, fate) in calls {
                now += 3;
                let (begin, end) = (now.saturating_sub(lead).max(1), now + lag);
                let spoilt = i64::from(fate == 0);
                if fate > 26 {
                    let action = if adds { Action::Add } else { Action::Draw };
                    operations.push(unknown(action, begin));
                    // Half of those counted.
                    if fate > 27 {
                        value = if adds { value + 1 } else { (value - 1).max(0) };
                    }
                } else if adds {
                    value += 1;
                    operations.push(add(value - spoilt, begin, end));
                } else {
                    operations.push(draw((value > 0) != (spoilt == 1), begin, end));
                    value = (value - 1).max(0);
                }
            }
            History { operations }
        },
    )
}

#[test]
fn counts_are_judged_as_by_definition() {
    const CASES: u32 = 2_000;
    let seen = Cell::new(0);
    let result = proptest::test_runner::TestRunner::new(cases(CASES)).run(
        &prop_oneof![noise(), nearly()],
        |history| {
            let all: Vec<&Operation> = history.operations.iter().collect();
            let expected = legal(&all, 0);
            seen.set(seen.get() + u32::from(expected));
            match MODEL.check(&history) {
                Judgement::Legal => prop_assert!(expected, "accepted{}", dump(&history)),
                Judgement::Illegal(violation) => {
                    prop_assert!(!expected, "{violation:?}{}", dump(&history));
                    let part = history.part(&violation.excerpt);
                    let of_part: Vec<&Operation> = part.operations.iter().collect();
                    prop_assert!(!legal(&of_part, 0), "the excerpt is legal{}", dump(&part));
                    for left_out in 0..part.operations.len() {
                        let mut fewer = part.clone();
                        let gone = fewer.operations.remove(left_out);
                        // Without what it began with, or a draw that might have emptied it, a count is another one.
                        if !matches!(gone.action, Action::Set { .. })
                            && violation.code == "oversold"
                        {
                            prop_assert_eq!(MODEL.check(&fewer), Judgement::Legal);
                        }
                    }
                }
                Judgement::Undecided { .. } => prop_assert!(false, "undecided"),
            }
            Ok(())
        },
    );
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!((CASES / 10..CASES * 9 / 10).contains(&seen.get()), "{} of {CASES} legal", seen.get());
}

proptest! {
    #![proptest_config(cases(60))]

    /// Hundreds of clients at once: what a correct stock answers is legal, one sale more is not.
    #[test]
    fn large_stocks_are_decided(
        stock in 1..120_usize,
        gaps in prop::collection::vec((0..4u64, 0..300u64, 0..300u64), 200..300),
    ) {
        let mut operations = vec![set(i64::try_from(stock).unwrap())];
        let mut now = 400;
        for (number, (gap, lead, lag)) in gaps.into_iter().enumerate() {
            now += gap;
            operations.push(draw(number < stock, now - lead, now + lag));
        }
        let mut history = History { operations };
        prop_assert_eq!(MODEL.check(&history), Judgement::Legal);
        let last = history.operations.last_mut().unwrap();
        last.outcome = Outcome::Ok(Some("granted".to_owned()));
        let found = violation(MODEL, &history);
        prop_assert_eq!(found.code, "oversold");
        prop_assert_eq!(found.excerpt.len(), stock + 2);
    }

    #[test]
    fn large_counts_are_decided(
        start in -5..50_i64,
        gaps in prop::collection::vec((1..4u64, 0..300u64, 0..300u64), 100..200),
        lost in 0..100_usize,
    ) {
        let mut operations = vec![set(start)];
        let mut now = 400;
        for (value, (gap, lead, lag)) in (start + 1..).zip(gaps) {
            now += gap;
            operations.push(add(value, now - lead, now + lag));
        }
        let mut history = History { operations };
        prop_assert_eq!(MODEL.check(&history), Judgement::Legal);
        // One that did not see the add before it.
        let before = history.operations[lost].outcome.clone();
        if lost > 0 {
            history.operations[lost + 1].outcome = before;
            let found = violation(MODEL, &history);
            prop_assert_eq!((found.code, found.excerpt.len()), ("lost", 3));
        }
    }
}

/// A mistake, its code, and the operations that show it.
#[test]
fn each_mistake_has_its_name() {
    let cases: [(&[Operation], &str, &[usize]); 9] = [
        (&[set(1), draw(true, 1, 5), draw(true, 2, 6)], "oversold", &[0, 1, 2]),
        (&[set(2), draw(true, 1, 2), draw(false, 3, 4)], "refused", &[0, 2]),
        (&[set(1), draw(false, 1, 2), draw(true, 3, 4)], "refused", &[0, 1]),
        (
            &[set(1), unknown(Action::Draw, 1), draw(false, 1, 2), draw(true, 3, 4)],
            "refused",
            &[0, 2, 3],
        ),
        (&[set(5), add(6, 1, 4), add(6, 2, 5)], "lost", &[0, 1, 2]),
        (&[set(5), add(6, 1, 2), add(5, 3, 4)], "lost", &[0, 2]),
        (&[set(0), add(2, 1, 2), add(1, 3, 4)], "order", &[0, 1, 2]),
        (&[set(0), add(1, 1, 2), add(3, 3, 4)], "invented", &[0, 2]),
        (&[set(0), add(2, 1, 2), unknown(Action::Add, 3)], "invented", &[0, 1]),
    ];
    for (operations, code, excerpt) in cases {
        let history = history(operations);
        let found = violation(MODEL, &history);
        assert_eq!((found.code, &*found.excerpt), (code, excerpt), "{}", dump(&history));
    }
}

#[test]
fn what_is_unknown_may_have_counted_or_not() {
    for operations in [
        &[set(1), unknown(Action::Draw, 1), draw(false, 2, 3)][..],
        &[set(1), unknown(Action::Draw, 1), draw(true, 2, 3)],
        &[set(0), unknown(Action::Add, 1), add(1, 2, 3)],
        &[set(0), unknown(Action::Add, 1), add(2, 2, 3)],
    ] {
        let history = history(operations);
        assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }
}
