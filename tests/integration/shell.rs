//! What a person at a terminal sees: the shell, a service's client, the prompt loop of `run`.

use rustix::process::Signal;

use crate::docker;
use crate::sandbox::{SLEEPS, Sandbox};
use crate::terminal::Terminal;

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";
const PROMPT: &str = "/workspace $ ";

fn seat_of(lab: &str) -> Sandbox {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", lab, "--detach"]);
    sandbox
}

/// A command on a terminal of 31 rows and 97 columns.
fn on_terminal(sandbox: &Sandbox, args: &[&str]) -> Terminal {
    let mut command = sandbox.command(args);
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    Terminal::open(command, 31, 97)
}

/// A shell that has shown its prompt.
fn shell(sandbox: &Sandbox) -> Terminal {
    let mut terminal = on_terminal(sandbox, &["shell"]);
    terminal.reads(PROMPT);
    terminal
}

#[test]
fn a_shell_shows_what_a_command_prints_and_passes_its_exit_code_on() {
    let sandbox = seat_of(KEYS);
    let mut terminal = shell(&sandbox);
    terminal.enters("echo $((40 + 2)); redis-cli -h redis ECHO 'from re''dis'");
    terminal.reads("\r42\r\n");
    terminal.reads("\"from redis\"\r\n");
    terminal.reads(PROMPT);
    terminal.enters("exit 7");
    assert_eq!(terminal.end(), 7);
}

#[test]
fn the_end_of_input_ends_a_shell() {
    let sandbox = seat_of(KEYS);
    let mut terminal = shell(&sandbox);
    terminal.types("\x04");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn ctrl_c_ends_the_command_in_a_shell_and_not_the_shell() {
    let sandbox = seat_of(KEYS);
    let mut terminal = shell(&sandbox);
    terminal.enters("sh -c 'echo be''gun; exec sleep 3600'");
    terminal.reads("\rbegun\r\n");
    terminal.types("\x03");
    terminal.reads(PROMPT.trim_start_matches("/workspace "));
    terminal.enters("echo status=$?");
    terminal.reads("\rstatus=130\r\n");
    terminal.enters("exit");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_shell_has_the_size_of_the_terminal_and_follows_it() {
    let sandbox = seat_of(KEYS);
    let mut terminal = shell(&sandbox);
    terminal.enters("stty size");
    terminal.reads("\r31 97\r\n");
    let wait = "while [ \"$(stty size)\" != '40 120' ]; do sleep 0.05; done; echo re''sized";
    terminal.enters(&format!("echo wait''ing; {wait}"));
    terminal.reads("\rwaiting\r\n");
    terminal.resize(40, 120);
    terminal.reads("resized\r\n");
    terminal.enters("exit");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn the_terminal_is_raw_in_a_shell_and_as_before_after_it() {
    let sandbox = seat_of(KEYS);
    let mut terminal = shell(&sandbox);
    assert!(!terminal.is_cooked());
    terminal.enters("exit");
    assert_eq!(terminal.end(), 0);
    assert!(terminal.is_cooked());
}

#[test]
fn the_shell_of_a_service_is_its_client() {
    let sandbox = seat_of(KEYS);
    let mut terminal = on_terminal(&sandbox, &["shell", "redis"]);
    terminal.reads("redis:6379> ");
    terminal.enters("INCRBY number 42");
    terminal.reads("(integer) 42");
    terminal.enters("quit");
    assert_eq!(terminal.end(), 0);
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
    let mut terminal = on_terminal(&sandbox, &["run", "redis-queues", "--plain"]);
    terminal.reads("Queues on Redis");
    terminal.reads("task 1 of 8");
    terminal.reads("Three tickets wait");
    terminal.reads("by-hand > ");
    terminal.enters("hint");
    terminal.reads("Hint 1 of 3");
    terminal.reads("by-hand > ");
    terminal.enters("check");
    terminal.reads("redis answers nothing");
    terminal.reads("0 of 1 tasks pass");
    terminal.reads("by-hand > ");
    terminal.enters("next");
    terminal.reads("task 2 of 8");
    terminal.reads("fifo > ");
    terminal.enters("previous");
    terminal.reads("by-hand > ");
    terminal.enters("nonsense");
    terminal.reads("There is no \"nonsense\" here");
    terminal.reads("by-hand > ");
    terminal.enters("quit");
    terminal.reads("labs stop redis-queues");
    assert_eq!(terminal.end(), 0);
    assert_eq!(sandbox.json(&["status"])["seats"][0]["lab"], "redis-queues");
}

#[test]
fn the_prompt_reads_a_pipe_and_knows_what_the_screen_knows() {
    let sandbox = seat_of(KEYS);
    let typed = "evidence\nc\nevidence\nS\nS yes\nlogs redis\n2\nreset data\nup\nlogs kafka\nq\n";
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
        "'solution yes' shows a right solution",
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
    let mut terminal = on_terminal(&sandbox, &["run", KEYS, "--plain"]);
    terminal.reads("door > ");
    terminal.enters("shell");
    terminal.reads(PROMPT);
    terminal.enters("redis-cli -h redis SET door open");
    terminal.reads("\rOK\r\n");
    terminal.reads(PROMPT);
    terminal.enters("exit");
    // What the shell has brought about is seen without being asked for.
    terminal.reads("holds: The door is open");
    terminal.reads("door > ");
    terminal.enters("check");
    terminal.reads("1 of 1 tasks pass");
    terminal.reads("Next: Fill the shelf");
    terminal.reads("shelf > ");
    terminal.enters("");
    terminal.reads("task 2 of 2");
    terminal.reads("shelf > ");
    terminal.types("\x04");
    terminal.reads("The seat goes on running");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn ctrl_c_at_the_prompt_ends_a_check_and_not_the_prompt() {
    let sandbox = seat_of(QUEUE);
    sandbox.write(QUEUE, "queue.py", "import time\ntime.sleep(3600)\n");
    let mut terminal = on_terminal(&sandbox, &["run", QUEUE, "--plain"]);
    terminal.reads("queue > ");
    terminal.enters("check");
    let seat = sandbox.json(&["status"])["seats"][0]["seat"].as_str().unwrap().to_owned();
    crate::sandbox::until("a runner runs", || {
        let found = crate::docker::labelled(&format!("labs.seat={seat}"));
        found.containers.iter().any(|name| name.contains("runner"))
    });
    terminal.types("\x03");
    terminal.reads("The check was interrupted.");
    terminal.reads("queue > ");
    terminal.enters("hint");
    terminal.reads("Hint 1 of 1");
    terminal.reads("queue > ");
    terminal.enters("quit");
    assert_eq!(terminal.end(), 0);
}

#[test]
fn a_request_to_end_ends_a_shell_with_what_runs_in_it() {
    let sandbox = seat_of(KEYS);
    for (args, signal, code) in
        [(&["shell"][..], Signal::TERM, 143), (&["run", KEYS, "--plain"], Signal::TERM, 143)]
    {
        let mut terminal = on_terminal(&sandbox, args);
        if args[0] == "run" {
            terminal.reads("door > ");
            terminal.enters("shell");
        }
        terminal.reads(PROMPT);
        terminal.enters("sh -c 'echo be''gun; exec sleep 3600'");
        terminal.reads("\rbegun\r\n");
        terminal.signal(signal);
        assert_eq!(terminal.end(), code, "{args:?}");
        let left = sandbox.run(&["exec", "workbench", "--", "sh", "-c", SLEEPS]);
        assert_ne!(left.code, 0, "{args:?}: {left:#?}");
    }
}

#[test]
fn a_question_at_a_terminal_is_answered_with_a_key() {
    let sandbox = seat_of(KEYS);
    let mut terminal = on_terminal(&sandbox, &["solution", KEYS, "door"]);
    terminal.reads("Show the solution of door?");
    terminal.types("n");
    assert_eq!(terminal.end(), 0);
    let seen =
        || sandbox.json(&["tasks", KEYS, "door"])["tasks"][0]["progress"]["solution_seen"].clone();
    assert_eq!(seen(), false);
    let mut terminal = on_terminal(&sandbox, &["solution", KEYS, "door"]);
    terminal.reads("Show the solution of door?");
    terminal.types("y");
    terminal.reads("redis-cli -h redis SET door open");
    assert_eq!(terminal.end(), 0);
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
    let mut terminal = on_terminal(&sandbox, &repair);
    terminal.reads("'exit' starts redis again");
    terminal.reads("$ ");
    terminal.enters("sed -i /nonsense/d redis.conf");
    terminal.reads("$ ");
    terminal.enters("exit");
    terminal.reads("redis is ready again at");
    assert_eq!(terminal.end(), 0);
    assert_eq!(sandbox.redis(KEYS, &["GET", "door"]), "open\n");
    let left = sandbox.on_engine();
    assert!(!left.containers.iter().any(|name| name.contains("repair")), "{left:?}");
}

#[test]
fn what_a_repair_that_is_killed_leaves_at_the_data_is_removed_by_what_comes_next() {
    let sandbox = seat_of(KEYS);
    let seat = sandbox.json(&["status"])["seats"][0]["seat"].as_str().unwrap().to_owned();
    let (redis, repair) = (format!("labs-{seat}-redis"), format!("labs-{seat}-repair-redis"));
    for next in [&["gc"][..], &["run", KEYS, "--detach"], &["restart", "redis"]] {
        docker::kill(&redis);
        let mut terminal = on_terminal(&sandbox, &["shell", "redis", "--repair"]);
        terminal.reads("$ ");
        // Somebody is at it.
        let second = sandbox.run(&["shell", "redis", "--repair"]);
        assert!(second.code == 3 && second.stderr.contains("Another labs"), "{second:#?}");
        assert!(!sandbox.json(&["gc"]).to_string().contains(&repair));
        assert!(docker::container(&repair).is_some());
        terminal.signal(Signal::KILL);
        assert_eq!(terminal.end(), -1);
        assert!(sandbox.json(&["gc", "--dry-run"]).to_string().contains(&repair));
        sandbox.ok(next);
        assert!(docker::container(&repair).is_none(), "{next:?}");
    }
    sandbox.redis(KEYS, &["PING"]);
}

#[test]
fn a_service_that_the_lab_has_not_is_refused_with_those_it_has() {
    let sandbox = seat_of(KEYS);
    for (command, rest, known) in [
        ("shell", &[][..], "redis, workbench"),
        ("exec", &["--", "true"], "redis, workbench"),
        ("logs", &[], "redis, workbench, gate"),
        ("restart", &[], "redis, workbench"),
    ] {
        let ran = sandbox.run(&[&[command, "kafka"], rest].concat());
        let said = ran.stderr.contains("There is no service \"kafka\"")
            && ran.stderr.contains(&format!("there are: {known}\n"));
        assert!(ran.code == 2 && said, "{command}: {ran:#?}");
        let ran = sandbox.run(&[&[command, "redos"], rest].concat());
        assert!(ran.stderr.contains("did you mean \"redis\"?"), "{command}: {ran:#?}");
    }
}
