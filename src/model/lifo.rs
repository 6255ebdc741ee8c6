//! `lifo`: last in, first out.

use super::collection::{self, Discipline, Item};
use super::history::History;
use super::judgement::Judgement;

struct Lifo;

/// Judges a history of puts and takes, O(n²) per explanation tried.
pub(super) fn check(history: &History) -> Judgement {
    collection::check::<Lifo>(history)
}

impl Discipline for Lifo {
    /// Values are removed from the question until none is left (after Lee and Mathur's
    /// decrease-and-conquer):
    ///
    /// - A value whose put and take overlap can pass through at one instant, disturbing nobody.
    /// - At an instant that no remaining value certainly covers the stack can be empty: each value
    ///   inside can either leave just before it or come just after it. So the two sides are
    ///   independent questions.
    /// - Without such an instant one value must lie at the bottom all the while. A value that can
    ///   come before all others and leave after all others can do so in every legal order of the
    ///   others; if none can, none is legal.
    fn conflict(items: &[Item]) -> Option<Vec<usize>> {
        let mut rest: Vec<usize> =
            (0..items.len()).filter(|&i| items[i].put_by < items[i].take_from).collect();
        rest.sort_unstable_by_key(|&i| items[i].put_by);
        let mut stretches = unbroken(items, &rest);
        while let Some(stretch) = stretches.pop() {
            let first = items[stretch[0]].put_by;
            let last = stretch.iter().map(|&i| items[i].take_from).max().unwrap_or(first);
            let above: Vec<usize> = stretch
                .iter()
                .copied()
                .filter(|&i| items[i].put_from > first || items[i].take_by < last)
                .collect();
            if above.len() == stretch.len() {
                return Some(crossing_pair(items, &stretch).unwrap_or(stretch));
            }
            stretches.extend(unbroken(items, &above));
        }
        None
    }

    fn explain(items: &[Item; 2], [first, second]: [&str; 2]) -> String {
        let still = match items[1].take {
            Some(_) => format!("before {second:?} was asked for"),
            None => format!("and {second:?} never was"),
        };
        format!(
            "{second:?} was put on top of {first:?}, whose put had returned, \
             yet {first:?} was taken {still}"
        )
    }
}

/// Splits items, sorted by `put_by`, where no item certainly covers the instant between.
fn unbroken(items: &[Item], sorted: &[usize]) -> Vec<Vec<usize>> {
    let mut stretches: Vec<Vec<usize>> = Vec::new();
    let mut until = 0;
    for &index in sorted {
        match stretches.last_mut() {
            Some(stretch) if items[index].put_by < until => stretch.push(index),
            _ => stretches.push(vec![index]),
        }
        until = until.max(items[index].take_from);
    }
    stretches
}

/// Two items of which the lower certainly left while the upper certainly was on it.
fn crossing_pair(items: &[Item], among: &[usize]) -> Option<Vec<usize>> {
    among.iter().find_map(|&lower| {
        let upper = among.iter().copied().find(|&upper| {
            items[lower].put_by < items[upper].put_from
                && items[lower].take_by < items[upper].take_from
                && items[upper].put_by < items[lower].take_from
        })?;
        Some(vec![lower, upper])
    })
}
