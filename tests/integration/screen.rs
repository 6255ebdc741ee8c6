//! The screen of `labs run` in a terminal: keys are typed, and what stands on the screen is read.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::sandbox::{OBEYED, SHOWN, Sandbox, until};
use crate::terminal::Terminal;

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";
const SLOW: &str = "slow-start";
const RIGHT: &str = "
import redis
r = redis.Redis('redis', decode_responses=True)

def put(job):
    r.rpush('jobs', job)

def take():
    return r.lpop('jobs')
";

/// A terminal with a lab's screen on it.
fn open(sandbox: &Sandbox, lab: &str) -> Terminal {
    let terminal = open_at_once(sandbox, lab);
    terminal.sees("q quit");
    terminal
}

/// The same, where nothing is ready yet.
fn open_at_once(sandbox: &Sandbox, lab: &str) -> Terminal {
    let mut command = sandbox.command(&["run", lab]);
    command.env("TERM", "xterm-256color");
    Terminal::open(command, 24, 80)
}

/// Leaves with the key for it.
fn leave(terminal: &mut Terminal) {
    terminal.types("q");
    assert_eq!(terminal.end(), 0);
}

fn progress(sandbox: &Sandbox, lab: &str, task: &str) -> Value {
    sandbox.json(&["tasks", lab, task])["tasks"][0]["progress"].clone()
}

#[test]
fn the_first_task_is_there_to_be_read_while_the_services_come_up() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open_at_once(&sandbox, KEYS);
    terminal.sees("To be read while the services come up.");
    assert!(terminal.text().contains("The door is open"), "{}", terminal.text());
    // It is no screen yet that takes keys.
    assert!(!terminal.text().contains("q quit"), "{}", terminal.text());
    terminal.sees("1. Open the door  1 point");
    leave(&mut terminal);
}

#[test]
fn checks_are_ticked_off_as_they_turn_true_and_a_pass_leads_on() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("1. Open the door  1 point");
    terminal.sees("○ The door is open");
    terminal.types("c");
    terminal.sees("✗ The door is open");
    terminal.sees("redis answers nothing");
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    // Nobody asked for this check.
    terminal.sees("★ Passed: 1 point");
    terminal.sees("Enter goes on to the next task.");
    assert_eq!(progress(&sandbox, KEYS, "door")["attempts"], 2);
    terminal.types("\r");
    terminal.sees("2. Fill the shelf  2 points");
    sandbox.redis(KEYS, &["SET", "shelf", "x"]);
    terminal.sees("That was the last one: every task has passed.");
    terminal.sees("3 of 3 points");
    leave(&mut terminal);
    terminal.sees("The seat goes on running.");
    assert_eq!(sandbox.json(&["status"])["seats"][0]["passed"], 2);
}

#[test]
fn a_service_that_has_stopped_is_noticed_and_started_by_a_key() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("○ The door is open");
    let redis = sandbox.on_engine().containers.into_iter().find(|name| name.ends_with("-redis"));
    crate::docker::kill(&redis.unwrap());
    terminal.sees("'u' starts it again: The service redis");
    // What a key answers is heard all the same.
    terminal.types("p");
    terminal.sees("This is the first task.");
    terminal.sees("'u' starts it again: The service redis");
    terminal.types("o");
    terminal.sees("redis has stopped");
    terminal.types("u");
    terminal.sees("○ The door is open");
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    terminal.sees("★ Passed: 1 point");
    leave(&mut terminal);
}

/// Nothing of this task is looked at: its checks all run the program.
#[test]
fn a_service_that_has_stopped_is_noticed_where_no_check_looks_at_it() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, QUEUE);
    terminal.sees("1. A queue");
    terminal.types("p");
    terminal.sees("This is the first task.");
    let redis = sandbox.on_engine().containers.into_iter().find(|name| name.ends_with("-redis"));
    assert!(crate::docker::kill(&redis.unwrap()));
    terminal.sees("'u' starts it again: The service redis was stopped");
    // Once it is back, what was said before is said again.
    sandbox.ok(&["restart", "redis"]);
    terminal.sees("This is the first task.");
    assert!(!terminal.text().contains("'u' starts"), "{}", terminal.text());
    // A task that has passed has nothing left to be looked at, either.
    sandbox.write(QUEUE, "queue.py", RIGHT);
    terminal.sees("★ Passed: 3 points");
    sandbox.run(&["exec", "workbench", "--", "redis-cli", "-h", "redis", "SHUTDOWN", "NOSAVE"]);
    terminal.sees("'u' starts it again: redis was told to shut down by one of its clients");
    sandbox.ok(&["restart", "redis"]);
    terminal.sees("Enter goes on to the next task.");
    leave(&mut terminal);
}

#[test]
fn what_was_found_is_dropped_when_it_is_no_longer_so_and_kept_for_each_task() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("○ The door is open");
    terminal.types("c");
    terminal.sees("redis answers nothing");
    terminal.types("n");
    terminal.sees("2. Fill the shelf");
    terminal.types("p");
    terminal.sees("redis answers nothing");
    terminal.sees("1 of 1 checks do not pass the last time");
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    terminal.sees("★ Passed: 1 point");
    assert!(!terminal.text().contains("redis answers nothing"), "{}", terminal.text());
    leave(&mut terminal);
}

#[test]
fn a_screen_goes_where_another_labs_has_gone() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("1. Open the door  1 point");
    sandbox.ok(&["goto", KEYS, "shelf"]);
    terminal.sees("2. Fill the shelf  2 points");
    terminal.sees("Another labs went to this task.");
    terminal.types("p");
    terminal.sees("1. Open the door  1 point");
    leave(&mut terminal);
    assert_eq!(sandbox.json(&["status"])["seats"][0]["passed"], 0);
}

#[test]
fn a_seat_that_was_ended_elsewhere_is_said_to_be_and_another_is_begun_with_a_key() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, QUEUE);
    terminal.sees("1. A queue");
    // Where the service of the seat that is recorded is reached, once it is.
    let address = || {
        let parts = &sandbox.json(&["status"])["seats"][0]["parts"];
        parts[0]["address"].as_str().map(str::to_owned)
    };
    let shows =
        |terminal: &Terminal| address().is_some_and(|address| terminal.text().contains(&address));
    let first = address();
    sandbox.ok(&["stop", QUEUE]);
    terminal.sees("Another labs has ended the seat: 'u' starts a new one, 'q' leaves.");
    terminal.types("u");
    until("the new one is shown", || address() != first && shows(&terminal));
    // What is checked is the new one.
    sandbox.write(QUEUE, "queue.py", RIGHT);
    terminal.sees("★ Passed: 3 points");
    // One that another labs has begun is gone on with.
    let second = address();
    sandbox.ok(&["stop", QUEUE]);
    sandbox.ok(&["run", QUEUE, "--detach"]);
    until("that one is shown", || address() != second && shows(&terminal));
    terminal.types("c");
    terminal.sees("checking this task");
    terminal.sees("Enter goes on to the next task.");
    leave(&mut terminal);
}

#[test]
fn a_start_is_given_up_with_ctrl_c_and_begun_again_with_a_key() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, SLOW);
    sandbox.ok(&["stop", SLOW]);
    terminal.sees("Another labs has ended the seat");
    terminal.types("u");
    terminal.sees("Ctrl-C gives it up");
    until("something is made", || !sandbox.on_engine().containers.is_empty());
    terminal.types("\x03");
    terminal.sees("Given up: 'u' begins again.");
    assert_eq!(sandbox.on_engine().containers, [""; 0]);
    terminal.types("u");
    terminal.sees("Ctrl-C gives it up");
    terminal.sees("q quit");
    // What cannot be given up says so.
    terminal.types("R");
    terminal.sees("Reset?");
    terminal.types("2");
    terminal.types("\x03");
    terminal.sees("This cannot be interrupted");
    // A signal ends the screen when it is done.
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end(), 143);
    assert_eq!(sandbox.redis(SLOW, &["GET", "prepared"]).trim(), "yes");
}

#[test]
fn lines_alone_are_printed_where_nothing_may_be_redrawn() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut command = sandbox.command(&["run", KEYS, "--plain"]);
    command.env("TERM", "xterm-256color").env("NO_COLOR", "1");
    let mut terminal = Terminal::open(command, 24, 80);
    terminal.reads("1 of 2");
    terminal.enters("check");
    terminal.reads("redis answers nothing");
    terminal.enters("quit");
    terminal.reads("The seat goes on running.");
    assert_eq!(terminal.end(), 0);
    let printed = terminal.printed();
    assert!(!printed.contains('\x1b'), "{printed:?}");
}

/// Of the keys' sheet, a check with evidence, a hint, a solution and a pass, everything that reached the terminal.
fn a_session_in(variable: (&str, &str), pass: &str) -> String {
    let sandbox = Sandbox::with_fixture("labs");
    let mut command = sandbox.command(&["run", QUEUE]);
    command.env("TERM", "xterm-256color").env(variable.0, variable.1);
    let mut terminal = Terminal::open(command, 24, 80);
    terminal.sees("q quit");
    terminal.types("?");
    terminal.sees("this task, all data, or all; it asks first");
    terminal.types("G");
    terminal.sees("127.0.0.1");
    terminal.types("q");
    terminal.sees("1. A queue");
    sandbox.write(QUEUE, "queue.py", RIGHT.replace("r.lpop", "r.rpop"));
    terminal.sees("do not pass after what you saved");
    terminal.types("e");
    terminal.sees("The last check in full");
    terminal.types("qh");
    terminal.sees("Hint 1 of 1");
    sandbox.write(QUEUE, "queue.py", RIGHT);
    terminal.sees(pass);
    terminal.types("S");
    terminal.sees("A solution: One list");
    terminal.types("qa");
    terminal.sees("Every task");
    terminal.types("q");
    leave(&mut terminal);
    terminal.printed()
}

/// What the prompt prints is read out to some: signs and drawings would be noise, or nothing.
#[test]
fn the_prompt_says_everything_in_words() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut command = sandbox.command(&["run", QUEUE, "--plain"]);
    command.env("TERM", "xterm-256color");
    let mut terminal = Terminal::open(command, 24, 80);
    terminal.reads("queue >");
    sandbox.write(QUEUE, "queue.py", RIGHT.replace("r.lpop", "r.rpop"));
    terminal.enters("check");
    terminal.reads("failed: Jobs leave in the order they came");
    terminal.reads("put-1, 0.000 to ");
    terminal.reads("passed: A job that went in comes out");
    sandbox.write(QUEUE, "queue.py", "def put(job): pass");
    for line in ["check", "evidence", "hint", "all", "quit"] {
        terminal.reads("queue >");
        terminal.enters(line);
    }
    assert_eq!(terminal.end(), 0);
    let printed = terminal.printed();
    let signs = printed.chars().filter(|c| !c.is_ascii() && !"…“”".contains(*c));
    assert_eq!(signs.collect::<String>(), "", "{printed}");

    sandbox.ok(&["run", KEYS, "--detach"]);
    let typed =
        b"check\nhint\nnext\nnext\n9\nall\nhint\nsolution\nlogs kafka\nchekc\n\xe4\n?\nquit\n";
    let printed = typed_at_once(&sandbox, KEYS, typed);
    insta::assert_snapshot!("prompt", printed);
}

/// What a prompt prints where everything was typed before, without what is another each time.
fn typed_at_once(sandbox: &Sandbox, lab: &str, typed: &[u8]) -> String {
    let mut command = sandbox.command(&["run", lab, "--plain"]);
    let piped = std::process::Stdio::piped;
    let mut labs = command.stdin(piped()).stdout(piped()).spawn().unwrap();
    std::io::Write::write_all(&mut labs.stdin.take().unwrap(), typed).unwrap();
    let ran: crate::sandbox::Ran = labs.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 0, "{ran:#?}");
    let home = sandbox.home().to_str().unwrap();
    let lines = ran.stdout.replace(home, "HOME");
    let lines = lines.lines().map(|line| match line.split_once("127.0.0.1:") {
        Some((before, rest)) => {
            format!("{before}ADDRESS{}", rest.trim_start_matches(|c: char| c.is_ascii_digit()))
        }
        None if line.ends_with(" s") => {
            line.rsplit_once(", ").map_or(line, |(result, _)| result).to_owned()
        }
        None => line.trim_end().to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_terminal_that_wants_no_colours_gets_none() {
    let printed = a_session_in(("NO_COLOR", "1"), "★ Passed: 3 points");
    let styles = printed.split("\x1b[").skip(1).filter(|sequence| {
        let end = sequence.trim_start_matches(|c: char| c.is_ascii_digit() || ";:?".contains(c));
        end.starts_with('m')
    });
    assert_eq!(styles.count(), 0, "{printed:?}");
}

#[test]
fn a_terminal_that_knows_ascii_alone_is_sent_nothing_else() {
    let printed = a_session_in(("LC_ALL", "C"), "* Passed: 3 points");
    let other: Vec<&str> = printed.split('\x1b').filter(|part| !part.is_ascii()).collect();
    assert_eq!(other, [""; 0]);
}

#[test]
fn a_seat_is_in_use_as_long_as_its_screen_is_open() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("○ The door is open");
    let ledger = sandbox.home().join(".local/share/labs/labs.db");
    let ledger = rusqlite::Connection::open(ledger).unwrap();
    let past = "2026-01-01T00:00:00Z";
    ledger.execute("UPDATE seats SET lease_until = ?", [past]).unwrap();
    until("the lease is renewed", || {
        let lease = "SELECT lease_until FROM seats";
        ledger.query_row(lease, [], |row| row.get::<_, String>(0)).unwrap().as_str() > past
    });
    leave(&mut terminal);
}

#[test]
fn who_comes_back_is_at_the_task_that_was_left() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("1. Open the door");
    terminal.types("n");
    terminal.sees("2. Fill the shelf");
    leave(&mut terminal);
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("2. Fill the shelf");
    leave(&mut terminal);
}

#[test]
fn a_program_is_checked_when_it_is_saved_and_failing_so_costs_no_attempt() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, QUEUE);
    terminal.sees("1. A queue");
    sandbox.write(QUEUE, "queue.py", RIGHT.replace("r.lpop", "r.rpop"));
    terminal.sees("do not pass after what you saved");
    assert_eq!(progress(&sandbox, QUEUE, "queue")["attempts"], 0);
    sandbox.write(QUEUE, "queue.py", RIGHT);
    terminal.sees("★ Passed: 3 points");
    terminal.types("e");
    terminal.sees("The last check in full");
    terminal.sees("✓ A job that went in comes out");
    terminal.types("q");
    terminal.sees("★ Passed: 3 points");
    // What is saved while something else is read waits until that is put away.
    terminal.types("n");
    terminal.sees("2. After the queue");
    terminal.types("?");
    terminal.sees("this task, all data, or all; it asks first");
    sandbox.write(QUEUE, "queue.py", format!("{RIGHT}\n"));
    terminal.sees("Saved: 'q' goes back and checks it.");
    terminal.types("q");
    terminal.sees("★ Passed: 2 points");
    leave(&mut terminal);
}

#[test]
fn ctrl_c_ends_a_check_and_not_the_screen() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, QUEUE);
    terminal.sees("1. A queue");
    sandbox.write(QUEUE, "queue.py", "import time\ntime.sleep(3600)\n");
    terminal.types("c");
    terminal.sees("checking this task");
    let seat = sandbox.json(&["status"])["seats"][0]["seat"].as_str().unwrap().to_owned();
    let runs = || crate::docker::labelled(&format!("labs.seat={seat}")).containers;
    until("a runner runs", || runs().iter().any(|name| name.contains("runner")));
    terminal.types("\x03");
    terminal.sees("The check was ended: 'c' begins it again.");
    assert!(!runs().iter().any(|name| name.contains("runner")));
    leave(&mut terminal);
}

#[test]
fn keys_show_what_there_is_and_questions_are_answered() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("1. Open the door");
    terminal.types("h");
    terminal.sees("Hint 1 of 3");
    terminal.types("?");
    terminal.sees("this task, all data, or all; it asks first");
    terminal.types("q");
    terminal.sees("Hint 1 of 3");
    // One that was taken is shown again before the next one is.
    terminal.types("\x7f");
    until("the hint is put away", || !terminal.text().contains("Hint 1 of 3"));
    terminal.types("h");
    terminal.sees("'h' again takes one more hint");
    assert_eq!(progress(&sandbox, KEYS, "door")["hints_shown"], 1);
    terminal.types("h");
    terminal.sees("Hint 2 of 3");
    terminal.types("p");
    terminal.sees("This is the first task.");
    terminal.types("9");
    terminal.sees("There are 2 tasks.");
    terminal.types("x");
    terminal.sees("'?' shows all keys.");
    terminal.types("e");
    terminal.sees("This task has not been checked yet");
    for key in ["n", "\r"] {
        terminal.types("S");
        terminal.sees("That you looked is recorded.");
        terminal.types(key);
        terminal.sees("q quit");
    }
    assert_eq!(progress(&sandbox, KEYS, "door")["solution_seen"], false);
    terminal.types("S");
    terminal.sees("That you looked is recorded.");
    terminal.types("y");
    terminal.sees("redis-cli -h redis SET door open");
    assert_eq!(progress(&sandbox, KEYS, "door")["solution_seen"], true);
    terminal.types("q2");
    terminal.sees("2. Fill the shelf");
    terminal.types("l");
    terminal.sees("The last lines of redis");
    terminal.types("q");
    terminal.resize(20, 60);
    terminal.sees("e evidence  ? all keys  q quit");
    terminal.types("p");
    terminal.sees("1. Open the door");
    terminal.signal(Signal::TERM);
    assert_eq!(terminal.end(), 143);
}

#[test]
fn what_is_pasted_is_no_key() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.types("\x1b[200~nRq\x1b[201~");
    terminal.sees("What you paste is for the shell");
    terminal.sees("1. Open the door");
    leave(&mut terminal);
    assert!(terminal.printed().contains("\x1b[?2004l"));
}

/// Both wait at once to be read, and either may be first.
#[test]
fn a_key_typed_while_the_terminal_changes_its_size_is_not_lost() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    for columns in 60..100 {
        terminal.sees("? all keys");
        terminal.types("?");
        terminal.resize(24, columns);
        terminal.sees("this task, all data, or all; it asks first");
        terminal.types("q");
    }
    terminal.sees("? all keys");
    leave(&mut terminal);
}

#[test]
fn a_client_and_a_shell_have_the_terminal_and_the_screen_comes_back() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("1. Open the door");
    terminal.types("o");
    terminal.sees("redis:6379> ");
    terminal.types("SET door open\r");
    terminal.sees("OK");
    // One that ends at once would have what it printed read first.
    std::thread::sleep(Duration::from_secs(2));
    terminal.types("\x04");
    terminal.sees("★ Passed: 1 point");
    terminal.types("s");
    terminal.sees("/workspace $ ");
    terminal.types("exit\r");
    terminal.sees("★ Passed: 1 point");
    terminal.types("R");
    terminal.sees("Reset?");
    terminal.types("1");
    terminal.sees("door begins again.");
    assert_eq!(sandbox.redis(KEYS, &["EXISTS", "door"]).trim(), "0");
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    terminal.types("R");
    terminal.sees("Reset?");
    terminal.types("2");
    terminal.sees("2. Fill the shelf");
    assert_eq!(sandbox.redis(KEYS, &["EXISTS", "door"]).trim(), "0");
    terminal.types("R");
    terminal.sees("Reset?");
    terminal.types("3");
    terminal.sees("Your old files are in ");
    leave(&mut terminal);
}

#[test]
fn what_a_client_prints_that_ends_at_once_stays_until_it_is_read() {
    let sandbox = Sandbox::with_fixture("http");
    let mut terminal = open(&sandbox, "tiny-front");
    terminal.types("o");
    terminal.sees("Whose client");
    terminal.types("1");
    terminal.sees("HTTP/1.1 200 OK");
    terminal.sees("Enter comes back to the task.");
    terminal.types("\r");
    terminal.sees("1. A proxy");
    leave(&mut terminal);
}

#[test]
fn ctrl_z_gives_the_terminal_to_the_shell_and_fg_brings_the_screen_back() {
    let sandbox = Sandbox::with_fixture("labs");
    let labs = sandbox.command(&[]);
    let mut shell = std::process::Command::new("bash");
    shell.args(["--norc", "--noprofile", "-i"]).current_dir(sandbox.home());
    for (name, value) in labs.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    shell.env("TERM", "xterm-256color").env("PS1", "the shell > ");
    let mut terminal = Terminal::open(shell, 24, 80);
    terminal.sees("the shell >");
    // As a wrapper starts it, which waits for it in the same group.
    terminal.enters(&format!("sh -c '{} run {QUEUE}; true'", labs.get_program().display()));
    terminal.sees("1. A queue");
    sandbox.write(QUEUE, "queue.py", "import time\ntime.sleep(3600)\n");
    terminal.types("c");
    terminal.sees("checking this task");
    terminal.types("\x1a");
    terminal.sees("Stopped");
    assert!(!terminal.text().contains("1. A queue"), "{}", terminal.text());
    terminal.enters("echo it is the $((40 + 2))nd");
    terminal.sees("it is the 42nd");
    terminal.enters("fg");
    terminal.sees("The check was ended: 'c' begins it again.");
    assert_eq!(progress(&sandbox, QUEUE, "queue")["attempts"], 0);
    terminal.types("h");
    terminal.sees("Hint 1 of 1");
    terminal.types("q");
    terminal.sees("The seat goes on running.");
    terminal.enters("exit");
    assert_eq!(terminal.end(), 0);
}

/// What a learner has before them, in terminals of three widths.
#[test]
fn the_screen_of_a_failed_check_is_as_it_was_looked_at() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    terminal.sees("1. Open the door");
    terminal.types("c");
    terminal.sees("1 of 1 checks do not pass");
    for columns in [60, 80, 140] {
        terminal.resize(24, columns);
        until("it is drawn in this width", || steady(&terminal, columns).is_some());
        insta::assert_snapshot!(format!("screen_{columns}"), steady(&terminal, columns).unwrap());
    }
    leave(&mut terminal);
}

/// The screen without what is another each time; none while it is drawn.
fn steady(terminal: &Terminal, columns: u16) -> Option<String> {
    let text = terminal.text();
    // The minutes stand at the right edge.
    if text.lines().next()?.chars().count() != usize::from(columns) {
        return None;
    }
    let (before, rest) = text.split_once("127.0.0.1:")?;
    let port = rest.find(|c: char| !c.is_ascii_digit())?;
    let whole = ["1. Open the door", "redis answers nothing", "do not pass", "q quit"];
    let drawn = whole.iter().all(|part| text.contains(part));
    let text = format!("{before}127.0.0.1:{}{}", "1".repeat(port), &rest[port..]);
    let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
    drawn.then(|| lines.join("\n"))
}

#[test]
fn control_characters_of_a_log_are_shown_and_not_sent() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut terminal = open(&sandbox, KEYS);
    let log = "redis.log(redis.LOG_WARNING, ARGV[1])";
    sandbox.redis(KEYS, &["EVAL", log, "0", OBEYED]);
    terminal.types("l");
    terminal.sees(SHOWN);
    // The screen itself needs the escape character.
    assert!(!terminal.printed().contains(['\u{9b}', '\u{202e}']), "{}", terminal.printed());
    terminal.types("q");
    terminal.sees("q quit");
    leave(&mut terminal);
}
