//! From a history to values with bounds; what is invented or delivered twice is found on the way.

use super::{Case, Empty, Item, NEVER, Unknown};
use crate::model::history::{Action, Effect, History, Outcome};
use crate::model::judgement::Violation;
use crate::model::values::Values;
use std::collections::HashMap;

/// Drops what cannot matter: failed operations, and unknown puts whose value nobody saw (had they
/// taken effect, some unknown take or nobody removed the value: without them a legal order stays
/// legal).
pub fn read(history: &History) -> Result<Case, Violation> {
    let values = Values::of(history);
    if let Some(violation) = values.invented(history) {
        return Err(violation);
    }
    if let Some((value, takes)) = values.taken.iter().find(|(_, takes)| takes.len() > 1) {
        return Err(Violation {
            code: "duplicate",
            message: format!("{value:?} was put once, yet it was taken twice"),
            excerpt: history.in_start_order(vec![values.puts[value], takes[0], takes[1]]),
        });
    }
    let takes: HashMap<&str, usize> =
        values.taken.iter().map(|(value, takes)| (*value, takes[0])).collect();
    let mut case = Case::default();
    for (value, &put) in &values.puts {
        let take = takes.get(value).copied();
        if take.is_some() || history.operations[put].effect() == Effect::Certain {
            case.items.push(item(history, put, take));
        }
    }
    for (index, operation) in history.operations.iter().enumerate() {
        match (&operation.action, operation.effect(), &operation.outcome) {
            (Action::Take, Effect::Certain, Outcome::Ok(None)) => {
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
    case.items.sort_unstable_by_key(|item| (item.put_from, item.put));
    case.empties.sort_unstable_by_key(|empty| empty.from);
    case.unknowns.sort_unstable_by_key(|unknown| unknown.from);
    Ok(case)
}

fn item(history: &History, put: usize, take: Option<usize>) -> Item {
    let rank = match history.operations[put].action {
        Action::Put { priority, .. } => priority.unwrap_or(0),
        _ => 0,
    };
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
