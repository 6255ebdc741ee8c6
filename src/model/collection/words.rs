//! Sentences for violations of collections.

use super::{Case, Discipline, Item};
use crate::model::history::{Action, History};

pub fn message<D: Discipline>(history: &History, code: &str, case: &Case) -> String {
    match (code, &case.items[..]) {
        ("lost", items) => lost(history, items, case.unknowns.len()),
        ("order", &[a, b]) => {
            let pair = if a.put_by <= b.put_by { [a, b] } else { [b, a] };
            D::explain(&pair, [name(history, &pair[0]), name(history, &pair[1])])
        }
        ("order", items) => format!(
            "no order of puts and takes explains in what order {} left",
            names(history, items)
        ),
        (_, [item]) if case.empties.len() == 1 => {
            format!(
                "a take answered \"empty\" although {:?} was there all the time",
                name(history, item)
            )
        }
        (_, items) if case.empties.len() == 1 => {
            format!(
                "a take answered \"empty\" although at every moment one of {} was there",
                names(history, items)
            )
        }
        (_, items) => format!(
            "the answers \"empty\" cannot all be true together with {}",
            names(history, items)
        ),
    }
}

fn lost(history: &History, items: &[Item], unknowns: usize) -> String {
    let names = names(history, items);
    let end = "taken before a take answered \"empty\"";
    match (items.len(), unknowns) {
        (1, _) => format!("the put of {names} had returned, yet {names} was never {end}"),
        (_, 0) => format!("the puts of {names} had returned, yet they were never {end}"),
        (_, 1) => format!(
            "the puts of {names} had returned, yet they were never {end}; \
             the one interrupted take can have removed only one of them"
        ),
        _ => format!(
            "the puts of {names} had returned, yet they were never {end}; \
             the {unknowns} interrupted takes can have removed only one each"
        ),
    }
}

fn name<'a>(history: &'a History, item: &Item) -> &'a str {
    match &history.operations[item.put].action {
        Action::Put { value, .. } => value,
        _ => "",
    }
}

fn names(history: &History, items: &[Item]) -> String {
    let names: Vec<_> = items.iter().map(|item| format!("{:?}", name(history, item))).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
        None => String::new(),
    }
}
