//! From a history to publishes and what each client saw of them.

use crate::model::history::{Action, Effect, History, Operation};
use std::collections::{BTreeMap, HashMap, HashSet};

/// An effect on the one order, with its bounds.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    pub operation: usize,
    pub from: u64,
    pub by: u64,
    pub certain: bool,
    /// The receive that proves that the effect came no later than `by`.
    pub bounded: Option<usize>,
}

#[derive(Debug, Default)]
pub struct Client<'a> {
    pub subscribe: Option<Event>,
    pub unsubscribe: Option<Event>,
    /// Receives of each value, in order of start.
    pub received: BTreeMap<&'a str, Vec<usize>>,
    excused: HashSet<&'a str>,
}

pub struct Feed<'a> {
    pub history: &'a History,
    /// Publishes that had an effect, certainly or evidently.
    pub publishes: HashMap<&'a str, Event>,
    pub failed: HashMap<&'a str, usize>,
    pub clients: BTreeMap<&'a str, Client<'a>>,
}

impl Client<'_> {
    /// Whether the value did not arrive, with no excuse.
    pub fn misses(&self, value: &str) -> bool {
        !self.received.contains_key(value) && !self.excused.contains(value)
    }
}

impl<'a> Feed<'a> {
    pub fn of(history: &'a History) -> Self {
        let mut feed = Self {
            history,
            publishes: HashMap::new(),
            failed: HashMap::new(),
            clients: BTreeMap::new(),
        };
        for (index, operation) in history.operations.iter().enumerate() {
            feed.add(index, operation);
        }
        feed.bound();
        feed
    }

    fn add(&mut self, index: usize, operation: &'a Operation) {
        let effect = operation.effect();
        let event = Event {
            operation: index,
            from: operation.start,
            by: operation.deadline(),
            certain: effect == Effect::Certain,
            bounded: None,
        };
        match (&operation.action, effect) {
            (Action::Publish { value }, Effect::None) => {
                self.failed.insert(value, index);
            }
            (Action::Publish { value }, _) => {
                self.publishes.insert(value, event);
            }
            (_, Effect::None) => {}
            (Action::Subscribe, _) => self.client(operation).subscribe = Some(event),
            (Action::Unsubscribe, _) => self.client(operation).unsubscribe = Some(event),
            (Action::Receive { value }, Effect::Certain) => {
                self.client(operation).received.entry(value).or_default().push(index);
            }
            (Action::Receive { value }, _) => {
                self.client(operation).excused.insert(value);
            }
            _ => {}
        }
    }

    fn client(&mut self, operation: &'a Operation) -> &mut Client<'a> {
        self.clients.entry(&operation.client).or_default()
    }

    /// What was received had been published, and its receiver had subscribed.
    fn bound(&mut self) {
        for client in self.clients.values_mut() {
            for (value, receives) in &mut client.received {
                receives.sort_unstable_by_key(|&receive| self.history.operations[receive].start);
                for &receive in &*receives {
                    let end = self.history.operations[receive].deadline();
                    for event in client.subscribe.iter_mut().chain(self.publishes.get_mut(value)) {
                        event.certain = true;
                        if end < event.by {
                            (event.by, event.bounded) = (end, Some(receive));
                        }
                    }
                }
            }
        }
        self.publishes.retain(|_, publish| publish.certain);
    }

    /// The operations that show that an effect came before an instant.
    pub fn proof(&self, event: &Event, instant: u64) -> Vec<usize> {
        let bounded = self.history.operations[event.operation].deadline() >= instant;
        let receive = event.bounded.filter(|_| bounded);
        let action = receive.map(|receive| &self.history.operations[receive].action);
        let publish = match action {
            Some(Action::Receive { value }) => self.publishes.get(value.as_str()),
            _ => None,
        };
        let publish = publish.map(|publish| publish.operation);
        [event.operation].into_iter().chain(receive).chain(publish).collect()
    }

    /// Every receive with its client and value, in order of client and value.
    pub fn all_receives(&self) -> impl Iterator<Item = (&'a str, &'a str, usize)> {
        self.clients.iter().flat_map(|(client, of)| {
            let receives = of.received.iter();
            receives.flat_map(move |(value, all)| {
                all.iter().map(move |&receive| (*client, *value, receive))
            })
        })
    }

    /// Publishes in order of start.
    pub fn in_order(&self) -> impl Iterator<Item = (&'a str, &Event)> {
        let mut all: Vec<_> = self.publishes.iter().map(|(value, event)| (*value, event)).collect();
        all.sort_unstable_by_key(|(_, event)| (event.from, event.operation));
        all.into_iter()
    }
}
