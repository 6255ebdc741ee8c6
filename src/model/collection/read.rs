//! From a history to values with bounds; what is invented or delivered twice is found on the way.

use super::{Case, Empty, Item, NEVER, Unknown};
use crate::model::history::{Action, Effect, History, Outcome};
use crate::model::judgement::Violation;
use std::collections::HashMap;

/// Drops what cannot matter: failed operations, and unknown puts whose value nobody saw (had they taken effect, some
/// unknown take or nobody removed the value: without them a legal order stays legal).
pub fn read(history: &History) -> Result<Case, Violation> {
    let mut puts = HashMap::new();
    let mut takes: HashMap<&str, Vec<usize>> = HashMap::new();
    let mut case = Case::default();
    for (index, operation) in history.operations.iter().enumerate() {
        match (&operation.action, operation.effect(), &operation.outcome) {
            (Action::Put { value, priority }, ..) => {
                puts.insert(value.as_str(), (index, priority.unwrap_or(0)));
            }
            (Action::Take, Effect::Certain, Outcome::Ok(Some(value))) => {
                takes.entry(value).or_default().push(index)
            }
            (Action::Take, Effect::Certain, _) => {
                case.empties.push(Empty {
                    operation: index,
                    from: operation.start,
                    by: operation.deadline(),
                });
            }
            (Action::Take, Effect::Possible, _) => {
                case.unknowns.push(Unknown { operation: index, from: operation.start });
            }
            _ => {}
        }
    }
    case.empties.sort_unstable_by_key(|empty| empty.from);
    case.unknowns.sort_unstable_by_key(|unknown| unknown.from);
    let mut taken: Vec<_> = takes.iter_mut().map(|(value, takes)| (*value, takes)).collect();
    for (_, takes) in &mut taken {
        takes.sort_unstable_by_key(|&take| history.operations[take].start);
    }
    taken.sort_unstable_by_key(|(_, takes)| history.operations[takes[0]].start);
    for (value, takes) in &taken {
        if let Some(violation) = invented(history, value, puts.get(value).map(|put| put.0), takes) {
            return Err(violation);
        }
    }
    for (value, takes) in &taken {
        if let [first, second, ..] = takes[..] {
            return Err(Violation {
                code: "duplicate",
                message: format!("{value:?} was put once, yet it was taken twice"),
                excerpt: history.in_start_order(vec![puts[value].0, first, second]),
            });
        }
    }
    for (value, (put, rank)) in puts {
        let take = takes.get(value).map(|takes| takes[0]);
        if take.is_some() || history.operations[put].effect() == Effect::Certain {
            case.items.push(item(history, put, take, rank));
        }
    }
    case.items.sort_unstable_by_key(|item| (item.put_from, item.put));
    Ok(case)
}

fn item(history: &History, put: usize, take: Option<usize>, rank: i64) -> Item {
    let put_from = history.operations[put].start;
    let take_by = take.map_or(NEVER, |take| history.operations[take].deadline());
    Item {
        put,
        take,
        rank,
        put_from,
        put_by: history.operations[put].deadline().min(take_by),
        take_from: take.map_or(NEVER, |take| history.operations[take].start.max(put_from)),
        take_by,
    }
}

fn invented(
    history: &History,
    value: &str,
    put: Option<usize>,
    takes: &[usize],
) -> Option<Violation> {
    let violation = |message, excerpt| Some(Violation { code: "invented", message, excerpt });
    let Some(put) = put else {
        return violation(format!("{value:?} was taken, yet nobody ever put it"), vec![takes[0]]);
    };
    if history.operations[put].effect() == Effect::None {
        let message = format!("the put of {value:?} said that it failed, yet {value:?} was taken");
        return violation(message, history.in_start_order(vec![put, takes[0]]));
    }
    let early = takes
        .iter()
        .find(|&&take| history.operations[take].deadline() < history.operations[put].start)?;
    let message = format!("{value:?} was taken before anyone began to put it");
    violation(message, history.in_start_order(vec![put, *early]))
}
