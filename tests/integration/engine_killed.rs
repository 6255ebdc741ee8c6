//! The engine is killed at one step after the other of each command. It is the one that all else runs on, so these tests
//! run when they are asked for, and alone:
//!
//!     cargo test --test integration engine_killed -- --ignored --test-threads 1
//!
//! Needs root, and an engine that `docker/setup` started.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::kill::{FEW, MANY, assert_nothing_left, at_each_step, passed};
use crate::sandbox::{Sandbox, fixture, until};

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";

/// The process of the engine.
fn engine() -> String {
    let found = Command::new("pgrep").args(["-x", "dockerd"]).output().unwrap();
    let pids = String::from_utf8(found.stdout).unwrap();
    let running: Vec<&str> = pids.lines().filter(|pid| is_there(pid)).collect();
    assert_eq!(running.len(), 1, "engines: {running:?}");
    running[0].to_owned()
}

fn start_engine() {
    let setup = Path::new(env!("CARGO_MANIFEST_DIR")).join("docker/setup");
    let status = Command::new(setup).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "docker/setup: {status}");
}

/// Runs a command that kills the engine at a step, and starts it again; whether it came so far. It ends well, or
/// says that the engine failed: a learner's failure (1) it is not.
fn under(sandbox: &Sandbox, args: &[&str], step: u32) -> bool {
    let engine = engine();
    let mut command = sandbox.command(args);
    command.env("LABS_DIE_AT", step.to_string()).env("LABS_DIE_PID", &engine);
    let ran = command.output().unwrap();
    let code = ran.status.code().unwrap_or(-1);
    let killed = !is_there(&engine);
    if killed {
        start_engine();
    }
    let said = [&ran.stdout[..], &ran.stderr].map(|said| String::from_utf8_lossy(said)).concat();
    eprintln!("{args:?} at {step}: {code}\n{said}");
    // What needs the engine afterwards cannot have done its work.
    let expected = if killed { &[0, 3][..] } else { &[0] };
    assert!(expected.contains(&code), "{args:?} at {step}: {code}\n{said}");
    assert!(code == 0 || said.contains("engine"), "{args:?} at {step} says not why:\n{said}");
    killed
}

/// A killed process may take a moment to go.
fn is_there(pid: &str) -> bool {
    let stat = std::fs::read_to_string(PathBuf::from("/proc").join(pid).join("status"));
    stat.is_ok_and(|stat| !stat.contains("State:\tZ"))
}

#[test]
#[ignore = "kills the engine that other tests use"]
fn run_makes_the_seat_whole_after_the_engine_was_killed_at_any_step() {
    let sandbox = Sandbox::with_fixture("labs");
    at_each_step(FEW, |step| {
        let killed = under(&sandbox, &["run", QUEUE, "--detach"], step);
        let when = format!("engine killed at step {step} of run");
        sandbox.ok(&["run", QUEUE, "--detach"]);
        let asked = ["exec", "workbench", "--", "redis-cli", "-h", "redis", "LLEN", "fruits"];
        assert_eq!(sandbox.ok(&asked).stdout, "3\n", "{when}");
        sandbox.ok(&["stop", QUEUE]);
        assert_nothing_left(&sandbox, &when);
        killed
    });
}

#[test]
#[ignore = "kills the engine that other tests use"]
fn a_check_under_which_the_engine_is_killed_blames_nobody() {
    let sandbox = Sandbox::with_fixture("labs");
    let right = std::fs::read(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap();
    sandbox.ok(&["run", QUEUE, "--detach"]);
    sandbox.write(QUEUE, "queue.py", right);
    at_each_step(FEW, |step| {
        let when = format!("engine killed at step {step} of check");
        sandbox.redis(QUEUE, &["SET", "count", "3"]);
        let killed = under(&sandbox, &["check", QUEUE], step);
        sandbox.ok(&["run", QUEUE, "--detach"]);
        sandbox.redis(QUEUE, &["SET", "count", "3"]);
        let (result, code) = sandbox.json_and_code(&["check", QUEUE]);
        assert_eq!(code, 0, "{when}: {result:#}");
        killed
    });
    sandbox.ok(&["stop", QUEUE]);
    assert_nothing_left(&sandbox, "after all");
}

#[test]
#[ignore = "kills the engine that other tests use"]
fn reset_and_stop_lose_nothing_when_the_engine_is_killed_at_any_step() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    at_each_step(FEW, |step| {
        let mine = format!("mine-{step}.txt");
        sandbox.write(KEYS, &mine, "mine");
        let killed = under(&sandbox, &["reset", KEYS, "--yes"], step);
        let when = format!("engine killed at step {step} of reset");
        let folders = std::fs::read_dir(sandbox.home().join("labs")).unwrap();
        let kept = folders.filter(|folder| folder.as_ref().unwrap().path().join(&mine).exists());
        assert_eq!(kept.count(), 1, "{when}");
        sandbox.ok(&["run", KEYS, "--detach"]);
        assert!(passed(&sandbox, KEYS, "door"), "{when}");
        killed
    });
    at_each_step(FEW, |step| {
        sandbox.ok(&["run", KEYS, "--detach"]);
        let killed = under(&sandbox, &["stop", KEYS], step);
        let when = format!("engine killed at step {step} of stop");
        let again = sandbox.run(&["stop", KEYS]);
        assert!(again.code == 0 || again.stderr.contains("There is no seat"), "{when}: {again:#?}");
        assert_nothing_left(&sandbox, &when);
        assert!(sandbox.workspace(KEYS).join("notes.txt").exists(), "{when}");
        killed
    });
}

#[test]
#[ignore = "kills the engine that other tests use"]
fn a_grade_under_which_the_engine_is_killed_scores_nothing_wrong_and_leaves_nothing() {
    let sandbox = Sandbox::with_fixture("labs");
    // Its record of what it made is asked for below.
    sandbox.ok(&["progress"]);
    let submission = sandbox.home().join("submission");
    std::fs::create_dir(&submission).unwrap();
    let right = fixture("labs/tiny-queue/solutions/list/queue.py");
    std::fs::copy(right, submission.join("queue.py")).unwrap();
    std::fs::write(submission.join("apply.sh"), "redis-cli -h redis SET count 3\n").unwrap();
    let grade = ["grade", QUEUE, "--submission", submission.to_str().unwrap()];
    at_each_step(MANY, |step| {
        let when = format!("engine killed at step {step} of grade");
        let killed = under(&sandbox, &grade, step);
        assert_nothing_left(&sandbox, &when);
        killed
    });
    sandbox.ok(&grade);
}

#[test]
#[ignore = "kills the engine that other tests use"]
fn a_seat_that_ran_when_the_engine_was_killed_goes_on_with_its_data() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.redis(KEYS, &["SAVE"]);
    sandbox.ok(&["check", KEYS, "door"]);
    let engine = engine();
    assert!(Command::new("kill").args(["-KILL", &engine]).status().unwrap().success());
    until("the engine is gone", || !is_there(&engine));
    let (document, code) = sandbox.json_and_code(&["check", KEYS]);
    start_engine();
    assert_eq!(code, 3, "{document:#}");
    sandbox.ok(&["run", KEYS, "--detach"]);
    assert_eq!(sandbox.redis(KEYS, &["GET", "door"]), "open\n");
    assert!(passed(&sandbox, KEYS, "door"));
}
