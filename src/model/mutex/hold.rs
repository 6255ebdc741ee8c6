//! From a history to holders, each with bounds of when it got the lock and when that came free.

use std::collections::{BTreeMap, HashSet};

use crate::model::history::{Action, Effect, History, Lease, Operation, Outcome};

const NEVER: u64 = u64::MAX;

/// One who got the lock.
#[derive(Debug, Clone)]
pub struct Hold<'a> {
    pub client: &'a str,
    pub acquire: usize,
    /// It got the lock between these.
    pub from: u64,
    pub by: u64,
    /// The lock came free between these, and not before it was got.
    pub until: u64,
    pub until_by: u64,
    /// When its lease can have ended.
    pub lease_ends: Option<u64>,
    /// Its release that said that it had the lock.
    pub released: Option<usize>,
    /// Its release that said that it no longer had it.
    pub refused: Option<usize>,
    pub died: Option<usize>,
    /// Its releases that may have freed the lock, or not.
    maybe: Vec<usize>,
    pub certain: bool,
}

impl<'a> Hold<'a> {
    fn new(index: usize, operation: &'a Operation, lease: Option<Lease>) -> Self {
        let (from, by) = (operation.start, operation.over_by());
        let lease_ends = lease.map(|lease| from.saturating_add(lease.least));
        Self {
            client: &operation.client,
            acquire: index,
            from,
            by,
            until: lease_ends.unwrap_or(NEVER),
            until_by: lease.map_or(NEVER, |lease| by.saturating_add(lease.most)),
            lease_ends,
            released: None,
            refused: None,
            died: None,
            maybe: Vec::new(),
            certain: operation.effect() == Effect::Certain,
        }
    }

    /// Whether both must have had the lock at one moment. Each has it at least from the latest moment at which
    /// it can have got it to the first at which it can have been free; if these are the other way round, for a
    /// moment between them.
    pub fn excludes(&self, other: &Self) -> bool {
        self.by < other.until && other.by < self.until
    }

    /// When it can have come free at the first, if it was still had at an instant.
    pub fn lasting(&self, instant: u64, history: &History) -> u64 {
        if self.released.is_some() {
            return self.until.max(instant);
        }
        let at = |i: usize| &history.operations[i];
        let maybe = self.maybe.iter().map(|&i| at(i)).filter(|maybe| maybe.over_by() >= instant);
        let dead = self.died.map(|death| at(death).start);
        let ends = maybe.map(|maybe| maybe.start).chain(self.lease_ends).chain(dead);
        ends.min().unwrap_or(NEVER).max(instant)
    }

    /// The same, if the lock came free at this instant at the first.
    pub fn at_least(&self, until: u64) -> Self {
        Self { until, ..self.clone() }
    }

    /// The operations that show from when to when it had the lock at least.
    pub fn bounds(&self) -> Vec<usize> {
        let ends = self.released.iter().chain(&self.died).chain(&self.maybe);
        std::iter::once(&self.acquire).chain(ends).copied().collect()
    }

    /// The operations that show all that is known of it.
    pub fn operations(&self) -> Vec<usize> {
        self.bounds().into_iter().chain(self.refused).collect()
    }
}

/// A history as the judgement wants it; numbers are indices of operations.
pub struct Lock<'a> {
    pub history: &'a History,
    /// Who certainly had the lock, in order of `by`.
    pub holds: Vec<Hold<'a>>,
    /// Who may have had it.
    pub possible: Vec<Hold<'a>>,
    /// Acquires that were refused, in order of start.
    pub refusals: Vec<usize>,
    /// Releases that said that the caller had the lock, though it had none; with what it had had before, as a
    /// position in `holds`.
    pub baseless: Vec<(usize, Option<usize>)>,
    /// Releases that are not by a holder.
    pub foreign: Vec<usize>,
    /// Acquires and releases that had an effect or may have.
    pub calls: Vec<usize>,
}

impl<'a> Lock<'a> {
    pub fn of(history: &'a History) -> Self {
        let mut order: Vec<usize> = (0..history.operations.len()).collect();
        order.sort_by_key(|&i| history.operations[i].start);
        let mut read = Read::default();
        for &index in &order {
            read.add(index, &history.operations[index]);
        }
        let Read { holds: all, refusals, baseless, rightful, calls, .. } = read;
        let mut places: Vec<usize> = (0..all.len()).filter(|&i| all[i].certain).collect();
        places.sort_by_key(|&i| all[i].by);
        let place = |hold: usize| places.iter().position(|&i| i == hold);
        let baseless = baseless.into_iter().map(|(i, hold)| (i, hold.and_then(place))).collect();
        let release = |i: &usize| history.operations[*i].action == Action::Release;
        let foreign =
            calls.iter().copied().filter(|i| release(i) && !rightful.contains(i)).collect();
        Self {
            history,
            holds: places.iter().map(|&i| all[i].clone()).collect(),
            possible: all.iter().filter(|hold| !hold.certain).cloned().collect(),
            refusals,
            baseless,
            foreign,
            calls,
        }
    }
}

#[derive(Default)]
struct Read<'a> {
    holds: Vec<Hold<'a>>,
    /// The last hold of each client, and whether it is not over yet as far as the client knows.
    last: BTreeMap<&'a str, (usize, bool)>,
    refusals: Vec<usize>,
    baseless: Vec<(usize, Option<usize>)>,
    rightful: HashSet<usize>,
    calls: Vec<usize>,
}

impl<'a> Read<'a> {
    /// Operations come in order of start, and a client makes one call at a time.
    fn add(&mut self, index: usize, operation: &'a Operation) {
        let effect = operation.effect();
        if effect == Effect::None {
            return;
        }
        let said = matches!(&operation.outcome, Outcome::Ok(Some(_)));
        match &operation.action {
            Action::Acquire { lease } => {
                self.calls.push(index);
                if effect == Effect::Certain && !said {
                    self.refusals.push(index);
                    return;
                }
                self.last.insert(&operation.client, (self.holds.len(), true));
                self.holds.push(Hold::new(index, operation, *lease));
            }
            Action::Release => {
                self.calls.push(index);
                self.release(index, operation, (effect == Effect::Certain).then_some(said));
            }
            Action::Die => {
                let had =
                    |hold: &&mut Hold| hold.client == operation.client && hold.released.is_none();
                for hold in self.holds.iter_mut().filter(had) {
                    hold.until = hold.until.min(operation.start);
                    hold.died = Some(index);
                }
            }
            _ => {}
        }
    }

    fn release(&mut self, index: usize, operation: &'a Operation, said: Option<bool>) {
        let client = operation.client.as_str();
        let before = self.last.get(client).map(|(hold, _)| *hold);
        let Some(hold) = self.current(client) else {
            if said == Some(true) {
                self.baseless.push((index, before));
            }
            return;
        };
        match said {
            Some(true) => {
                hold.released = Some(index);
                hold.certain = true;
                (hold.until, hold.until_by) = (operation.start, operation.deadline());
                hold.by = hold.by.min(operation.deadline());
                self.rightful.insert(index);
            }
            Some(false) => {
                hold.refused = Some(index);
                hold.until_by = hold.until_by.min(operation.deadline());
            }
            None => {
                hold.until = hold.until.min(operation.start);
                hold.maybe.push(index);
                self.rightful.insert(index);
                return;
            }
        }
        self.last.entry(client).and_modify(|(_, on)| *on = false);
    }

    fn current(&mut self, client: &str) -> Option<&mut Hold<'a>> {
        let (hold, on) = *self.last.get(client)?;
        if on { self.holds.get_mut(hold) } else { None }
    }
}
