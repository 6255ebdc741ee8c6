//! The definition itself, for small histories: tries every order of effects on a sequential object.

use crate::model::history::Effect;
use crate::model::{Action, History, Model, Outcome};

/// Values inside, oldest first, with their ranks.
type Inside = Vec<(i64, String)>;

pub fn legal(model: Model, history: &History) -> bool {
    let left: Vec<usize> = (0..history.operations.len())
        .filter(|&i| history.operations[i].effect() != Effect::None)
        .collect();
    search(model, history, &left, &Inside::new())
}

fn search(model: Model, history: &History, left: &[usize], inside: &Inside) -> bool {
    let operations = &history.operations;
    if left.iter().all(|&i| operations[i].effect() == Effect::Possible) {
        return true;
    }
    let first_end = left.iter().map(|&i| operations[i].deadline()).min().unwrap_or(u64::MAX);
    left.iter().filter(|&&i| operations[i].start <= first_end).any(|&next| {
        let rest: Vec<usize> = left.iter().copied().filter(|&i| i != next).collect();
        applied(model, history, next, inside)
            .is_some_and(|after| search(model, history, &rest, &after))
    })
}

/// The object after the operation took effect; `None` when its outcome contradicts the object.
fn applied(model: Model, history: &History, index: usize, inside: &Inside) -> Option<Inside> {
    let operation = &history.operations[index];
    let mut after = inside.clone();
    match &operation.action {
        Action::Put { value, priority } => after.push((priority.unwrap_or(0), value.clone())),
        Action::Take => {
            let position = front(model, inside);
            let found = position.map(|position| after.remove(position).1);
            match (operation.effect(), &operation.outcome) {
                (Effect::Certain, Outcome::Ok(value)) if *value != found => return None,
                _ => {}
            }
        }
        _ => unreachable!("not an operation of a collection"),
    }
    Some(after)
}

/// Which value leaves next.
pub fn front(model: Model, inside: &[(i64, String)]) -> Option<usize> {
    match model {
        Model::Fifo => (!inside.is_empty()).then_some(0),
        Model::Lifo => inside.len().checked_sub(1),
        _ => (0..inside.len()).min_by_key(|&i| (inside[i].0, i)),
    }
}
