//! The definition itself, for small histories: tries every order of events on a lock, each at the earliest moment
//! that it can have.

use crate::model::history::Effect;
use crate::model::{Action, History, Operation, Outcome};

/// Who has the lock: the acquire that got it.
type Holder = Option<usize>;

pub fn legal(history: &History) -> bool {
    let left = (0..history.operations.len())
        .filter(|&i| history.operations[i].effect() != Effect::None && !excused(history, i))
        .collect::<Vec<_>>();
    search(history, &left, None, 0)
}

/// A refusal while somebody else calls too.
fn excused(history: &History, index: usize) -> bool {
    let operation = &history.operations[index];
    let refusal = matches!(operation.action, Action::Acquire { .. })
        && operation.effect() == Effect::Certain
        && operation.outcome == Outcome::Ok(None);
    refusal
        && history.operations.iter().enumerate().any(|(i, other)| {
            i != index
                && matches!(other.action, Action::Acquire { .. } | Action::Release)
                && other.effect() != Effect::None
                && other.start <= operation.deadline()
                && other.over_by() >= operation.start
        })
}

fn search(history: &History, left: &[usize], holder: Holder, now: u64) -> bool {
    let at = |i: usize| &history.operations[i];
    if left.iter().all(|&i| at(i).effect() == Effect::Possible || at(i).action == Action::Die) {
        return true;
    }
    // The lease ends.
    if let Some(held) = holder
        && let Some((from, by)) = lease(history, held)
        && from.max(now) <= by
        && search(history, left, None, from.max(now))
    {
        return true;
    }
    left.iter().any(|&next| {
        let operation = at(next);
        let rest: Vec<usize> = left.iter().copied().filter(|&i| i != next).collect();
        // A client makes one call at a time.
        if rest.iter().any(|&i| at(i).client == operation.client && at(i).start < operation.start) {
            return false;
        }
        let skipped = operation.effect() == Effect::Possible
            && !evident(history, next)
            && search(history, &rest, holder, now);
        let then = now.max(operation.start);
        // Nothing can happen later in a lock that must have come free.
        let in_time = holder.and_then(|held| by(history, held)).is_none_or(|by| then <= by);
        skipped
            || (then <= operation.over_by()
                && in_time
                && after(history, next, holder)
                    .into_iter()
                    .any(|holder| search(history, &rest, holder, then)))
    })
}

/// Who can have the lock when an operation has had its effect; nobody when it can have none now.
fn after(history: &History, index: usize, holder: Holder) -> Vec<Holder> {
    let operation = &history.operations[index];
    let own = holder.is_some_and(|held| history.operations[held].client == operation.client);
    let certain = operation.effect() == Effect::Certain;
    let said = match &operation.outcome {
        Outcome::Ok(said) if certain => Some(said.is_some()),
        _ => None,
    };
    match (&operation.action, said) {
        (Action::Acquire { .. }, Some(false)) if holder.is_some() => vec![holder],
        (Action::Acquire { .. }, Some(true) | None) if holder.is_none() => vec![Some(index)],
        (Action::Release, Some(true) | None) if own && current(history, index) == holder => {
            vec![None]
        }
        (Action::Release, Some(false)) if !own || current(history, index) != holder => {
            vec![holder]
        }
        (Action::Die, _) => vec![holder],
        _ => vec![],
    }
}

fn of_client<'a>(history: &'a History, operation: &'a Operation) -> impl Iterator<Item = usize> {
    (0..history.operations.len()).filter(|&i| history.operations[i].client == operation.client)
}

fn got(operation: &Operation) -> bool {
    let certainly_not =
        operation.effect() == Effect::Certain && operation.outcome == Outcome::Ok(None);
    matches!(operation.action, Action::Acquire { .. })
        && operation.effect() != Effect::None
        && !certainly_not
}

/// The acquire that a release is about: the caller's last, unless a release has answered for it already.
fn current(history: &History, release: usize) -> Holder {
    let operation = &history.operations[release];
    let last = of_client(history, operation)
        .filter(|&i| history.operations[i].start < operation.start)
        .filter(|&i| {
            let other = &history.operations[i];
            let answered = other.action == Action::Release && other.effect() == Effect::Certain;
            got(other) || answered
        })
        .max_by_key(|&i| history.operations[i].start)?;
    got(&history.operations[last]).then_some(last)
}

/// The release that said that this acquire had got the lock.
fn released(history: &History, acquire: usize) -> Option<usize> {
    of_client(history, &history.operations[acquire]).find(|&i| {
        let other = &history.operations[i];
        other.action == Action::Release
            && other.effect() == Effect::Certain
            && other.outcome != Outcome::Ok(None)
            && current(history, i) == Some(acquire)
    })
}

/// Unknown, but a release shows that it took effect.
fn evident(history: &History, index: usize) -> bool {
    got(&history.operations[index]) && released(history, index).is_some()
}

/// When the lock may come free by itself.
fn lease(history: &History, acquire: usize) -> Option<(u64, u64)> {
    if released(history, acquire).is_some() {
        return None;
    }
    let operation = &history.operations[acquire];
    let Action::Acquire { lease } = operation.action else { return None };
    let death = of_client(history, operation)
        .map(|i| &history.operations[i])
        .find(|other| other.action == Action::Die && other.start >= operation.start);
    let from = lease.map(|lease| operation.start + lease.least);
    let from = from.into_iter().chain(death.map(|death| death.start)).min()?;
    Some((from, by(history, acquire).unwrap_or(u64::MAX)))
}

/// When the lock must have come free.
fn by(history: &History, acquire: usize) -> Option<u64> {
    let operation = &history.operations[acquire];
    match operation.action {
        Action::Acquire { lease: Some(lease) } if released(history, acquire).is_none() => {
            Some(operation.over_by().saturating_add(lease.most))
        }
        _ => None,
    }
}
