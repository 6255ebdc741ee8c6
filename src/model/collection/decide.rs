//! Decides a case; what is left to search is which unknown take removed which missing value.

use super::cover::covered;
use super::{Case, Discipline, Empty, Item, NEVER};
use std::collections::{BTreeSet, HashSet};
use std::marker::PhantomData;

/// Partial explanations tried before giving up.
const BUDGET: usize = 2_000;

pub enum Decision {
    Legal,
    Illegal { core: Core },
    Undecided { tried: usize },
}

/// A part of a case that is illegal by itself, given all unknown takes.
#[derive(Debug, Default)]
pub struct Core {
    pub items: BTreeSet<usize>,
    pub empties: BTreeSet<usize>,
}

/// Unknown takes are interchangeable but for their start, so an explanation gives each missing
/// value the latest unknown take it can do with. Starting from "none was removed", every conflict
/// asks for an earlier removal of one of the missing values in it; the search branches over these,
/// and ends where there are too few unknown takes.
pub fn decide<D: Discipline>(case: &Case) -> Decision {
    let missing: Vec<usize> =
        (0..case.items.len()).filter(|&i| case.items[i].take.is_none()).collect();
    let mut search = Search::<D> {
        case,
        missing,
        core: Core::default(),
        seen: HashSet::new(),
        discipline: PhantomData,
    };
    let latest = vec![case.unknowns.len(); search.missing.len()];
    match search.explain(&latest) {
        Some(true) => Decision::Legal,
        Some(false) => Decision::Illegal { core: search.core },
        None => Decision::Undecided { tried: search.seen.len() },
    }
}

struct Search<'a, D> {
    case: &'a Case,
    missing: Vec<usize>,
    core: Core,
    seen: HashSet<Vec<usize>>,
    discipline: PhantomData<D>,
}

impl<D: Discipline> Search<'_, D> {
    /// Whether some removal of missing values explains the case, each by its bound (a position in
    /// the unknown takes; their number says never) or earlier; `None` when the budget is spent.
    fn explain(&mut self, bounds: &[usize]) -> Option<bool> {
        if !self.enough_unknowns(bounds) || self.seen.contains(bounds) {
            return Some(false);
        }
        if self.seen.len() >= BUDGET {
            return None;
        }
        self.seen.insert(bounds.to_vec());
        let items = self.bounded(bounds);
        let Some((conflicting, empty)) = conflict::<D>(&items, &self.case.empties) else {
            return Some(true);
        };
        self.core.items.extend(&conflicting);
        self.core.empties.extend(empty);
        let choices: Vec<usize> = (0..bounds.len())
            .filter(|&choice| conflicting.contains(&self.missing[choice]))
            .collect();
        let next = if let [choice] = choices[..] {
            self.resolving(bounds, choice, &conflicting, empty)
                .into_iter()
                .map(|bound| (choice, bound))
                .collect()
        } else {
            let earlier =
                |choice: usize| bounds[choice].checked_sub(1).map(|bound| (choice, bound));
            choices.into_iter().filter_map(earlier).collect::<Vec<_>>()
        };
        let mut spent = false;
        for (choice, bound) in next {
            let mut earlier = bounds.to_vec();
            earlier[choice] = bound;
            match self.explain(&earlier) {
                Some(true) => return Some(true),
                Some(false) => {}
                None => spent = true,
            }
        }
        if spent { None } else { Some(false) }
    }

    /// The latest bound of the only missing value of a conflict that resolves it, if any does.
    fn resolving(
        &self,
        bounds: &[usize],
        choice: usize,
        conflicting: &[usize],
        empty: Option<usize>,
    ) -> Option<usize> {
        let empties: Vec<_> = empty.iter().map(|&empty| self.case.empties[empty]).collect();
        let resolved = |bound: usize| {
            let mut earlier = bounds.to_vec();
            earlier[choice] = bound;
            let items = self.bounded(&earlier);
            let items: Vec<_> = conflicting.iter().map(|&index| items[index]).collect();
            conflict::<D>(&items, &empties).is_none()
        };
        let (mut good, mut bad) = (0, bounds[choice]);
        if bad == 0 || !resolved(good) {
            return None;
        }
        while bad - good > 1 {
            let middle = good.midpoint(bad);
            if resolved(middle) {
                good = middle;
            } else {
                bad = middle;
            }
        }
        Some(good)
    }

    /// Hall's condition: for each unknown take, no more values need it or an earlier one than there
    /// are.
    fn enough_unknowns(&self, bounds: &[usize]) -> bool {
        (0..self.case.unknowns.len())
            .all(|unknown| bounds.iter().filter(|&&bound| bound <= unknown).count() <= unknown + 1)
    }

    fn bounded(&self, bounds: &[usize]) -> Vec<Item> {
        let mut items = self.case.items.clone();
        for (&index, &bound) in self.missing.iter().zip(bounds) {
            let from = self.case.unknowns.get(bound).map_or(NEVER, |unknown| unknown.from);
            items[index].take_from = from.max(items[index].put_from);
        }
        items
    }
}

fn conflict<D: Discipline>(
    items: &[Item],
    empties: &[Empty],
) -> Option<(Vec<usize>, Option<usize>)> {
    if let Some((empty, items)) = covered(items, empties) {
        return Some((items, Some(empty)));
    }
    D::conflict(items).map(|items| (items, None))
}
