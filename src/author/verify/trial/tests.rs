//! Trials on the lab of queues: `reliable` needs `fifo`; the solution `raw` brings `resp.py` to every task.

use super::*;
use crate::catalog::Catalog;

fn lab() -> Lab {
    Catalog::new(None).lab("redis-queues").unwrap()
}

fn named<'t, 'a>(trials: &'t [Trial<'a>], name: &str) -> &'t Trial<'a> {
    trials.iter().find(|t| t.name() == name).unwrap_or_else(|| panic!("there is no {name}"))
}

/// The files and command lines that the seat gets, with the folders of the files.
fn done(trial: &Trial) -> Vec<String> {
    let one = |(placed, _): &(Placed, Option<String>)| match placed.name() {
        Some(name) => format!("{}/{name}", placed.folder),
        None => placed.step.run.clone().unwrap_or_default(),
    };
    trial.steps.iter().map(one).collect()
}

#[test]
fn a_seat_gets_what_the_tasks_need_too() {
    let lab = lab();
    let all = wrong(&lab).unwrap();
    assert_eq!(done(named(&all, "wrong polling")), ["wrong/polling/blocking.py"]);
    assert_eq!(
        done(named(&all, "wrong peeking")),
        ["solutions/lists/fifo.py", "wrong/peeking/reliable.py"]
    );
}

#[test]
fn a_step_is_left_out_and_the_others_stay() {
    let lab = lab();
    let all = left_out(&lab).unwrap();
    let by_hand = done(named(&all, "solution lists without step 2 (by-hand)"));
    assert_eq!(by_hand.len(), 2);
    assert!(by_hand[0].contains("LPUSH") && by_hand[1].contains("LMOVE"), "{by_hand:?}");
    // The task that is needed does not bring the file either.
    let reliable = done(named(&all, "solution raw without step 9 (reliable)"));
    assert_eq!(reliable, ["solutions/raw/fifo.py", "solutions/raw/reliable.py"]);
    // Nothing is left of a task that has one step.
    assert!(
        !all.iter().any(|t| t.name().starts_with("solution lists") && t.tasks.contains("fifo"))
    );
}

#[test]
fn each_mistake_has_one_baseline_with_all_its_steps() {
    let lab = lab();
    let all = baselines(&lab, &left_out(&lab).unwrap()).unwrap();
    let raw = all.iter().filter(|t| t.name().starts_with("solution raw")).count();
    assert_eq!((all.len(), raw), (8, 7));
    assert_eq!(done(named(&all, "solution lists for by-hand alone")).len(), 3);
    assert_eq!(
        done(named(&all, "solution raw for reliable alone")),
        ["resp.py", "fifo.py", "resp.py", "reliable.py"]
            .map(|name| format!("solutions/raw/{name}"))
    );
    assert!(baselines(&lab, &wrong(&lab).unwrap()).unwrap().is_empty());
}

#[test]
fn what_is_checked_together_cannot_meet() {
    let lab = lab();
    let mut all = wrong(&lab).unwrap();
    all.extend(left_out(&lab).unwrap());
    all.extend(baselines(&lab, &all).unwrap());
    let mut names: Vec<String> = all.iter().map(Trial::name).collect();
    let rounds = rounds(&lab, all);
    let mut tried: Vec<String> = rounds.iter().flatten().map(Trial::name).collect();
    names.sort();
    tried.sort();
    assert_eq!(names, tried, "each is tried once");
    assert!(rounds.len() < names.len() * 2 / 3, "{} rounds", rounds.len());
    for round in rounds.iter().filter(|round| round.len() > 1) {
        let mut tasks: Vec<&str> = round.iter().flat_map(|t| t.tasks.iter().copied()).collect();
        let all = tasks.len();
        tasks.sort_unstable();
        tasks.dedup();
        assert_eq!(tasks.len(), all, "a task twice: {tasks:?}");
        assert!(!(tasks.contains(&"fifo") && tasks.contains(&"reliable")), "{tasks:?}");
        for trial in round {
            assert!(!matches!(trial.what, What::Baseline(..)), "{}", trial.name());
            assert!(trial.steps.iter().all(|(s, _)| s.step.run.is_none()), "{}", trial.name());
        }
        // One that is without the helper is not beside one that brings it.
        let brings = |trial: &&Trial| trial.files.get("resp.py").is_some_and(Option::is_some);
        let lacks = |trial: &&Trial| trial.files.get("resp.py").is_some_and(Option::is_none);
        assert!(!(round.iter().any(|t| brings(&t)) && round.iter().any(|t| lacks(&t))));
    }
}
