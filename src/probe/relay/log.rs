//! The records of a relay, bounded in number.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use super::record::{Command, ConnectionInfo, Fate, Record, Reply};
use crate::probe::runner::Connection;

/// Records kept; a bound on memory, far above what a check makes.
const MAX_RECORDS: usize = 500_000;
/// Closed connections kept.
const MAX_CONNECTIONS: usize = 10_000;

/// A point in the log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark(u64);

#[derive(Default)]
pub(super) struct Log {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// The id of the first record.
    first: u64,
    next: u64,
    records: Vec<Record>,
    waiting: BTreeSet<u64>,
    unrecorded: u64,
    /// Bytes that programs have sent, whatever they are.
    sent: u64,
    connections: BTreeMap<u32, ConnectionInfo>,
}

impl State {
    fn record(&mut self, id: u64) -> Option<&mut Record> {
        let index = usize::try_from(id.checked_sub(self.first)?).ok()?;
        self.records.get_mut(index)
    }
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Resolves at the next change; enable it before looking.
    pub fn changed(&self) -> Notified<'_> {
        self.changed.notified()
    }

    pub fn touch(&self) {
        self.changed.notify_waiters();
    }

    pub fn mark(&self) -> Mark {
        Mark(self.state().next)
    }

    pub fn since(&self, mark: Mark) -> Vec<Record> {
        let state = self.state();
        let skip = usize::try_from(mark.0.saturating_sub(state.first)).unwrap_or(usize::MAX);
        state.records.iter().skip(skip).cloned().collect()
    }

    /// How many records after `mark` a filter lets through.
    pub fn count(&self, mark: Mark, filter: impl Fn(&Record) -> bool) -> usize {
        let state = self.state();
        let skip = usize::try_from(mark.0.saturating_sub(state.first)).unwrap_or(usize::MAX);
        state.records.iter().skip(skip).filter(|record| filter(record)).count()
    }

    pub fn unrecorded(&self) -> u64 {
        self.state().unrecorded
    }

    pub fn sent(&self) -> u64 {
        self.state().sent
    }

    pub fn came(&self, bytes: usize) {
        self.state().sent += bytes as u64;
    }

    pub fn waiting(&self) -> Vec<Record> {
        let mut state = self.state();
        let ids: Vec<_> = state.waiting.iter().copied().collect();
        ids.into_iter().filter_map(|id| state.record(id).cloned()).collect()
    }

    pub fn connections(&self) -> Vec<ConnectionInfo> {
        self.state().connections.values().cloned().collect()
    }

    pub fn forget(&self) {
        let mut state = self.state();
        state.first = state.next;
        state.records = Vec::new();
        state.waiting.clear();
        state.unrecorded = 0;
        state.connections.retain(|_, connection| connection.closed_us.is_none());
    }

    pub fn opened(&self, connection: &Connection) {
        let mut state = self.state();
        if state.connections.len() >= MAX_CONNECTIONS {
            state.connections.pop_first();
        }
        let info = ConnectionInfo {
            id: connection.id,
            process: connection.process.clone(),
            opened_us: connection.opened_us,
            closed_us: None,
            problem: None,
            pushes: 0,
        };
        state.connections.insert(connection.id, info);
    }

    pub fn closed(&self, connection: u32, at_us: u64) {
        if let Some(info) = self.state().connections.get_mut(&connection) {
            info.closed_us = Some(at_us);
        }
        self.touch();
    }

    pub fn problem(&self, connection: u32, problem: String) {
        if let Some(info) = self.state().connections.get_mut(&connection) {
            info.problem.get_or_insert(problem);
        }
    }

    pub fn pushed(&self, connection: u32) {
        if let Some(info) = self.state().connections.get_mut(&connection) {
            info.pushes += 1;
        }
    }

    /// Records a command at the gate and gives it its id.
    pub fn held(
        &self,
        connection: u32,
        process: Option<Arc<str>>,
        command: &Command,
        start_us: u64,
    ) -> u64 {
        let mut state = self.state();
        // Past the bound every command has the id after the last record.
        let id = state.next;
        if state.records.len() >= MAX_RECORDS {
            state.unrecorded += 1;
            return id;
        }
        state.next += 1;
        state.waiting.insert(id);
        state.records.push(Record {
            id,
            connection,
            process,
            command: command.name.clone(),
            args: command.args.clone(),
            count: command.count,
            bytes: command.bytes,
            handshake: command.handshake,
            blocks: command.blocks,
            patience_ms: command.patience_ms,
            start_us,
            end_us: None,
            reply: None,
            fate: Fate::Held,
        });
        id
    }

    /// The rest of a long command has come.
    pub fn completed(&self, id: u64, command: Command) {
        if let Some(record) = self.state().record(id) {
            record.args = command.args;
            record.count = command.count;
            record.bytes = command.bytes;
        }
    }

    pub fn forwarded(&self, id: u64) {
        if let Some(record) = self.state().record(id) {
            record.fate = Fate::Waiting;
        }
    }

    pub fn answered(&self, id: u64, at_us: u64, reply: Reply) {
        let mut state = self.state();
        state.waiting.remove(&id);
        if let Some(record) = state.record(id) {
            record.end_us = Some(at_us);
            record.reply = Some(reply);
            record.fate = Fate::Answered;
        }
        drop(state);
        self.touch();
    }

    /// The command ends without a reply.
    pub fn ended(&self, id: u64, fate: Fate) {
        let mut state = self.state();
        state.waiting.remove(&id);
        if let Some(record) = state.record(id) {
            record.fate = fate;
        }
        drop(state);
        self.touch();
    }

    /// The connection is over: what waited on it is lost, what was held is cut.
    pub fn abandon(&self, connection: u32) {
        let mut state = self.state();
        let ids: Vec<_> = state.waiting.iter().copied().collect();
        for id in ids {
            if let Some(record) = state.record(id)
                && record.connection == connection
            {
                record.fate = if record.fate == Fate::Held { Fate::Cut } else { Fate::Lost };
                state.waiting.remove(&id);
            }
        }
        drop(state);
        self.touch();
    }

    /// Whether a connection has commands sent on and unanswered, `blocks` apart.
    pub fn busy(&self, connection: u32) -> bool {
        let mut state = self.state();
        let ids: Vec<_> = state.waiting.iter().copied().collect();
        ids.into_iter().any(|id| {
            state.record(id).is_some_and(|record| {
                record.connection == connection && record.fate == Fate::Waiting && !record.blocks
            })
        })
    }
}
