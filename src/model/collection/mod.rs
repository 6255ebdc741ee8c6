//! What queues, stacks and priority queues share: values go in once and come out once.
//!
//! Because values are unique, a value's put and take can be read off the history, and legality
//! splits into a few patterns that polynomial algorithms decide without searching over orders:
//! Henzinger, Sezgin, Vafeiadis, "Aspect-Oriented Linearizability Proofs" (CONCUR 2013) for queues
//! and for the answer "empty"; Emmi, Enea, "Sound, Complete, and Tractable Linearizability
//! Monitoring for Concurrent Collections" (POPL 2018) and Lee, Mathur, "Efficient
//! Decrease-and-Conquer Linearizability Monitoring" (OOPSLA 2025) for the idea of removing values
//! that cannot matter. Every model is cross-checked against a search over all orders in the tests.

mod cover;
mod decide;
mod read;
mod shrink;
mod words;

pub(super) use cover::{Cover, chain};

use super::history::History;
use super::judgement::{Judgement, Violation};
use decide::Decision;

/// The instant after all others.
pub(super) const NEVER: u64 = u64::MAX;

/// A value with what bounds its two effects; [`NEVER`] as a bound of the take says it may stay for
/// good.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub put: usize,
    /// The take that returned it.
    pub take: Option<usize>,
    pub rank: i64,
    pub put_from: u64,
    /// Never after `take_by`.
    pub put_by: u64,
    /// Never before `put_from`.
    pub take_from: u64,
    pub take_by: u64,
}

impl Item {
    /// Whether the value is inside at this instant in every legal order.
    pub fn certainly_in(&self, instant: u64) -> bool {
        self.put_by < instant && instant < self.take_from
    }
}

/// A take that answered "empty".
#[derive(Debug, Clone, Copy)]
pub(super) struct Empty {
    operation: usize,
    from: u64,
    by: u64,
}

/// A take whose outcome is unknown: it may have removed one value at any moment after its start.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unknown {
    operation: usize,
    from: u64,
}

/// A history as the algorithms want it.
#[derive(Debug, Clone, Default)]
pub(super) struct Case {
    items: Vec<Item>,
    empties: Vec<Empty>,
    unknowns: Vec<Unknown>,
}

/// In which order values must leave.
pub(super) trait Discipline {
    /// Items that no order of effects explains, as positions in `items`; `None` when some order
    /// explains them all.
    ///
    /// Must be monotone: an earlier `take_from` never turns legal into illegal.
    fn conflict(items: &[Item]) -> Option<Vec<usize>>;

    /// One sentence on a smallest conflict of two items, in order of put, named as given.
    fn explain(items: &[Item; 2], names: [&str; 2]) -> String;
}

/// Judges a history of puts and takes.
pub(super) fn check<D: Discipline>(history: &History) -> Judgement {
    let case = match read::read(history) {
        Ok(case) => case,
        Err(violation) => return Judgement::Illegal(violation),
    };
    let tried = match decide::decide::<D>(&case) {
        Decision::Legal => return Judgement::Legal,
        Decision::Illegal { .. } => 0,
        Decision::Undecided { tried } => tried,
    };
    let lost = Case {
        items: case.items.iter().copied().filter(|item| item.take.is_none()).collect(),
        ..case.clone()
    };
    let order = Case { empties: Vec::new(), ..case.clone() };
    for (code, part) in [("lost", lost), ("order", order), ("empty", case)] {
        if let Decision::Illegal { core } = decide::decide::<D>(&part) {
            let least = shrink::shrink::<D>(part.restricted(&core));
            return Judgement::Illegal(Violation {
                code,
                message: words::message::<D>(history, code, &least),
                excerpt: history.in_start_order(least.operations()),
            });
        }
    }
    Judgement::Undecided { tried }
}

impl Case {
    fn operations(&self) -> Vec<usize> {
        let items = self.items.iter().flat_map(|item| std::iter::once(item.put).chain(item.take));
        let empties = self.empties.iter().map(|empty| empty.operation);
        items.chain(empties).chain(self.unknowns.iter().map(|unknown| unknown.operation)).collect()
    }

    /// Only what a core names; unknown takes all stay, since any may excuse a missing value.
    fn restricted(&self, core: &decide::Core) -> Self {
        Self {
            items: core.items.iter().map(|&i| self.items[i]).collect(),
            empties: core.empties.iter().map(|&i| self.empties[i]).collect(),
            unknowns: self.unknowns.clone(),
        }
    }
}
