//! `labs author verify`: of a sound lab every rule holds; each edit breaks the one rule it is meant to break.

use serde_json::{Value, json};

use crate::docker::{self, Found};
use crate::sandbox::{Sandbox, fixture, until};

/// The rules that a lab itself can break, but for those that check more often.
const BY_LAB: [&str; 6] = ["fresh", "right", "wrong", "steps", "guards", "twice"];

/// A sandbox with a copy of the sound lab, after `edit` of its lab.yaml.
fn edited(edit: impl FnOnce(String) -> String) -> Sandbox {
    let sandbox = Sandbox::new();
    let labs = sandbox.home().join("labs-dir");
    let tasks = labs.join("sound/tasks");
    std::fs::create_dir_all(&tasks).unwrap();
    for suffix in [".md", ".explanation.md"] {
        let text = fixture("verify/sound/tasks").join(format!("colour{suffix}"));
        // The second is for an edit that adds a task.
        for task in ["colour", "done"] {
            std::fs::copy(&text, tasks.join(format!("{task}{suffix}"))).unwrap();
        }
    }
    let text = std::fs::read_to_string(fixture("verify/sound/lab.yaml")).unwrap();
    std::fs::write(labs.join("sound/lab.yaml"), edit(text)).unwrap();
    sandbox
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
    let sandbox = edited(edit);
    let mut args = rules(&BY_LAB);
    args.extend(["--jobs", "1"]);
    if !BY_LAB.contains(&rule) {
        args.extend(["--rule", rule]);
    }
    let (lab, code) = verify(&sandbox, &args);
    assert_eq!((code, &lab["holds"]), (1, &json!(false)), "{lab:#}");
    for breach in lab["breaches"].as_array().unwrap() {
        assert_eq!(breach["rule"], rule, "{lab:#}");
        assert!(breach["what"].as_str().unwrap().contains(said), "{lab:#}");
    }
    assert_nothing_left(&sandbox);
}

#[test]
fn every_rule_holds_of_a_sound_lab() {
    let sandbox = edited(|text| text);
    let (lab, code) = verify(&sandbox, &["--repeat", "1", "--shuffle"]);
    assert_eq!((code, &lab["holds"]), (0, &json!(true)), "{lab:#}");
    let (again, code) = verify(&sandbox, &["--repeat", "1", "--shuffle"]);
    assert_eq!((code, &again["cached"]), (0, &json!(true)), "{again:#}");
    for (rule, all) in [("fresh", 1), ("right", 1), ("wrong", 2), ("guards", 1), ("impostor", 2)] {
        assert_eq!(lab["rules"][rule], json!({"good": all, "all": all}), "{lab:#}");
    }
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
fn a_right_solution_that_fails_breaks_right() {
    breaks("right", "does not pass colour/set: value", |text| {
        replaced(&text, "SET ${key} ${value}\" }\nwrong", "SET ${key} green\" }\nwrong")
    });
}

#[test]
fn a_wrong_solution_that_fails_for_another_reason_breaks_wrong() {
    breaks("wrong", "promises to fail colour/set: nothing; fails colour/set: value", |text| {
        replaced(&text, "fails: { colour/set: value }", "fails: { colour/set: nothing }")
    });
}

#[test]
fn a_wrong_solution_that_passes_breaks_wrong() {
    breaks("wrong", "fails nothing", |text| replaced(&text, "SET ${key} red", "SET ${key} blue"));
}

#[test]
fn a_step_that_nobody_misses_breaks_steps() {
    breaks("steps", "no check of colour notices", |text| {
        let step = "SET ${key} ${value}\" }\n      - { task: colour, run: \"redis-cli -h redis SET other 1\" }\nwrong";
        replaced(&text, "SET ${key} ${value}\" }\nwrong", step)
    });
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
    breaks("twice", "checked twice, it does not pass colour/seldom", |text| {
        counting(&text, 3, "solutions:")
    });
}

#[test]
fn a_check_that_passes_a_few_times_only_breaks_flakes() {
    breaks("flakes", "when checked again", |text| counting(&text, 5, "solutions:"));
}

#[test]
fn a_check_that_hangs_on_what_was_checked_before_breaks_order() {
    breaks("order", "in another order", |text| {
        // With two checks there is one other order.
        let stock =
            &text[text.find("      - id: stock").unwrap()..text.find("solutions:").unwrap()];
        let unguarded = replaced(&text, stock, "");
        let unguarded = &unguarded[..unguarded.find("  - id: sold").unwrap()];
        counting(unguarded, 2, "      - id: set\n")
    });
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
