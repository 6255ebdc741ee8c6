//! `fifo`: first in, first out.

use super::collection::{self, Discipline, Item};
use super::history::History;
use super::judgement::Judgement;

struct Fifo;

/// Judges a history of puts and takes, O(n log n) per explanation tried.
pub(super) fn check(history: &History) -> Judgement {
    collection::check::<Fifo>(history)
}

impl Discipline for Fifo {
    /// Two interval orders have a common extension unless they contradict each other on one pair,
    /// so pairs suffice (the pattern `VOrd` of Henzinger, Sezgin and Vafeiadis): put one after the
    /// other, taken the other way round.
    fn conflict(items: &[Item]) -> Option<Vec<usize>> {
        pair_out_of_order(items.iter().enumerate())
    }

    fn explain(items: &[Item; 2], names: [&str; 2]) -> String {
        explain(items, names)
    }
}

/// One sentence on a pair out of order, in order of put.
pub(super) fn explain(items: &[Item; 2], [first, second]: [&str; 2]) -> String {
    let fate = match items[0].take {
        Some(_) => format!("{second:?} was taken before {first:?} was asked for"),
        None => format!("{second:?} was taken and {first:?} never was"),
    };
    format!("{second:?} was put after the put of {first:?} had returned, yet {fate}")
}

/// Two items put one certainly before the other and taken certainly in the opposite order.
pub(super) fn pair_out_of_order<'a>(
    items: impl Iterator<Item = (usize, &'a Item)>,
) -> Option<Vec<usize>> {
    let mut by_start: Vec<_> = items.collect();
    let mut by_end = by_start.clone();
    by_start.sort_unstable_by_key(|(_, item)| item.put_from);
    by_end.sort_unstable_by_key(|(_, item)| item.put_by);
    let mut earlier = by_end.into_iter().peekable();
    let mut longest: Option<(usize, &Item)> = None;
    for (index, item) in by_start {
        while let Some(candidate) = earlier.next_if(|(_, earlier)| earlier.put_by < item.put_from) {
            longest = longest
                .filter(|(_, kept)| kept.take_from >= candidate.1.take_from)
                .or(Some(candidate));
        }
        if let Some((other, kept)) = longest
            && item.take_by < kept.take_from
        {
            return Some(vec![other, index]);
        }
    }
    None
}
