//! Each judgement is content with what should be, and complains of each thing that should not.

use super::*;
use crate::catalog::Catalog;

/// `task/check` with `pass`, `blocked`, `error` or a failure code.
fn found<const N: usize>(said: [(&str, &str); N]) -> Found {
    let one = |(name, what): (&str, &str)| {
        let (verdict, code, tells) = match what {
            "pass" => (Verdict::Pass, None, None),
            "blocked" => (Verdict::Blocked, None, None),
            "error" => (Verdict::Error, None, Some("The engine is away")),
            code => (Verdict::Fail, Some(code.to_owned()), Some("It is seen")),
        };
        (name.to_owned(), Said { verdict, code, tells: tells.map(str::to_owned) })
    };
    said.map(one).into()
}

#[track_caller]
fn complains(fault: Option<String>, of: &str) {
    let fault = fault.expect("no complaint");
    assert!(fault.contains(of), "{fault}");
}

#[test]
fn a_fresh_seat_passes_no_task_breaks_no_guard_and_has_no_error() {
    let lab = Catalog::new(None).lab("redis-queues").unwrap();
    let with = |what: &str, changed: &str| {
        let mut all = Found::new();
        for task in &lab.tasks {
            for check in &task.checks {
                let name = format!("{}/{}", task.id.value, check.id.value);
                let said = match check.guard {
                    _ if what == name || what == task.id.value => changed,
                    true => "pass",
                    false => "value",
                };
                all.extend(found([(&*name, said)]));
            }
        }
        fresh(&lab, &all)
    };
    assert_eq!(with("nothing", ""), [""; 0]);
    assert_eq!(with("by-hand/waiting", "pass"), [""; 0], "the task has other checks");
    assert_eq!(with("fifo", "pass"), ["the task fifo passes"]);
    assert_eq!(
        with("walk/intact", "value"),
        ["the guard walk/intact does not hold: value (It is seen)"]
    );
    assert_eq!(with("lifo/order", "error"), ["lifo/order: error (The engine is away)"]);
}

#[test]
fn a_right_solution_passes_everything() {
    assert_eq!(right(&found([("a/x", "pass"), ("b/y", "pass")])), None);
    for said in ["value", "blocked", "error"] {
        complains(right(&found([("a/x", "pass"), ("b/y", said)])), "b/y: ");
    }
}

#[test]
fn a_wrong_solution_fails_what_it_names_and_nothing_else() {
    let promised = BTreeMap::from([("a/x".to_owned(), "order".to_owned())]);
    let wrong = |promised: &_, found: &_| wrong(promised, &BTreeMap::new(), found);
    assert_eq!(wrong(&promised, &found([("a/x", "order"), ("a/y", "pass")])), None);
    assert_eq!(wrong(&promised, &found([("a/x", "order"), ("a/y", "blocked")])), None);
    complains(
        wrong(&promised, &found([("a/x", "pass"), ("a/y", "pass")])),
        "not so: a/x: order; not promised: nothing",
    );
    complains(
        wrong(&promised, &found([("a/x", "lost"), ("a/y", "pass")])),
        "not so: a/x: order; not promised: a/x: lost (It is seen)",
    );
    complains(
        wrong(&promised, &found([("a/x", "order"), ("a/y", "lost")])),
        "not so: nothing; not promised: a/y: lost",
    );
    complains(wrong(&promised, &found([("a/x", "order"), ("a/y", "error")])), "a/y: error");
    complains(
        wrong(&promised, &found([("a/x", "blocked"), ("a/y", "pass")])),
        "not promised: a/x: blocked",
    );
}

#[test]
fn a_mistake_that_is_noticed_by_chance_may_block_what_was_promised() {
    let promised = BTreeMap::from([("a/x".to_owned(), "lost".to_owned())]);
    let by_chance = BTreeMap::from([("a/w".to_owned(), "lost".to_owned())]);
    let wrong = |said: [(&str, &str); 2]| wrong(&promised, &by_chance, &found(said));
    assert_eq!(wrong([("a/w", "pass"), ("a/x", "lost")]), None);
    assert_eq!(wrong([("a/w", "lost"), ("a/x", "blocked")]), None);
    assert_eq!(wrong([("a/w", "lost"), ("a/x", "lost")]), None);
    complains(wrong([("a/w", "pass"), ("a/x", "blocked")]), "not so: a/x: lost");
    complains(wrong([("a/w", "lost"), ("a/x", "pass")]), "not so: a/x: lost");
    complains(wrong([("a/w", "order"), ("a/x", "lost")]), "not promised: a/w: order");
}

#[test]
fn only_a_failure_notices_a_mistake() {
    assert!(noticed(&found([("a/x", "pass"), ("a/y", "order")])));
    assert!(!noticed(&found([("a/x", "pass"), ("a/y", "blocked"), ("a/z", "error")])));
}

#[test]
fn a_kill_during_a_check_is_nobodys_failure_and_must_have_met_one() {
    let met = found([("a/x", "pass"), ("a/y", "error"), ("a/z", "blocked")]);
    assert_eq!((killed_during(&met), was_met(&met)), (None, true));
    complains(killed_during(&found([("a/x", "lost"), ("a/y", "error")])), "a/x: lost");
    assert!(!was_met(&found([("a/x", "pass"), ("a/y", "blocked")])));
}

#[test]
fn with_a_service_killed_nothing_passes_or_fails() {
    assert_eq!(killed(&found([("a/x", "error"), ("a/y", "blocked")])), None);
    complains(killed(&found([("a/x", "error"), ("a/y", "pass")])), "a/y: pass");
    complains(killed(&found([("a/x", "error"), ("a/y", "value")])), "a/y: value");
    complains(killed(&found([("a/x", "blocked")])), "no check errors");
    complains(killed(&found([])), "no check errors");
}

#[test]
fn with_a_service_shut_down_everything_fails_and_says_so() {
    assert_eq!(shut_down(&found([("a/x", "service-stopped"), ("a/y", "blocked")])), None);
    assert_eq!(shut_down(&found([("a/x", "service-stopped"), ("a/y", "missing")])), None);
    complains(shut_down(&found([("a/x", "service-stopped"), ("a/y", "pass")])), "a/y: pass");
    complains(shut_down(&found([("a/x", "service-stopped"), ("a/y", "error")])), "a/y: error");
    complains(shut_down(&found([("a/x", "missing")])), "no check says so: a/x: missing");
    complains(shut_down(&found([])), "no check says so");
}

#[test]
fn nothing_passes_while_an_impostor_answers() {
    assert_eq!(impostor(&found([("a/x", "impostor"), ("a/y", "blocked"), ("a/z", "error")])), None);
    complains(impostor(&found([("a/x", "impostor"), ("a/y", "pass")])), "a/y: pass");
}

#[test]
fn a_service_that_is_back_leaves_no_error() {
    assert_eq!(back(&found([("a/x", "pass"), ("a/y", "value")])), None);
    complains(back(&found([("a/x", "pass"), ("a/y", "error")])), "a/y: error");
}

#[test]
fn a_reset_a_second_check_and_another_order_change_nothing() {
    let first = found([("a/x", "value"), ("a/y", "pass")]);
    assert_eq!(same("after a reset", &first, &first), None);
    let passes = found([("a/x", "pass"), ("a/y", "pass")]);
    complains(same("after a reset", &first, &passes), "after a reset: nothing");
    let other = found([("a/x", "nothing"), ("a/y", "pass")]);
    complains(same("after a reset", &first, &other), "after a reset: a/x: nothing");
    let fewer = found([("a/x", "value")]);
    complains(same("after a reset", &first, &fewer), "after a reset");
}
