//! The fewest values and answers that still are illegal.

use super::Case;
use super::decide::{Decision, decide};
use super::{Discipline, NEVER};

/// Removes all that can be removed while the case stays illegal: halves first, then smaller pieces,
/// then single ones (Zeller's ddmin without the complements).
pub fn shrink<D: Discipline>(mut case: Case) -> Case {
    let mut size = (case.items.len() + case.empties.len()).div_ceil(2);
    while size > 0 {
        let mut removed = false;
        let mut from = 0;
        while from < case.items.len() + case.empties.len() {
            let smaller = without(&case, from, size);
            if matches!(decide::<D>(&smaller), Decision::Illegal { .. }) {
                case = smaller;
                removed = true;
            } else {
                from += size;
            }
        }
        if size > 1 || !removed {
            size /= 2;
        }
    }
    drop_idle_unknowns(&mut case);
    case
}

/// The case without `size` of its values and answers from position `from` on.
fn without(case: &Case, from: usize, size: usize) -> Case {
    let kept = |position: usize| position < from || position >= from + size;
    let mut smaller = case.clone();
    let mut position = 0;
    smaller.items.retain(|_| {
        position += 1;
        kept(position - 1)
    });
    smaller.empties.retain(|_| {
        position += 1;
        kept(position - 1)
    });
    smaller
}

/// An unknown take can excuse only a missing value, and nothing that ended before it started.
fn drop_idle_unknowns(case: &mut Case) {
    if case.items.iter().all(|item| item.take.is_some()) {
        case.unknowns.clear();
    }
    let takes = case.items.iter().map(|item| item.take_by).filter(|&by| by != NEVER);
    let last = takes.chain(case.empties.iter().map(|empty| empty.by)).max().unwrap_or(0);
    case.unknowns.retain(|unknown| unknown.from <= last);
}
