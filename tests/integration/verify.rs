//! `labs author verify`: of a sound lab every rule holds; each edit breaks the one rule it is meant to break.
//!
//! No lab can break `impostor`: before a round of checks every service that has a port is asked what only a genuine one can
//! answer, and where one cannot, that is what every check comes to; a service without a port has nobody to fool. So the rule
//! is tried on the sound lab, on one with a program and on one with a service that no check asks; that it would complain is
//! shown beside `judge.rs`.

use std::net::SocketAddr;
use std::path::PathBuf;

use labs::catalog::service::Protocol;
use labs::probe::service;
use serde_json::{Value, json};

use crate::docker::{self, Found};
use crate::sandbox::{Sandbox, fixture, until};

/// The rules about what a lab says.
const BY_LAB: [&str; 6] = ["fresh", "right", "wrong", "steps", "guards", "twice"];
/// Those about what is done to its services, which take longer.
const BY_HARM: [&str; 4] = ["killed", "shut-down", "impostor", "reset"];

/// A sandbox with a copy of the sound lab, after `edit` of its lab.yaml.
fn edited(edit: impl FnOnce(String) -> String) -> Sandbox {
    let sandbox = Sandbox::new();
    let lab = lab_of(&sandbox);
    std::fs::create_dir_all(lab.join("tasks")).unwrap();
    for suffix in [".md", ".explanation.md"] {
        let text = fixture("verify/sound/tasks").join(format!("colour{suffix}"));
        // The others are for edits that add a task.
        for task in ["colour", "done", "wait"] {
            std::fs::copy(&text, lab.join(format!("tasks/{task}{suffix}"))).unwrap();
        }
    }
    std::fs::create_dir_all(lab.join("solutions/set")).unwrap();
    let program = fixture("verify/sound/solutions/set/wait.py");
    std::fs::copy(program, lab.join("solutions/set/wait.py")).unwrap();
    let text = std::fs::read_to_string(fixture("verify/sound/lab.yaml")).unwrap();
    std::fs::write(lab.join("lab.yaml"), edit(text)).unwrap();
    sandbox
}

fn lab_of(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join("labs-dir/sound")
}

fn replaced(text: &str, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from:?} is not in the sound lab");
    text.replacen(from, to, 1)
}

/// The first lab of the document, and the exit code.
fn verify(sandbox: &Sandbox, more: &[&str]) -> (Value, i32) {
    let labs = sandbox.home().join("labs-dir");
    let mut args = vec!["--labs-dir", labs.to_str().unwrap(), "author", "verify", "sound"];
    args.extend(more);
    let (document, code) = sandbox.json_and_code(&args);
    (document["labs"][0].clone(), code)
}

fn rules(names: &[&'static str]) -> Vec<&'static str> {
    names.iter().flat_map(|name| ["--rule", name]).collect()
}

/// Nothing of the throw-away seats is left, neither on the engine nor on disk.
fn assert_nothing_left(sandbox: &Sandbox) {
    sandbox.ok(&["gc"]);
    assert_eq!(sandbox.on_engine(), Found::default());
    let scratch = sandbox.home().join(".local/share/labs/scratch");
    assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0);
}

/// The edit breaks this rule and no other.
fn breaks(rule: &'static str, said: &str, edit: impl FnOnce(String) -> String) {
    broken(&edited(edit), rule, said);
}

/// The lab of the sandbox breaks this rule and no other.
fn broken(sandbox: &Sandbox, rule: &'static str, said: &str) -> Value {
    let mut args = rules(&BY_LAB);
    args.extend(["--jobs", "1"]);
    if BY_HARM.contains(&rule) {
        args.extend(rules(&BY_HARM));
    } else if !BY_LAB.contains(&rule) {
        args.extend(["--rule", rule]);
    }
    let (lab, code) = verify(sandbox, &args);
    assert_eq!((code, &lab["holds"]), (1, &json!(false)), "{lab:#}");
    for breach in lab["breaches"].as_array().unwrap() {
        assert_eq!(breach["rule"], rule, "{lab:#}");
        assert!(breach["what"].as_str().unwrap().contains(said), "{lab:#}");
    }
    assert_nothing_left(sandbox);
    lab
}

/// Rules that the edit gives nothing to try are no others than these.
fn assert_untried(lab: &Value, expected: &[(&str, &str)]) {
    let untried: Vec<(&str, &str)> = lab["nothing_to_try"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["rule"].as_str().unwrap(), one["why"].as_str().unwrap()))
        .collect();
    assert_eq!(untried, expected, "{lab:#}");
}

#[test]
fn every_rule_holds_of_a_sound_lab() {
    let sandbox = edited(|text| text);
    let (lab, code) = verify(&sandbox, &["--repeat", "1", "--shuffle"]);
    assert_eq!((code, &lab["holds"]), (0, &json!(true)), "{lab:#}");
    let (again, code) = verify(&sandbox, &["--repeat", "1", "--shuffle"]);
    assert_eq!((code, &again["cached"]), (0, &json!(true)), "{again:#}");
    for (rule, all) in [
        ("fresh", 1),
        ("right", 1),
        ("wrong", 2),
        ("guards", 1),
        ("killed", 1),
        ("shut-down", 1),
        ("impostor", 2),
        ("reset", 1),
    ] {
        let tally = &lab["rules"][rule];
        assert_eq!((&tally["good"], &tally["all"]), (&json!(all), &json!(all)), "{lab:#}");
    }
    assert_untried(
        &lab,
        &[
            ("steps", "no solution has several steps for a task"),
            ("killed", "no check runs a program"),
            ("shut-down", "no check runs a program"),
        ],
    );
    assert_nothing_left(&sandbox);
}

/// One more task, whose program waits for a job while it is watched; what the twin is given before.
fn with_program(text: &str, given: &str) -> String {
    let task = format!(
        "  - id: wait
    title: A job is waited for
    points: 1
    program: wait.py
    checks:
      - id: comes
        claim: A job that comes later is taken
        trace:
          given: [{given}]
          steps:
            - start: {{ call: take, as: waiting }}
            - watch: 600ms
            - call: {{ call: put, args: [\"$job\"] }}
            - finish: {{ of: waiting, within: 4s, expect: {{ eq: \"$job\" }} }}
solutions:"
    );
    let step = "\n      - { task: wait, copy: wait.py }\nwrong";
    replaced(&replaced(text, "solutions:", &task), "\nwrong", step)
}

#[test]
fn every_rule_holds_of_a_sound_lab_with_a_program() {
    let sandbox = edited(|text| with_program(&text, ""));
    let (lab, code) = verify(&sandbox, &["--jobs", "1"]);
    assert_eq!((code, &lab["holds"]), (0, &json!(true)), "{lab:#}");
    for (rule, all) in [("killed", 2), ("shut-down", 2), ("impostor", 2), ("reset", 1)] {
        let tally = &lab["rules"][rule];
        assert_eq!((&tally["good"], &tally["all"]), (&json!(all), &json!(all)), "{lab:#}");
    }
    assert_untried(&lab, &[("steps", "no solution has several steps for a task")]);
    assert_nothing_left(&sandbox);
}

#[test]
fn a_task_that_passes_before_anything_is_done_breaks_fresh() {
    breaks("fresh", "the task done passes", |text| {
        let task = "  - id: done
    title: Done already
    points: 1
    checks:
      - id: stock
        claim: The stock is five
        state: { on: redis, send: [GET, stock], expect: { eq: \"5\" } }
solutions:";
        replaced(&text, "solutions:", task)
    });
}

#[test]
fn what_the_set_up_sent_is_not_in_the_books() {
    let sandbox = edited(|text| {
        let check = "      - id: untouched
        claim: Nobody has set anything
        guard: true
        trace: { books: { on: redis, commands: [set], calls: { at_most: 0 } } }
solutions:";
        replaced(&text, "solutions:", check)
    });
    let (lab, code) = verify(&sandbox, &rules(&["fresh", "reset"]));
    assert_eq!((code, &lab["rules"]["reset"]["good"]), (0, &json!(1)), "{lab:#}");
}

#[test]
fn a_right_solution_that_fails_breaks_right() {
    breaks("right", "does not pass: colour/set: value", |text| {
        replaced(&text, "SET ${key} ${value}\" }\nwrong", "SET ${key} green\" }\nwrong")
    });
}

#[test]
fn a_wrong_solution_that_fails_for_another_reason_breaks_wrong() {
    breaks(
        "wrong",
        "promised and not so: colour/set: nothing; not promised: colour/set: value",
        |text| replaced(&text, "fails: { colour/set: value }", "fails: { colour/set: nothing }"),
    );
}

#[test]
fn a_wrong_solution_that_passes_breaks_wrong() {
    breaks("wrong", "promised and not so: colour/set: value; not promised: nothing", |text| {
        replaced(&text, "SET ${key} red", "SET ${key} blue")
    });
}

#[test]
fn a_step_that_nobody_misses_breaks_steps() {
    breaks("steps", "no check notices that the step is missing", |text| {
        let step = "SET ${key} ${value}\" }\n      - { task: colour, run: \"redis-cli -h redis SET other 1\" }\nwrong";
        replaced(&text, "SET ${key} ${value}\" }\nwrong", step)
    });
}

/// A task `done` that builds on what the commands of `colour` made, and its steps.
fn second_task(text: &str, needs: &str, steps: &[&str]) -> String {
    let task = format!(
        "  - id: done
    title: The colour copied
    points: 1
    needs: [{needs}]
    checks:
      - id: copied
        claim: The copy is like the colour
        state: {{ on: redis, send: [GET, copy], expect: {{ eq: \"${{value}}\" }} }}
solutions:"
    );
    let steps: String = steps
        .iter()
        .map(|step| format!("      - {{ task: done, run: \"redis-cli -h redis {step}\" }}\n"))
        .collect();
    replaced(&replaced(text, "solutions:", &task), "\nwrong", &format!("\n{steps}wrong"))
}

#[test]
fn a_step_is_missed_for_itself_and_not_for_what_another_task_made() {
    let steps = ["COPY ${key} copy", "SET other 1"];
    let sandbox = edited(|text| second_task(&text, "colour", &steps));
    let (lab, _) = verify(&sandbox, &["--rule", "steps"]);
    let missed: Vec<&str> =
        lab["breaches"].as_array().unwrap().iter().filter_map(|b| b["case"].as_str()).collect();
    assert_eq!(missed, ["solution set without step 3 (done)"], "{lab:#}");
    assert_eq!(lab["rules"]["steps"], json!({"good": 1, "all": 2, "nothing_to_try": 0}));
}

#[test]
fn a_task_that_builds_on_another_and_does_not_say_so_breaks_steps() {
    let steps = ["COPY ${key} between", "COPY between copy"];
    breaks(
        "steps",
        "and those of the tasks it needs it does not pass: done/copied: nothing",
        |text| second_task(&text, "", &steps),
    );
}

#[test]
fn what_a_case_leaves_in_the_workbench_does_not_reach_the_next() {
    let leaves =
        "test ! -e /tmp/left; test ! -e ~/left; touch /tmp/left ~/left /workspace/.labs/left
          redis-cli -h redis SET ${key} red; redis-cli -h redis -n 3 SET ${key} red
          setsid sh -c 'while true; do redis-cli -h redis SET ${key} green; done' >/dev/null 2>&1 &
          until redis-cli -h redis GET ${key} | grep green; do :; done";
    let sandbox = edited(|text| {
        let from = "run: \"redis-cli -h redis SET ${key} red\" }";
        let text = replaced(&text, from, &format!("run: |-\n          {leaves}\n        }}"));
        let text = replaced(&text, "- { task: colour, run: |-", "- task: colour\n        run: |-");
        let text = replaced(&text, "\n        }\n    fails", "\n    fails");
        replaced(
            &text,
            "redis-cli -h redis DECR stock\"",
            "redis-cli -h redis DECR stock; test ! -e /workspace/.labs/left; test ! -e ~/left; \
             redis-cli -h redis INFO keyspace | grep -c db | grep -x 1\"",
        )
    });
    let (lab, code) = verify(&sandbox, &["--rule", "wrong", "--jobs", "1"]);
    assert_eq!((code, &lab["rules"]["wrong"]["good"]), (0, &json!(2)), "{lab:#}");
}

#[test]
fn a_guard_that_nothing_breaks_breaks_guards() {
    breaks("guards", "no wrong solution names it", |text| {
        text[..text.find("  - id: sold").unwrap()].to_owned()
    });
}

/// A check that counts what the checks themselves ask: `most` times is not too often.
fn counting(text: &str, most: u32, before: &str) -> String {
    let check = format!(
        "      - id: seldom
        claim: It is seldom asked
        trace: {{ books: {{ on: redis, commands: [get], calls: {{ at_most: {most} }} }} }}
{before}"
    );
    replaced(text, before, &check)
}

#[test]
fn a_check_that_passes_once_only_breaks_twice() {
    breaks("twice", "checked again: colour/seldom: commands", |text| {
        counting(&text, 3, "solutions:")
    });
}

/// To ask MySQL for the value of a function is to call it.
#[test]
fn a_check_that_changes_what_it_asks_breaks_twice() {
    let set_up = "setup:
  - mysql: [CREATE DATABASE shop]
  - mysql: [CREATE TABLE shop.looks (look INT)]
  - mysql:
      - >-
        CREATE FUNCTION shop.look() RETURNS INT DETERMINISTIC MODIFIES SQL DATA
        BEGIN INSERT INTO shop.looks VALUES (1); RETURN 1; END\n";
    let check = "      - id: seen
        claim: It is seen once
        state: { on: mysql, value: SELECT shop.look(), expect: { eq: 1 } }
solutions:";
    breaks("twice", "checking changed what a service keeps", |text| {
        let text = replaced(&text, "  redis: {}\n", "  redis: {}\n  mysql: {}\n");
        replaced(&replaced(&text, "setup:\n", set_up), "solutions:", check)
    });
}

#[test]
fn a_check_that_passes_a_few_times_only_breaks_flakes() {
    breaks("flakes", "checked again: colour/seldom: commands", |text| {
        counting(&text, 5, "solutions:")
    });
}

#[test]
fn a_check_that_hangs_on_what_was_checked_before_breaks_order() {
    breaks("order", "checked in another order: colour/seldom: commands", |text| {
        // With two checks there is one other order.
        let stock =
            &text[text.find("      - id: stock").unwrap()..text.find("solutions:").unwrap()];
        let unguarded = replaced(&text, stock, "");
        let unguarded = &unguarded[..unguarded.find("  - id: sold").unwrap()];
        counting(unguarded, 2, "      - id: set\n")
    });
}

/// A sound lab with one more service, which no check asks.
fn with_service(line: &str) -> Sandbox {
    edited(|text| replaced(&text, "  redis: {}\n", &format!("  redis: {{}}\n  {line}\n")))
}

/// A service without a port is asked by nobody, not even before a check.
#[test]
fn a_service_that_nobody_asks_breaks_killed() {
    let sandbox = with_service("spare: { use: workbench }");
    let said = "with the service gone: colour/set: pass, colour/stock: pass";
    broken(&sandbox, "killed", said);
}

/// Whether somebody told a server to end is seen in its log: one that logs too little could as well have been stopped from
/// outside, which is nobody's failure. The seat's own is shut down by a client, its twin by the program.
#[test]
fn a_service_that_does_not_say_who_stopped_it_breaks_shut_down() {
    let sandbox = edited(|text| {
        let quiet = "[CONFIG, SET, loglevel, warning]";
        let text = with_program(&text, &format!("{{ send: {quiet} }}"));
        replaced(&text, "setup:\n", &format!("setup:\n  - redis: {quiet}\n"))
    });
    let lab = broken(&sandbox, "shut-down", "was stopped from outside (exit code 0)");
    assert_eq!(lab["rules"]["shut-down"]["all"], 2, "{lab:#}");
    assert_eq!(lab["breaches"].as_array().unwrap().len(), 2, "{lab:#}");
}

/// Each set-up draws a number, and checks look at its digits: sixteen of them do not come to the same twice.
#[test]
fn a_set_up_that_comes_to_something_else_each_time_breaks_reset() {
    let draw = "setup:
  - redis: [EVAL, \"redis.call('SET', KEYS[1], redis.sha1hex(table.concat(redis.call('TIME'))))\", \"1\", drawn]\n";
    let digit = |n| {
        format!(
            "      - id: digit-{n}
        claim: Digit {n} is small
        state: {{ on: redis, send: [GETRANGE, drawn, \"{n}\", \"{n}\"], expect: {{ one_of: [0, 1, 2, 3, 4, 5, 6, 7] }} }}\n"
        )
    };
    breaks("reset", "after a reset: ", |text| {
        let text = replaced(&text, "setup:\n", draw);
        let digits: String = (0..16).map(digit).collect();
        let text = replaced(&text, "solutions:", &format!("{digits}solutions:"));
        let set =
            format!("redis-cli -h redis SET drawn {:016}; redis-cli -h redis SET ${{key}}", 0);
        text.replace("redis-cli -h redis SET ${key}", &set)
    });
}

#[test]
fn a_task_that_is_not_reset_by_its_command_breaks_reset() {
    breaks("reset", "after a reset of colour alone: the task colour passes", |text| {
        replaced(&text, "DEL ${key}", "DEL another")
    });
    let sandbox = edited(|text| replaced(&text, "redis DEL ${key}", "nowhere DEL ${key}"));
    let (lab, code) = verify(&sandbox, &rules(&["reset"]));
    let what = lab["breaches"][0]["what"].as_str().unwrap();
    assert!(code == 1 && what.contains("What colour has left cannot be undone"), "{lab:#}");
}

/// Every service with a port is asked, before the checks, what only a genuine one can answer.
#[test]
fn an_impostor_of_a_service_that_no_check_asks_is_noticed() {
    let sandbox = with_service("nginx: {}");
    let (lab, code) = verify(&sandbox, &["--rule", "impostor"]);
    assert_eq!((code, &lab["holds"]), (0, &json!(true)), "{lab:#}");
    assert_eq!(lab["rules"]["impostor"], json!({ "all": 4, "good": 4, "nothing_to_try": 0 }));
    assert_nothing_left(&sandbox);
}

#[test]
fn a_mistake_that_no_check_notices_breaks_mutants() {
    breaks("mutants", "survives: drops `EX 9000`", |text| {
        replaced(&text, "SET ${key} ${value}\" }\nwrong", "SET ${key} ${value} EX 9000\" }\nwrong")
    });
}

#[test]
fn an_equivalent_that_a_check_tells_from_the_solution_breaks_mutants() {
    let lasting = |text: String| {
        replaced(&text, "SET ${key} ${value}\" }\nwrong", "SET ${key} ${value} EX 9000\" }\nwrong")
    };
    // The mutant that drops `EX 9000`: its id hangs on the command line and on the mistake.
    let id = "set/colour/2ffd7cda";
    let argued = format!("equivalent:\n  - {{ mutants: [{id}], reason: Nobody looks }}\n");
    let mutants = ["--rule", "mutants", "--jobs", "1"];
    let sandbox = edited(|text| lasting(text) + &argued);
    let (lab, code) = verify(&sandbox, &mutants);
    assert_eq!((code, &lab["mutants"]["equivalent"]), (0, &json!(1)), "{lab:#}");

    let looks = "checks:\n      - id: lasts\n        claim: It lasts\n        state: \
                 { on: redis, send: [TTL, colour], expect: { at_least: 1 } }\n";
    let sandbox = edited(|text| replaced(&lasting(text), "checks:\n", looks) + &argued);
    let (lab, code) = verify(&sandbox, &mutants);
    let breach = &lab["breaches"][0];
    assert_eq!((code, &breach["case"]), (1, &json!(format!("equivalent {id}"))), "{lab:#}");
    let what = breach["what"].as_str().unwrap();
    assert!(what.starts_with("does not pass: colour/lasts: value"), "{what}");
}

#[tokio::test]
async fn a_digest_sees_all_databases_and_functions_and_leaves_the_session_as_it_was() {
    let sandbox = edited(|text| text);
    let labs = sandbox.home().join("labs-dir");
    let labs_dir = ["--labs-dir", labs.to_str().unwrap()];
    sandbox.ok(&[&labs_dir[..], &["run", "sound", "--detach"]].concat());
    let status = sandbox.json(&[&labs_dir[..], &["status"]].concat());
    let address: SocketAddr =
        status["seats"][0]["parts"][0]["address"].as_str().unwrap().parse().unwrap();
    let connect = || service::connect(Some(Protocol::Redis), "redis", address);
    let (session, other) = (connect().await.unwrap(), connect().await.unwrap());
    let before = session.digest().await.unwrap();
    let library = "#!lua name=mine\nredis.register_function('mine', function() return 1 end)";
    for (change, undo) in [
        (&["SET", "colour", "red"][..], &["DEL", "colour"][..]),
        (
            &["MOVE", "stock", "7"],
            &["EVAL", "redis.call('SELECT', 7) return redis.call('MOVE', 'stock', 0)", "0"],
        ),
        (
            &["COPY", "stock", "stock", "DB", "15"],
            &["EVAL", "redis.call('SELECT', 15) return redis.call('DEL', 'stock')", "0"],
        ),
        (&["EXPIRE", "stock", "9000"], &["PERSIST", "stock"]),
        (&["FUNCTION", "LOAD", library], &["FUNCTION", "DELETE", "mine"]),
        (
            &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
            &["CONFIG", "SET", "maxmemory-policy", "noeviction"],
        ),
        (&["ACL", "SETUSER", "ben", "on"], &["ACL", "DELUSER", "ben"]),
    ] {
        other.demand(change).await.unwrap();
        assert_ne!(session.digest().await.unwrap(), before, "{change:?}");
        let client = session.demand(&["CLIENT", "INFO"]).await.unwrap();
        assert!(client.as_str().unwrap().contains(" db=0 "), "{client}");
        other.demand(undo).await.unwrap();
        assert_eq!(session.digest().await.unwrap(), before, "{undo:?}");
    }
    // By its name, since the sandbox itself does not know that folder of labs.
    sandbox.ok(&["stop", "sound"]);
}

#[test]
fn a_lab_that_cannot_be_verified_keeps_no_other_from_it() {
    let sandbox = edited(|text| text);
    let labs = sandbox.home().join("labs-dir");
    let text = std::fs::read_to_string(labs.join("sound/lab.yaml")).unwrap();
    std::fs::create_dir(labs.join("early")).unwrap();
    std::fs::write(labs.join("early/lab.yaml"), "format: 1\n").unwrap();
    // Its set-up asks for what Redis refuses.
    let refused = replaced(&text, "setup:\n", "setup:\n  - redis: [NOSUCH]\n");
    let folder = labs.join("middle");
    let mut copy = std::process::Command::new("cp");
    assert!(copy.arg("-r").arg(labs.join("sound")).arg(&folder).status().unwrap().success());
    std::fs::write(folder.join("lab.yaml"), refused).unwrap();

    let base = ["--labs-dir", labs.to_str().unwrap(), "author", "verify", "--rule", "fresh"];
    let (document, code) = sandbox.json_and_code(&base);
    let found: Vec<_> = document["labs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|lab| (lab["lab"].as_str().unwrap(), lab["holds"] == true, !lab["error"].is_null()))
        .collect();
    let expected = [("early", false, true), ("middle", false, true), ("sound", true, false)];
    assert_eq!((&found[..], code), (&expected[..], 3), "{document:#}");
    let ran = sandbox.run(&[&base[..], &["early", "sound"]].concat());
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stdout.contains("✗ early") && ran.stdout.contains("✓ sound"), "{ran:#?}");
    assert!(ran.stdout.contains("early/lab.yaml"), "{ran:#?}");
    let ran = sandbox.run(&[&base[..], &["sound", "sounds"]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{ran:#?}");
    assert_nothing_left(&sandbox);
}

#[test]
fn an_interrupted_verification_leaves_nothing() {
    let sandbox = edited(|text| text);
    let labs = sandbox.home().join("labs-dir");
    let args = ["--labs-dir", labs.to_str().unwrap(), "author", "verify", "sound"];
    sandbox.ok(&["status"]);
    let mut child = sandbox.command(&args).spawn().unwrap();
    until("a seat runs", || {
        let found = sandbox.on_engine().containers;
        found
            .iter()
            .any(|name| docker::container(name).is_some_and(|c| c["State"]["Running"] == true))
    });
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&child),
        rustix::process::Signal::INT,
    )
    .unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    until("all is gone", || {
        sandbox.ok(&["gc"]);
        sandbox.on_engine() == Found::default()
    });
    assert_nothing_left(&sandbox);
}
