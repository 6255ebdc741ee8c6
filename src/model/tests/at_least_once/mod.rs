//! At least once: the definition as a search over whole states, simulated workloads, and each
//! mistake by name.

mod definition;

use super::cases;
use super::{Action, History, Judgement, Model, Operation, Outcome, dump, violation};
use super::{empty, history, operation, put, take};
use crate::model::history::Effect;
use proptest::prelude::*;
use proptest::sample::Index;
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
                Call::UnknownRecover => {
                    let end = (length % 2 == 0).then_some(end);
                    operation(Action::Recover, start, end, Outcome::Unknown)
                }
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
    const CASES: u32 = 1_500;
    let legal = Cell::new(0);
    let config = cases(CASES);
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

/// A recovery that was cut short, and left the value both given back and held.
#[test]
fn a_recover_that_died_explains_nothing_after_its_end() {
    let died = |end| operation(Action::Recover, 4, end, Outcome::Unknown);
    let mut operations = vec![put("a", 0, 1), take("a", 2, 3), died(Some(5)), recover(6, 7)];
    operations.extend([take("a", 8, 9), ack("a", 10, 11), take("a", 12, 13)]);
    let mut history = History { operations };
    assert_eq!(violation(MODEL, &history).code, "duplicate");
    history.operations[2] = died(None);
    assert_eq!(MODEL.check(&history), Judgement::Legal);
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

#[derive(Debug, Clone, Copy, PartialEq)]
enum Event {
    Put,
    Take,
    Ack,
    Recover,
    KilledAfterTaking,
    KilledBeforeTaking,
}

/// What happens, after how long, and how far the call's two ends are from its effect.
type Step = (Event, u64, u64, u64);

fn steps(size: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        10 => Just(Event::Put),
        10 => Just(Event::Take),
        7 => Just(Event::Ack),
        1 => Just(Event::Recover),
        1 => Just(Event::KilledAfterTaking),
        1 => Just(Event::KilledBeforeTaking),
    ];
    prop::collection::vec((event, 1..30u64, 0..80u64, 0..80u64), size)
}

/// The history of a correct queue; at its end a recover, then takes with acknowledgements until it
/// is empty.
fn run(steps: &[Step]) -> History {
    let (mut ready, mut in_flight) = (Vec::new(), Vec::new());
    let mut history = History::default();
    let mut now = 100;
    for (number, &(event, gap, lead, lag)) in steps.iter().enumerate() {
        now += gap;
        let (start, end) = (now - lead, now + lag);
        history.operations.push(match event {
            Event::Put => {
                ready.push(format!("k{number}"));
                put(&format!("k{number}"), start, end)
            }
            Event::Take if ready.is_empty() => empty(start, end),
            Event::Take => {
                in_flight.push(ready.remove(index(lead) % ready.len()));
                take(&in_flight[in_flight.len() - 1], start, end)
            }
            Event::Ack if in_flight.is_empty() => continue,
            Event::Ack => ack(&in_flight.remove(index(lag) % in_flight.len()), start, end),
            Event::Recover => {
                ready.append(&mut in_flight);
                recover(start, end)
            }
            Event::KilledAfterTaking => {
                in_flight.extend(ready.pop());
                dead_take(start, end)
            }
            Event::KilledBeforeTaking => dead_take(start, end),
        });
    }
    now += 100;
    history.operations.push(recover(now, now + 5));
    ready.append(&mut in_flight);
    for value in ready {
        now += 20;
        history.operations.push(take(&value, now, now + 5));
        history.operations.push(ack(&value, now + 6, now + 10));
    }
    history.operations.push(empty(now + 20, now + 25));
    history
}

fn index(any: u64) -> usize {
    usize::try_from(any).unwrap_or(0)
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_a_correct_queue_did_is_legal(steps in steps(0..100)) {
        let history = run(&steps);
        prop_assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }

    #[test]
    fn a_value_never_delivered_is_lost(steps in steps(1..60), seed in any::<Index>()) {
        let mut history = run(&steps);
        let values: Vec<String> = history.operations.iter().filter_map(put_value).collect();
        if !values.is_empty() {
            let value = seed.get(&values);
            history.operations.retain(|operation| !delivers(operation, value));
            prop_assert_eq!(named(&history)?, "lost");
        }
    }

    #[test]
    fn a_value_acknowledged_never_comes_again(steps in steps(1..60), seed in any::<Index>()) {
        let mut history = run(&steps);
        let mut values: Vec<String> = history.operations.iter().filter_map(put_value).collect();
        values.retain(|value| acknowledged_in_flight(&history, value));
        if !values.is_empty() {
            let value = seed.get(&values);
            let ends = history.operations.iter().filter_map(|operation| operation.end);
            let last = ends.max().unwrap_or(0);
            history.operations.push(recover(last + 1, last + 2));
            history.operations.push(take(value, last + 3, last + 4));
            prop_assert_eq!(named(&history)?, "duplicate");
        }
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn long_histories_are_decided(steps in steps(400)) {
        prop_assert_eq!(MODEL.check(&run(&steps)), Judgement::Legal);
    }
}

fn put_value(operation: &Operation) -> Option<String> {
    match &operation.action {
        Action::Put { value, .. } => Some(value.clone()),
        _ => None,
    }
}

/// Whether an acknowledgement follows a take with no recover that can have come between.
fn acknowledged_in_flight(history: &History, value: &str) -> bool {
    let all = &history.operations;
    let takes = || all.iter().filter(|o| o.outcome == Outcome::Ok(Some(value.to_owned())));
    let acks = || all.iter().filter(|o| o.action == ack(value, 0, 0).action);
    let recovers = || all.iter().filter(|o| o.action == Action::Recover);
    takes().any(|take| {
        acks().any(|ack| {
            let apart = |recover: &Operation| {
                recover.end < Some(take.start) || Some(recover.start) > ack.end
            };
            take.end < Some(ack.start) && recovers().all(apart)
        })
    })
}

fn delivers(operation: &Operation, value: &str) -> bool {
    operation.outcome == Outcome::Ok(Some(value.to_owned()))
        || operation.action == Action::Ack { value: value.to_owned() }
}

/// The code of the violation, which its excerpt shows by itself.
fn named(history: &History) -> Result<&'static str, TestCaseError> {
    let found = violation(MODEL, history);
    let part = history.part(&found.excerpt);
    prop_assert_eq!(violation(MODEL, &part).code, found.code, "{}", dump(&part));
    for index in 0..part.operations.len() {
        let mut fewer = part.clone();
        let removed = fewer.operations.remove(index);
        // Without its put a value is invented, and what may excuse is shown though it does not.
        let shows = removed.outcome != Outcome::Unknown && put_value(&removed).is_none();
        if shows && removed.action != Action::Recover && part.operations.len() < 6 {
            let rest = MODEL.check(&fewer);
            prop_assert_eq!(rest, Judgement::Legal, "{}without {}", dump(&part), index);
        }
    }
    Ok(found.code)
}

fn shows(operations: &[Operation], code: &str, message: &str, excerpt: &[usize]) {
    let found = violation(MODEL, &history(operations));
    assert_eq!((found.code, found.message.as_str(), &found.excerpt[..]), (code, message, excerpt));
}

#[test]
fn a_crash_that_loses_the_job_is_lost() {
    let operations = [
        put("k1", 0, 5),
        put("k2", 0, 5),
        take("k1", 10, 15),
        recover(20, 25),
        take("k2", 30, 35),
        empty(40, 45),
    ];
    let message = "\"k1\" was taken and never acknowledged; a recover returned, \
                   yet it was never delivered again before a take answered \"empty\"";
    shows(&operations, "lost", message, &[0, 2, 3, 5]);
}

#[test]
fn a_take_cut_off_by_a_kill_is_given_back_by_recover() {
    let mut operations =
        vec![put("k1", 0, 5), dead_take(10, 15), empty(16, 18), recover(20, 25), empty(21, 22)];
    assert_eq!(MODEL.check(&history(&operations)), Judgement::Legal);
    operations.push(empty(30, 35));
    let message = "the put of \"k1\" had returned, \
                   yet \"k1\" was never delivered before a take answered \"empty\"";
    shows(&operations, "lost", message, &[0, 5]);
}

#[test]
fn one_job_for_two_live_workers_is_a_duplicate() {
    let operations = [put("k1", 0, 5), take("k1", 10, 15), take("k1", 11, 16), ack("k1", 20, 25)];
    shows(
        &operations,
        "duplicate",
        "\"k1\" was handed out twice, and no recover came between",
        &[0, 1, 2],
    );
}

#[test]
fn a_recover_before_the_acknowledgement_excuses_a_second_delivery() {
    let operations = [
        put("k1", 0, 5),
        take("k1", 10, 15),
        recover(20, 25),
        ack("k1", 30, 35),
        take("k1", 40, 45),
    ];
    assert_eq!(MODEL.check(&history(&operations)), Judgement::Legal);
    let operations = [
        put("k1", 0, 5),
        take("k1", 10, 15),
        ack("k1", 20, 25),
        recover(30, 35),
        take("k1", 40, 45),
    ];
    let message = "\"k1\" was taken again after its acknowledgement had returned";
    shows(&operations, "duplicate", message, &[0, 1, 2, 3, 4]);
}
