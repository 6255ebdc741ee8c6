//! Drills: services that die, freeze and come back, and how services of a seat compare.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::Value;

use crate::checks::{self, expect, failures};
use crate::docker;
use crate::sandbox::Sandbox;

const LAB: &str = "tiny-pair";

/// Puts on the first, and says so once the second has it.
const WAITS: &str = "
def put(key):
    with r.client() as connection:
        connection.set(key, 'here')
        return connection.wait(1, 5000) == 1
";
/// Says so, and leaves it to chance.
const KEEPS_IT: &str = "
def put(key):
    return True
";
const YES: &str = "
def yes():
    return True
";
const NO: &str = "
def yes():
    return False
";

fn seat() -> Sandbox {
    let sandbox = Sandbox::with_fixture("drill");
    sandbox.ok(&["run", LAB, "--detach"]);
    sandbox
}

/// Each check of a task, by its id.
fn checks(sandbox: &Sandbox, task: &str) -> BTreeMap<String, Value> {
    checks::of(sandbox, &[LAB, task])
}

/// The checks of the program made of these parts.
fn with_program(sandbox: &Sandbox, parts: &[&str]) -> BTreeMap<String, Value> {
    let head = "import redis\nr = redis.Redis('first', decode_responses=True)\n";
    sandbox.write(LAB, "pair.py", format!("{head}{}", parts.concat()));
    checks(sandbox, "pair")
}

fn ask(sandbox: &Sandbox, service: &str, words: &[&str]) -> String {
    let line = ["exec", "workbench", "--", "redis-cli", "-h", service];
    sandbox.ok(&[&line, words].concat()).stdout
}

/// The twins of a seat and their ids.
fn twins(sandbox: &Sandbox) -> String {
    let mut found = String::new();
    for name in sandbox.on_engine().containers.iter().filter(|name| name.contains("-twin-")) {
        let state = docker::container(name).unwrap();
        assert_eq!(state["State"]["Status"], "running", "{name}");
        writeln!(found, "{name} {}", state["Id"]).unwrap();
    }
    found
}

#[test]
fn what_a_drill_breaks_is_mended_and_nothing_of_it_reaches_the_learner() {
    let sandbox = seat();
    let found = with_program(&sandbox, &[WAITS, YES]);
    assert_eq!(failures(&found), expect(&[]), "{found:#?}");
    let made = twins(&sandbox);
    assert_eq!(made.lines().count(), 2, "{made}");

    // A drill that ends in the middle leaves one dead and one frozen, were they not brought back.
    let found = with_program(&sandbox, &[KEEPS_IT, NO]);
    let codes = expect(&[("survives", "lost"), ("broken", "result")]);
    assert_eq!(failures(&found), codes, "{found:#?}");
    let history = found["broken"]["failure"]["evidence"]["history"].to_string();
    assert!(history.contains("kill -9 first") && history.contains("freeze second"), "{history}");
    assert!(history.contains("yes() → false"), "{history}");
    assert_eq!(twins(&sandbox), made, "the twins come clean, and are not made anew");

    assert_eq!(ask(&sandbox, "first", &["KEYS", "*"]).trim(), "mine");
    assert_eq!(ask(&sandbox, "second", &["DBSIZE"]).trim(), "0");
    assert!(ask(&sandbox, "second", &["ROLE"]).starts_with("master"));
}

#[test]
fn a_call_that_cannot_go_on_is_the_programs_failure() {
    let sandbox = seat();
    let asks_the_dead = "\ndef yes():\n    return r.ping()\n";
    let found = with_program(&sandbox, &[WAITS, asks_the_dead]);
    assert_eq!(failures(&found), expect(&[("broken", "raised")]), "{found:#?}");
    let takes_its_time = "\ndef yes():\n    import time\n    time.sleep(12)\n    return True\n";
    let found = with_program(&sandbox, &[WAITS, takes_its_time]);
    assert_eq!(failures(&found), expect(&[("broken", "timeout")]), "{found:#?}");
    let found = with_program(&sandbox, &[WAITS, YES]);
    assert_eq!(failures(&found), expect(&[]), "{found:#?}");
}

#[test]
fn a_twin_gets_the_learners_setting_for_one_check() {
    let sandbox = seat();
    ask(&sandbox, "second", &["CONFIG", "SET", "replica-read-only", "no"]);
    let found = with_program(&sandbox, &[WAITS, YES]);
    assert_eq!(failures(&found), expect(&[("refuses", "refused")]), "{found:#?}");
    let history = found["refuses"]["failure"]["evidence"]["history"].to_string();
    assert!(history.contains("second: replica-read-only = no, as on yours"), "{history}");
}

#[test]
fn an_answer_may_have_to_come_in_time_or_not_at_all() {
    let sandbox = seat();
    let found = checks(&sandbox, "wait");
    let codes = expect(&[("too-late", "late"), ("held-up", "late"), ("answers", "refused")]);
    assert_eq!(failures(&found), codes, "{found:#?}");
    let evidence = &found["too-late"]["failure"]["evidence"];
    assert_eq!(
        (&evidence["expected"], &evidence["observed"]),
        (&"an answer within 200 ms".into(), &"none".into())
    );
    let history = found["held-up"]["failure"]["evidence"]["history"].to_string();
    assert!(history.contains("times meanwhile, and waited for "), "{history}");
}

#[test]
fn services_are_compared_and_what_takes_time_gets_it() {
    let sandbox = seat();
    assert_eq!(failures(&checks(&sandbox, "look")), expect(&[("same", "value")]));
    ask(&sandbox, "second", &["SET", "other", "1"]);
    assert_eq!(failures(&checks(&sandbox, "look")), expect(&[]));
    // Refused by one of them, the question has no answer to compare with.
    ask(&sandbox, "first", &["SET", "rows", "no list"]);
    ask(&sandbox, "second", &["INCR", "another"]);
    let found = checks(&sandbox, "look");
    assert_eq!(failures(&found), expect(&[("as-long", "value")]));
    let summary = &found["as-long"]["failure"]["evidence"]["summary"];
    assert_eq!(summary, "first refused the question");
    ask(&sandbox, "first", &["SET", "fading", "1", "PX", "2000"]);
    assert!(!failures(&checks(&sandbox, "look")).contains_key("fades"));
    ask(&sandbox, "second", &["REPLICAOF", "first", "6379"]);
    assert_eq!(failures(&checks(&sandbox, "look")).get("role"), Some(&"value"));
}

#[test]
fn a_way_that_is_cut_or_slow_is_the_programs_to_stand_and_open_again_afterwards() {
    let sandbox = seat();
    let line = |body: &str| {
        let head = "import redis\nr = redis.Redis('first', decode_responses=True)\n";
        sandbox.write(LAB, "line.py", format!("{head}def get(key):\n{body}"));
        let found = checks(&sandbox, "line");
        let failed = failures(&found);
        failed.iter().map(|(id, code)| format!("{id}: {code}")).collect::<Vec<_>>()
    };
    let patient = "    try:\n        return r.get(key)\n    except redis.ConnectionError:\n        return 'cut'\n";
    // Twice on the same twins: what was cut and slow is so no longer.
    for _ in 0..2 {
        assert_eq!(line(patient), ["too-slow: timeout"]);
    }
    assert_eq!(line("    return r.get(key)\n"), ["cut: raised", "too-slow: timeout"]);
}
