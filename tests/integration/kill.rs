//! labs is killed at one step after the other of each command; what comes next finds everything sound.
//!
//! A step is the moment before or after a call to the engine. A run of the tests takes some of them; with
//! `LABS_EVERY_STEP=1` all.

use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use serde_json::{Value, json};

use crate::docker::{self, Found};
use crate::sandbox::{Sandbox, fixture, until};

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";
/// So many steps are passed over otherwise; a prime, so that both sides of a call are met.
const STRIDE: u32 = 11;

/// Runs a command that is killed at a step; whether it came that far.
fn dies(sandbox: &Sandbox, args: &[&str], step: u32) -> bool {
    let mut command = sandbox.command(args);
    command.env("LABS_DIE_AT", step.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().unwrap();
    assert!(status.code().is_none_or(|code| code < 2), "{args:?} at {step}: {status:?}");
    status.signal() == Some(9)
}

/// Tries the steps of a command one after the other, until it is through before it dies.
fn at_each_step(mut killed_at: impl FnMut(u32) -> bool) {
    let every = std::env::var_os("LABS_EVERY_STEP").is_some();
    let mut tried = 0;
    for step in (1..).step_by(if every { 1 } else { STRIDE as usize }) {
        if !killed_at(step) {
            break;
        }
        tried += 1;
    }
    eprintln!("killed at {tried} steps");
    assert!(tried > 1, "the command died at {tried} steps: is this a release build?");
}

fn assert_nothing_left(sandbox: &Sandbox, when: &str) {
    // What the engine was asked for just before a death can appear a little later.
    until(&format!("gc has removed everything ({when})"), || {
        sandbox.ok(&["gc"]);
        sandbox.on_engine() == Found::default()
    });
}

fn assert_all_run(sandbox: &Sandbox, when: &str) {
    for name in sandbox.on_engine().containers {
        // A twin or runner of a check that was killed may be on its way out.
        let Some(container) = docker::container(&name) else { continue };
        assert_eq!(container["State"]["Paused"], json!(false), "{name} {when}");
    }
}

fn is_ready(sandbox: &Sandbox) -> bool {
    let ledger = sandbox.home().join(".local/share/labs/labs.db");
    let ready = "SELECT count(*) FROM seats WHERE ready";
    let count = rusqlite::Connection::open(ledger).unwrap().query_row(ready, [], |row| row.get(0));
    count == Ok(1)
}

fn passed(sandbox: &Sandbox, lab: &str, task: &str) -> bool {
    let tasks = sandbox.json(&["tasks", lab, task]);
    tasks["tasks"][0]["progress"]["passed_at"] != Value::Null
}

#[test]
fn run_killed_at_any_step_is_made_whole_by_the_next_and_leaves_nothing() {
    let sandbox = Sandbox::with_fixture("labs");
    at_each_step(|step| {
        let died = dies(&sandbox, &["run", QUEUE, "--detach"], step);
        let when = format!("run killed at step {step}");
        // What was not whole goes; a death after the last of it leaves a seat like any other.
        if died && step % 2 == 0 && !is_ready(&sandbox) {
            assert_nothing_left(&sandbox, &when);
        }
        sandbox.ok(&["run", QUEUE, "--detach"]);
        assert_eq!(sandbox.redis(QUEUE, &["LLEN", "fruits"]), "3\n", "{when}");
        sandbox.ok(&["stop", QUEUE]);
        assert_nothing_left(&sandbox, &when);
        died
    });
}

#[test]
fn a_check_killed_at_any_step_costs_nothing_and_the_next_is_right() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let right = std::fs::read(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap();
    sandbox.write(QUEUE, "queue.py", right);
    sandbox.redis(QUEUE, &["SET", "count", "3"]);
    at_each_step(|step| {
        let died = dies(&sandbox, &["check", QUEUE], step);
        let when = format!("check killed at step {step}");
        let (result, code) = sandbox.json_and_code(&["check", QUEUE]);
        assert_eq!(code, 0, "{when}: {result:#}");
        assert_all_run(&sandbox, &when);
        assert_eq!(sandbox.redis(QUEUE, &["LLEN", "fruits"]), "3\n", "{when}");
        died
    });
    sandbox.ok(&["stop", QUEUE]);
    assert_nothing_left(&sandbox, "after all");
}

#[test]
fn reset_and_stop_killed_at_any_step_lose_no_file_and_no_progress() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    at_each_step(|step| {
        let mine = format!("mine-{step}.txt");
        sandbox.write(KEYS, &mine, "mine");
        let died = dies(&sandbox, &["reset", KEYS, "--yes"], step);
        let when = format!("reset killed at step {step}");
        let folders = std::fs::read_dir(sandbox.home().join("labs")).unwrap();
        let kept = folders.filter(|folder| folder.as_ref().unwrap().path().join(&mine).exists());
        assert_eq!(kept.count(), 1, "{when}");
        sandbox.ok(&["run", KEYS, "--detach"]);
        assert!(passed(&sandbox, KEYS, "door"), "{when}");
        died
    });
    at_each_step(|step| {
        sandbox.ok(&["run", KEYS, "--detach"]);
        let died = dies(&sandbox, &["stop", KEYS], step);
        let when = format!("stop killed at step {step}");
        let again = sandbox.run(&["stop", KEYS]);
        assert!(again.code == 0 || again.stderr.contains("There is no seat"), "{when}: {again:#?}");
        assert_nothing_left(&sandbox, &when);
        assert!(sandbox.workspace(KEYS).join("notes.txt").exists(), "{when}");
        died
    });
}

#[test]
fn a_grade_killed_at_any_step_leaves_nothing() {
    let sandbox = Sandbox::with_fixture("labs");
    // Its record of what it made is asked for below.
    sandbox.ok(&["progress"]);
    let submission = sandbox.home().join("submission");
    std::fs::create_dir(&submission).unwrap();
    let right = fixture("labs/tiny-queue/solutions/list/queue.py");
    std::fs::copy(right, submission.join("queue.py")).unwrap();
    std::fs::write(submission.join("apply.sh"), "redis-cli -h redis SET count 3\n").unwrap();
    let grade = ["grade", QUEUE, "--submission", submission.to_str().unwrap()];
    at_each_step(|step| {
        let died = dies(&sandbox, &grade, step);
        assert_nothing_left(&sandbox, &format!("grade killed at step {step}"));
        died
    });
    sandbox.ok(&grade);
}
