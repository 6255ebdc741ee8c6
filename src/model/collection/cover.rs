//! Which instants are covered by values that are certainly inside.

use super::{Empty, Item, NEVER};

/// The first instant from `instant` on at which none of `items` is certainly inside, and the values passed on the
/// way; [`NEVER`] when there is none.
pub fn advance<'a>(
    items: impl Iterator<Item = (usize, &'a Item)> + Clone,
    mut instant: u64,
) -> (u64, Vec<usize>) {
    let mut passed = Vec::new();
    while instant != NEVER {
        let covering = items.clone().filter(|(_, item)| item.certainly_in(instant));
        let Some((index, item)) = covering.max_by_key(|(_, item)| item.take_from) else { break };
        instant = item.take_from;
        passed.push(index);
    }
    (instant, passed)
}

/// The last instant up to `instant` at which none of `items` is certainly inside, and the values passed.
pub fn retreat<'a>(
    items: impl Iterator<Item = (usize, &'a Item)> + Clone,
    mut instant: u64,
) -> (u64, Vec<usize>) {
    let mut passed = Vec::new();
    loop {
        let covering = items.clone().filter(|(_, item)| item.certainly_in(instant));
        let Some((index, item)) = covering.min_by_key(|(_, item)| item.put_by) else { break };
        instant = item.put_by;
        passed.push(index);
    }
    (instant, passed)
}

/// The first "empty" during which something was inside all the time, with the values that prove it.
///
/// All instants that no value certainly covers can be empty at once, whatever the discipline, so each answer is judged
/// alone (the pattern `VWit` of Henzinger, Sezgin and Vafeiadis).
pub fn covered(items: &[Item], empties: &[Empty]) -> Option<(usize, Vec<usize>)> {
    empties.iter().enumerate().find_map(|(index, empty)| {
        let (instant, passed) = advance(items.iter().enumerate(), empty.from);
        (instant > empty.by).then_some((index, passed))
    })
}
