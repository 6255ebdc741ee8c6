//! Locks: the definition as a search, simulated locks, and each mistake by name.

mod definition;

use super::cases;
use super::{Action, History, Judgement, Model, Operation, Outcome, dump, operation, violation};
use crate::model::Lease;
use definition::legal;
use proptest::prelude::*;
use std::cell::Cell;

const MODEL: Model = Model::Mutex;
/// For histories written by hand.
const LEASE: Lease = Lease { least: 10, most: 15 };

fn by(client: &str, action: Action, times: (u64, u64), said: bool) -> Operation {
    let outcome = Outcome::Ok(said.then(|| "yes".to_owned()));
    let made = operation(action, times.0, Some(times.1), outcome);
    Operation { client: client.to_owned(), ..made }
}

/// Of a lock without a lease.
fn acquire(client: &str, got: bool, start: u64, end: u64) -> Operation {
    by(client, Action::Acquire { lease: None }, (start, end), got)
}

fn leased(client: &str, got: bool, start: u64, end: u64) -> Operation {
    by(client, Action::Acquire { lease: Some(LEASE) }, (start, end), got)
}

fn release(client: &str, had: bool, start: u64, end: u64) -> Operation {
    by(client, Action::Release, (start, end), had)
}

fn die(client: &str, start: u64) -> Operation {
    by(client, Action::Die, (start, start), false)
}

/// Its effect may come until the end, or never.
fn unknown(of: Operation) -> Operation {
    Operation { outcome: Outcome::Unknown, ..of }
}

fn history(operations: &[Operation]) -> History {
    History { operations: operations.to_vec() }
}

/// Each client makes one call after the other.
fn noise() -> impl Strategy<Value = History> {
    let lease = prop::option::of((0..10u64, 0..8u64));
    let call = (0..3usize, 0..5u64, 0..5u64, 0..16u8);
    (lease, prop::collection::vec(call, 1..=7)).prop_map(|(lease, calls)| {
        let lease = lease.map(|(least, more)| Lease { least, most: least + more });
        let mut free = [0_u64; 3];
        let mut operations = Vec::new();
        for (client, wait, length, kind) in calls {
            if free[client] == u64::MAX {
                continue;
            }
            let (start, name) = (free[client] + wait, ["a", "b", "c"][client]);
            let times = (start, start + length);
            free[client] = times.1 + 1;
            operations.push(match kind {
                0..6 => by(name, Action::Acquire { lease }, times, true),
                6..9 => by(name, Action::Acquire { lease }, times, false),
                9..12 => by(name, Action::Release, times, true),
                12 => by(name, Action::Release, times, false),
                13 => unknown(by(name, Action::Acquire { lease }, times, true)),
                14 => unknown(by(name, Action::Release, times, true)),
                _ => {
                    free[client] = u64::MAX;
                    die(name, start)
                }
            });
        }
        History { operations }
    })
}

#[derive(Debug, Clone, Copy)]
struct Step {
    acquires: bool,
    client: usize,
    gap: u64,
    lead: u64,
    lag: u64,
    /// 0: killed before its effect, 1: after it, 2: killed when it had returned, 3: failed, else it returned.
    fate: u8,
    /// 0: it said the opposite.
    spoilt: u8,
}

fn steps(
    size: impl Into<prop::collection::SizeRange>,
    slowest: u64,
    faulty: bool,
) -> impl Strategy<Value = Vec<Step>> {
    let spoilt = if faulty { (0..8u8).boxed() } else { Just(1).boxed() };
    let times = (0..6u64, 0..slowest, 0..slowest);
    let step = (prop::bool::weighted(0.6), 0..3usize, times, 0..24u8, spoilt);
    let step = step.prop_map(|(acquires, client, (gap, lead, lag), fate, spoilt)| Step {
        acquires,
        client,
        gap,
        lead,
        lag,
        fate,
        spoilt,
    });
    prop::collection::vec(step, size)
}

/// Calls around the effects on a lock whose lease is counted from the effect, and ends at most `late` later.
fn run(steps: &[Step], lease: Option<u64>, late: u64) -> History {
    let bounds = lease.map(|lease| Lease { least: lease, most: lease + late });
    // Whose the lock is, and until when; each client has another name after each death.
    let mut holder: Option<(String, u64)> = None;
    let (mut free, mut lives) = ([0_u64; 3], [0; 3]);
    let (mut now, mut operations) = (20_u64, Vec::new());
    for step in steps {
        let client = step.client;
        now = (now + step.gap).max(free[client]);
        let start = now.saturating_sub(step.lead).max(free[client]);
        let end = now + step.lag;
        free[client] = end + 1;
        let name = format!("{}{}", ["a", "b", "c"][client], lives[client]);
        if holder.as_ref().is_some_and(|(_, until)| *until < now) {
            holder = None;
        }
        let effective = step.fate != 0 && step.fate != 3;
        let (action, said) = if step.acquires {
            let got = holder.is_none();
            if got && effective {
                holder = Some((name.clone(), lease.map_or(u64::MAX, |lease| now + lease)));
            }
            (Action::Acquire { lease: bounds }, got)
        } else {
            let had = holder.as_ref().is_some_and(|(holder, _)| *holder == name);
            if had && effective {
                holder = None;
            }
            (Action::Release, had)
        };
        let mut made = by(&name, action, (start, end), said != (step.spoilt == 0));
        match step.fate {
            0 | 1 => made.outcome = Outcome::Unknown,
            3 => made.outcome = Outcome::Failed,
            _ => {}
        }
        operations.push(made);
        if step.fate < 3 {
            operations.push(die(&name, end + 1));
            lives[client] += 1;
        }
    }
    History { operations }
}

#[test]
fn locks_are_judged_as_by_definition() {
    const CASES: u32 = 6_000;
    let seen = Cell::new(0);
    let nearly = (steps(1..=6, 9, true), prop::option::of(0..14u64), 0..6u64);
    let small =
        prop_oneof![noise(), nearly.prop_map(|(steps, lease, late)| run(&steps, lease, late))];
    let result = proptest::test_runner::TestRunner::new(cases(CASES)).run(&small, |history| {
        let expected = legal(&history);
        seen.set(seen.get() + u32::from(expected));
        match MODEL.check(&history) {
            Judgement::Legal => prop_assert!(expected, "accepted{}", dump(&history)),
            Judgement::Illegal(found) => {
                prop_assert!(!expected, "{found:?}{}", dump(&history));
                smallest(&history, &found.excerpt, found.code)?;
            }
            Judgement::Undecided { .. } => prop_assert!(false, "undecided"),
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!((CASES / 10..CASES * 9 / 10).contains(&seen.get()), "{} of {CASES} legal", seen.get());
}

/// Whether an excerpt is illegal by itself, for the same reason, and few.
fn smallest(history: &History, excerpt: &[usize], code: &str) -> Result<(), TestCaseError> {
    let part = history.part(excerpt);
    prop_assert!(!legal(&part), "the excerpt is legal{}", dump(&part));
    prop_assert_eq!(violation(MODEL, &part).code, code, "{}", dump(&part));
    let clients: std::collections::BTreeSet<&str> =
        part.operations.iter().map(|o| o.client.as_str()).collect();
    prop_assert!(clients.len() <= 3, "{}", dump(&part));
    let acquires = part.operations.iter().filter(|o| matches!(o.action, Action::Acquire { .. }));
    let most = if code == "stuck" { 3 } else { 2 };
    prop_assert!(acquires.count() <= most, "{}", dump(&part));
    if code == "overlap" {
        // Without either of those who had it, the rest is legal.
        for client in clients {
            let mut fewer = part.clone();
            fewer.operations.retain(|o| o.client != client);
            prop_assert_eq!(MODEL.check(&fewer), Judgement::Legal, "{}", dump(&part));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn what_a_correct_lock_did_is_legal(
        steps in steps(0..120, 40, false),
        lease in prop::option::of(0..80u64),
    ) {
        let history = run(&steps, lease, 1);
        prop_assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }

    #[test]
    fn a_mistake_is_named_and_shown(
        steps in steps(4..60, 6, false),
        lease in prop::option::of(20..80u64),
        mistake in prop::sample::select(Mistake::ALL.to_vec()),
        seed in any::<prop::sample::Index>(),
    ) {
        let steps: Vec<Step> = steps.into_iter().map(|step| Step { fate: 9, ..step }).collect();
        let mut history = run(&steps, lease, 1);
        if let Some(code) = mistake.make(&mut history, lease, seed) {
            let found = violation(MODEL, &history);
            prop_assert_eq!(found.code, code, "{}: {:?}{}", found.message, mistake, dump(&history));
            smallest(&history, &found.excerpt, code)?;
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn long_histories_are_decided(
        steps in steps(1_500..1_501, 40, false),
        lease in prop::option::of(0..80u64),
    ) {
        prop_assert_eq!(MODEL.check(&run(&steps, lease, 1)), Judgement::Legal);
    }
}

#[derive(Debug, Clone, Copy)]
enum Mistake {
    Two,
    Stolen,
    Silently,
    Again,
    Gone,
    Stuck,
}

impl Mistake {
    const ALL: [Self; 6] =
        [Self::Two, Self::Stolen, Self::Silently, Self::Again, Self::Gone, Self::Stuck];

    /// Lets what comes after everything else go wrong; answers the code to expect.
    fn make(
        self,
        history: &mut History,
        lease: Option<u64>,
        seed: prop::sample::Index,
    ) -> Option<&'static str> {
        let all = &mut history.operations;
        // When all is over the lock is free, by a release or by its lease.
        let end = all.iter().filter_map(|o| o.end).max()?;
        let lease = lease.map(|lease| Lease { least: lease, most: lease + 1 });
        let mut now = end + lease.map_or(0, |lease| lease.most) + 1;
        if lease.is_none()
            && MODEL.check(&{
                let mut probe = History { operations: all.clone() };
                probe.operations.push(acquire("x", true, now, now));
                probe
            }) != Judgement::Legal
        {
            return None;
        }
        let acquires = Action::Acquire { lease };
        let pause = 1 + seed.index(3) as u64;
        let mut next = |client: &str, action: &Action, said: bool| {
            now += pause;
            by(client, action.clone(), (now, now), said)
        };
        let (own, another) = ("x", "y");
        let code = match self {
            Self::Two => {
                all.push(next(own, &acquires, true));
                all.push(next(another, &acquires, true));
                "overlap"
            }
            Self::Stolen => {
                all.push(next(own, &acquires, true));
                all.push(next(another, &Action::Release, true));
                "stolen"
            }
            Self::Silently => {
                all.push(next(own, &acquires, true));
                all.push(next(another, &Action::Release, false));
                all.push(next("z", &acquires, true));
                "stolen"
            }
            Self::Again => {
                all.push(next(own, &acquires, true));
                all.push(next(own, &Action::Release, true));
                all.push(next(own, &Action::Release, true));
                "invented"
            }
            Self::Gone => {
                all.push(next(own, &acquires, true));
                all.push(next(own, &Action::Release, false));
                "lost"
            }
            Self::Stuck => {
                all.push(next(own, &acquires, true));
                all.push(next(own, &Action::Release, true));
                all.push(next(another, &acquires, false));
                "stuck"
            }
        };
        Some(code)
    }
}

fn shows(operations: &[Operation], code: &str, message: &str, excerpt: &[usize]) {
    let history = history(operations);
    assert!(!legal(&history), "{}", dump(&history));
    let found = violation(MODEL, &history);
    let seen = (found.code, found.message.as_str(), &*found.excerpt);
    assert_eq!(seen, (code, message, excerpt), "{}", dump(&history));
}

#[test]
fn two_holders_at_once_are_shown_with_how_long_they_had_it() {
    shows(
        &[
            acquire("a", true, 0, 1),
            release("a", true, 2, 3),
            acquire("a", true, 4, 6),
            acquire("b", true, 5, 7),
            release("b", true, 8, 9),
            release("a", true, 10, 11),
        ],
        "overlap",
        "a and b had the lock at the same time",
        &[2, 3, 4, 5],
    );
}

#[test]
fn who_frees_what_another_has_steals() {
    // It says so itself.
    let message = "b released the lock, though it was a who had it";
    shows(&[acquire("a", true, 0, 1), release("b", true, 2, 3)], "stolen", message, &[0, 1]);
    // It shows in that a third gets it.
    let message = "c got the lock while a had it: b had called release without having it";
    shows(
        &[acquire("a", true, 0, 1), release("b", false, 2, 3), acquire("c", true, 4, 5)],
        "stolen",
        message,
        &[0, 1, 2],
    );
    // It shows in that the holder has it no longer.
    let message =
        "a no longer had the lock that it had got: b had called release without having it";
    shows(
        &[acquire("a", true, 0, 1), release("b", false, 2, 3), release("a", false, 4, 5)],
        "stolen",
        message,
        &[0, 1, 2],
    );
    // Who was slow frees what the next one has.
    let message = "b got the lock when the lease of a may have ended, \
                   yet the release of a said after that that a had it";
    shows(
        &[leased("a", true, 0, 1), leased("b", true, 11, 12), release("a", true, 13, 14)],
        "stolen",
        message,
        &[0, 1, 2],
    );
}

#[test]
fn a_lock_that_nobody_has_and_nobody_gets_is_stuck() {
    let message = "b did not get the lock although a had released it";
    shows(
        &[acquire("a", true, 0, 1), release("a", true, 2, 3), acquire("b", false, 4, 5)],
        "stuck",
        message,
        &[0, 1, 2],
    );
    let message = "b did not get the lock although a was dead, and its lease was over";
    shows(
        &[unknown(leased("a", true, 0, 1)), die("a", 1), leased("b", false, 17, 18)],
        "stuck",
        message,
        &[0, 1, 2],
    );
    let message = "b did not get the lock although the lease of a was over";
    shows(&[leased("a", true, 0, 1), leased("b", false, 17, 18)], "stuck", message, &[0, 1]);
    let message = "b did not get the lock although nobody had ever got it";
    shows(&[leased("b", false, 17, 18)], "stuck", message, &[0]);
}

#[test]
fn a_holder_that_has_nothing_has_lost_it() {
    let message = "a no longer had the lock that it had got, and its lease was not over";
    shows(&[leased("a", true, 0, 1), release("a", false, 2, 9)], "lost", message, &[0, 1]);
    let message = "a no longer had the lock that it had got, and nobody had freed it";
    shows(&[acquire("a", true, 0, 1), release("a", false, 20, 90)], "lost", message, &[0, 1]);
    let message = "a release said that b had the lock, though it did not";
    shows(&[release("b", true, 20, 90)], "invented", message, &[0]);
}

#[test]
fn what_a_correct_lock_may_do_is_legal() {
    for operations in [
        // The lease is counted from the start of the call.
        &[leased("a", true, 0, 9), leased("b", true, 10, 11)][..],
        // It may last until so long after its end; and a release that comes too late says so.
        &[leased("a", true, 0, 9), leased("b", false, 24, 25), release("a", false, 30, 31)],
        // Whose lease is over by itself when the call returns had it for a moment.
        &[leased("a", true, 0, 30), leased("b", true, 1, 2), release("b", true, 8, 9)],
        // One that is renewed lasts until its release.
        &[leased("a", true, 0, 1), leased("b", false, 50, 51), release("a", true, 60, 61)],
        // Of those who call at once all may fail, and the next one does not.
        &[acquire("a", false, 0, 5), acquire("b", false, 4, 9), acquire("a", true, 10, 11)],
        // Who was killed got it or not, and what it had may be free when it is dead.
        &[unknown(leased("a", true, 0, 1)), die("a", 1), leased("b", false, 4, 5)],
        &[unknown(leased("a", true, 0, 1)), die("a", 1), leased("b", true, 4, 5)],
        &[leased("a", true, 0, 1), die("a", 2), leased("b", true, 4, 5)],
        &[acquire("a", true, 0, 1), unknown(release("a", true, 2, 3)), acquire("b", true, 4, 5)],
        &[acquire("a", true, 0, 1), unknown(release("a", true, 2, 3)), acquire("b", false, 4, 5)],
        // Nobody who has nothing changes anything.
        &[acquire("a", true, 0, 1), release("b", false, 2, 3), release("a", true, 4, 5)],
    ] {
        let history = history(operations);
        assert!(legal(&history), "{}", dump(&history));
        assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }
}

#[test]
fn a_lock_is_rendered_in_words() {
    let history = history(&[
        leased("worker-1", true, 0, 1_000),
        leased("worker-2", false, 2_000, 3_000),
        die("worker-1", 4_000),
        release("worker-2", false, 5_000, 6_000),
        release("worker-2", true, 7_000, 8_000),
    ]);
    assert_eq!(
        crate::model::render(&history, &[0, 1, 2, 3, 4]),
        [
            "worker-1  0.000 … 1.000 ms  acquire    granted",
            "worker-2  2.000 … 3.000 ms  acquire    refused",
            "worker-1  4.000 … 4.000 ms  is killed  ok",
            "worker-2  5.000 … 6.000 ms  release    not held",
            "worker-2  7.000 … 8.000 ms  release    released",
        ]
    );
}
