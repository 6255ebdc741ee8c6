//! labs is killed at one step after the other of each command; what comes next finds everything sound.
//!
//! A step is what `src/failpoint.rs` says. A run of the tests takes some of them; with `LABS_EVERY_STEP=1` all.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::docker::{self, Found};
use crate::sandbox::{Ran, Sandbox, fixture, until};

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";
const PAIR: &str = "tiny-pair";
const PAIRED: &str = "
import redis
r = redis.Redis('first', decode_responses=True)

def put(key):
    with r.client() as connection:
        connection.set(key, 'here')
        return connection.wait(1, 5000) == 1

def yes():
    return True
";
/// So many steps further is the next death, of a command with hardly any, with few and with many; odd, so that both sides of a
/// call are met.
const RARE: u32 = 3;
pub const FEW: u32 = 11;
/// Of one that is run several times for each of them.
const TWICE: u32 = 21;
pub const MANY: u32 = 37;

/// Runs a command that is killed at a step; whether it came that far.
pub fn dies(sandbox: &Sandbox, args: &[&str], step: u32) -> bool {
    let mut command = sandbox.command(args);
    command.env("LABS_DIE_AT", step.to_string()).stdout(Stdio::null()).stderr(Stdio::null());
    let status = command.status().unwrap();
    assert!(status.code().is_none_or(|code| code < 2), "{args:?} at {step}: {status:?}");
    status.signal() == Some(9)
}

/// Tries the steps of a command one after the other, until it is through before it dies. Of some of them it takes others
/// each day.
pub fn at_each_step(stride: u32, mut killed_at: impl FnMut(u32) -> bool) {
    let every = std::env::var_os("LABS_EVERY_STEP").is_some();
    let (first, stride) = if every {
        (1, 1)
    } else {
        let today = UNIX_EPOCH.elapsed().unwrap().as_secs() / (24 * 60 * 60);
        (1 + u32::try_from(today % u64::from(stride)).unwrap(), stride)
    };
    let mut tried = Vec::new();
    for step in (first..).step_by(stride as usize) {
        if !killed_at(step) {
            break;
        }
        tried.push(step);
    }
    eprintln!("killed at {} steps: {tried:?}", tried.len());
    assert!(!tried.is_empty(), "the command never died: is this a release build?");
}

pub fn assert_nothing_left(sandbox: &Sandbox, when: &str) {
    // What the engine was asked for just before a death can appear a little later.
    until(&format!("gc has removed everything ({when})"), || {
        sandbox.ok(&["gc"]);
        sandbox.on_engine() == Found::default()
    });
    let record = sandbox.home().join(".local/share/labs/labs.db");
    if record.exists() {
        let record = rusqlite::Connection::open(record).unwrap();
        let sound = record.query_row("PRAGMA integrity_check", [], |row| row.get::<_, String>(0));
        assert_eq!(sound, Ok("ok".to_owned()), "{when}");
    }
}

fn assert_all_run(sandbox: &Sandbox, when: &str) {
    for name in sandbox.on_engine().containers {
        // A twin or runner of a check that was killed may be on its way out.
        let Some(container) = docker::container(&name) else { continue };
        assert_eq!(container["State"]["Paused"], json!(false), "{name} {when}");
    }
}

pub fn is_ready(sandbox: &Sandbox) -> bool {
    let ledger = sandbox.home().join(".local/share/labs/labs.db");
    let ready = "SELECT count(*) FROM seats WHERE ready";
    let count = rusqlite::Connection::open(ledger).unwrap().query_row(ready, [], |row| row.get(0));
    count == Ok(1)
}

pub fn passed(sandbox: &Sandbox, lab: &str, task: &str) -> bool {
    let tasks = sandbox.json(&["tasks", lab, task]);
    tasks["tasks"][0]["progress"]["passed_at"] != Value::Null
}

/// The next run makes the seat whole, and nothing of it is left when it has ended.
fn assert_made_whole(sandbox: &Sandbox, when: &str) {
    sandbox.ok(&["run", QUEUE, "--detach"]);
    assert_eq!(sandbox.redis(QUEUE, &["LLEN", "fruits"]), "3\n", "{when}");
    sandbox.ok(&["stop", QUEUE]);
    assert_nothing_left(sandbox, when);
}

#[test]
fn run_killed_at_any_step_is_made_whole_by_the_next_and_leaves_nothing() {
    let sandbox = Sandbox::with_fixture("labs");
    at_each_step(FEW, |step| {
        let died = dies(&sandbox, &["run", QUEUE, "--detach"], step);
        let when = format!("run killed at step {step}");
        // What was not whole goes; a death after the last of it leaves a seat like any other.
        if died && step % 2 == 0 && !is_ready(&sandbox) {
            assert_nothing_left(&sandbox, &when);
        }
        assert_made_whole(&sandbox, &when);
        died
    });
}

/// The one after it finds what two of them have left.
#[test]
fn a_run_after_one_that_was_killed_is_killed_at_any_step_too_and_the_next_makes_it_whole() {
    let sandbox = Sandbox::with_fixture("labs");
    let run = ["run", QUEUE, "--detach"];
    at_each_step(TWICE, |step| {
        // The first comes now far, now not.
        let first = 1 + 17 * step % 40;
        dies(&sandbox, &run, first);
        let died = dies(&sandbox, &run, step);
        let when = format!("runs killed at steps {first} and {step}");
        assert_made_whole(&sandbox, &when);
        died
    });
}

#[test]
fn gc_all_the_while_beside_a_run_killed_at_any_step_takes_nothing_that_is_used() {
    let sandbox = Sandbox::with_fixture("labs");
    let run = ["run", QUEUE, "--detach"];
    at_each_step(TWICE, |step| {
        let when = format!("gc beside a run killed at step {step}");
        let runs = AtomicBool::new(true);
        let died = std::thread::scope(|scope| {
            scope.spawn(|| {
                while runs.load(Ordering::Relaxed) {
                    sandbox.ok(&["gc"]);
                }
            });
            let died = dies(&sandbox, &run, step);
            runs.store(false, Ordering::Relaxed);
            died
        });
        assert_made_whole(&sandbox, &when);
        died
    });
}

/// The other one waits for nothing: it does its work, or is told that somebody else is at it.
#[test]
fn of_two_runs_at_once_one_killed_at_any_step_leaves_a_seat_that_is_made_whole() {
    let sandbox = Sandbox::with_fixture("labs");
    let run = ["run", QUEUE, "--detach"];
    let begin = |mut command: Command| {
        command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let was_refused = |ran: &Ran, when: &str| {
        let busy = ran.code == 3 && ran.stderr.contains("Another labs is changing this seat");
        assert!(busy || matches!(ran.code, 0 | -1), "{when}: {ran:#?}");
        busy
    };
    at_each_step(FEW, |step| {
        let when = format!("one of two killed at step {step}");
        loop {
            let mut dying = sandbox.command(&run);
            dying.env("LABS_DIE_AT", step.to_string());
            let (dying, other) = (begin(dying), begin(sandbox.command(&run)));
            let dying: Ran = dying.wait_with_output().unwrap().into();
            was_refused(&other.wait_with_output().unwrap().into(), &when);
            assert_made_whole(&sandbox, &when);
            // The other was there first: once more.
            if !was_refused(&dying, &when) {
                break dying.code == -1;
            }
        }
    });
}

#[test]
fn a_check_killed_at_any_step_costs_nothing_and_the_next_is_right() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let right = std::fs::read(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap();
    sandbox.write(QUEUE, "queue.py", right);
    sandbox.redis(QUEUE, &["SET", "count", "3"]);
    at_each_step(FEW, |step| {
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

/// Its checks kill, freeze and restart services.
#[test]
fn a_check_that_does_harm_killed_at_any_step_leaves_none() {
    let sandbox = Sandbox::with_fixture("drill");
    sandbox.ok(&["run", PAIR, "--detach"]);
    sandbox.write(PAIR, "pair.py", PAIRED);
    at_each_step(FEW, |step| {
        let died = dies(&sandbox, &["check", PAIR, "pair"], step);
        let when = format!("check killed at step {step}");
        // Whichever comes first leaves nothing frozen.
        if step % 2 == 0 {
            sandbox.ok(&["gc"]);
            assert_all_run(&sandbox, &format!("gc after {when}"));
        }
        let (result, code) = sandbox.json_and_code(&["check", PAIR, "pair"]);
        assert_eq!(code, 0, "{when}: {result:#}");
        assert_all_run(&sandbox, &when);
        for (service, keys) in [("first", "1\n"), ("second", "0\n")] {
            let ask = ["exec", "workbench", "--", "redis-cli", "-h", service, "DBSIZE"];
            assert_eq!(sandbox.ok(&ask).stdout, keys, "{service}, {when}");
        }
        died
    });
    sandbox.ok(&["stop", PAIR]);
    assert_nothing_left(&sandbox, "after all");
}

#[test]
fn reset_and_stop_killed_at_any_step_lose_no_file_and_no_progress() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    at_each_step(FEW, |step| {
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
    at_each_step(FEW, |step| {
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
fn a_tasks_reset_killed_at_any_step_keeps_the_file_and_the_pass_and_works_again() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let starter = std::fs::read_to_string(sandbox.workspace(QUEUE).join("queue.py")).unwrap();
    let right = std::fs::read(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap();
    sandbox.write(QUEUE, "queue.py", right);
    sandbox.ok(&["check", QUEUE, "solo"]);
    let reset = ["reset", QUEUE, "solo", "--yes"];
    let files = || {
        let files = std::fs::read_dir(sandbox.workspace(QUEUE)).unwrap();
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap_or_default())
    };
    at_each_step(RARE, |step| {
        let mine = format!("# mine at step {step}\n");
        sandbox.write(QUEUE, "queue.py", &mine);
        sandbox.redis(QUEUE, &["RPUSH", "queue", "left"]);
        let died = dies(&sandbox, &reset, step);
        let when = format!("reset of a task killed at step {step}");
        assert_eq!(files().filter(|file| *file == mine).count(), 1, "{when}");
        sandbox.ok(&reset);
        assert_eq!(files().filter(|file| *file == mine).count(), 1, "{when}");
        assert_eq!(files().filter(|file| *file == starter).count(), 1, "{when}");
        assert_eq!(sandbox.redis(QUEUE, &["EXISTS", "queue"]), "0\n", "{when}");
        assert!(passed(&sandbox, QUEUE, "solo"), "{when}");
        died
    });
    sandbox.ok(&["stop", QUEUE]);
    assert_nothing_left(&sandbox, "after all");
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
    at_each_step(MANY, |step| {
        let died = dies(&sandbox, &grade, step);
        assert_nothing_left(&sandbox, &format!("grade killed at step {step}"));
        died
    });
    sandbox.ok(&grade);
}

#[test]
fn a_verification_killed_at_any_step_leaves_nothing() {
    let sandbox = Sandbox::with_fixture("labs");
    // Its record of what it made is asked for below.
    sandbox.ok(&["progress"]);
    let verify = ["author", "verify", KEYS, "--rule", "right", "--jobs", "1"];
    at_each_step(MANY, |step| {
        let died = dies(&sandbox, &verify, step);
        assert_nothing_left(&sandbox, &format!("verify killed at step {step}"));
        died
    });
    sandbox.ok(&[&verify[..], &["--anew"]].concat());
}
