//! Random legal histories: a sequential object is driven, and an interval is drawn around each
//! effect.

use super::brute::front;
use crate::model::{Action, History, Model, Operation, Outcome};
use proptest::prelude::*;

const CLIENTS: usize = 8;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Returns,
    Fails,
    /// Killed after its effect.
    Killed,
    /// Killed before its effect.
    KilledBefore,
}

#[derive(Debug, Clone)]
pub struct Step {
    pub puts: bool,
    pub rank: i64,
    pub client: usize,
    /// Microseconds since the effect before.
    pub gap: u64,
    /// Microseconds from the call to its effect, at most.
    pub lead: u64,
    /// Microseconds from the effect to the reply.
    pub lag: u64,
    pub fate: Fate,
}

pub fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        40 => Just(Fate::Returns),
        1 => Just(Fate::Fails),
        1 => Just(Fate::Killed),
        1 => Just(Fate::KilledBefore),
    ]
}

pub fn steps(
    fate: impl Strategy<Value = Fate>,
    size: impl Into<prop::collection::SizeRange>,
) -> impl Strategy<Value = Vec<Step>> {
    let step =
        (prop::bool::weighted(0.55), 0..3i64, 0..CLIENTS, 0..30u64, 0..80u64, 0..80u64, fate)
            .prop_map(|(puts, rank, client, gap, lead, lag, fate)| Step {
                puts,
                rank,
                client,
                gap,
                lead,
                lag,
                fate,
            });
    prop::collection::vec(step, size)
}

/// The history of a correct object, drained at its end.
pub fn run(model: Model, steps: &[Step]) -> History {
    let mut inside: Vec<(i64, String)> = Vec::new();
    let mut free = [0; CLIENTS];
    let mut history = History::default();
    let mut now = 100;
    for (number, step) in steps.iter().enumerate() {
        let client = (0..CLIENTS)
            .map(|i| (step.client + i) % CLIENTS)
            .min_by_key(|&i| free[i].max(now))
            .unwrap_or(0);
        now = (now + step.gap).max(free[client]);
        let effective = matches!(step.fate, Fate::Returns | Fate::Killed);
        let start = now.saturating_sub(step.lead).max(free[client]);
        let end = now + step.lag;
        free[client] = end + 1;
        let action = if step.puts {
            let value = format!("k{number}");
            if effective {
                inside.push((step.rank, value.clone()));
            }
            Action::Put { value, priority: Some(step.rank) }
        } else {
            Action::Take
        };
        let found = if effective && !step.puts {
            front(model, &inside).map(|i| inside.remove(i).1)
        } else {
            None
        };
        let (end, outcome) = match step.fate {
            Fate::Returns => (Some(end), Outcome::Ok(found)),
            Fate::Fails => (Some(end), Outcome::Failed),
            // A kill is seen by its absence, a time-out has an end: both leave the effect unknown.
            Fate::Killed | Fate::KilledBefore => {
                ((step.lag % 2 == 0).then_some(end), Outcome::Unknown)
            }
        };
        history.operations.push(Operation {
            client: format!("client-{client}"),
            action,
            start,
            end,
            outcome,
        });
    }
    now = now.max(free.into_iter().max().unwrap_or(0)) + 1;
    while let Some(next) = front(model, &inside) {
        history.operations.push(drain(now, Some(inside.remove(next).1)));
        now += 10;
    }
    history.operations.push(drain(now, None));
    history
}

fn drain(start: u64, found: Option<String>) -> Operation {
    Operation {
        client: "drain".to_owned(),
        action: Action::Take,
        start,
        end: Some(start + 5),
        outcome: Outcome::Ok(found),
    }
}
