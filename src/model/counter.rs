//! `counter`: one more, or one less, at a time; never below zero, none lost.
//!
//! A history begins with the value that was set, and counts in one direction. An add says what the
//! value was after it, so it names its place among the adds; a draw says only whether it got one. Both
//! only ever move the value one way, which makes every judgement a matter of counting: how many can
//! have happened by an instant, how many must have.

use super::history::{Action, Effect, History, Operation, Outcome};
use super::judgement::{Judgement, Violation};

/// Judges a history of adds or of draws, O(n log n).
pub(super) fn check(history: &History) -> Judgement {
    let count = Count::of(history);
    count.draws().or_else(|| count.adds()).map_or(Judgement::Legal, Judgement::Illegal)
}

/// What happened, as indices of operations.
struct Count<'a> {
    history: &'a History,
    set: Option<usize>,
    start: i64,
    granted: Vec<usize>,
    refused: Vec<usize>,
    /// With the value after each.
    added: Vec<(i64, usize)>,
    /// May have counted, or not.
    possible: Vec<usize>,
}

impl<'a> Count<'a> {
    fn of(history: &'a History) -> Self {
        let mut count = Self {
            history,
            set: None,
            start: 0,
            granted: Vec::new(),
            refused: Vec::new(),
            added: Vec::new(),
            possible: Vec::new(),
        };
        for (index, operation) in history.operations.iter().enumerate() {
            match (&operation.action, operation.effect(), &operation.outcome) {
                (Action::Set { value }, ..) => {
                    count.set = Some(index);
                    count.start = *value;
                }
                (Action::Add | Action::Draw, Effect::Possible, _) => count.possible.push(index),
                (Action::Draw, Effect::Certain, Outcome::Ok(Some(_))) => count.granted.push(index),
                (Action::Draw, Effect::Certain, Outcome::Ok(None)) => count.refused.push(index),
                (Action::Add, Effect::Certain, Outcome::Ok(Some(value))) => {
                    // A value that is no number came from nobody's counting.
                    count.added.push((value.parse().unwrap_or(i64::MIN), index));
                }
                _ => {}
            }
        }
        count.granted.sort_unstable_by_key(|&i| history.operations[i].start);
        count.possible.sort_unstable_by_key(|&i| history.operations[i].start);
        count.added.sort_unstable_by_key(|&(value, i)| (value, history.operations[i].start));
        count
    }

    fn operation(&self, index: usize) -> &Operation {
        &self.history.operations[index]
    }

    fn violation(&self, code: &'static str, message: String, shown: &[usize]) -> Violation {
        let indices = self.set.iter().chain(shown).copied().collect();
        Violation { code, message, excerpt: self.history.in_start_order(indices) }
    }

    /// More draws granted than there was, or one refused while something must have been left.
    fn draws(&self) -> Option<Violation> {
        let stock = usize::try_from(self.start).unwrap_or(0);
        if self.granted.len() > stock {
            let message =
                format!("{} draws were granted, and there were only {stock}", self.granted.len());
            return Some(self.violation("oversold", message, &self.granted[..=stock]));
        }
        // Who is refused at the latest by its end has seen nothing left, and nothing comes back.
        let first = *self.refused.iter().min_by_key(|&&i| self.operation(i).deadline())?;
        let end = self.operation(first).deadline();
        let by_then = |i: &&usize| self.operation(**i).start <= end;
        let drawn = self.granted.iter().chain(&self.possible).filter(by_then).count();
        if drawn < stock {
            let message =
                format!("a draw was refused when at most {drawn} of {stock} can have been drawn");
            return Some(self.violation("refused", message, &[first]));
        }
        let late = self.granted.iter().find(|i| !by_then(i))?;
        let message = "a draw was refused, and a later one was granted".to_owned();
        Some(self.violation("refused", message, &[first, *late]))
    }

    /// Two adds that came to the same value, values against the order of the calls, or more counted than added.
    fn adds(&self) -> Option<Violation> {
        if let Some((value, index)) = self.added.first().filter(|(value, _)| *value <= self.start) {
            let message = if *value == i64::MIN {
                "an add came to something that is no number".to_owned()
            } else {
                format!("an add came to {value}, and the count began with {}", self.start)
            };
            return Some(self.violation("lost", message, &[*index]));
        }
        for pair in self.added.windows(2) {
            if pair[0].0 == pair[1].0 {
                let message = format!("two adds came both to {}: one of them is lost", pair[0].0);
                return Some(self.violation("lost", message, &[pair[0].1, pair[1].1]));
            }
        }
        // Values are distinct and in order: one that came to more must not be over before one that came to less began.
        let mut latest: Option<(i64, usize)> = None;
        for &(value, index) in &self.added {
            if let Some((less, begun)) = latest
                && self.operation(index).deadline() < self.operation(begun).start
            {
                let message = format!(
                    "an add came to {less} although one that was over before had come to {value}"
                );
                return Some(self.violation("order", message, &[index, begun]));
            }
            if latest.is_none_or(|(_, i)| self.operation(i).start < self.operation(index).start) {
                latest = Some((value, index));
            }
        }
        self.too_many()
    }

    /// Values that nobody is known to have come to need an add that may have happened in time.
    fn too_many(&self) -> Option<Violation> {
        let mut spare = self.possible.iter().peekable();
        let mut missing = Vec::new();
        let mut value = self.start;
        // From the greatest value down: by when each must have been reached.
        let mut by = u64::MAX;
        let ends: Vec<(u64, usize)> = self
            .added
            .iter()
            .rev()
            .map(|&(_, index)| {
                let end = self.operation(index).deadline();
                by = by.min(end);
                (by, index)
            })
            .collect();
        for (&(reached, _), &(by, _)) in self.added.iter().zip(ends.iter().rev()) {
            let gap = usize::try_from(reached - value - 1).unwrap_or(usize::MAX);
            // More than could ever be filled proves no more than one too many.
            missing.extend(std::iter::repeat_n((by, reached), gap.min(self.possible.len() + 1)));
            value = reached;
        }
        for (by, reached) in missing {
            if spare.next_if(|&&i| self.operation(i).start <= by).is_none() {
                let &(_, index) = self
                    .added
                    .iter()
                    .find(|&&(v, i)| v >= reached && self.operation(i).deadline() == by)?;
                let value = self.added.iter().find(|(_, i)| *i == index).map_or(0, |(v, _)| *v);
                let message =
                    format!("an add came to {value}, and too few others can have counted by then");
                return Some(self.violation("invented", message, &[index]));
            }
        }
        None
    }
}
