//! Which values certainly were ready when a take answered "empty".

use super::{Common, Life};
use crate::model::history::{Effect, History, Operation};
use crate::model::judgement::Violation;
use std::collections::HashSet;

const NEVER: u64 = u64::MAX;

/// An open interval in which a value certainly is ready, unless an unknown take removed it.
struct Presence<'a> {
    life: &'a Life<'a>,
    from: u64,
    until: u64,
    /// The operations that prove it.
    proof: Vec<usize>,
    recovered: bool,
}

/// A value that is ready for good although a later take answered "empty" is `lost`; other false
/// answers are `empty`.
pub fn violation(history: &History, lives: &[Life], common: &Common) -> Option<Violation> {
    let all: Vec<_> =
        lives.iter().flat_map(|life| presences(history, life, &common.recovers)).collect();
    let lost: Vec<_> = all.iter().filter(|presence| presence.until == NEVER).collect();
    [("lost", lost), ("empty", all.iter().collect())].into_iter().find_map(
        |(code, mut presences)| {
            let empty = *common
                .empties
                .iter()
                .find(|&&empty| contradicted(history, common, empty, &presences))?;
            for position in (0..presences.len()).rev() {
                let removed = presences.remove(position);
                if !contradicted(history, common, empty, &presences) {
                    presences.insert(position, removed);
                }
            }
            let hiding =
                hiding_at(history, common, &presences, history.operations[empty].deadline());
            let proofs = presences.iter().flat_map(|presence| presence.proof.iter().copied());
            let excerpt = proofs.chain([empty]).chain(hiding.iter().copied()).collect();
            let message = message(code, &presences, hiding.len());
            Some(Violation { code, message, excerpt: history.in_start_order(excerpt) })
        },
    )
}

fn presences<'a>(history: &History, life: &'a Life, recovers: &[usize]) -> Vec<Presence<'a>> {
    let at = |index: usize| &history.operations[index];
    // An acknowledgement before the first take cannot have counted: no take could have followed.
    let first_ack = life.acks.iter().map(|&ack| at(ack).start).min().unwrap_or(NEVER);
    let first_taken = life.takes.iter().map(|&take| at(take).deadline()).min().unwrap_or(NEVER);
    let mut found = Vec::new();
    let mut add = |from: u64, next: Option<usize>, mut proof: Vec<usize>, recovered: bool| {
        let until = next.map_or(first_ack, |take| at(take).start);
        if from < until {
            proof.extend(next);
            found.push(Presence { life, from, until, proof, recovered });
        }
    };
    add(
        at(life.put).deadline().min(first_taken),
        life.takes.first().copied(),
        vec![life.put],
        false,
    );
    if life.acks.is_empty() {
        for &recover in recovers.iter().filter(|&&recover| at(recover).effect() == Effect::Certain)
        {
            let before = |take: &&usize| at(**take).deadline() < at(recover).start;
            let Some(&last) =
                life.takes.iter().filter(before).max_by_key(|&&take| at(take).deadline())
            else {
                continue;
            };
            let next = life.takes.iter().find(|take| !before(take)).copied();
            add(at(recover).deadline(), next, vec![life.put, last, recover], true);
        }
    }
    found
}

/// Whether at every instant of an "empty" more values were ready than unknown takes can have
/// hidden.
fn contradicted(history: &History, common: &Common, empty: usize, presences: &[&Presence]) -> bool {
    let Operation { start, .. } = history.operations[empty];
    let by = history.operations[empty].deadline();
    let changes = presences
        .iter()
        .map(|presence| presence.until)
        .filter(|until| (start..=by).contains(until));
    let unknown_starts = common.unknown_takes.iter().map(|&take| history.operations[take].start);
    let unknown_starts = unknown_starts.filter(|from| (start..=by).contains(from));
    std::iter::once(start).chain(changes).chain(unknown_starts).all(|instant| {
        let there: Vec<&Presence> = presences
            .iter()
            .copied()
            .filter(|presence| presence.from < instant && instant < presence.until)
            .collect();
        let unacknowledged: Vec<&Presence> =
            there.iter().copied().filter(|presence| presence.life.acks.is_empty()).collect();
        [there, unacknowledged]
            .iter()
            .any(|there| distinct(there) > hiding_at(history, common, there, instant).len())
    })
}

fn distinct(presences: &[&Presence]) -> usize {
    presences.iter().map(|presence| presence.life.put).collect::<HashSet<_>>().len()
}

/// Unknown takes that can hide values at an instant: begun by then, and, when none of the values is
/// ever acknowledged, not undone by a recover that came after them.
fn hiding_at(
    history: &History,
    common: &Common,
    presences: &[&Presence],
    instant: u64,
) -> Vec<usize> {
    let at = |index: usize| &history.operations[index];
    let acknowledged = presences.iter().any(|presence| !presence.life.acks.is_empty());
    let undone = |take: usize| {
        common.recovers.iter().any(|&recover| {
            at(recover).effect() == Effect::Certain
                && at(recover).deadline() < instant
                && at(take).end.is_some_and(|end| end < at(recover).start)
        })
    };
    let hiding = |&&take: &&usize| at(take).start <= instant && (acknowledged || !undone(take));
    common.unknown_takes.iter().filter(hiding).copied().collect()
}

fn message(code: &str, presences: &[&Presence], hiding: usize) -> String {
    let mut names: Vec<_> =
        presences.iter().map(|presence| format!("{:?}", presence.life.value)).collect();
    names.dedup();
    match (code, presences, hiding) {
        ("lost", [one], 0) if one.recovered => format!(
            "{} was taken and never acknowledged; a recover returned, \
             yet it was never delivered again before a take \
             answered \"empty\"",
            names[0]
        ),
        ("lost", [_], 0) => format!(
            "the put of {0} had returned, \
             yet {0} was never delivered before a take answered \"empty\"",
            names[0]
        ),
        ("lost", _, 0) => format!(
            "{} were never delivered, yet a later take answered \"empty\"",
            names.join(", ")
        ),
        ("lost", ..) => format!(
            "of {} more were never delivered \
             than interrupted takes ({hiding}) can have removed, one each",
            names.join(", ")
        ),
        (_, [_], _) => {
            format!("a take answered \"empty\" although {} was ready all the time", names[0])
        }
        _ => format!(
            "a take answered \"empty\" although at every moment one of {} was ready",
            names.join(", ")
        ),
    }
}
