//! `priority`: the lowest rank first; first in, first out among equals.

use super::collection::{self, Cover, Discipline, Item, chain};
use super::fifo::pair_out_of_order;
use super::history::History;
use super::judgement::Judgement;
use std::collections::BTreeMap;

struct Priority;

/// Judges a history of puts and takes, O(n log n) per rank and explanation tried.
pub(super) fn check(history: &History) -> Judgement {
    collection::check::<Priority>(history)
}

impl Discipline for Priority {
    /// Better ranks never notice worse ones, and all of them can be absent at every instant that
    /// none of them certainly covers. So a value's take is narrowed to such instants; then each
    /// rank is a queue by itself.
    fn conflict(items: &[Item]) -> Option<Vec<usize>> {
        let mut ranks: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            ranks.entry(item.rank).or_default().push(index);
        }
        ranks.iter().find_map(|(&rank, members)| {
            let better = items.iter().enumerate().filter(|(_, item)| item.rank < rank);
            let cover = Cover::of(better.clone().map(|(_, item)| item));
            let narrowed = members.iter().map(|&index| (index, narrowed(&items[index], &cover)));
            let narrowed: Vec<_> = narrowed.collect();
            let culprits = match narrowed.iter().find(|(_, item)| item.take_from > item.take_by) {
                Some((index, _)) => vec![*index],
                None => pair_out_of_order(narrowed.iter().map(|(index, item)| (*index, item)))?,
            };
            let betters = culprits.iter().flat_map(|&index| {
                let from = items[index].take_from;
                chain(&better, from, cover.free_from(from).saturating_sub(1))
            });
            Some(culprits.iter().copied().chain(betters).collect())
        })
    }

    fn explain(items: &[Item; 2], [first, second]: [&str; 2]) -> String {
        let [a, b] = items;
        if a.rank == b.rank {
            return super::fifo::explain(items, [first, second]);
        }
        let (better, worse, name, other) =
            if a.rank < b.rank { (a, b, first, second) } else { (b, a, second, first) };
        let (rank, lesser) = (better.rank, worse.rank);
        let fate = match better.take {
            Some(_) => format!("was taken while {name:?} (priority {rank}) was waiting"),
            None => format!("was taken while {name:?} (priority {rank}) was waiting for good"),
        };
        format!("{other:?} (priority {lesser}) {fate}")
    }
}

/// The item with its take no sooner than an instant that no better value certainly covers. The end
/// needs no narrowing: it is compared only with such instants.
fn narrowed(item: &Item, better: &Cover) -> Item {
    Item { take_from: better.free_from(item.take_from), ..*item }
}
