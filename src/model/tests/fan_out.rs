//! Fan-out: the definition as a search, simulated feeds, and each mistake by name.

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

/// The definition itself: every order of effects on a channel with a queue for each subscriber.
mod definition {
    use super::*;

    #[derive(Clone, Default)]
    struct Channel {
        subscribed: BTreeSet<String>,
        left: BTreeSet<String>,
        waiting: BTreeMap<String, VecDeque<String>>,
    }

    pub fn legal(history: &History) -> bool {
        let mut operations = history.operations.clone();
        operations.retain(|operation| operation.effect() != Effect::None);
        let left: Vec<&Operation> = operations.iter().collect();
        search(&left, &Channel::default())
    }

    fn search(left: &[&Operation], channel: &Channel) -> bool {
        let over = left.iter().all(|operation| operation.effect() == Effect::Possible);
        if over && channel.waiting.values().all(VecDeque::is_empty) {
            return true;
        }
        let first_end = left.iter().map(|operation| operation.deadline()).min().unwrap_or(0);
        (0..left.len()).filter(|&i| left[i].start <= first_end).any(|i| {
            let mut rest = left.to_vec();
            let next = rest.remove(i);
            after(next, channel).is_some_and(|channel| search(&rest, &channel))
        })
    }

    fn after(operation: &Operation, channel: &Channel) -> Option<Channel> {
        let mut channel = channel.clone();
        let client = &operation.client;
        match &operation.action {
            Action::Subscribe if channel.left.contains(client) => return None,
            Action::Subscribe => {
                channel.subscribed.insert(client.clone());
            }
            Action::Unsubscribe => {
                channel.left.insert(client.clone());
                channel.subscribed.remove(client);
            }
            Action::Publish { value } => {
                for client in &channel.subscribed {
                    channel.waiting.entry(client.clone()).or_default().push_back(value.clone());
                }
            }
            Action::Receive { value } => {
                let first = channel.waiting.get_mut(client)?.pop_front()?;
                return (first == *value).then_some(channel);
            }
            _ => return None,
        }
        Some(channel)
    }
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
    const CASES: u32 = 2_000;
    let legal = Cell::new(0);
    let config =
        ProptestConfig { cases: CASES, failure_persistence: None, ..ProptestConfig::default() };
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
