//! `priority`: the lowest rank first; first in, first out among equals.

use super::collection::{self, Discipline, Item, NEVER, advance, retreat};
use super::fifo::pair_out_of_order;
use super::history::History;
use super::judgement::Judgement;
use std::collections::BTreeMap;

struct Priority;

/// Judges a history of puts and takes, O(n²) per explanation tried.
pub(super) fn check(history: &History) -> Judgement {
    collection::check::<Priority>(history)
}

impl Discipline for Priority {
    /// Better ranks never notice worse ones, and all of them can be absent at every instant that none of them certainly
    /// covers. So a value's take is narrowed to such instants; then each rank is a queue by itself.
    fn conflict(items: &[Item]) -> Option<Vec<usize>> {
        let mut ranks: BTreeMap<i64, Vec<usize>> = BTreeMap::new();
        for (index, item) in items.iter().enumerate() {
            ranks.entry(item.rank).or_default().push(index);
        }
        ranks.iter().find_map(|(&rank, members)| {
            let better = items.iter().enumerate().filter(|(_, item)| item.rank < rank);
            let mut narrowed = Vec::new();
            for &index in members {
                let (take_from, passed) = advance(better.clone(), items[index].take_from);
                let take_by = match items[index].take_by {
                    NEVER => NEVER,
                    by => retreat(better.clone(), by).0,
                };
                if take_from > take_by {
                    return Some([vec![index], passed].concat());
                }
                narrowed.push((index, Item { take_from, take_by, ..items[index] }));
            }
            let pair = pair_out_of_order(narrowed.iter().map(|(index, item)| (*index, item)))?;
            let passed = pair.iter().flat_map(|&index| {
                let earliest = advance(better.clone(), items[index].take_from).1;
                [earliest, retreat(better.clone(), items[index].take_by).1].concat()
            });
            Some(pair.iter().copied().chain(passed).collect())
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
            None => format!("was taken and {name:?} (priority {rank}), put before, never was"),
        };
        format!("{other:?} (priority {lesser}) {fate}")
    }
}
