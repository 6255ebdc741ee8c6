//! Whenever a command is cut short, nothing is left that the next one does not find.

use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Duration;

use rusqlite::OptionalExtension;
use rustix::fs::{Mode, OFlags};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::json;

use crate::docker::{self, Found};
use crate::sandbox::{SLEEPS, Sandbox, fixture, until};

/// A lab whose set-up takes two seconds, so that every moment of its start can be met.
const SLOW: &str = "slow-start";
const QUEUE: &str = "tiny-queue";

/// How far a start has come.
#[derive(Debug, Clone, Copy)]
enum Moment {
    Recorded,
    NetworkMade,
    ContainerMade,
    ContainersRun,
    SettingUp,
}

const MOMENTS: [Moment; 5] = [
    Moment::Recorded,
    Moment::NetworkMade,
    Moment::ContainerMade,
    Moment::ContainersRun,
    Moment::SettingUp,
];

fn sandbox() -> Sandbox {
    Sandbox::with_fixture("labs")
}

fn begin(sandbox: &Sandbox, args: &[&str]) -> Child {
    sandbox.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// The exit code that says which signal ended a command; none when it could not say anything.
fn end(mut child: Child) -> Option<i32> {
    child.wait().unwrap().code()
}

fn exit_code(signal: Signal) -> Option<i32> {
    match signal {
        Signal::INT => Some(130),
        Signal::TERM => Some(143),
        _ => None,
    }
}

/// Where labs keeps what it remembers.
fn data(sandbox: &Sandbox) -> PathBuf {
    sandbox.home().join(".local/share/labs")
}

/// The seat in the ledger, once there is one.
fn recorded(sandbox: &Sandbox) -> Option<String> {
    let ledger = data(sandbox).join("labs.db");
    let flags = rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY;
    let connection = rusqlite::Connection::open_with_flags(ledger, flags).ok()?;
    connection.query_row("SELECT id FROM seats", [], |row| row.get(0)).optional().ok()?
}

fn has_come_to(sandbox: &Sandbox, moment: Moment) -> bool {
    let Some(seat) = recorded(sandbox) else { return false };
    let found = || docker::labelled(&format!("labs.seat={seat}"));
    let runs = |name: &String| {
        docker::container(name).is_some_and(|container| container["State"]["Running"] == true)
    };
    match moment {
        Moment::Recorded => true,
        Moment::NetworkMade => !found().networks.is_empty(),
        Moment::ContainerMade => !found().containers.is_empty(),
        Moment::ContainersRun => {
            let containers = found().containers;
            containers.len() == 2 && containers.iter().all(runs)
        }
        Moment::SettingUp => blocked_clients(&seat) == Some(1),
    }
}

/// How many clients wait in a blocking command of a seat's Redis.
fn blocked_clients(seat: &str) -> Option<u32> {
    let gate = docker::container(&format!("labs-{seat}-gate"))?;
    let port = gate["NetworkSettings"]["Ports"]["7000/tcp"][0]["HostPort"].as_str()?.to_owned();
    let client = redis::Client::open(format!("redis://127.0.0.1:{port}/")).unwrap();
    let mut session = client.get_connection_with_timeout(Duration::from_secs(5)).ok()?;
    let info: String = redis::cmd("INFO").arg("clients").query(&mut session).ok()?;
    info.lines().find_map(|line| line.strip_prefix("blocked_clients:"))?.parse().ok()
}

fn interrupted_run(signal: Signal, moment: Moment) -> Sandbox {
    let sandbox = sandbox();
    let child = begin(&sandbox, &["run", SLOW, "--detach"]);
    until(&format!("{moment:?}"), || has_come_to(&sandbox, moment));
    send(&child, signal);
    assert_eq!(end(child), exit_code(signal), "{signal:?} at {moment:?}");
    sandbox
}

fn assert_nothing_left(sandbox: &Sandbox, when: &str) {
    // What the engine was asked for in that moment can still appear a little later.
    until(&format!("gc has removed everything ({when})"), || {
        sandbox.ok(&["gc"]);
        sandbox.on_engine() == Found::default()
    });
    assert_eq!(sandbox.json(&["status"])["seats"], json!([]), "{when}");
    let again = sandbox.json(&["gc"]);
    assert_eq!(again, json!({"containers": [], "networks": [], "volumes": []}), "{when}");
}

fn assert_starts(sandbox: &Sandbox) {
    sandbox.ok(&["run", SLOW, "--detach"]);
    assert_eq!(sandbox.redis(SLOW, &["GET", "prepared"]), "yes\n");
}

fn a_signal_at_any_moment_leaves_nothing(signal: Signal) {
    for moment in MOMENTS {
        let sandbox = interrupted_run(signal, moment);
        assert_nothing_left(&sandbox, &format!("{signal:?} at {moment:?}"));
        assert!(sandbox.workspace(SLOW).exists() || matches!(moment, Moment::Recorded));
    }
}

#[test]
fn ctrl_c_at_any_moment_of_run_leaves_nothing() {
    a_signal_at_any_moment_leaves_nothing(Signal::INT);
}

#[test]
fn a_request_to_end_at_any_moment_of_run_leaves_nothing() {
    a_signal_at_any_moment_leaves_nothing(Signal::TERM);
}

#[test]
fn a_run_killed_at_any_moment_leaves_nothing_that_gc_does_not_remove() {
    a_signal_at_any_moment_leaves_nothing(Signal::KILL);
}

#[test]
fn ctrl_c_removes_the_half_made_seat_without_gc() {
    let sandbox = interrupted_run(Signal::INT, Moment::SettingUp);
    let left = sandbox.on_engine();
    assert_eq!((left.containers, left.volumes), (vec![], vec![]));
    assert!(
        left.networks.iter().all(|name| name.starts_with("labs-gates-")),
        "{:?}",
        left.networks
    );
    assert_starts(&sandbox);
}

#[test]
fn a_run_after_one_that_was_killed_makes_the_seat_whole() {
    for moment in MOMENTS {
        let sandbox = interrupted_run(Signal::KILL, moment);
        sandbox.ok(&["run", SLOW, "--detach"]);
        let prepared = sandbox.redis(SLOW, &["GET", "prepared"]);
        assert_eq!(prepared, "yes\n", "the set-up is not done after a kill at {moment:?}");
    }
}

#[test]
fn of_a_start_that_was_cut_short_and_of_which_nothing_runs_all_is_made_anew() {
    let sandbox = interrupted_run(Signal::KILL, Moment::SettingUp);
    let seat = recorded(&sandbox).unwrap();
    let left = format!("labs.seat={seat}");
    for container in docker::labelled(&left).containers {
        docker::kill(&container);
    }
    assert_starts(&sandbox);
    assert_ne!(recorded(&sandbox), Some(seat));
    assert!(docker::labelled(&left).is_empty(), "{:#?}", docker::labelled(&left));
    sandbox.ok(&["stop", SLOW]);
    assert_nothing_left(&sandbox, "after all");
}

#[test]
fn nobody_works_in_a_seat_that_has_not_come_up_and_a_reset_makes_it_one_that_has() {
    let sandbox = interrupted_run(Signal::KILL, Moment::SettingUp);
    for work in [&["check", SLOW][..], &["exec", "workbench", "--", "true"]] {
        let refused = sandbox.run(work);
        assert_eq!(refused.code, 3, "{refused:#?}");
        for part in ["has not come up yet", "labs run slow-start"] {
            assert!(refused.stderr.contains(part), "{}", refused.stderr);
        }
    }
    sandbox.ok(&["reset", SLOW, "--yes"]);
    sandbox.redis(SLOW, &["SET", "mine", "kept"]);
    sandbox.ok(&["gc"]);
    assert_starts(&sandbox);
    assert_eq!(sandbox.redis(SLOW, &["GET", "mine"]), "kept\n");
}

#[test]
fn ctrl_c_while_a_seat_is_brought_back_keeps_the_seat() {
    let sandbox = sandbox();
    assert_starts(&sandbox);
    sandbox.redis(SLOW, &["SAVE"]);
    let seat = recorded(&sandbox).unwrap();
    let redis = format!("labs-{seat}-redis");
    assert!(docker::kill(&redis));
    let child = begin(&sandbox, &["run", SLOW, "--detach"]);
    until("redis is started again", || {
        docker::container(&redis).unwrap()["State"]["Running"] == true
    });
    send(&child, Signal::INT);
    end(child);
    assert_eq!(recorded(&sandbox), Some(seat));
    sandbox.ok(&["gc"]);
    assert_starts(&sandbox);
}

#[test]
fn a_reset_that_is_killed_loses_no_file() {
    let sandbox = sandbox();
    assert_starts(&sandbox);
    let seat = recorded(&sandbox).unwrap();
    sandbox.write(SLOW, "mine.txt", "mine");
    let child = begin(&sandbox, &["reset", SLOW, "--yes"]);
    until("the set-up is done again", || blocked_clients(&seat) == Some(1));
    send(&child, Signal::KILL);
    end(child);
    let folders = std::fs::read_dir(sandbox.home().join("labs")).unwrap();
    let kept = folders.filter(|folder| {
        let file = folder.as_ref().unwrap().path().join("mine.txt");
        std::fs::read_to_string(file).is_ok_and(|text| text == "mine")
    });
    assert_eq!(kept.count(), 1);
    sandbox.ok(&["run", SLOW, "--detach"]);
    assert_eq!(sandbox.redis(SLOW, &["GET", "prepared"]), "yes\n");
}

/// A check that goes on until it is ended; the seat's id, and the check.
fn endless_check(sandbox: &Sandbox) -> (String, Child) {
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let seat = recorded(sandbox).unwrap();
    sandbox.write(QUEUE, "queue.py", "import time\ntime.sleep(3600)\n");
    let child = begin(sandbox, &["check", QUEUE]);
    until("a runner runs", || stands(&seat).iter().any(|name| name.contains("runner")));
    (seat, child)
}

/// The throw-away containers of checks.
fn stands(seat: &str) -> Vec<String> {
    let mut found = docker::labelled(&format!("labs.seat={seat}")).containers;
    found.retain(|name| name.contains("runner") || name.contains("twin"));
    found
}

/// A runner that is in use goes; a twin is kept for the next check, which cleans it.
fn assert_gc_removes_runners(sandbox: &Sandbox, seat: &str) {
    // As above: the engine may still be making what it was asked for.
    until("gc has removed the runners", || {
        sandbox.ok(&["gc"]);
        !stands(seat).iter().any(|name| name.contains("runner"))
    });
}

fn assert_check_works(sandbox: &Sandbox) {
    let right = std::fs::read(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap();
    sandbox.write(QUEUE, "queue.py", right);
    let (result, code) = sandbox.json_and_code(&["check", QUEUE, "solo"]);
    assert_eq!(code, 0, "{result:#}");
    let progress = &sandbox.json(&["tasks", QUEUE, "solo"])["tasks"][0]["progress"];
    assert_eq!(progress["attempts"], 1, "{progress:#}");
}

#[test]
fn a_check_that_is_interrupted_leaves_no_runner_and_costs_nothing() {
    for signal in [Signal::INT, Signal::TERM] {
        let sandbox = sandbox();
        let (seat, child) = endless_check(&sandbox);
        send(&child, signal);
        assert_eq!(end(child), exit_code(signal));
        assert_gc_removes_runners(&sandbox, &seat);
        assert_check_works(&sandbox);
    }
}

#[test]
fn a_check_that_is_killed_leaves_nothing_that_gc_does_not_remove() {
    let sandbox = sandbox();
    let (seat, child) = endless_check(&sandbox);
    send(&child, Signal::KILL);
    end(child);
    assert_gc_removes_runners(&sandbox, &seat);
    assert_check_works(&sandbox);
}

#[test]
fn a_check_after_one_that_was_killed_needs_no_gc() {
    let sandbox = sandbox();
    let (_, child) = endless_check(&sandbox);
    send(&child, Signal::KILL);
    end(child);
    assert_check_works(&sandbox);
}

#[test]
fn gc_leaves_a_seat_that_starts_right_now_alone() {
    let sandbox = sandbox();
    let mut child = begin(&sandbox, &["run", SLOW, "--detach"]);
    until("the set-up is done", || has_come_to(&sandbox, Moment::SettingUp));
    let removed = sandbox.json(&["gc"]);
    assert_eq!(removed, json!({"containers": [], "networks": [], "volumes": []}));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.redis(SLOW, &["GET", "prepared"]), "yes\n");
}

#[test]
fn a_second_run_of_a_seat_that_starts_is_told_so() {
    let sandbox = sandbox();
    let mut child = begin(&sandbox, &["run", SLOW, "--detach"]);
    until("the set-up is done", || has_come_to(&sandbox, Moment::SettingUp));
    let second = sandbox.run(&["run", SLOW, "--detach"]);
    assert_eq!(second.code, 3, "{second:#?}");
    assert!(second.stderr.contains("Another labs is changing this seat"), "{second:#?}");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(sandbox.redis(SLOW, &["GET", "prepared"]), "yes\n");
}

#[test]
fn two_homes_on_one_engine_leave_each_other_alone() {
    let (first, second) = (sandbox(), sandbox());
    first.ok(&["run", QUEUE, "--detach"]);
    let before = first.on_engine();
    second.ok(&["run", QUEUE, "--detach"]);
    second.ok(&["stop", QUEUE]);
    second.ok(&["gc"]);
    assert_eq!(first.on_engine(), before);
    assert_eq!(first.redis(QUEUE, &["PING"]), "PONG\n");
}

/// Whether a process sees to a signal itself.
fn handles(child: &Child, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    let handled = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap();
    u64::from_str_radix(handled.trim(), 16).unwrap() >> (signal.as_raw() - 1) & 1 == 1
}

#[test]
fn whatever_command_waits_for_the_engine_ends_by_a_signal_with_its_exit_code() {
    let sandbox = sandbox();
    // It takes calls and answers none.
    let socket = sandbox.home().join("engine.sock");
    let _engine = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    for args in [&["images", "build"][..], &["images", "list"], &["gc"], &["doctor"]] {
        for signal in [Signal::INT, Signal::TERM] {
            let mut command = sandbox.command(args);
            command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
            let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            until("it handles the signal", || handles(&child, signal));
            send(&child, signal);
            assert_eq!(end(child), exit_code(signal), "{args:?}");
        }
    }
}

#[test]
fn a_hang_up_that_is_ignored_stays_so() {
    let sandbox = sandbox();
    let socket = sandbox.home().join("engine.sock");
    let _engine = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let labs = sandbox.command(&["doctor"]);
    let mut command = std::process::Command::new("sh");
    command.args(["-c", "trap '' HUP; exec \"$@\"", "sh"]).arg(labs.get_program());
    command.args(labs.get_args()).env("HOME", sandbox.home());
    command.env("DOCKER_HOST", format!("unix://{}", socket.display()));
    let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    until("it handles signals", || handles(&child, Signal::TERM));
    send(&child, Signal::HUP);
    send(&child, Signal::TERM);
    assert_eq!(end(child), Some(143));
}

#[test]
fn a_command_in_the_workbench_ends_with_the_exec_that_is_interrupted() {
    let sandbox = sandbox();
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let runs = || sandbox.run(&["exec", "workbench", "--", "sh", "-c", SLEEPS]).code == 0;
    for signal in [Signal::INT, Signal::TERM] {
        let child = begin(&sandbox, &["exec", "workbench", "--", "sleep", "3600"]);
        until("the command runs", runs);
        send(&child, signal);
        assert_eq!(end(child), exit_code(signal));
        assert!(!runs(), "after {signal:?}");
    }
}

/// A file that a process holds open.
fn holds_open(child: &Child, file: &Path) -> bool {
    let held = std::fs::read_dir(format!("/proc/{}/fd", child.id())).into_iter().flatten();
    held.flatten().any(|fd| std::fs::read_link(fd.path()).is_ok_and(|path| path == file))
}

#[test]
fn gc_keeps_the_network_of_gates_that_a_starting_seat_is_about_to_use() {
    let sandbox = sandbox();
    sandbox.ok(&["run", QUEUE, "--detach"]);
    sandbox.ok(&["stop", QUEUE]);
    let gates = sandbox.on_engine().networks.pop().unwrap();
    let id = docker::network(&gates)["Id"].clone();
    let lock = data(&sandbox).join(format!("{gates}.lock"));
    let held = File::create(&lock).unwrap();
    held.lock().unwrap();

    // It has seen no seat by now.
    let mut gc = begin(&sandbox, &["gc"]);
    until("gc waits for the network", || {
        assert!(gc.try_wait().unwrap().is_none(), "gc did not wait");
        holds_open(&gc, &lock)
    });
    let run = begin(&sandbox, &["run", QUEUE, "--detach"]);
    until("the seat is recorded", || recorded(&sandbox).is_some());
    drop(held);
    assert_eq!((end(gc), end(run)), (Some(0), Some(0)));
    assert_eq!(docker::network(&gates)["Id"], id);
}

#[test]
fn gc_removes_whatever_folder_of_a_throw_away_seat_nobody_holds() {
    let sandbox = sandbox();
    let scratch = data(&sandbox).join("scratch");
    let folders = ["deep", "early", "held", "locked", "spoilt"].map(|name| scratch.join(name));
    for folder in &folders {
        std::fs::create_dir_all(folder.join("workspace/a")).unwrap();
    }
    let [deep, _, held, locked, spoilt] = &folders;
    // Some of it is there before a seat is.
    let alive = File::create(held.join("alive.lock")).unwrap();
    alive.lock().unwrap();
    std::fs::write(spoilt.join("labs.db"), "no database").unwrap();
    let mode = std::fs::Permissions::from_mode(0o000);
    std::fs::set_permissions(locked.join("workspace"), mode).unwrap();
    let flags = OFlags::DIRECTORY | OFlags::CLOEXEC;
    let mut at = rustix::fs::open(deep.join("workspace"), flags, Mode::empty()).unwrap();
    for _ in 0..2_500 {
        rustix::fs::mkdirat(&at, "b", Mode::RWXU).unwrap();
        at = rustix::fs::openat(&at, "b", flags, Mode::empty()).unwrap();
    }

    let ran = sandbox.ok(&["gc"]);
    let left: Vec<_> =
        std::fs::read_dir(&scratch).unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(left, std::slice::from_ref(held), "{ran:#?}");
    drop(alive);
    sandbox.ok(&["gc"]);
    assert_eq!(std::fs::read_dir(&scratch).unwrap().count(), 0);
}
