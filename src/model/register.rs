//! `register`: a read gives what was written last.
//!
//! Every value is written once, so each read names its write. A value's operations, its write and its reads,
//! must have their effects next to each other, so values have an order: one comes before another when any
//! operation of it ended before any of the other began. Some order of effects explains a history unless two
//! values come before each other (Gibbons, Korach, "Testing Shared Memories", 1997: zones). In the beginning
//! there is nothing; who reads that reads a value that was written before everything else.

use std::collections::BTreeMap;

use super::history::{Action, Effect, History, Operation, Outcome};
use super::judgement::{Judgement, Violation};

/// Judges a history of writes and reads, O(n²) in the values.
pub(super) fn check(history: &History) -> Judgement {
    let values = match values(history) {
        Ok(values) => values,
        Err(violation) => return Judgement::Illegal(violation),
    };
    contradiction(history, &values).map_or(Judgement::Legal, Judgement::Illegal)
}

/// A value with all that is known of when it was there, as indices of operations.
#[derive(Debug, Clone, Default)]
struct Value<'a> {
    /// `None` for what was there in the beginning: nothing.
    name: Option<&'a str>,
    write: Option<usize>,
    /// In order of start.
    reads: Vec<usize>,
}

impl Value<'_> {
    fn operations(&self) -> impl Iterator<Item = usize> {
        self.write.iter().chain(&self.reads).copied()
    }

    /// The operation by whose end the value had been written; nothing shows it of what was there in the beginning.
    fn first(&self, history: &History) -> Option<usize> {
        let end = |&i: &usize| history.operations[i].deadline();
        self.name?;
        self.operations().min_by_key(end)
    }

    /// The operation at whose start the value was still to be there.
    fn last(&self, history: &History) -> Option<usize> {
        self.operations().max_by_key(|&i| history.operations[i].start)
    }

    /// Whether the value must have been there before the other one was.
    fn before(&self, other: &Self, history: &History) -> bool {
        let at = |i: usize| &history.operations[i];
        let Some(last) = other.last(history) else { return false };
        self.first(history).is_none_or(|first| at(first).deadline() < at(last).start)
    }
}

/// Every value that was certainly or evidently there, in order of the writes' start; first what was there in the
/// beginning.
fn values(history: &History) -> Result<Vec<Value<'_>>, Violation> {
    let mut values = BTreeMap::from([(None, Value::default())]);
    let mut failed = BTreeMap::new();
    for (index, operation) in history.operations.iter().enumerate() {
        match (&operation.action, operation.effect()) {
            (Action::Write { value }, Effect::None) => {
                failed.insert(value.as_str(), index);
            }
            (Action::Write { value }, _) => {
                let name = Some(value.as_str());
                values.insert(name, Value { name, write: Some(index), reads: Vec::new() });
            }
            _ => {}
        }
    }
    let mut reads: Vec<(usize, &Operation, Option<&str>)> = Vec::new();
    for (index, operation) in history.operations.iter().enumerate() {
        if let (Action::Read, Effect::Certain, Outcome::Ok(value)) =
            (&operation.action, operation.effect(), &operation.outcome)
        {
            reads.push((index, operation, value.as_deref()));
        }
    }
    reads.sort_by_key(|(_, operation, _)| operation.start);
    for (index, operation, name) in reads {
        let invented = |message, excerpt| {
            Err(Violation { code: "invented", message, excerpt: history.in_start_order(excerpt) })
        };
        let text = name.unwrap_or_default();
        let Some(value) = values.get_mut(&name) else {
            return match failed.get(text) {
                Some(&write) => invented(
                    format!("the write of {text:?} said that it failed, yet {text:?} was read"),
                    vec![write, index],
                ),
                None => {
                    invented(format!("{text:?} was read, yet nobody ever wrote it"), vec![index])
                }
            };
        };
        if let Some(write) = value.write
            && operation.deadline() < history.operations[write].start
        {
            let message = format!("{text:?} was read before anyone began to write it");
            return invented(message, vec![write, index]);
        }
        value.reads.push(index);
    }
    let certain = |i: usize| history.operations[i].effect() == Effect::Certain;
    let mut values: Vec<_> = values.into_values().collect();
    values.retain(|value| !value.reads.is_empty() || value.write.is_some_and(certain));
    values.sort_by_key(|value| value.write.map(|i| (history.operations[i].start, i)));
    Ok(values)
}

/// Two values each of which must have been there before the other. The older is the one whose write began
/// earlier: it was read too late.
struct Contradiction<'a> {
    older: &'a Value<'a>,
    newer: &'a Value<'a>,
    /// The first read of the older that began when the newer had been written.
    stale: usize,
}

/// The contradiction that shows first; better one in which the newer value was seen, since then it is not lost.
fn contradiction(history: &History, values: &[Value]) -> Option<Violation> {
    let start = |i: usize| history.operations[i].start;
    let mut found: Option<Contradiction> = None;
    for (position, newer) in values.iter().enumerate() {
        for older in &values[..position] {
            if !(older.before(newer, history) && newer.before(older, history)) {
                continue;
            }
            let written = newer.first(history).map_or(0, |i| history.operations[i].deadline());
            let Some(stale) = older.reads.iter().copied().find(|&read| start(read) > written)
            else {
                continue;
            };
            let rank = |newer: &Value, stale| (newer.reads.is_empty(), start(stale));
            if found.as_ref().is_none_or(|f| rank(newer, stale) < rank(f.newer, f.stale)) {
                found = Some(Contradiction { older, newer, stale });
            }
        }
    }
    found.map(|found| found.violation(history))
}

impl Contradiction<'_> {
    fn violation(&self, history: &History) -> Violation {
        let Self { older, newer, stale } = self;
        let kept = self.kept(history);
        let name = newer.name.unwrap_or_default();
        let client = &history.operations[*stale].client;
        let read = match older.name {
            Some(old) => format!("{client} read {old:?}"),
            None => format!("{client} found nothing"),
        };
        let written = newer.write.filter(|write| {
            history.operations[*write].deadline() < history.operations[*stale].start
        });
        let (code, message) = match (newer.reads.is_empty(), written) {
            (true, _) => (
                "lost",
                format!(
                    "the write of {name:?} had returned, yet later {read}, and nobody ever read {name:?}"
                ),
            ),
            (false, Some(_)) => {
                ("stale", format!("{read} although the write of {name:?} had returned"))
            }
            (false, None) => {
                ("stale", format!("{read} although {name:?} had been read before, which is newer"))
            }
        };
        Violation { code, message, excerpt: history.in_start_order(kept) }
    }

    /// The fewest operations that contradict each other: the writes, the stale read, and reads as far as they are
    /// needed. A read of a newer value that is not lost stays.
    fn kept(&self, history: &History) -> Vec<usize> {
        let [mut older, mut newer] = [self.older, self.newer].map(|value| Value {
            reads: Vec::new(),
            name: value.name,
            write: value.write,
        });
        older.reads = vec![self.stale];
        older.reads.extend(self.older.first(history).filter(|i| self.older.reads.contains(i)));
        newer.reads.extend(self.newer.first(history).filter(|i| self.newer.reads.contains(i)));
        newer.reads.extend(self.newer.last(history).filter(|i| self.newer.reads.contains(i)));
        newer.reads.extend(self.newer.reads.first());
        newer.reads.sort_unstable();
        newer.reads.dedup();
        let holds = |older: &Value, newer: &Value| {
            older.before(newer, history) && newer.before(older, history)
        };
        for read in older.reads.clone() {
            let mut fewer = older.clone();
            fewer.reads.retain(|&i| i != read);
            if holds(&fewer, &newer) {
                older = fewer;
            }
        }
        for read in newer.reads.clone() {
            let mut fewer = newer.clone();
            fewer.reads.retain(|&i| i != read);
            if !fewer.reads.is_empty() && holds(&older, &fewer) {
                newer = fewer;
            }
        }
        older.operations().chain(newer.operations()).collect()
    }
}
