//! What a person at a terminal sees: the shell, a service's client, the prompt loop of `run`.

use rexpect::process::{Signal, WaitStatus};
use rexpect::session::{PtySession, spawn_command};
use rustix::termios::{LocalModes, Winsize, tcgetattr, tcsetwinsize};

use crate::sandbox::{PATIENCE, SLEEPS, Sandbox};

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";
const PROMPT: &str = "/workspace $ ";

fn seat_of(lab: &str) -> Sandbox {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", lab, "--detach"]);
    sandbox
}

/// A command on a terminal of 31 rows and 97 columns.
fn terminal(sandbox: &Sandbox, args: &[&str]) -> PtySession {
    let mut command = sandbox.after("stty rows 31 cols 97", args);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let patience = u64::try_from(PATIENCE.as_millis()).unwrap();
    spawn_command(command, Some(patience)).unwrap()
}

/// A shell that has shown its prompt.
fn shell(sandbox: &Sandbox) -> PtySession {
    let mut session = terminal(sandbox, &["shell"]);
    session.exp_string(PROMPT).unwrap();
    session
}

/// Types a line and presses Enter.
fn enter(session: &mut PtySession, line: &str) {
    session.send(&format!("{line}\r")).unwrap();
    session.flush().unwrap();
}

/// The exit code, after everything that is still said.
fn end(session: &mut PtySession) -> i32 {
    session.exp_eof().unwrap();
    match session.process().wait().unwrap() {
        WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_shell_shows_what_a_command_prints_and_passes_its_exit_code_on() {
    let sandbox = seat_of(KEYS);
    let mut session = shell(&sandbox);
    enter(&mut session, "echo $((40 + 2)); redis-cli -h redis ECHO 'from re''dis'");
    session.exp_string("\r42\r\n").unwrap();
    session.exp_string("\"from redis\"\r\n").unwrap();
    session.exp_string(PROMPT).unwrap();
    enter(&mut session, "exit 7");
    assert_eq!(end(&mut session), 7);
}

#[test]
fn the_end_of_input_ends_a_shell() {
    let sandbox = seat_of(KEYS);
    let mut session = shell(&sandbox);
    session.send_control('d').unwrap();
    assert_eq!(end(&mut session), 0);
}

#[test]
fn ctrl_c_ends_the_command_in_a_shell_and_not_the_shell() {
    let sandbox = seat_of(KEYS);
    let mut session = shell(&sandbox);
    enter(&mut session, "sh -c 'echo be''gun; exec sleep 3600'");
    session.exp_string("\rbegun\r\n").unwrap();
    session.send_control('c').unwrap();
    session.exp_string(PROMPT.trim_start_matches("/workspace ")).unwrap();
    enter(&mut session, "echo status=$?");
    session.exp_string("\rstatus=130\r\n").unwrap();
    enter(&mut session, "exit");
    assert_eq!(end(&mut session), 0);
}

#[test]
fn a_shell_has_the_size_of_the_terminal_and_follows_it() {
    let sandbox = seat_of(KEYS);
    let mut session = shell(&sandbox);
    enter(&mut session, "stty size");
    session.exp_string("\r31 97\r\n").unwrap();
    let wait = "while [ \"$(stty size)\" != '40 120' ]; do sleep 0.05; done; echo re''sized";
    enter(&mut session, &format!("echo wait''ing; {wait}"));
    session.exp_string("\rwaiting\r\n").unwrap();
    let size = Winsize { ws_row: 40, ws_col: 120, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(session.process().get_file_handle().unwrap(), size).unwrap();
    session.exp_string("resized\r\n").unwrap();
    enter(&mut session, "exit");
    assert_eq!(end(&mut session), 0);
}

#[test]
fn the_terminal_is_raw_in_a_shell_and_as_before_after_it() {
    let sandbox = seat_of(KEYS);
    let mut session = shell(&sandbox);
    let master = session.process().get_file_handle().unwrap();
    let cooked = || tcgetattr(&master).unwrap().local_modes.contains(LocalModes::ICANON);
    assert!(!cooked());
    enter(&mut session, "exit");
    assert_eq!(end(&mut session), 0);
    assert!(cooked());
}

#[test]
fn the_shell_of_a_service_is_its_client() {
    let sandbox = seat_of(KEYS);
    let mut session = terminal(&sandbox, &["shell", "redis"]);
    session.exp_string("redis:6379> ").unwrap();
    enter(&mut session, "INCRBY number 42");
    session.exp_string("(integer) 42").unwrap();
    enter(&mut session, "quit");
    assert_eq!(end(&mut session), 0);
    assert_eq!(sandbox.redis(KEYS, &["GET", "number"]), "42\n");
}

#[test]
fn a_shell_without_a_terminal_takes_its_input_from_the_pipe() {
    let sandbox = seat_of(KEYS);
    let script = sandbox.home().join("script");
    std::fs::write(&script, "echo $((40 + 2))\nexit 5\n").unwrap();
    let done =
        sandbox.command(&["shell"]).stdin(std::fs::File::open(script).unwrap()).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&done.stdout), "42\n");
    assert_eq!(done.status.code(), Some(5));
}

#[test]
fn a_lab_is_worked_through_at_its_prompt() {
    let sandbox = Sandbox::new();
    let mut session = terminal(&sandbox, &["run", "redis-queues", "--plain"]);
    session.exp_string("Queues on Redis").unwrap();
    session.exp_string("task 1 of 8").unwrap();
    session.exp_string("Three tickets wait").unwrap();
    session.exp_string("by-hand > ").unwrap();
    enter(&mut session, "hint");
    session.exp_string("Hint 1 of 3").unwrap();
    session.exp_string("by-hand > ").unwrap();
    enter(&mut session, "check");
    session.exp_string("redis answers nothing").unwrap();
    session.exp_string("0 of 1 tasks pass").unwrap();
    session.exp_string("by-hand > ").unwrap();
    enter(&mut session, "next");
    session.exp_string("task 2 of 8").unwrap();
    session.exp_string("fifo > ").unwrap();
    enter(&mut session, "previous");
    session.exp_string("by-hand > ").unwrap();
    enter(&mut session, "nonsense");
    session.exp_string("There is no \"nonsense\" here").unwrap();
    session.exp_string("by-hand > ").unwrap();
    enter(&mut session, "quit");
    session.exp_string("labs stop redis-queues").unwrap();
    assert_eq!(end(&mut session), 0);
    assert_eq!(sandbox.json(&["status"])["seats"][0]["lab"], "redis-queues");
}

#[test]
fn the_prompt_reads_a_pipe_and_knows_what_the_screen_knows() {
    let sandbox = seat_of(KEYS);
    let typed = "evidence\nc\nevidence\nS\nlogs redis\n2\nreset data\nup\nlogs kafka\nq\n";
    let mut labs = sandbox.command(&["run", KEYS, "--plain"]);
    let mut child = labs
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), typed.as_bytes()).unwrap();
    let ran: crate::sandbox::Ran = child.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 0, "{ran:#?}");
    let mut rest = ran.stdout.as_str();
    for said in [
        "Mind the door.",
        "has not been checked yet",
        "redis answers nothing",
        "redis answers nothing",
        "SET door open",
        "Ready to accept connections",
        "Mind the shelf.",
        "There is no service \"kafka\"",
        "The seat goes on running.",
    ] {
        let (_, after) = rest.split_once(said).unwrap_or_else(|| panic!("no {said:?}: {ran:#?}"));
        rest = after;
    }
}

#[test]
fn a_pass_at_the_prompt_leads_to_the_next_task() {
    let sandbox = Sandbox::with_fixture("labs");
    let mut session = terminal(&sandbox, &["run", KEYS, "--plain"]);
    session.exp_string("door > ").unwrap();
    enter(&mut session, "shell");
    session.exp_string(PROMPT).unwrap();
    enter(&mut session, "redis-cli -h redis SET door open");
    session.exp_string("\rOK\r\n").unwrap();
    session.exp_string(PROMPT).unwrap();
    enter(&mut session, "exit");
    session.exp_string("door > ").unwrap();
    enter(&mut session, "check");
    session.exp_string("1 of 1 tasks pass").unwrap();
    session.exp_string("Next: Fill the shelf").unwrap();
    session.exp_string("shelf > ").unwrap();
    enter(&mut session, "");
    session.exp_string("task 2 of 2").unwrap();
    session.exp_string("shelf > ").unwrap();
    session.send_control('d').unwrap();
    session.exp_string("The seat goes on running").unwrap();
    assert_eq!(end(&mut session), 0);
}

#[test]
fn ctrl_c_at_the_prompt_ends_a_check_and_not_the_prompt() {
    let sandbox = seat_of(QUEUE);
    sandbox.write(QUEUE, "queue.py", "import time\ntime.sleep(3600)\n");
    let mut session = terminal(&sandbox, &["run", QUEUE, "--plain"]);
    session.exp_string("queue > ").unwrap();
    enter(&mut session, "check");
    let seat = sandbox.json(&["status"])["seats"][0]["seat"].as_str().unwrap().to_owned();
    crate::sandbox::until("a runner runs", || {
        let found = crate::docker::labelled(&format!("labs.seat={seat}"));
        found.containers.iter().any(|name| name.contains("runner"))
    });
    session.send_control('c').unwrap();
    session.exp_string("The check was interrupted.").unwrap();
    session.exp_string("queue > ").unwrap();
    enter(&mut session, "hint");
    session.exp_string("Hint 1 of 1").unwrap();
    session.exp_string("queue > ").unwrap();
    enter(&mut session, "quit");
    assert_eq!(end(&mut session), 0);
}

#[test]
fn a_request_to_end_ends_a_shell_with_what_runs_in_it() {
    let sandbox = seat_of(KEYS);
    for (args, signal, code) in
        [(&["shell"][..], Signal::SIGTERM, 143), (&["run", KEYS, "--plain"], Signal::SIGTERM, 143)]
    {
        let mut session = terminal(&sandbox, args);
        if args[0] == "run" {
            session.exp_string("door > ").unwrap();
            enter(&mut session, "shell");
        }
        session.exp_string(PROMPT).unwrap();
        enter(&mut session, "sh -c 'echo be''gun; exec sleep 3600'");
        session.exp_string("\rbegun\r\n").unwrap();
        session.process_mut().signal(signal).unwrap();
        assert_eq!(end(&mut session), code, "{args:?}");
        let left = sandbox.run(&["exec", "workbench", "--", "sh", "-c", SLEEPS]);
        assert_ne!(left.code, 0, "{args:?}: {left:#?}");
    }
}

#[test]
fn a_question_at_a_terminal_is_answered_with_a_key() {
    let sandbox = seat_of(KEYS);
    let mut session = terminal(&sandbox, &["solution", KEYS, "door"]);
    session.exp_string("Show the solution of door?").unwrap();
    session.send("n").unwrap();
    session.flush().unwrap();
    assert_eq!(end(&mut session), 0);
    let seen =
        || sandbox.json(&["tasks", KEYS, "door"])["tasks"][0]["progress"]["solution_seen"].clone();
    assert_eq!(seen(), false);
    let mut session = terminal(&sandbox, &["solution", KEYS, "door"]);
    session.exp_string("Show the solution of door?").unwrap();
    session.send("y").unwrap();
    session.flush().unwrap();
    session.exp_string("redis-cli -h redis SET door open").unwrap();
    assert_eq!(end(&mut session), 0);
    assert_eq!(seen(), true);
}

#[test]
fn what_keeps_a_service_from_starting_is_mended_in_a_shell_at_its_data() {
    let sandbox = seat_of(KEYS);
    let repair = ["shell", "redis", "--repair"];
    let runs = sandbox.run(&repair);
    assert!(runs.code == 2 && runs.stderr.contains("there is nothing to repair"), "{runs:#?}");
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    let spoil = "echo nonsense >> /var/lib/redis/redis.conf";
    sandbox.ok(&["exec", "redis", "--", "sh", "-c", spoil]);
    let dead = sandbox.run(&["restart", "redis"]);
    assert!(dead.code == 3 && dead.stderr.contains("labs shell redis --repair"), "{dead:#?}");
    let mut session = terminal(&sandbox, &repair);
    session.exp_string("'exit' starts it again").unwrap();
    session.exp_string("$ ").unwrap();
    enter(&mut session, "sed -i /nonsense/d redis.conf");
    session.exp_string("$ ").unwrap();
    enter(&mut session, "exit");
    session.exp_string("redis is ready again at").unwrap();
    assert_eq!(end(&mut session), 0);
    assert_eq!(sandbox.redis(KEYS, &["GET", "door"]), "open\n");
    let left = sandbox.on_engine();
    assert!(!left.containers.iter().any(|name| name.contains("repair")), "{left:?}");
}

#[test]
fn a_service_that_the_lab_has_not_is_refused_with_those_it_has() {
    let sandbox = seat_of(KEYS);
    for (command, rest, known) in [
        ("shell", &[][..], "redis, workbench"),
        ("exec", &["--", "true"], "redis, workbench"),
        ("logs", &[], "redis, workbench, gate"),
        ("restart", &[], "redis"),
    ] {
        let ran = sandbox.run(&[&[command, "kafka"], rest].concat());
        let said = ran.stderr.contains("There is no service \"kafka\"")
            && ran.stderr.contains(&format!("there are: {known}\n"));
        assert!(ran.code == 2 && said, "{command}: {ran:#?}");
        let ran = sandbox.run(&[&[command, "redos"], rest].concat());
        assert!(ran.stderr.contains("did you mean \"redis\"?"), "{command}: {ran:#?}");
    }
}
