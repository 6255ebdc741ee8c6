//! Reading and writing: the definition as a search, simulated registers, and each mistake by name.

use super::cases;
use super::{
    Action, History, Judgement, Model, Operation, Outcome, dump, history, operation, violation,
};
use crate::model::history::Effect;
use proptest::prelude::*;
use std::cell::Cell;

const MODEL: Model = Model::Register;

fn write(value: &str, start: u64, end: u64) -> Operation {
    let action = Action::Write { value: value.to_owned() };
    operation(action, start, Some(end), Outcome::Ok(None))
}

fn unknown_write(value: &str, start: u64) -> Operation {
    operation(Action::Write { value: value.to_owned() }, start, None, Outcome::Unknown)
}

/// An empty text stands for nothing.
fn read(value: &str, start: u64, end: u64) -> Operation {
    let found = (!value.is_empty()).then(|| value.to_owned());
    operation(Action::Read, start, Some(end), Outcome::Ok(found))
}

/// Every order of effects on a value.
fn legal(left: &[&Operation], value: Option<&str>) -> bool {
    if left.iter().all(|operation| operation.effect() != Effect::Certain) {
        return true;
    }
    let first_end = left
        .iter()
        .filter(|operation| operation.effect() != Effect::None)
        .map(|operation| operation.deadline())
        .min()
        .unwrap_or(0);
    (0..left.len()).filter(|&i| left[i].start <= first_end).any(|i| {
        let mut rest = left.to_vec();
        let next = rest.remove(i);
        match (&next.action, next.effect(), &next.outcome) {
            (_, Effect::None, _) => legal(&rest, value),
            (Action::Read, Effect::Certain, Outcome::Ok(found)) => {
                found.as_deref() == value && legal(&rest, value)
            }
            (Action::Write { value }, ..) => legal(&rest, Some(value)),
            _ => legal(&rest, value),
        }
    })
}

fn all(history: &History) -> Vec<&Operation> {
    history.operations.iter().collect()
}

/// Up to seven calls at random on a small clock.
fn noise() -> impl Strategy<Value = History> {
    let call = (0..14u64, 0..8u64, 0..12u8, 0..5usize);
    prop::collection::vec(call, 1..=7).prop_map(|calls| {
        let mut names = ["a", "b", "c", "d", "e", "f", "g"].into_iter();
        let operations = calls.into_iter().map(|(start, length, kind, which)| match kind {
            0 => unknown_write(names.next().unwrap_or_default(), start),
            1 => operation(Action::Read, start, None, Outcome::Unknown),
            2 => Operation {
                outcome: Outcome::Failed,
                ..write(names.next().unwrap_or_default(), start, start + length)
            },
            3..6 => write(names.next().unwrap_or_default(), start, start + length),
            _ => read(["", "a", "b", "c", "d"][which], start, start + length),
        });
        History { operations: operations.collect() }
    })
}

#[derive(Debug, Clone, Copy)]
struct Step {
    writes: bool,
    client: usize,
    gap: u64,
    lead: u64,
    lag: u64,
    /// 0: killed before its effect, 1: after it, 2: failed, else it returned.
    fate: u8,
    /// 0: it read what was there before.
    spoilt: u8,
}

fn steps(size: std::ops::Range<usize>, faulty: bool) -> impl Strategy<Value = Vec<Step>> {
    let spoilt = if faulty { (0..10u8).boxed() } else { Just(1).boxed() };
    let step = (any::<bool>(), 0..6usize, 0..6u64, 0..9u64, 0..9u64, 0..30u8, spoilt);
    let step = step.prop_map(|(writes, client, gap, lead, lag, fate, spoilt)| Step {
        writes,
        client,
        gap,
        lead,
        lag,
        fate,
        spoilt,
    });
    prop::collection::vec(step, size)
}

/// Calls around the effects on a register.
fn run(steps: &[Step]) -> History {
    let mut values: Vec<String> = vec![String::new()];
    let mut free = [0_u64; 6];
    let (mut now, mut operations) = (20_u64, Vec::new());
    for (number, step) in steps.iter().enumerate() {
        now = (now + step.gap).max(free[step.client]);
        let start = now.saturating_sub(step.lead).max(free[step.client]);
        let end = now + step.lag;
        free[step.client] = end + 1;
        let value = format!("v{number}");
        let mut made = if step.writes {
            write(&value, start, end)
        } else {
            let back = usize::from(step.spoilt == 0).min(values.len() - 1);
            read(&values[values.len() - 1 - back], start, end)
        };
        made.client = format!("client-{}", step.client);
        if step.writes && step.fate != 0 && step.fate != 2 {
            values.push(value);
        }
        match step.fate {
            0 | 1 => {
                made.outcome = Outcome::Unknown;
                made.end = step.lag.is_multiple_of(2).then_some(end);
            }
            2 => made.outcome = Outcome::Failed,
            _ => {}
        }
        operations.push(made);
    }
    History { operations }
}

/// An excerpt that is illegal by itself for the same reason, and legal without any one value or read; but for the
/// read that shows that a newer value was not lost.
fn smallest(history: &History, excerpt: &[usize], code: &str) -> Result<(), TestCaseError> {
    let part = history.part(excerpt);
    prop_assert!(!legal(&all(&part), None), "the excerpt is legal{}", dump(&part));
    prop_assert_eq!(violation(MODEL, &part).code, code, "{}", dump(&part));
    prop_assert!(part.operations.len() <= 6, "{}", dump(&part));
    if code == "invented" {
        return Ok(());
    }
    for left_out in 0..part.operations.len() {
        let mut fewer = part.clone();
        let gone = fewer.operations.remove(left_out);
        match gone.action {
            Action::Write { value } => {
                fewer.operations.retain(|o| o.outcome != Outcome::Ok(Some(value.clone())));
                prop_assert_eq!(MODEL.check(&fewer), Judgement::Legal, "{}", dump(&fewer));
            }
            _ => {
                if let Judgement::Illegal(rest) = MODEL.check(&fewer) {
                    prop_assert_eq!((code, rest.code), ("stale", "lost"), "{}", dump(&part));
                }
            }
        }
    }
    Ok(())
}

#[test]
fn registers_are_judged_as_by_definition() {
    const CASES: u32 = 4_000;
    let seen = Cell::new(0);
    let small = prop_oneof![noise(), steps(1..8, true).prop_map(|steps| run(&steps))];
    let result = proptest::test_runner::TestRunner::new(cases(CASES)).run(&small, |history| {
        let expected = legal(&all(&history), None);
        seen.set(seen.get() + u32::from(expected));
        match MODEL.check(&history) {
            Judgement::Legal => prop_assert!(expected, "accepted{}", dump(&history)),
            Judgement::Illegal(violation) => {
                prop_assert!(!expected, "{violation:?}{}", dump(&history));
                smallest(&history, &violation.excerpt, violation.code)?;
            }
            Judgement::Undecided { .. } => prop_assert!(false, "undecided"),
        }
        Ok(())
    });
    result.unwrap_or_else(|error| panic!("{error}"));
    assert!((CASES / 10..CASES * 9 / 10).contains(&seen.get()), "{} of {CASES} legal", seen.get());
}

#[derive(Debug, Clone, Copy)]
enum Mistake {
    Old,
    Never,
    Invent,
    Early,
    FailedWrite,
}

/// What a register that never changes again after its `kept`th write would have answered.
fn deaf(history: &mut History, kept: usize) -> Option<&'static str> {
    let mut writes: Vec<usize> = (0..history.operations.len())
        .filter(|&i| matches!(history.operations[i].action, Action::Write { .. }))
        .collect();
    writes.sort_by_key(|&i| history.operations[i].start);
    let last = *writes.get(kept)?;
    let end = history.operations.iter().filter_map(|o| o.end).max()?;
    let later = *writes.get(kept + 1)?;
    if history.operations[last].end? >= history.operations[later].start {
        return None;
    }
    let Action::Write { value } = history.operations[last].action.clone() else { return None };
    history.operations.retain(|o| o.action != Action::Read);
    history.operations.push(read(&value, end + 1, end + 2));
    Some("lost")
}

impl Mistake {
    const ALL: [Self; 5] = [Self::Old, Self::Never, Self::Invent, Self::Early, Self::FailedWrite];

    /// Makes a legal history provably illegal, if it has a place for this mistake.
    fn make(self, history: &mut History, seed: prop::sample::Index) -> Option<&'static str> {
        let all = &mut history.operations;
        let found: Vec<(usize, usize)> = (0..all.len())
            .filter(|&i| all[i].action == Action::Read)
            .filter_map(|read| {
                let Outcome::Ok(Some(value)) = &all[read].outcome else { return None };
                let wanted = Action::Write { value: value.clone() };
                Some((all.iter().position(|o| o.action == wanted)?, read))
            })
            .collect();
        if found.is_empty() {
            return None;
        }
        let (written, known) = found[seed.index(found.len())];
        let end = all.iter().filter_map(|o| o.end).max()?;
        match self {
            // When all is over somebody reads what was overwritten before the last write that was read.
            Self::Old => {
                let (last, _) = *found.iter().max_by_key(|(write, _)| all[*write].start)?;
                let older = (0..all.len()).find(|&i| {
                    matches!(all[i].action, Action::Write { .. })
                        && all[i].end.is_some_and(|end| end < all[last].start)
                        && all[i].outcome == Outcome::Ok(None)
                })?;
                let Action::Write { value } = all[older].action.clone() else { return None };
                all.push(read(&value, end + 1, end + 2));
                Some("stale")
            }
            Self::Never => deaf(history, seed.index(4)),
            Self::Invent => {
                all[known].outcome = Outcome::Ok(Some("phantom".to_owned()));
                Some("invented")
            }
            Self::Early => {
                (all[known].start, all[known].end) = (0, Some(all[written].start.checked_sub(1)?));
                Some("invented")
            }
            Self::FailedWrite => {
                all[written].outcome = Outcome::Failed;
                Some("invented")
            }
        }
    }
}

proptest! {
    #![proptest_config(cases(500))]

    #[test]
    fn what_a_correct_register_did_is_legal(steps in steps(0..120, false)) {
        let history = run(&steps);
        prop_assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }

    #[test]
    fn a_mistake_is_named_and_shown(
        steps in steps(4..60, false),
        mistake in prop::sample::select(Mistake::ALL.to_vec()),
        seed in any::<prop::sample::Index>(),
    ) {
        let steps: Vec<Step> = steps.into_iter().map(|step| Step { fate: 9, ..step }).collect();
        let mut history = run(&steps);
        if let Some(code) = mistake.make(&mut history, seed) {
            let found = violation(MODEL, &history);
            prop_assert_eq!(found.code, code, "{}: {:?}{}", found.message, mistake, dump(&history));
            smallest(&history, &found.excerpt, code)?;
        }
    }
}

proptest! {
    #![proptest_config(cases(12))]

    #[test]
    fn long_histories_are_decided(steps in steps(1_500..1_501, false)) {
        prop_assert_eq!(MODEL.check(&run(&steps)), Judgement::Legal);
    }
}

/// A mistake, its code, what is said of it, and the operations that show it.
#[test]
fn each_mistake_has_its_name() {
    let cases: [(&[Operation], &str, &str, &[usize]); 8] = [
        (
            &[write("a", 0, 1), write("b", 2, 3), read("a", 4, 5), read("b", 6, 7)],
            "stale",
            "c read \"a\" although the write of \"b\" had returned",
            &[0, 1, 2, 3],
        ),
        (
            &[write("a", 0, 1), write("b", 2, 30), read("b", 4, 5), read("a", 6, 7)],
            "stale",
            "c read \"a\" although \"b\" had been read before, which is newer",
            &[0, 1, 2, 3],
        ),
        (
            &[write("a", 0, 1), read("", 2, 3), read("a", 4, 5)],
            "stale",
            "c found nothing although the write of \"a\" had returned",
            &[0, 1, 2],
        ),
        (
            &[write("a", 0, 1), write("b", 2, 3), read("a", 4, 5), read("a", 6, 7)],
            "lost",
            "the write of \"b\" had returned, yet later c read \"a\", and nobody ever read \"b\"",
            &[0, 1, 2],
        ),
        (
            &[write("a", 0, 1), read("", 2, 3)],
            "lost",
            "the write of \"a\" had returned, yet later c found nothing, and nobody ever read \"a\"",
            &[0, 1],
        ),
        (&[read("a", 0, 1)], "invented", "\"a\" was read, yet nobody ever wrote it", &[0]),
        (
            &[read("a", 0, 1), write("a", 2, 3)],
            "invented",
            "\"a\" was read before anyone began to write it",
            &[0, 1],
        ),
        (
            &[Operation { outcome: Outcome::Failed, ..write("a", 0, 1) }, read("a", 2, 3)],
            "invented",
            "the write of \"a\" said that it failed, yet \"a\" was read",
            &[0, 1],
        ),
    ];
    for (operations, code, message, excerpt) in cases {
        let history = history(operations);
        let found = violation(MODEL, &history);
        let seen = (found.code, found.message.as_str(), &*found.excerpt);
        assert_eq!(seen, (code, message, excerpt), "{}", dump(&history));
    }
}

#[test]
fn what_is_unknown_may_have_been_written_or_not() {
    for operations in [
        &[write("a", 0, 1), unknown_write("b", 2), read("b", 4, 5), read("b", 6, 7)][..],
        &[write("a", 0, 1), unknown_write("b", 2), read("a", 4, 5), read("b", 6, 7)],
        &[write("a", 0, 1), unknown_write("b", 2), read("a", 4, 5)],
        // Two writes at the same time: either may have been the last, for all.
        &[write("a", 0, 9), write("b", 0, 9), read("a", 10, 11), read("a", 12, 13)],
        &[write("a", 0, 9), write("b", 0, 9), read("b", 3, 4), read("a", 6, 7)],
    ] {
        let history = history(operations);
        assert_eq!(MODEL.check(&history), Judgement::Legal, "{}", dump(&history));
    }
    let wavering = [
        write("a", 0, 9),
        write("b", 0, 9),
        read("b", 10, 11),
        read("a", 12, 13),
        read("b", 14, 15),
    ];
    assert_eq!(violation(MODEL, &history(&wavering)).code, "stale");
}
