//! Fan-out: the definition as a search, simulated feeds, and each mistake by name.

mod definition;

use super::cases;
use super::{Action, History, Judgement, Model, Operation, Outcome, dump, history, violation};
use crate::model::history::Effect;
use proptest::prelude::*;
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet, VecDeque};

const MODEL: Model = Model::FanOut;

fn by(client: &str, action: Action, start: u64, end: u64) -> Operation {
    let client = client.to_owned();
    Operation { client, action, start, end: Some(end), outcome: Outcome::Ok(None) }
}

fn publish(value: &str, start: u64, end: u64) -> Operation {
    by("publisher", Action::Publish { value: value.to_owned() }, start, end)
}

fn receive(client: &str, value: &str, start: u64, end: u64) -> Operation {
    by(client, Action::Receive { value: value.to_owned() }, start, end)
}

fn subscribe(client: &str, start: u64, end: u64) -> Operation {
    by(client, Action::Subscribe, start, end)
}

fn unsubscribe(client: &str, start: u64, end: u64) -> Operation {
    by(client, Action::Unsubscribe, start, end)
}

/// Two subscribers and up to three values on a small clock.
fn noise() -> impl Strategy<Value = History> {
    let span = || (0..12u64, 0..8u64).prop_map(|(start, length)| (start, start + length));
    let sometimes = |often: f64| prop::option::weighted(often, span());
    let client =
        ((span(), 0..8u8), sometimes(0.25), prop::collection::vec((0..10u64, 0..6u64, 0..20u8), 3));
    let clients = prop::collection::vec(client, 1..=2);
    let publishes = prop::collection::vec((span(), 0..10u8), 1..=3);
    (clients, publishes).prop_map(|(clients, publishes)| {
        let mut operations = Vec::new();
        for (number, ((start, end), fate)) in publishes.iter().enumerate() {
            let outcome = if *fate == 0 { Outcome::Unknown } else { Outcome::Ok(None) };
            operations
                .push(Operation { outcome, ..publish(["a", "b", "c"][number], *start, *end) });
        }
        for (number, (joins, leaves, receives)) in clients.into_iter().enumerate() {
            let name = ["x", "y"][number];
            let ((start, length), fate) = joins;
            let outcome = if fate == 0 { Outcome::Unknown } else { Outcome::Ok(None) };
            let joins = subscribe(name, start / 3, start / 3 + length / 4);
            operations.push(Operation { outcome, ..joins });
            operations.extend(leaves.map(|(start, end)| unsubscribe(name, start + 6, end + 6)));
            for ((value, published), (wait, length, fate)) in
                ["a", "b", "c"].iter().zip(&publishes).zip(receives)
            {
                let start = published.0.0 + wait;
                if fate > 5 {
                    operations.push(receive(name, value, start, start + length));
                }
            }
        }
        History { operations }
    })
}

#[test]
fn feeds_are_judged_as_by_definition() {
    const CASES: u32 = 1_000;
    let legal = Cell::new(0);
    let config = cases(CASES);
    let result = proptest::test_runner::TestRunner::new(config).run(&noise(), |history| {
        let expected = definition::legal(&history);
        let judgement = MODEL.check(&history);
        legal.set(legal.get() + u32::from(expected));
        prop_assert_eq!(
            judgement == Judgement::Legal,
            expected,
            "{:?}{}",
            judgement,
            dump(&history)
        );
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!(
        (CASES / 20..CASES * 19 / 20).contains(&legal.get()),
        "{} of {CASES} legal",
        legal.get()
    );
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Publish,
    Fail,
    Join,
    Leave,
}

/// What happens, to whom, after how long, and how far the call's two ends are from its effect.
type Step = (Event, usize, u64, u64, u64);

fn steps(size: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<Step>> {
    let event = prop_oneof![
        12 => Just(Event::Publish),
        1 => Just(Event::Fail),
        2 => Just(Event::Join),
        1 => Just(Event::Leave),
    ];
    prop::collection::vec((event, 0..6usize, 1..30u64, 0..80u64, 0..80u64), size)
}

/// The history of a correct channel with up to six subscribers, each receiving at its own pace.
fn run(steps: &[Step]) -> History {
    let mut operations = Vec::new();
    let mut read_until: [Option<u64>; 6] = [None; 6];
    let mut joined = [false; 6];
    let mut now = 100;
    for (number, &(event, who, gap, lead, lag)) in steps.iter().enumerate() {
        now += gap;
        let (start, end, name) = (now - lead, now + lag, format!("client-{who}"));
        match event {
            Event::Publish => {
                let value = format!("m{number}");
                operations.push(publish(&value, start, end));
                for (reader, until) in read_until.iter_mut().enumerate() {
                    if let Some(until) = until {
                        *until = now.max(*until) + lead * reader as u64 % 7;
                        let (start, end) = (*until - lag % 9, *until + lag % 5);
                        operations.push(receive(&format!("client-{reader}"), &value, start, end));
                    }
                }
            }
            Event::Fail => {
                let failed = publish(&format!("m{number}"), start, end);
                operations.push(Operation { outcome: Outcome::Failed, ..failed });
            }
            Event::Join if !joined[who] => {
                (joined[who], read_until[who]) = (true, Some(now));
                operations.push(subscribe(&name, start, end));
            }
            Event::Leave if read_until[who].is_some() => {
                read_until[who] = None;
                operations.push(unsubscribe(&name, start, end));
            }
            Event::Join | Event::Leave => {}
        }
    }
    History { operations }
}

proptest! {
    #![proptest_config(cases(256))]

    #[test]
    fn what_a_correct_channel_did_is_legal(steps in steps(0..80)) {
        let history = run(&steps);
        prop_assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }

    #[test]
    fn a_mistake_is_named_and_shown(
        steps in steps(8..60),
        mistake in prop::sample::select(vec!["lost", "late", "duplicate", "invented", "order"]),
        seed in any::<prop::sample::Index>(),
    ) {
        let mut history = run(&steps);
        if make(mistake, &mut history, seed).is_some() {
            let found = violation(MODEL, &history);
            prop_assert_eq!(found.code, mistake, "{}{}", found.message, dump(&history));
            let part = history.part(&found.excerpt);
            prop_assert_eq!(violation(MODEL, &part).code, mistake, "{}", dump(&part));
            for index in 0..part.operations.len() {
                let mut fewer = part.clone();
                let removed = fewer.operations.remove(index);
                // Without its publish a message is invented; an unsubscribe only sets a bound.
                let bound = matches!(removed.action, Action::Publish { .. } | Action::Unsubscribe);
                let code = match MODEL.check(&fewer) {
                    Judgement::Illegal(violation) => violation.code,
                    _ => "legal",
                };
                let shows = !bound && code == mistake && code != "lost";
                prop_assert!(!shows, "{}without {}", dump(&part), index);
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(8))]

    #[test]
    fn long_feeds_are_decided(steps in steps(200)) {
        prop_assert_eq!(MODEL.check(&run(&steps)), Judgement::Legal);
    }
}

/// Makes a legal history provably illegal, if it has a place for this mistake.
fn make(mistake: &str, history: &mut History, seed: prop::sample::Index) -> Option<()> {
    let all = &mut history.operations;
    let last = all.iter().filter_map(|operation| operation.end).max()?;
    let receives: Vec<usize> =
        (0..all.len()).filter(|&i| matches!(all[i].action, Action::Receive { .. })).collect();
    let pick = (!receives.is_empty()).then(|| receives[seed.index(receives.len())])?;
    let of = |all: &[Operation], receive: usize| {
        let value = value(&all[receive].action);
        let publish = all.iter().position(|o| {
            matches!(&o.action, Action::Publish { .. }) && self::value(&o.action) == value
        });
        let own = |action: Action| {
            all.iter().position(|o| o.action == action && o.client == all[receive].client)
        };
        (publish, own(Action::Subscribe), own(Action::Unsubscribe))
    };
    match mistake {
        "lost" => {
            let (publish, subscribe, unsubscribe) = of(all, pick);
            let certain = all[subscribe?].end < Some(all[publish?].start)
                && unsubscribe.is_none_or(|u| all[publish.unwrap_or(0)].end < Some(all[u].start));
            certain.then(|| all.remove(pick)).map(|_| ())
        }
        "late" => {
            all.push(subscribe("late", last + 1, last + 2));
            let receive = Operation {
                client: "late".to_owned(),
                start: last + 3,
                end: Some(last + 4),
                ..all[pick].clone()
            };
            all.push(receive);
            Some(())
        }
        "duplicate" => {
            let again = Operation { start: last + 1, end: Some(last + 2), ..all[pick].clone() };
            all.push(again);
            Some(())
        }
        "invented" => {
            all[pick].action = Action::Receive { value: "phantom".to_owned() };
            Some(())
        }
        _ => {
            // Two messages published one after the other, exchanged where one client received them.
            let apart = |&&other: &&usize| {
                let publishes = (of(all, pick).0, of(all, other).0);
                let (Some(first), Some(second)) = publishes else { return false };
                // Received that early, the second would also be late for who joined meanwhile, and lost for who left.
                let comes_or_goes = |o: &Operation| {
                    matches!(o.action, Action::Subscribe | Action::Unsubscribe)
                        && o.end > all[pick].end
                        && Some(o.start) < all[second].end
                };
                !all.iter().any(comes_or_goes)
                    && all[pick].client == all[other].client
                    && all[first].end < Some(all[second].start)
                    && all[pick].end < Some(all[other].start)
                    && all[second].start <= all[pick].end.unwrap_or(0)
            };
            let other = *receives.iter().find(apart)?;
            let action = all[pick].action.clone();
            all[pick].action = std::mem::replace(&mut all[other].action, action);
            Some(())
        }
    }
}

fn value(action: &Action) -> Option<&str> {
    match action {
        Action::Publish { value } | Action::Receive { value } => Some(value),
        _ => None,
    }
}

fn shows(operations: &[Operation], code: &str, message: &str, excerpt: &[usize]) {
    let found = violation(MODEL, &history(operations));
    assert_eq!((found.code, found.message.as_str(), &found.excerpt[..]), (code, message, excerpt));
}

#[test]
fn a_late_subscriber_must_not_receive_what_came_before() {
    let operations = [publish("m1", 0, 5), subscribe("x", 10, 15), receive("x", "m1", 20, 25)];
    let message = "x subscribed after the publish of \"m1\" had returned, yet received it";
    shows(&operations, "late", message, &[0, 1, 2]);
}

#[test]
fn a_subscriber_without_the_message_lost_it() {
    let operations = [subscribe("x", 0, 5), publish("m1", 10, 15), receive("y", "m1", 20, 25)];
    let message = "x had subscribed before \"m1\" was published, yet never received it";
    shows(&operations, "lost", message, &[0, 1]);
}

#[test]
fn all_subscribers_see_one_order() {
    let operations = [
        publish("m1", 0, 9),
        publish("m2", 1, 8),
        receive("x", "m1", 10, 11),
        receive("x", "m2", 12, 13),
        receive("y", "m2", 10, 11),
        receive("y", "m1", 12, 13),
    ];
    let message = "\"m1\" and \"m2\" were received in different orders by different subscribers";
    shows(&operations, "order", message, &[0, 1, 2, 4, 3, 5]);
}
