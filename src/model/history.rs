//! What a workload recorded: calls by clients, each an interval on the checker's clock.

use serde::Serialize;

/// One call by one client.
///
/// Every value put or published in a history is unique; putting one twice is the caller's mistake
/// and makes the judgement meaningless.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Operation {
    pub client: String,
    pub action: Action,
    /// Microseconds on the checker's clock.
    pub start: u64,
    /// `None`: never returned. An operation without an end is judged as unknown whatever its
    /// outcome says.
    pub end: Option<u64>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    Put {
        value: String,
        /// The rank, lower is served first; none counts as 0.
        priority: Option<i64>,
    },
    Take,
    Ack {
        value: String,
    },
    /// Gives back what dead workers had taken and not acknowledged.
    Recover,
    Publish {
        value: String,
    },
    /// A client subscribes once; who comes back takes a new name.
    Subscribe,
    Receive {
        value: String,
    },
    Unsubscribe,
    /// What a count begins with; before everything else.
    Set {
        value: i64,
    },
    /// Counts one more.
    Add,
    /// Takes one away where there is one.
    Draw,
    /// Tries to get the lock.
    Acquire {
        lease: Option<Lease>,
    },
    /// Gives back the lock that this client has.
    Release,
    /// The client is killed: what it has may come free from now on.
    Die,
    Write {
        value: String,
    },
    Read,
}

/// How long a lock lasts that nobody releases, in microseconds: at least so long from the start of the call
/// that got it, at most so long from its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Lease {
    pub least: u64,
    pub most: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// The call returned. For a take: the value, or `None` when it said "empty". For an add: the value
    /// after it. For a draw and an acquire: something when it was granted. For a release: something when the
    /// caller had the lock. For a read: the value, or `None` when there was none.
    Ok(Option<String>),
    /// The call said that it failed, and certainly had no effect.
    Failed,
    /// Killed, timed out or raised: it may have taken effect at any moment after its start, or
    /// never.
    Unknown,
}

/// Operations in any order; indices into them name operations.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    pub operations: Vec<Operation>,
}

/// What is known of an operation's effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Effect {
    Certain,
    Possible,
    None,
}

impl Operation {
    pub(super) fn effect(&self) -> Effect {
        match (&self.outcome, self.end) {
            (Outcome::Failed, _) => Effect::None,
            (Outcome::Unknown, _) | (_, None) => Effect::Possible,
            (Outcome::Ok(_), Some(_)) => Effect::Certain,
        }
    }

    /// The last instant at which the effect can lie; [`u64::MAX`] when it may still come.
    pub(super) fn deadline(&self) -> u64 {
        match self.effect() {
            Effect::Possible => u64::MAX,
            Effect::Certain | Effect::None => self.end.unwrap_or(u64::MAX),
        }
    }

    /// As [`Operation::deadline`], where an unknown operation with an end is over by then: its process was dead
    /// and its connections closed.
    pub(super) fn over_by(&self) -> u64 {
        self.end.unwrap_or(u64::MAX)
    }
}

impl History {
    /// Sorts indices by start, for an excerpt.
    pub(super) fn in_start_order(&self, mut indices: Vec<usize>) -> Vec<usize> {
        indices.sort_unstable_by_key(|&i| (self.operations[i].start, i));
        indices.dedup();
        indices
    }

    /// The operations named by `indices`, as a history of their own.
    #[must_use]
    pub fn part(&self, indices: &[usize]) -> Self {
        Self { operations: indices.iter().map(|&i| self.operations[i].clone()).collect() }
    }
}
