//! The life of a seat: run, resume, use, restart, reset, stop.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::docker;
use crate::sandbox::{PATIENCE, Ran, Sandbox, until};
use crate::terminal::Terminal;

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";

fn tiny() -> Sandbox {
    Sandbox::with_fixture("labs")
}

/// Starts a seat; answers what `run --detach --json` says.
fn seat(sandbox: &Sandbox, lab: &str) -> Value {
    let (document, code) = sandbox.json_and_code(&["run", lab, "--detach"]);
    assert_eq!(code, 0, "{document:#}");
    document
}

fn id(started: &Value) -> &str {
    started["seat"]["id"].as_str().unwrap()
}

fn address(started: &Value, service: &str) -> SocketAddr {
    let services = started["services"].as_array().unwrap();
    let service = services.iter().find(|s| s["service"] == service).unwrap();
    service["address"].as_str().unwrap().parse().unwrap()
}

/// What a server sends first, or in answer to some bytes; exactly so many bytes of it.
fn said(address: SocketAddr, ask: &[u8], length: usize) -> Vec<u8> {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(ask).unwrap();
    let mut answer = vec![0; length];
    stream.read_exact(&mut answer).unwrap();
    answer
}

fn of_seat(started: &Value) -> docker::Found {
    docker::labelled(&format!("labs.seat={}", id(started)))
}

/// A container of the seat, in full.
fn part(started: &Value, part: &str) -> Value {
    docker::container(&format!("labs-{}-{part}", id(started))).unwrap()
}

fn progress(sandbox: &Sandbox, lab: &str, task: &str) -> Value {
    sandbox.json(&["tasks", lab, task])["tasks"][0]["progress"].clone()
}

#[test]
fn a_detached_run_answers_addresses_that_answer() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let address = address(&started, "redis");
    assert!(address.ip().is_loopback(), "{address}");
    assert_eq!(said(address, b"PING\r\n", 7), b"+PONG\r\n");
    assert_eq!(started["resumed"], false);
    assert_eq!(started["seat"]["workspace"], sandbox.workspace(KEYS).display().to_string());
}

#[test]
fn run_without_a_terminal_says_how_to_reach_everything_and_returns() {
    let sandbox = tiny();
    let ran = sandbox.ok(&["run", KEYS]);
    let workspace = sandbox.workspace(KEYS);
    for part in ["Keys is ready", workspace.to_str().unwrap(), "127.0.0.1:", "labs check"] {
        assert!(ran.stdout.contains(part), "{part:?} is not in {ran:#?}");
    }
}

#[test]
fn run_again_goes_on_with_the_same_seat_data_and_files() {
    let sandbox = tiny();
    let first = seat(&sandbox, KEYS);
    sandbox.redis(KEYS, &["SET", "kept", "yes"]);
    sandbox.write(KEYS, "notes.txt", "mine");
    std::fs::write(sandbox.workspace(KEYS).join("more.txt"), "also mine").unwrap();
    let containers = of_seat(&first);
    let second = seat(&sandbox, KEYS);
    assert_eq!((id(&first), &second["resumed"]), (id(&second), &json!(true)));
    assert_eq!(address(&first, "redis"), address(&second, "redis"));
    assert_eq!(of_seat(&second), containers);
    assert_eq!(sandbox.redis(KEYS, &["GET", "kept"]), "yes\n");
    let read = |name| std::fs::read_to_string(sandbox.workspace(KEYS).join(name)).unwrap();
    assert_eq!((read("notes.txt"), read("more.txt")), ("mine".into(), "also mine".into()));
}

#[test]
fn run_brings_back_what_was_stopped_from_outside() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    sandbox.redis(KEYS, &["SET", "kept", "yes"]);
    sandbox.redis(KEYS, &["SAVE"]);
    for part in ["redis", "gate", "workbench"] {
        assert!(docker::kill(&format!("labs-{}-{part}", id(&started))));
    }
    let parts = sandbox.json(&["status"])["seats"][0]["parts"].clone();
    for part in parts.as_array().unwrap() {
        assert_eq!(part["state"], "stopped (exit code 137)", "{parts:#}");
    }
    let again = seat(&sandbox, KEYS);
    assert_eq!(said(address(&again, "redis"), b"PING\r\n", 7), b"+PONG\r\n");
    assert_eq!(sandbox.redis(KEYS, &["GET", "kept"]), "yes\n");
}

/// As a start leaves it that was killed between making the gate and putting it on its second network.
#[test]
fn run_mends_a_gate_that_is_not_on_all_its_networks() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let (gate, network) = (format!("labs-{}-gate", id(&started)), format!("labs-{}", id(&started)));
    docker::disconnect(&gate, &network);
    docker::kill(&gate);
    let again = seat(&sandbox, KEYS);
    assert_eq!(said(address(&again, "redis"), b"PING\r\n", 7), b"+PONG\r\n");
}

#[test]
fn starter_files_are_rendered_and_belong_to_the_learner() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let notes = std::fs::read_to_string(sandbox.workspace(KEYS).join("notes.txt")).unwrap();
    assert_eq!(notes, "notes on door\n");
    let shell =
        "cat notes.txt && echo more >> notes.txt && echo new > new.txt && stat -c %u . new.txt";
    let ran = sandbox.ok(&["exec", "workbench", "--", "sh", "-c", shell]);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert_eq!(lines[0], "notes on door");
    assert_eq!(lines[1], lines[2], "{ran:#?}");
}

#[test]
fn a_file_that_is_there_already_is_not_overwritten() {
    let sandbox = tiny();
    std::fs::create_dir_all(sandbox.workspace(QUEUE)).unwrap();
    sandbox.write(QUEUE, "queue.py", "# mine\n");
    seat(&sandbox, QUEUE);
    let kept = std::fs::read_to_string(sandbox.workspace(QUEUE).join("queue.py")).unwrap();
    assert_eq!(kept, "# mine\n");
}

#[test]
fn a_workspace_elsewhere_is_used_and_kept_to() {
    let sandbox = tiny();
    let elsewhere = sandbox.home().join("else where");
    let ran = sandbox.json(&["run", KEYS, "--workspace", elsewhere.to_str().unwrap()]);
    assert_eq!(ran["seat"]["workspace"], elsewhere.display().to_string());
    assert!(elsewhere.join("notes.txt").exists());
    let other = sandbox.run(&["run", KEYS, "--detach", "--workspace", "other"]);
    assert_eq!(other.code, 2, "{other:#?}");
    assert!(other.stderr.contains(elsewhere.to_str().unwrap()), "{other:#?}");
}

#[test]
fn the_only_seat_is_found_from_anywhere_and_the_nearest_of_two_from_inside() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let at = |folder: &std::path::Path| -> Ran {
        sandbox.command(&["tasks", "--json"]).current_dir(folder).output().unwrap().into()
    };
    let lab = |ran: &Ran| serde_json::from_str::<Value>(&ran.stdout).unwrap()["lab"].clone();
    assert_eq!(lab(&at("/".as_ref())), KEYS);
    seat(&sandbox, QUEUE);
    let deep = sandbox.workspace(QUEUE).join("a/b");
    std::fs::create_dir_all(&deep).unwrap();
    assert_eq!(lab(&at(&deep)), QUEUE);
    assert_eq!(lab(&at(&sandbox.workspace(KEYS))), KEYS);
    let outside = at("/".as_ref());
    assert_eq!(outside.code, 2, "{outside:#?}");
    assert!(outside.stderr.contains("name the one you mean"), "{outside:#?}");
    assert!(outside.stderr.contains(KEYS) && outside.stderr.contains(QUEUE), "{outside:#?}");
}

#[test]
fn status_shows_parts_addresses_and_progress() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    let address = address(&started, "redis").to_string();
    let text = sandbox.ok(&["status"]).stdout;
    for part in ["tiny-keys  1 of 2 tasks passed", "redis      running", &address, "workbench"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert!(!text.contains("gate"), "{text}");
    let seat = &sandbox.json(&["status", KEYS])["seats"][0];
    assert_eq!((&seat["tasks"], &seat["passed"]), (&json!(2), &json!(1)));
    let parts: Vec<_> =
        seat["parts"].as_array().unwrap().iter().map(|p| (&p["name"], &p["state"])).collect();
    let running = json!("running");
    let names = [json!("redis"), json!("workbench"), json!("gate")];
    assert_eq!(parts, names.iter().map(|name| (name, &running)).collect::<Vec<_>>());
    assert_eq!(seat["parts"][0]["address"], address);
    // The gate is the learner's concern only where it does not run.
    assert!(docker::kill(&format!("labs-{}-gate", id(&started))));
    let text = sandbox.ok(&["status"]).stdout;
    assert!(text.contains("gate       stopped (exit code 137)"), "{text}");
}

#[test]
fn status_leaves_out_a_seat_whose_lab_is_elsewhere() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let mut command = sandbox.command(&["status", "--json"]);
    let ran: Ran = command.env_remove("LABS_DIR").output().unwrap().into();
    assert_eq!((ran.code, ran.stdout.trim()), (0, "{\n  \"seats\": []\n}"), "{ran:#?}");
    assert!(ran.stderr.contains("tiny-keys is left out"), "{ran:#?}");
}

#[test]
fn the_workbench_comes_up_when_it_is_first_used() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let state = || sandbox.json(&["status", KEYS])["seats"][0]["parts"][1].clone();
    assert_eq!(state()["state"], "not used yet");
    // Two at once use the same one.
    let begin = || {
        let stdout = Stdio::null();
        sandbox.command(&["exec", "workbench", "--", "true"]).stdout(stdout).spawn().unwrap()
    };
    for mut used in [begin(), begin()] {
        assert_eq!(used.wait().unwrap().code(), Some(0));
    }
    assert_eq!(state()["state"], "running");
    assert!(docker::kill(&format!("labs-{}-workbench", id(&started))));
    assert_eq!(state()["state"], "stopped (exit code 137)");
    sandbox.ok(&["exec", "workbench", "--", "true"]);
}

#[test]
fn exec_passes_stdin_stdout_stderr_and_the_exit_code() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let script = "sha256sum; echo out; echo err >&2; exit 7";
    let mut child = sandbox
        .command(&["exec", "workbench", "--", "sh", "-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // More than any buffer on the way holds.
    let input: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[n as usize % 3]).collect();
    child.stdin.take().unwrap().write_all(&input).unwrap();
    let ran: Ran = child.wait_with_output().unwrap().into();
    let digest: String = <sha2::Sha256 as sha2::Digest>::digest(&input)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(ran.stdout, format!("{digest}  -\nout\n"));
    assert_eq!((ran.stderr.as_str(), ran.code), ("err\n", 7));
}

#[test]
fn exec_reaches_a_service_and_names_the_ones_there_are() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let ran = sandbox.ok(&["exec", "redis", "--", "redis-cli", "ECHO", "a b"]);
    assert_eq!(ran.stdout, "a b\n");
    let unknown = sandbox.run(&["exec", "reddis", "--", "true"]);
    assert_eq!(unknown.code, 2, "{unknown:#?}");
    assert!(unknown.stderr.contains("did you mean \"redis\"?"), "{unknown:#?}");
    let missing = sandbox.run(&["exec", "workbench", "--", "no-such-program"]);
    assert!([126, 127].contains(&missing.code), "{missing:#?}");
}

#[test]
fn a_restarted_service_keeps_its_data() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    sandbox.redis(KEYS, &["SET", "kept", "yes"]);
    let before = part(&started, "redis")["State"]["StartedAt"].clone();
    let ran = sandbox.json(&["restart", "redis"]);
    assert_eq!(ran["address"], address(&started, "redis").to_string());
    assert_ne!(part(&started, "redis")["State"]["StartedAt"], before);
    assert_eq!(sandbox.redis(KEYS, &["GET", "kept"]), "yes\n");
}

#[test]
fn what_a_service_had_counted_before_a_restart_counts_until_its_data_goes() {
    const BOOKS: &str = "tiny-books";
    let sandbox = Sandbox::with_fixture("books");
    seat(&sandbox, BOOKS);
    let code = || sandbox.run(&["check", BOOKS]).code;
    sandbox.redis(BOOKS, &["INCR", "n"]);
    sandbox.ok(&["restart", "redis"]);
    sandbox.redis(BOOKS, &["INCR", "n"]);
    sandbox.ok(&["restart", "redis"]);
    assert_eq!(code(), 1);
    sandbox.redis(BOOKS, &["INCR", "n"]);
    assert_eq!(code(), 0);
    sandbox.ok(&["reset", BOOKS, "--yes"]);
    assert_eq!(code(), 1);
}

#[test]
fn logs_show_what_a_service_wrote() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let ran = sandbox.ok(&["logs", "redis"]);
    assert!(ran.stdout.contains("Ready to accept connections"), "{ran:#?}");
    let last = sandbox.ok(&["logs", "redis", "--tail", "1"]);
    assert_eq!(last.stdout.lines().count(), 1, "{last:#?}");
    assert_eq!(sandbox.run(&["logs", "reddis"]).code, 2);
}

#[test]
fn hints_come_one_by_one_stop_at_the_last_and_are_remembered() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let hint = || sandbox.ok(&["hint", KEYS, "door"]).stdout;
    assert!(hint().contains("Hint 1 of 3 for door\n\nLook at the key."));
    assert!(hint().contains("Hint 2 of 3"));
    let document = sandbox.json(&["hint", KEYS, "door"]);
    assert_eq!((&document["shown"], &document["available"]), (&json!(3), &json!(3)));
    assert_eq!(document["hints"][2], "redis-cli -h redis SET door open");
    assert!(hint().contains("Hint 3 of 3"));
    assert_eq!(progress(&sandbox, KEYS, "door")["hints_shown"], 3);
    let none = sandbox.run(&["hint", KEYS, "shelf"]);
    assert_eq!(none.code, 2, "{none:#?}");
}

#[test]
fn a_solution_is_shown_only_when_confirmed_and_that_is_recorded() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let asked = sandbox.run(&["solution", KEYS, "door"]);
    assert_eq!(asked.code, 2, "{asked:#?}");
    assert!(asked.stderr.contains("--yes") && asked.stdout.is_empty(), "{asked:#?}");
    assert_eq!(progress(&sandbox, KEYS, "door")["solution_seen"], false);
    let shown = sandbox.ok(&["solution", KEYS, "door", "--yes"]);
    assert!(shown.stdout.contains("redis-cli -h redis SET door open"), "{shown:#?}");
    assert_eq!(progress(&sandbox, KEYS, "door")["solution_seen"], true);
    assert_eq!(progress(&sandbox, KEYS, "shelf")["solution_seen"], false);
}

#[test]
fn a_solution_with_a_file_shows_the_file() {
    let sandbox = tiny();
    seat(&sandbox, QUEUE);
    let document = sandbox.json(&["solution", QUEUE, "queue"]);
    let step = &document["steps"][0];
    assert_eq!((&document["style"], &step["file"]), (&json!("list"), &json!("queue.py")));
    assert!(step["content"].as_str().unwrap().contains("r.lpop"), "{document:#}");
    let unknown = sandbox.run(&["solution", QUEUE, "queue", "--style", "lsit"]);
    assert_eq!(unknown.code, 2, "{unknown:#?}");
    assert!(unknown.stderr.contains("did you mean \"list\"?"), "{unknown:#?}");
}

#[test]
fn reset_asks_first() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let before = of_seat(&started);
    let ran = sandbox.run(&["reset", KEYS]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("--yes"), "{ran:#?}");
    assert_eq!(of_seat(&started), before);
}

#[test]
fn reset_moves_the_workspace_aside_starts_afresh_and_keeps_passes() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    let passed = progress(&sandbox, KEYS, "door");
    assert!(passed["passed_at"].is_string(), "{passed:#}");
    sandbox.write(KEYS, "notes.txt", "mine");
    sandbox.write(KEYS, "more.txt", "also mine");

    let ran = sandbox.ok(&["reset", KEYS, "--yes", "--json"]);
    let done: Value = serde_json::from_str(&ran.stdout).unwrap();
    let aside = std::path::PathBuf::from(done["old_workspace"].as_str().unwrap());
    let told = format!("Your old files are in {}\n", aside.display());
    assert!(ran.stderr.contains(&told), "{ran:#?}");
    let read = |file: std::path::PathBuf| std::fs::read_to_string(file).unwrap();
    assert_eq!(read(aside.join("notes.txt")), "mine");
    assert_eq!(read(aside.join("more.txt")), "also mine");
    assert_eq!(read(sandbox.workspace(KEYS).join("notes.txt")), "notes on door\n");
    assert!(!sandbox.workspace(KEYS).join("more.txt").exists());
    assert_eq!(sandbox.redis(KEYS, &["DBSIZE"]), "0\n");
    assert_eq!(progress(&sandbox, KEYS, "door"), passed);
    assert_eq!(sandbox.json(&["status"])["seats"][0]["seat"], id(&started));
    assert_eq!(
        said(address(&json!({"services": done["services"]}), "redis"), b"PING\r\n", 7),
        b"+PONG\r\n"
    );
}

#[test]
fn a_seat_that_nobody_uses_is_removed_when_its_lease_has_run_out() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    seat(&sandbox, QUEUE);
    let run_out = |lab: &str| {
        let ledger = sandbox.home().join(".local/share/labs/labs.db");
        let set = "UPDATE seats SET lease_until = '2026-01-01T00:00:00Z' WHERE lab = ?";
        assert_eq!(rusqlite::Connection::open(ledger).unwrap().execute(set, [lab]).unwrap(), 1);
    };
    let seats = || {
        let status = sandbox.json(&["status"]);
        let seats = status["seats"].as_array().unwrap();
        seats.iter().map(|seat| seat["lab"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    run_out(KEYS);
    // A use renews it.
    sandbox.redis(KEYS, &["PING"]);
    assert_eq!(seats(), [KEYS, QUEUE]);
    run_out(KEYS);
    let would = sandbox.json(&["gc", "--dry-run"]);
    let ours = would["containers"].as_array().unwrap();
    assert!(
        ours.len() >= 2 && ours.iter().all(|name| name.as_str().unwrap().contains(KEYS)),
        "{would}"
    );
    // Whatever command comes next; this one is about another seat.
    let swept = sandbox.ok(&["restart", "redis", "--lab", QUEUE]);
    assert!(swept.stderr.contains("was not used for a long time"), "{swept:#?}");
    assert_eq!(seats(), [QUEUE]);
    assert!(sandbox.workspace(KEYS).join("notes.txt").exists());
    let left = sandbox.on_engine();
    assert!(!left.containers.iter().any(|name| name.contains(KEYS)), "{left:?}");
    assert!(!left.volumes.iter().any(|name| name.contains(KEYS)), "{left:?}");
    run_out(QUEUE);
    assert!(!sandbox.json(&["gc"])["containers"].as_array().unwrap().is_empty());
    assert!(sandbox.on_engine().is_empty(), "{:?}", sandbox.on_engine());
}

#[test]
fn a_use_that_needs_no_engine_renews_the_lease_too() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let ledger = sandbox.home().join(".local/share/labs/labs.db");
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    for used in [
        &["tasks", KEYS][..],
        &["hint", KEYS, "door"],
        &["solution", KEYS, "door", "--yes"],
        &["goto", KEYS, "shelf"],
    ] {
        ledger.execute("UPDATE seats SET lease_until = '2026-01-01T00:00:00Z'", []).unwrap();
        sandbox.ok(used);
        let until = "SELECT lease_until FROM seats";
        let until: String = ledger.query_row(until, [], |row| row.get(0)).unwrap();
        assert!(until > jiff::Timestamp::now().to_string(), "{used:?}: {until}");
    }
}

#[test]
fn a_starter_file_that_is_gone_is_there_again_and_that_is_said() {
    let sandbox = tiny();
    seat(&sandbox, KEYS);
    let notes = sandbox.workspace(KEYS).join("notes.txt");
    std::fs::remove_file(&notes).unwrap();
    let again = sandbox.ok(&["run", KEYS, "--detach"]);
    assert!(again.stderr.contains("is there again: notes.txt"), "{again:#?}");
    assert!(notes.exists());
    let again = sandbox.ok(&["run", KEYS, "--detach"]);
    assert!(!again.stderr.contains("there again"), "{again:#?}");
}

#[test]
fn a_lease_that_is_no_span_of_time_is_refused() {
    let sandbox = tiny();
    for lease in ["soon", "-2d", "0s", "99999999999y"] {
        let mut command = sandbox.command(&["run", KEYS, "--detach"]);
        let ran: Ran = command.env("LABS_LEASE", lease).output().unwrap().into();
        assert!(ran.code == 2 && ran.stderr.contains("LABS_LEASE=30d"), "{lease}: {ran:#?}");
    }
    assert!(sandbox.json(&["status"])["seats"].as_array().unwrap().is_empty());
}

#[test]
fn a_reset_of_the_data_alone_leaves_the_files() {
    let sandbox = tiny();
    seat(&sandbox, QUEUE);
    sandbox.write(QUEUE, "notes.txt", "mine");
    sandbox.redis(QUEUE, &["DEL", "fruits"]);
    let done = sandbox.json(&["reset", QUEUE, "--data", "--yes"]);
    assert_eq!(done["old_workspace"], Value::Null);
    let notes = sandbox.workspace(QUEUE).join("notes.txt");
    assert_eq!(std::fs::read_to_string(notes).unwrap(), "mine");
    assert_eq!(sandbox.redis(QUEUE, &["LLEN", "fruits"]), "3\n");
}

#[test]
fn the_set_up_is_done_once_on_fresh_services() {
    let sandbox = tiny();
    seat(&sandbox, QUEUE);
    let fruits = || sandbox.redis(QUEUE, &["LRANGE", "fruits", "0", "-1"]);
    assert_eq!(fruits(), "apple\npear\nplum\n");
    seat(&sandbox, QUEUE);
    sandbox.ok(&["restart", "redis"]);
    assert_eq!(fruits(), "apple\npear\nplum\n");
    sandbox.redis(QUEUE, &["DEL", "fruits"]);
    sandbox.ok(&["reset", QUEUE, "--yes"]);
    assert_eq!(fruits(), "apple\npear\nplum\n");
}

#[test]
fn stop_leaves_the_workspace_and_nothing_else_and_run_takes_it_up_again() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    let before = of_seat(&started);
    assert_eq!((before.containers.len(), before.networks.len(), before.volumes.len()), (3, 1, 1));
    sandbox.ok(&["check", KEYS, "door"]);
    sandbox.write(KEYS, "notes.txt", "mine");

    let stopped = sandbox.json(&["stop", KEYS]);
    assert_eq!(stopped["workspace"], sandbox.workspace(KEYS).display().to_string());
    assert!(of_seat(&started).is_empty(), "{:#?}", of_seat(&started));
    assert_eq!(sandbox.json(&["status"])["seats"], json!([]));
    sandbox.ok(&["gc"]);
    assert!(sandbox.on_engine().is_empty(), "{:#?}", sandbox.on_engine());

    let again = seat(&sandbox, KEYS);
    assert_eq!(again["resumed"], false);
    let notes = std::fs::read_to_string(sandbox.workspace(KEYS).join("notes.txt")).unwrap();
    assert_eq!(notes, "mine");
    assert_eq!(sandbox.redis(KEYS, &["DBSIZE"]), "0\n");
    assert!(progress(&sandbox, KEYS, "door")["passed_at"].is_string());
}

#[test]
fn stop_removes_the_twins_of_checks_too() {
    let sandbox = tiny();
    let started = seat(&sandbox, QUEUE);
    sandbox.run(&["check", QUEUE]);
    let twins = of_seat(&started).containers.into_iter().filter(|c| c.contains("twin")).count();
    assert!(twins > 0, "{:#?}", of_seat(&started));
    sandbox.ok(&["stop", QUEUE]);
    assert!(of_seat(&started).is_empty(), "{:#?}", of_seat(&started));
}

#[test]
fn a_network_that_somebody_elses_container_is_on_stays_until_it_is_free() {
    let sandbox = tiny();
    let (started, other) = (seat(&sandbox, KEYS), seat(&sandbox, QUEUE));
    let stranger = format!("labs-{}-redis", id(&other));
    let network = of_seat(&started).networks.pop().unwrap();
    docker::connect(&stranger, &network);

    let stopped = sandbox.ok(&["stop", KEYS]);
    for part in [&network, "has active endpoints", "take off what is still on it", "labs gc"] {
        assert!(stopped.stderr.contains(part), "{}", stopped.stderr);
    }
    assert_eq!(of_seat(&started).networks.as_slice(), std::slice::from_ref(&network));
    assert!(of_seat(&started).containers.is_empty());
    assert_eq!(said(address(&other, "redis"), b"PING\r\n", 7), b"+PONG\r\n");

    docker::disconnect(&stranger, &network);
    sandbox.ok(&["gc"]);
    assert!(of_seat(&started).is_empty(), "{:#?}", of_seat(&started));
}

#[test]
fn a_volume_that_somebody_elses_container_has_keeps_nothing_else_from_going() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let volume = of_seat(&started).volumes.pop().unwrap();
    let stranger = format!("stranger-of-{volume}");
    docker::make_with_volume(&stranger, &format!("labs-{}-redis", id(&started)), &volume);

    let stopped = sandbox.ok(&["stop", KEYS]);
    for part in ["cannot remove", &volume, "volume is in use", "labs gc"] {
        assert!(stopped.stderr.contains(part), "{}", stopped.stderr);
    }
    let left = of_seat(&started);
    assert_eq!(left.volumes, [volume]);
    assert!(left.containers.is_empty() && left.networks.is_empty(), "{left:#?}");
    let collected = sandbox.json_and_code(&["gc"]);
    assert_eq!((collected.1, &collected.0["stay"]), (3, &json!(left.volumes)));

    docker::remove_container(&stranger);
    sandbox.ok(&["gc"]);
    assert!(of_seat(&started).is_empty(), "{:#?}", of_seat(&started));
}

#[test]
fn what_bears_a_name_like_ours_and_no_label_is_left_alone() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let name = format!("labs-{}-data", id(&started).replace(KEYS, "else"));
    docker::make_unlabelled(&name, &name);
    sandbox.ok(&["stop", KEYS]);
    let removed = sandbox.json(&["gc"]);
    assert!(docker::remove_both(&name, &name), "{removed:#}");
}

#[test]
fn two_labs_side_by_side_share_no_name_port_or_subnet() {
    let sandbox = tiny();
    let (keys, queue) = std::thread::scope(|scope| {
        let keys = scope.spawn(|| seat(&sandbox, KEYS));
        let queue = scope.spawn(|| seat(&sandbox, QUEUE));
        (keys.join().unwrap(), queue.join().unwrap())
    });
    assert_ne!(address(&keys, "redis"), address(&queue, "redis"));
    let subnet = |started: &Value| {
        docker::network(&of_seat(started).networks[0])["IPAM"]["Config"][0]["Subnet"].clone()
    };
    assert_ne!(subnet(&keys), subnet(&queue));
    let parts = |started: &Value| -> BTreeSet<String> {
        let found = of_seat(started);
        [found.containers, found.networks, found.volumes].concat().into_iter().collect()
    };
    assert!(parts(&keys).is_disjoint(&parts(&queue)));
    sandbox.redis(KEYS, &["SET", "here", "yes"]);
    assert_eq!(sandbox.redis(QUEUE, &["EXISTS", "here"]), "0\n");
    sandbox.ok(&["stop", KEYS]);
    assert_eq!(said(address(&queue, "redis"), b"PING\r\n", 7), b"+PONG\r\n");
}

/// What every container of a seat must be: nobody, without privileges, bounded, labelled.
fn assert_confined(name: &str, started: &Value) {
    let container = docker::container(name).unwrap();
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    let user = config["User"].as_str().unwrap_or_default();
    assert!(
        !["", "0", "root"].contains(&user.split(':').next().unwrap()),
        "{name} runs as {user:?}"
    );
    assert_eq!(host["CapDrop"], json!(["ALL"]), "{name}");
    assert!(host["CapAdd"].as_array().is_none_or(Vec::is_empty), "{name}: {}", host["CapAdd"]);
    assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]), "{name}");
    assert_eq!(host["ReadonlyRootfs"], true, "{name}");
    assert_eq!(host["Privileged"], false, "{name}");
    assert!(host["PidsLimit"].as_i64().is_some_and(|n| (1..=512).contains(&n)), "{name}");
    assert!(host["Memory"].as_i64().is_some_and(|n| (1..=1 << 30).contains(&n)), "{name}");
    assert_eq!(host["MemorySwap"], host["Memory"], "{name}");
    assert!(host["NanoCpus"].as_i64().is_some_and(|n| n > 0), "{name}");
    for own in ["PidMode", "UTSMode", "UsernsMode"] {
        assert_eq!(host[own], "", "{name}: {own}");
    }
    assert!(host["IpcMode"] != "host", "{name}");
    for none in ["Devices", "Binds", "VolumesFrom", "DeviceRequests"] {
        assert!(host[none].as_array().is_none_or(Vec::is_empty), "{name}: {none} {}", host[none]);
    }
    let log = &host["LogConfig"];
    let bounded = log["Config"]["max-size"].is_string() && log["Config"]["max-file"].is_string();
    assert!(log["Type"] == "none" || (log["Type"] == "json-file" && bounded), "{name}: {log}");
    if !name.contains("runner") {
        let limits = host["Ulimits"].as_array().unwrap();
        let limited: Vec<&str> = limits.iter().filter_map(|l| l["Name"].as_str()).collect();
        assert_eq!(limited, ["fsize", "core"], "{name}");
    }
    let pid = container["State"]["Pid"].as_u64().unwrap_or_default();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    // Of a container on another machine there is nothing to read here.
    let filters = status.lines().find_map(|line| line.strip_prefix("Seccomp:"));
    assert!(filters.is_none_or(|mode| mode.trim() == "2"), "{name}: {status}");
    assert_eq!(config["Labels"]["labs.seat"], id(started), "{name}");
    assert_eq!(config["Labels"]["labs.lab"], started["seat"]["lab"], "{name}");
    assert!(config["Labels"]["labs.owner"].is_string(), "{name}");
    assert!(config["Labels"]["labs.lease"].is_string(), "{name}");
}

#[test]
fn every_container_of_a_seat_is_confined() {
    let sandbox = tiny();
    let started = seat(&sandbox, QUEUE);
    sandbox.ok(&["exec", "workbench", "--", "true"]);
    sandbox.write(QUEUE, "queue.py", "import time\ntime.sleep(3600)\n");
    let mut check = sandbox
        .command(&["check", QUEUE])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut names = Vec::new();
    // Each lane has its own runner and twin, and they come up side by side.
    until("two runners and two twins run", || {
        names = of_seat(&started).containers;
        ["runner", "twin"].iter().all(|part| names.iter().filter(|n| n.contains(part)).count() > 1)
    });
    for part in ["redis", "gate", "workbench", "runner-1", "twin-redis-1"] {
        let name = format!("labs-{}-{part}", id(&started));
        assert!(names.contains(&name), "{name}: {names:?}");
    }
    for name in &names {
        assert_confined(name, &started);
        let container = docker::container(name).unwrap();
        let runner = name.contains("runner");
        assert_eq!(container["HostConfig"]["NetworkMode"] == "none", runner, "{name}");
        let mounts = container["Mounts"].as_array().unwrap();
        assert!(!runner || mounts.is_empty(), "{name}: {mounts:?}");
        let binds: Vec<_> = mounts.iter().filter(|m| m["Type"] == "bind").collect();
        assert_eq!(binds.len(), usize::from(name.ends_with("workbench")), "{name}: {binds:?}");
        let ports = container["HostConfig"]["PortBindings"].as_object();
        let published: Vec<&Value> =
            ports.into_iter().flatten().flat_map(|(_, at)| at.as_array().unwrap()).collect();
        assert_eq!(!published.is_empty(), name.ends_with("gate"), "{name}: {published:?}");
        assert!(published.iter().all(|at| at["HostIp"] == "127.0.0.1"), "{name}: {published:?}");
    }
    rustix::process::kill_process(
        rustix::process::Pid::from_child(&check),
        rustix::process::Signal::INT,
    )
    .unwrap();
    check.wait().unwrap();
}

/// The one of a repair comes and goes with its shell.
#[test]
fn the_container_of_a_repair_is_confined() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    assert!(docker::kill(&format!("labs-{}-redis", id(&started))));
    let mut command = sandbox.command(&["shell", "redis", "--repair"]);
    command.env("TERM", "xterm");
    let mut terminal = Terminal::open(command, 24, 80);
    terminal.reads("$ ");
    assert_confined(&format!("labs-{}-repair-redis", id(&started)), &started);
    let repair = part(&started, "repair-redis");
    assert_eq!(repair["HostConfig"]["NetworkMode"], "none");
    let mounts = repair["Mounts"].as_array().unwrap();
    assert!(mounts.iter().all(|mount| mount["Type"] == "volume"), "{mounts:?}");
    terminal.enters("exit");
    assert_eq!(terminal.end(), 0);
}

/// Tries to connect from the workbench; which of the addresses came through.
fn open_from_inside(sandbox: &Sandbox, lab: &str, addresses: &[String], port: u16) -> Vec<String> {
    const SCRIPT: &str = "
import socket, sys
for address in sys.argv[2:]:
    try:
        socket.create_connection((address, int(sys.argv[1])), 1).close()
        print(address)
    except OSError:
        pass";
    let port = port.to_string();
    let mut line = vec!["exec", "workbench", "--lab", lab, "--", "python3", "-c", SCRIPT, &port];
    line.extend(addresses.iter().map(String::as_str));
    sandbox.ok(&line).stdout.lines().map(str::to_owned).collect()
}

/// The IPv4 addresses of this machine that others could reach it at.
fn own_addresses() -> Vec<String> {
    let table = std::fs::read_to_string("/proc/net/fib_trie").unwrap();
    let lines: Vec<&str> = table.lines().collect();
    let of_host = lines.windows(2).filter(|pair| pair[1].contains("/32 host LOCAL"));
    let found: BTreeSet<String> = of_host
        .filter_map(|pair| pair[0].split_whitespace().last())
        .filter(|address| !address.parse::<Ipv4Addr>().unwrap().is_loopback())
        .map(str::to_owned)
        .collect();
    found.into_iter().collect()
}

/// This machine's link-local address on the bridge of a network, as a container on it would write it.
fn link_local(network: &str) -> Option<String> {
    let bridge = format!("br-{}", &docker::network(network)["Id"].as_str().unwrap()[..12]);
    let table = std::fs::read_to_string("/proc/net/if_inet6").unwrap();
    let line = table.lines().find(|line| line.ends_with(&bridge) && line.starts_with("fe80"))?;
    let groups: Vec<&str> = (0..8).map(|n| &line[4 * n..4 * n + 4]).collect();
    Some(format!("{}%eth0", groups.join(":")))
}

/// The address of a part on the seat's own network.
fn inside(started: &Value, name: &str) -> String {
    let networks = &part(started, name)["NetworkSettings"]["Networks"];
    networks[format!("labs-{}", id(started))]["IPAddress"].as_str().unwrap().to_owned()
}

#[test]
fn the_host_cannot_be_reached_from_inside_a_seat() {
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let listener = TcpListener::bind("[::]:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut addresses = own_addresses();
    assert!(addresses.len() > 1, "{addresses:?}");
    for address in &addresses {
        // What is tried is there: it answers this machine itself.
        let address = SocketAddr::new(address.parse().unwrap(), port);
        TcpStream::connect_timeout(&address, PATIENCE).unwrap();
    }
    // Where the engine would have put the gateway, had it not been closed; and what needs no address.
    let redis: Ipv4Addr = inside(&started, "redis").parse().unwrap();
    addresses.push(Ipv4Addr::from(u32::from(redis) & !31 | 1).to_string());
    addresses.extend(link_local(&format!("labs-{}", id(&started))));
    assert_eq!(open_from_inside(&sandbox, KEYS, &addresses, port), [""; 0]);
    let redis = [redis.to_string()];
    assert_eq!(open_from_inside(&sandbox, KEYS, &redis, 6379), redis);
}

#[test]
fn another_seat_cannot_be_reached_from_inside_a_seat() {
    let sandbox = tiny();
    let keys = seat(&sandbox, KEYS);
    let queue = seat(&sandbox, QUEUE);
    assert_eq!(open_from_inside(&sandbox, KEYS, &[inside(&queue, "redis")], 6379), [""; 0]);
    let networks = part(&queue, "gate")["NetworkSettings"]["Networks"].clone();
    let published: Vec<String> = networks
        .as_object()
        .unwrap()
        .values()
        .map(|network| network["IPAddress"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(published.len(), 2);
    assert_eq!(open_from_inside(&sandbox, KEYS, &published, 7000), [""; 0]);
    let own = [inside(&keys, "gate")];
    assert_eq!(open_from_inside(&sandbox, KEYS, &own, 7000), own);
}

/// This machine stands for any host elsewhere.
#[test]
fn no_datagram_gets_out_of_a_seat_and_no_name_is_asked_for_outside() {
    const ASK: &str = "
import socket, sys
client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
client.settimeout(0.3)
for address in sys.argv[2:]:
    for _ in range(3):
        try:
            client.sendto(b'hello', (address, int(sys.argv[1])))
            client.recv(100)
            print(address)
            break
        except OSError:
            pass";
    let sandbox = tiny();
    let started = seat(&sandbox, KEYS);
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let port = socket.local_addr().unwrap().port();
    let addresses = own_addresses();
    for address in &addresses {
        // What is tried is there: it is reached by this machine itself.
        let itself = UdpSocket::bind("0.0.0.0:0").unwrap();
        itself.send_to(b"here", (address.as_str(), port)).unwrap();
        assert_eq!(socket.recv(&mut [0; 9]).unwrap(), 4, "{address}");
    }
    let echo = std::thread::spawn(move || {
        let mut said = [0; 9];
        while let Ok((length, who)) = socket.recv_from(&mut said) {
            if said[..length] == *b"end" {
                break;
            }
            let _ = socket.send_to(&said[..length], who);
        }
    });
    let port_text = port.to_string();
    let mut line = vec!["exec", "workbench", "--lab", KEYS, "--", "python3", "-c", ASK, &port_text];
    line.extend(addresses.iter().map(String::as_str));
    assert_eq!(sandbox.ok(&line).stdout, "");
    UdpSocket::bind("0.0.0.0:0").unwrap().send_to(b"end", ("127.0.0.1", port)).unwrap();
    echo.join().unwrap();

    // The engine asks for names on behalf of a container, from outside of it where the container has no server of its
    // own (CVE-2024-29018): so it has one that is not there.
    assert_eq!(part(&started, "workbench")["HostConfig"]["Dns"], json!(["127.0.0.1"]));
    let known = ["exec", "workbench", "--lab", KEYS, "--", "getent", "hosts"];
    assert!(sandbox.run(&[&known[..], &["redis"]].concat()).code == 0);
    assert!(sandbox.run(&[&known[..], &["labs.invalid"]].concat()).code != 0);
}

#[test]
fn all_kinds_of_services_come_up_together_and_answer_their_protocols() {
    let sandbox = tiny();
    let started = seat(&sandbox, "many-services");
    assert_eq!(said(address(&started, "redis"), b"PING\r\n", 7), b"+PONG\r\n");
    // A greeting packet: three bytes of length, a number, then the version of the protocol.
    assert_eq!(said(address(&started, "mysql"), b"", 5)[3..], [0, 10]);
    // The first frame is a method on channel 0.
    assert_eq!(said(address(&started, "rabbitmq"), b"AMQP\0\0\x09\x01", 3), [1, 0, 0]);
    let request = b"GET / HTTP/1.1\r\nHost: nginx\r\nConnection: close\r\n\r\n";
    assert_eq!(said(address(&started, "nginx"), request, 15), b"HTTP/1.1 200 OK");
    for part in ["mysql", "rabbitmq", "nginx", "redis"] {
        assert_confined(&format!("labs-{}-{part}", id(&started)), &started);
    }
    for (service, command) in [
        ("mysql", "mysql -h mysql -u root -plabs -Ne 'select 40+2' 2>/dev/null"),
        ("nginx", "curl -s -o /dev/null -w '%{http_code}' http://nginx:8080/"),
    ] {
        let ran = sandbox.ok(&["exec", "workbench", "--", "sh", "-c", command]);
        let expected = if service == "mysql" { "42\n" } else { "200" };
        assert_eq!(ran.stdout, expected, "{service}");
    }
}
