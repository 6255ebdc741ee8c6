//! Another order of a lab's checks.

use rand::seq::SliceRandom;

use crate::catalog::lab::{Check, Lab, Task};

/// How often another order is looked for.
const SHUFFLES: usize = 50;

/// The lab with tasks and checks in another order, in which what something needs still comes first.
pub fn shuffled(lab: &Lab) -> Lab {
    let mut lab = lab.clone();
    for task in &mut lab.tasks {
        let needs = |c: &Check, id: &str| c.needs.iter().any(|n| n.value == id);
        shuffle(&mut task.checks, |c| &c.id.value, needs);
    }
    let needs = |t: &Task, id: &str| t.needs.iter().any(|n| n.value == id);
    shuffle(&mut lab.tasks, |t| &t.id.value, needs);
    lab
}

/// Another order than the one there is, where there is another.
fn shuffle<T: Clone>(
    items: &mut Vec<T>,
    id: impl Fn(&T) -> &String,
    needs: impl Fn(&T, &str) -> bool,
) {
    let before: Vec<String> = items.iter().map(|item| id(item).clone()).collect();
    for _ in 0..SHUFFLES {
        let mut waiting = items.clone();
        waiting.shuffle(&mut rand::rng());
        items.clear();
        while !waiting.is_empty() {
            let free = |item: &T| waiting.iter().all(|other| !needs(item, id(other)));
            let next = waiting.iter().position(free).unwrap_or(0);
            items.push(waiting.remove(next));
        }
        if items.iter().map(&id).ne(&before) {
            return;
        }
    }
}
