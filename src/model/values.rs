//! Which values were put and taken by which operations, and which of them were invented.

use super::history::{Action, Effect, History, Outcome};
use super::judgement::Violation;
use std::collections::HashMap;

pub(super) struct Values<'a> {
    /// Every put, whatever became of it.
    pub puts: HashMap<&'a str, usize>,
    /// Takes that returned a value, in order of start; values in order of their first take.
    pub taken: Vec<(&'a str, Vec<usize>)>,
}

impl<'a> Values<'a> {
    pub fn of(history: &'a History) -> Self {
        let mut puts = HashMap::new();
        let mut by_value: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, operation) in history.operations.iter().enumerate() {
            match (&operation.action, operation.effect(), &operation.outcome) {
                (Action::Put { value, .. }, ..) => {
                    puts.insert(value.as_str(), index);
                }
                (Action::Take, Effect::Certain, Outcome::Ok(Some(value))) => {
                    by_value.entry(value).or_default().push(index);
                }
                _ => {}
            }
        }
        let start = |take: &usize| history.operations[*take].start;
        let mut taken: Vec<_> = by_value.into_iter().collect();
        for (_, takes) in &mut taken {
            takes.sort_unstable_by_key(start);
        }
        taken.sort_unstable_by_key(|(value, takes)| (start(&takes[0]), *value));
        Self { puts, taken }
    }

    /// A value that nobody put, whose put failed, or that was taken before its put began.
    pub fn invented(&self, history: &History) -> Option<Violation> {
        let violation = |message, excerpt| {
            Some(Violation { code: "invented", message, excerpt: history.in_start_order(excerpt) })
        };
        self.taken.iter().find_map(|(value, takes)| {
            let Some(&put) = self.puts.get(value) else {
                return violation(
                    format!("{value:?} was taken, yet nobody ever put it"),
                    vec![takes[0]],
                );
            };
            let operation = &history.operations[put];
            if operation.effect() == Effect::None {
                let message =
                    format!("the put of {value:?} said that it failed, yet {value:?} was taken");
                return violation(message, vec![put, takes[0]]);
            }
            let early = takes
                .iter()
                .find(|&&take| history.operations[take].deadline() < operation.start)?;
            violation(
                format!("{value:?} was taken before anyone began to put it"),
                vec![put, *early],
            )
        })
    }
}
