//! Each verdict for the right reason, whatever a program does and whatever happens to a service.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::docker;
use crate::sandbox::{OBEYED, Ran, SHOWN, Sandbox, fixture, until};

const KEYS: &str = "tiny-keys";
const QUEUE: &str = "tiny-queue";

/// A call that hangs is given up after 10 s; what surrounds it takes far less.
const HANG: Duration = Duration::from_secs(30);

fn seat_of(lab: &str) -> Sandbox {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", lab, "--detach"]);
    sandbox
}

/// A seat with a program in the learner's file.
fn seat_with(program: &str) -> Sandbox {
    let sandbox = seat_of(QUEUE);
    sandbox.write(QUEUE, "queue.py", program);
    sandbox
}

fn right_program() -> String {
    std::fs::read_to_string(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap()
}

/// The right program, but for the body of `put`.
fn with_put(body: &str) -> String {
    let body: String = body.lines().fold(String::new(), |mut text, line| {
        let _ = writeln!(text, "    {line}");
        text
    });
    right_program().replace("    r.rpush(\"queue\", job)\n", &body)
}

/// The result of `check`, with the exit code that belongs to its verdict.
fn check(sandbox: &Sandbox, names: &[&str]) -> Value {
    let (result, code) = sandbox.json_and_code(&[&["check"], names].concat());
    let expected = match result["verdict"].as_str() {
        Some("pass") => 0,
        Some("fail" | "blocked") => 1,
        _ => 3,
    };
    assert_eq!(code, expected, "{result:#}");
    result
}

fn one<'a>(result: &'a Value, task: &str, check: &str) -> &'a Value {
    let named =
        |list: &'a Value, id: &str| list.as_array().into_iter().flatten().find(|e| e["id"] == id);
    named(&result["tasks"], task)
        .and_then(|task| named(&task["checks"], check))
        .unwrap_or_else(|| panic!("there is no {task}/{check} in {result:#}"))
}

/// `task/check` → `pass`, `blocked`, `error`, or the code of its failure.
fn outcomes(result: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for task in result["tasks"].as_array().unwrap() {
        for check in task["checks"].as_array().unwrap() {
            let code = check["failure"]["code"].as_str().or(check["verdict"].as_str()).unwrap();
            let name =
                format!("{}/{}", task["id"].as_str().unwrap(), check["id"].as_str().unwrap());
            found.insert(name, code.to_owned());
        }
    }
    found
}

/// The failure of a program's one check.
fn failure(sandbox: &Sandbox, code: &str) -> Value {
    let result = check(sandbox, &[QUEUE, "solo"]);
    let one = one(&result, "solo", "one");
    assert_eq!(
        (&one["verdict"], &one["failure"]["code"]),
        (&json!("fail"), &json!(code)),
        "{result:#}"
    );
    one["failure"]["evidence"].clone()
}

fn assert_solo_passes(sandbox: &Sandbox) {
    sandbox.write(QUEUE, "queue.py", right_program());
    let result = check(sandbox, &[QUEUE, "solo"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
}

fn attempts(sandbox: &Sandbox, lab: &str, task: &str) -> u64 {
    sandbox.json(&["tasks", lab, task])["tasks"][0]["progress"]["attempts"].as_u64().unwrap()
}

fn seat_id(sandbox: &Sandbox) -> String {
    sandbox.json(&["status"])["seats"][0]["seat"].as_str().unwrap().to_owned()
}

fn redis_address(sandbox: &Sandbox) -> SocketAddr {
    let status = sandbox.json(&["status"]);
    status["seats"][0]["parts"][0]["address"].as_str().unwrap().parse().unwrap()
}

/// Where the first lane's twin is reached.
fn twin_address(seat: &str) -> SocketAddr {
    let gate = docker::container(&format!("labs-{seat}-gate")).unwrap();
    let port = &gate["NetworkSettings"]["Ports"]["7100/tcp"][0]["HostPort"];
    format!("127.0.0.1:{}", port.as_str().unwrap()).parse().unwrap()
}

/// A check in the background.
fn begin(sandbox: &Sandbox, names: &[&str]) -> Child {
    let args = [&["check", "--json"], names].concat();
    sandbox.command(&args).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn end(child: Child) -> (Value, i32) {
    let ran: Ran = child.wait_with_output().unwrap().into();
    let document = serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"));
    (document, ran.code)
}

fn session(address: SocketAddr) -> Option<redis::Connection> {
    let client = redis::Client::open(format!("redis://{address}/")).unwrap();
    client.get_connection_with_timeout(Duration::from_secs(5)).ok()
}

#[test]
fn a_fresh_lab_has_no_error_and_no_passed_task() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["run", "redis-queues", "--detach"]);
    let result = check(&sandbox, &["redis-queues"]);
    assert_eq!(result["verdict"], "fail", "{result:#}");
    for task in result["tasks"].as_array().unwrap() {
        let verdict = task["verdict"].as_str().unwrap();
        assert!(["fail", "blocked"].contains(&verdict), "{task:#}");
        assert_eq!(task["points"], 0);
        assert!(task.get("explanation").is_none(), "{task:#}");
    }
    assert!(!outcomes(&result).values().any(|outcome| outcome == "error"), "{result:#}");
}

#[test]
fn right_work_passes_with_points_and_an_explanation() {
    let sandbox = seat_with(&right_program());
    sandbox.redis(QUEUE, &["SET", "count", "3"]);
    let result = check(&sandbox, &[QUEUE]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
    assert_eq!((&result["points"], &result["max_points"]), (&json!(7), &json!(7)));
    let text = sandbox.ok(&["check", QUEUE, "solo"]).stdout;
    assert!(text.contains("1 of 1 tasks pass, 1 of 1 points"), "{text}");
    assert!(text.contains("The solo: minded."), "{text}");
}

#[test]
fn a_syntax_error_fails_with_its_line_and_blocks_the_rest() {
    let sandbox = seat_with("def put(job):\n    return (\n");
    let result = check(&sandbox, &[QUEUE]);
    let expected = [
        ("after/again", "blocked"),
        ("fruits/counted", "nothing"),
        ("fruits/kept", "pass"),
        ("queue/one", "blocked"),
        ("queue/order", "load"),
        ("solo/one", "load"),
    ];
    assert_eq!(outcomes(&result), expected.map(|(n, o)| (n.to_owned(), o.to_owned())).into());
    let evidence = &one(&result, "queue", "order")["failure"]["evidence"];
    assert!(evidence["summary"].as_str().unwrap().contains("SyntaxError"), "{evidence:#}");
    assert!(evidence["output"].as_str().unwrap().contains("queue.py\", line 2"), "{evidence:#}");
    assert_eq!(one(&result, "queue", "one")["blocked_by"], "check order");
    assert_eq!(one(&result, "after", "again")["blocked_by"], "task queue");
}

#[test]
fn a_program_that_raises_while_it_is_loaded_fails_with_the_traceback() {
    let sandbox = seat_with("import os\nopen('/nowhere/at/all')\n");
    let evidence = failure(&sandbox, "load");
    assert!(evidence["output"].as_str().unwrap().contains("queue.py\", line 2"), "{evidence:#}");
    assert!(evidence["summary"].as_str().unwrap().contains("FileNotFoundError"), "{evidence:#}");
}

#[test]
fn a_program_that_is_gone_fails_by_name() {
    let sandbox = seat_of(QUEUE);
    std::fs::remove_file(sandbox.workspace(QUEUE).join("queue.py")).unwrap();
    let evidence = failure(&sandbox, "load");
    assert!(evidence["summary"].as_str().unwrap().contains("queue.py"), "{evidence:#}");
}

#[test]
fn a_missing_function_fails_with_the_functions_there_are() {
    let sandbox = seat_with("def push(job):\n    pass\n\n\ndef pop():\n    pass\n");
    let summary = failure(&sandbox, "missing")["summary"].as_str().unwrap().to_owned();
    for part in ["put", "push, pop"] {
        assert!(summary.contains(part), "{part:?} is not in {summary}");
    }
}

#[test]
fn a_call_that_raises_fails_with_the_learners_own_lines() {
    let sandbox = seat_with(
        "def put(job):\n    helper(job)\n\n\ndef helper(job):\n    raise ValueError('no way')\n",
    );
    let evidence = failure(&sandbox, "raised");
    let output = evidence["output"].as_str().unwrap();
    for part in [
        "File \"queue.py\", line 2, in put",
        "File \"queue.py\", line 6, in helper",
        "ValueError: no way",
    ] {
        assert!(output.contains(part), "{part:?} is not in {output}");
    }
    assert!(!output.contains("/usr/lib"), "{output}");
}

#[test]
fn a_busy_loop_fails_as_a_timeout() {
    let sandbox = seat_with(&with_put("while True:\n    pass"));
    let began = Instant::now();
    failure(&sandbox, "timeout");
    assert!(began.elapsed() < HANG, "{:?}", began.elapsed());
    assert_solo_passes(&sandbox);
}

#[test]
fn a_sleeping_program_fails_as_a_timeout() {
    let sandbox = seat_with(&with_put("import time\ntime.sleep(3600)"));
    let began = Instant::now();
    failure(&sandbox, "timeout");
    assert!(began.elapsed() < HANG, "{:?}", began.elapsed());
}

#[test]
fn a_program_that_never_ends_loading_fails() {
    let sandbox = seat_with("while True:\n    pass\n");
    let began = Instant::now();
    let evidence = failure(&sandbox, "load");
    assert!(began.elapsed() < HANG, "{:?}", began.elapsed());
    assert!(evidence["summary"].as_str().unwrap().contains("10 s"), "{evidence:#}");
}

#[test]
fn what_a_program_prints_does_not_touch_the_verdict() {
    let rubbish = "import sys\n\
        sys.stdout.buffer.write(b'\\xff\\xfe\\x00\\x1b[2J{\"id\":1,\"ok\":null}\\n{\"ready\":[]}\\n')\n\
        sys.stdout.flush()\n\
        print('{\"id\": 1, \"raised\": {}}', file=sys.stderr, flush=True)\n";
    let sandbox = seat_with(&with_put(&format!("{rubbish}r.rpush('queue', job)")));
    let result = check(&sandbox, &[QUEUE, "solo"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
}

#[test]
fn control_characters_of_a_program_do_not_reach_the_terminal() {
    let body = "print('\\x1b[2J\\x1b]0;owned\\x07\\u202e', flush=True)\nraise ValueError('\\x1b[31mred\\r')";
    let sandbox = seat_with(&with_put(body));
    for args in [&["check", QUEUE, "solo"][..], &["check", QUEUE, "solo", "--verbose"]] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, 1, "{ran:#?}");
        assert!(!ran.stdout.contains(['\x1b', '\x07', '\r', '\u{202e}']), "{ran:#?}");
        assert!(ran.stdout.contains("\\u{1b}[31mred"), "{ran:#?}");
    }
}

#[test]
fn control_characters_of_a_log_and_of_a_links_name_do_not_reach_the_terminal() {
    let sandbox = seat_with(&right_program());
    std::os::unix::fs::symlink("/etc/hostname", sandbox.workspace(QUEUE).join(OBEYED)).unwrap();
    let log = "redis.log(redis.LOG_WARNING, ARGV[1])";
    sandbox.redis(QUEUE, &["EVAL", log, "0", OBEYED]);
    let logs = sandbox.ok(&["logs", "redis"]);
    logs.assert_harmless();
    assert!(logs.stdout.contains(SHOWN), "{logs:#?}");
    for args in [&["check"][..], &["check", "--verbose"], &["check", "--json"], &["reset", "--yes"]]
    {
        sandbox.run(args).assert_harmless();
    }
}

#[test]
fn a_gigabyte_of_output_is_cut_short_in_bounded_memory() {
    let sandbox = seat_with(&with_put("for _ in range(1024):\n    print('x' * (1 << 20))"));
    assert_eq!(outcomes(&bounded_check(&sandbox))["solo/one"], "flooded");
    assert_solo_passes(&sandbox);
}

/// The descriptor that replies go to is the harness's, and yet the program's too.
#[test]
fn a_flood_of_replies_ends_soon_and_in_bounded_memory() {
    let sandbox = seat_of(QUEUE);
    for line in [
        r#"b'{"id": 999999, "ok": null}\n' * 4096"#,
        r#"b'{"id": 1, "items": [' + b'0,' * 500000 + b'0]}\n'"#,
        r#"b'{"id": 1, "stream": true}\n' + b'{"id": 1, "items": ["' + b'x' * 1000000 + b'"]}\n'"#,
        r#"b'{"id": 1, "ok": "' + b'x' * 7000000 + b'"}\n'"#,
        r"b'\x1b[2J\x1b]0;owned\x07\n' * 4096",
        r"b'x' * (9 << 20)",
    ] {
        let floods = format!(
            "import os\nfor fd in [int(n) for n in os.listdir('/proc/self/fd') if int(n) > 2]:\n    \
             try:\n        os.set_blocking(fd, True)\n        \
             for _ in range(2000):\n            os.write(fd, {line})\n    \
             except OSError:\n        pass\nr.rpush('queue', job)"
        );
        sandbox.write(QUEUE, "queue.py", with_put(&floods));
        let result = bounded_check(&sandbox);
        assert_eq!(result["verdict"], "fail", "{line}: {result:#}");
        if line.contains("items") {
            let said = one(&result, "solo", "one")["failure"]["evidence"].to_string();
            assert!(said.contains("more items than a check takes"), "{line}: {result:#}");
        }
        assert!(!result.to_string().contains('\x1b'), "{line}: {result:#}");
    }
    assert_solo_passes(&sandbox);
}

/// What a check of one task comes to, which may take neither long nor much memory.
fn bounded_check(sandbox: &Sandbox) -> Value {
    let began = Instant::now();
    let document = sandbox.home().join("result.json");
    let mut checking = sandbox
        .command(&["check", QUEUE, "solo", "--json"])
        .stdout(std::fs::File::create(&document).unwrap())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut peak = 0;
    until("the check has ended", || {
        peak = peak.max(peak_memory_kib(checking.id()));
        checking.try_wait().unwrap().is_some()
    });
    assert!(began.elapsed() < HANG, "{:?}", began.elapsed());
    assert!((1..200 << 10).contains(&peak), "{peak} KiB");
    serde_json::from_slice(&std::fs::read(&document).unwrap()).unwrap()
}

fn peak_memory_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// What ends a program in the middle of a call, and how that is called.
fn assert_harmless(deaths: &[(&str, &[&str])]) {
    let sandbox = seat_of(QUEUE);
    for (body, codes) in deaths {
        sandbox.write(QUEUE, "queue.py", with_put(body));
        let result = check(&sandbox, &[QUEUE, "solo"]);
        let one = one(&result, "solo", "one");
        assert_eq!(one["verdict"], "fail", "{body}: {result:#}");
        assert!(codes.contains(&one["failure"]["code"].as_str().unwrap()), "{body}: {result:#}");
        assert_solo_passes(&sandbox);
    }
}

#[test]
fn a_program_that_ends_itself_fails() {
    assert_harmless(&[
        ("import os\nos._exit(0)", &["died"]),
        ("import os\nos._exit(3)", &["died"]),
        ("import sys\nsys.exit(0)", &["raised"]),
        ("import os\nos.abort()", &["died"]),
    ]);
}

#[test]
fn a_program_that_kills_what_it_can_reach_fails() {
    assert_harmless(&[
        ("import os\nos.kill(os.getppid(), 9)\nos._exit(1)", &["died"]),
        ("import os\nos.kill(1, 9)\nos.kill(1, 15)\nos._exit(1)", &["died"]),
        ("import os\nos.kill(-1, 9)", &["died", "missing", "raised", "result"]),
    ]);
}

#[test]
fn a_program_that_closes_what_the_harness_speaks_on_fails() {
    assert_harmless(&[
        ("import os\nos.closerange(3, 256)", &["died", "protocol", "raised"]),
        ("import os\nos.write(int(os.environ['LABS_REPLIES_FD']), b'rubbish\\n')", &["protocol"]),
    ]);
}

#[test]
fn a_fork_bomb_is_bounded() {
    assert_harmless(&[(
        "import os\nwhile True:\n    os.fork()",
        &["raised", "died", "timeout", "protocol"],
    )]);
}

#[test]
fn a_program_that_eats_memory_fails() {
    assert_harmless(&[(
        "eaten = []\nwhile True:\n    eaten.append(b'x' * (16 << 20))",
        &["died", "raised"],
    )]);
}

#[test]
fn a_program_that_leaves_processes_behind_does_not_disturb_the_next_check() {
    let body = "import os, time\n\
        if os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n        while True:\n            r.lpush('queue', 'stray')\n    os._exit(0)\n\
        raise ValueError('left one behind')";
    assert_harmless(&[(body, &["raised"])]);
}

#[test]
fn a_runner_that_comes_clean_serves_the_next_check_and_another_is_replaced() {
    let sandbox = seat_of(QUEUE);
    let runner = || {
        assert_solo_passes(&sandbox);
        docker::container(&format!("labs-{}-runner-1", seat_id(&sandbox))).unwrap()["Id"].clone()
    };
    let first = runner();
    assert_eq!(runner(), first);
    // PID 1 belongs to the same user.
    let tied = with_put("import resource\nresource.prlimit(1, resource.RLIMIT_CPU, (900, 900))");
    sandbox.write(QUEUE, "queue.py", tied);
    check(&sandbox, &[QUEUE, "solo"]);
    assert_ne!(runner(), first);
}

#[test]
fn a_program_that_shuts_redis_down_fails_as_such() {
    let sandbox = seat_with(&with_put("r.shutdown(nosave=True)"));
    let evidence = failure(&sandbox, "service-stopped");
    let summary = evidence["summary"].as_str().unwrap();
    assert!(summary.contains("the check's copy of redis was told to shut down"), "{evidence:#}");
    // The learner's own Redis has nothing to tell about it.
    assert!(evidence["observed"].as_str().unwrap().contains("shutdown"), "{evidence:#}");
    assert!(evidence.get("reproduce").is_none(), "{evidence:#}");
    assert_eq!(sandbox.redis(QUEUE, &["PING"]), "PONG\n");
    assert_solo_passes(&sandbox);
}

#[test]
fn a_program_that_reconfigures_redis_does_not_disturb_the_next_check() {
    let body = "r.config_set('maxmemory', '1')\nr.config_set('maxmemory-policy', 'noeviction')\n\
        r.acl_setuser('default', enabled=True, reset=True)\nraise ValueError('done')";
    assert_harmless(&[
        (body, &["raised"]),
        ("r.execute_command('REPLICAOF', '127.0.0.1', '1')\nraise ValueError('done')", &["raised"]),
        (
            "r.execute_command('CLIENT', 'PAUSE', '600000', 'ALL')\nraise ValueError('done')",
            &["raised"],
        ),
    ]);
}

#[test]
fn a_service_that_the_learner_shut_down_fails_and_comes_back_with_run() {
    let sandbox = seat_of(QUEUE);
    let line = ["exec", "workbench", "--", "redis-cli", "-h", "redis", "SHUTDOWN", "NOSAVE"];
    sandbox.run(&line);
    let redis = format!("labs-{}-redis", seat_id(&sandbox));
    until("redis has stopped", || docker::container(&redis).unwrap()["State"]["Running"] == false);
    let result = check(&sandbox, &[QUEUE, "fruits"]);
    for id in ["kept", "counted"] {
        let one = one(&result, "fruits", id);
        assert_eq!(one["failure"]["code"], "service-stopped", "{result:#}");
        assert_eq!(one["failure"]["evidence"]["reproduce"], "labs logs redis", "{result:#}");
    }
    sandbox.ok(&["run", QUEUE, "--detach"]);
    assert_eq!(sandbox.redis(QUEUE, &["PING"]), "PONG\n");
    let result = check(&sandbox, &[QUEUE, "fruits"]);
    assert_eq!(outcomes(&result)["fruits/counted"], "nothing", "{result:#}");
}

#[test]
fn a_service_killed_from_outside_is_an_error_that_costs_nothing() {
    let sandbox = seat_of(QUEUE);
    sandbox.redis(QUEUE, &["SET", "count", "3"]);
    sandbox.redis(QUEUE, &["SAVE"]);
    assert!(docker::kill(&format!("labs-{}-redis", seat_id(&sandbox))));
    let result = check(&sandbox, &[QUEUE, "fruits"]);
    assert_eq!(result["verdict"], "error", "{result:#}");
    let error = &one(&result, "fruits", "kept")["error"];
    assert!(
        error["what"].as_str().unwrap().contains("redis was stopped from outside"),
        "{error:#}"
    );
    assert!(error["help"].as_str().unwrap().contains("labs run"), "{error:#}");
    assert_eq!(attempts(&sandbox, QUEUE, "fruits"), 0);
    let text = sandbox.run(&["check", QUEUE, "fruits"]);
    assert_eq!(text.code, 3);
    assert!(text.stdout.contains("This is not your fault and costs no attempt"), "{text:#?}");
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let result = check(&sandbox, &[QUEUE, "fruits"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
    assert_eq!(attempts(&sandbox, QUEUE, "fruits"), 1);
}

#[test]
fn a_service_cut_off_from_outside_is_an_error_that_costs_nothing() {
    let sandbox = seat_of(QUEUE);
    let seat = seat_id(&sandbox);
    let redis = format!("labs-{seat}-redis");
    let error = || {
        let result = check(&sandbox, &[QUEUE, "fruits"]);
        assert_eq!(result["verdict"], "error", "{result:#}");
        one(&result, "fruits", "kept")["error"]["what"].as_str().unwrap().to_owned()
    };
    docker::pause(&redis);
    assert!(error().contains("redis was paused from outside"));
    sandbox.ok(&["run", QUEUE, "--detach"]);
    docker::disconnect(&redis, &format!("labs-{seat}"));
    assert!(error().contains("does not answer"));
    assert_eq!(attempts(&sandbox, QUEUE, "fruits"), 0);
}

#[test]
fn a_service_that_the_learner_keeps_from_answering_fails_and_answers_again() {
    let sandbox = seat_of(QUEUE);
    sandbox.redis(QUEUE, &["SET", "count", "3"]);
    sandbox.redis(QUEUE, &["CLIENT", "PAUSE", "600000", "ALL"]);
    let result = check(&sandbox, &[QUEUE, "fruits"]);
    let evidence = &one(&result, "fruits", "kept")["failure"];
    assert_eq!(evidence["code"], "service-broken", "{result:#}");
    assert!(evidence["evidence"]["observed"].as_str().unwrap().contains("no answer within 2 s"));
    sandbox.ok(&["restart", "redis"]);
    assert_eq!(check(&sandbox, &[QUEUE, "fruits"])["verdict"], "pass");
}

#[test]
fn a_service_killed_during_a_check_is_an_error_that_costs_nothing() {
    let sandbox = seat_of(QUEUE);
    let address = redis_address(&sandbox);
    let redis = format!("labs-{}-redis", seat_id(&sandbox));
    // A script that does not end keeps the check waiting for its answer.
    let mut busy = TcpStream::connect(address).unwrap();
    busy.write_all(b"EVAL 'while true do end' 0\r\n").unwrap();
    until("the script runs", || connections_to(address) == 1);
    let checking = begin(&sandbox, &[QUEUE, "fruits"]);
    until("the check asks", || connections_to(address) == 2);
    assert!(docker::kill(&redis));
    let (result, code) = end(checking);
    assert_eq!((&result["verdict"], code), (&json!("error"), 3), "{result:#}");
    assert_eq!(attempts(&sandbox, QUEUE, "fruits"), 0);
    sandbox.ok(&["run", QUEUE, "--detach"]);
    let result = check(&sandbox, &[QUEUE, "fruits"]);
    assert_eq!(result["verdict"], "fail", "{result:#}");
}

/// How many established connections this machine has to an address of its own.
fn connections_to(address: SocketAddr) -> usize {
    let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
    let remote = format!(":{:04X}", address.port());
    let established = |line: &&str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields[2].ends_with(&remote) && fields[3] == "01"
    };
    table.lines().skip(1).filter(established).count()
}

/// A check whose program works on its twin without end: the sandbox, the seat's id, and the check.
fn at_work() -> (Sandbox, String, Child) {
    let sandbox = seat_with(&with_put("r.set('begun', 1)\nwhile True:\n    r.ping()"));
    let seat = seat_id(&sandbox);
    let checking = begin(&sandbox, &[QUEUE, "solo"]);
    until("the program is at work", || {
        let begun = session(twin_address(&seat))
            .and_then(|mut twin| redis::cmd("EXISTS").arg("begun").query(&mut twin).ok());
        begun == Some(1)
    });
    (sandbox, seat, checking)
}

fn assert_error_that_costs_nothing(sandbox: &Sandbox, checking: Child) {
    let (result, code) = end(checking);
    assert_eq!((&result["verdict"], code), (&json!("error"), 3), "{result:#}");
    assert_eq!(attempts(sandbox, QUEUE, "solo"), 0);
    assert_solo_passes(sandbox);
}

#[test]
fn a_twin_killed_from_outside_during_a_check_is_an_error_and_the_next_check_has_a_new_one() {
    let (sandbox, seat, checking) = at_work();
    assert!(docker::kill(&format!("labs-{seat}-twin-redis-1")));
    assert_error_that_costs_nothing(&sandbox, checking);
}

#[test]
fn a_runner_killed_from_outside_during_a_check_is_an_error() {
    let (sandbox, seat, checking) = at_work();
    let found = docker::labelled(&format!("labs.seat={seat}")).containers;
    assert!(docker::kill(found.iter().find(|name| name.contains("runner")).unwrap()));
    assert_error_that_costs_nothing(&sandbox, checking);
}

#[test]
fn a_gate_that_is_gone_is_an_error_with_what_to_do() {
    let sandbox = seat_of(QUEUE);
    assert!(docker::kill(&format!("labs-{}-gate", seat_id(&sandbox))));
    let (document, code) = sandbox.json_and_code(&["check", QUEUE]);
    assert_eq!(code, 3, "{document:#}");
    assert!(
        document["error"]["help"].as_str().unwrap().contains("labs run tiny-queue"),
        "{document:#}"
    );
    sandbox.ok(&["run", QUEUE, "--detach"]);
    assert_solo_passes(&sandbox);
}

/// All of a Redis server that a learner could have made, and its configuration.
fn digest(address: SocketAddr) -> BTreeMap<String, Vec<u8>> {
    let mut redis = session(address).unwrap();
    let mut found = BTreeMap::new();
    let keys: Vec<String> = redis::cmd("KEYS").arg("*").query(&mut redis).unwrap();
    for key in keys {
        let dump: Vec<u8> = redis::cmd("DUMP").arg(&key).query(&mut redis).unwrap();
        let expires: i64 = redis::cmd("PEXPIRETIME").arg(&key).query(&mut redis).unwrap();
        found.insert(format!("expiry of {key}"), expires.to_string().into_bytes());
        found.insert(format!("key {key}"), dump);
    }
    let config: Vec<(String, String)> =
        redis::cmd("CONFIG").arg("GET").arg("*").query(&mut redis).unwrap();
    found.extend(
        config.into_iter().map(|(name, value)| (format!("config {name}"), value.into_bytes())),
    );
    found
}

fn files(folder: &std::path::Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
        }
    }
    found
}

#[test]
fn checking_again_gives_equal_verdicts_and_leaves_the_learners_work_unchanged() {
    let sandbox =
        seat_with(&with_put("r.lpush('queue', job)\nopen('/workspace/mark', 'w').write('x')"));
    for words in [
        &["SET", "text", "a", "EX", "5000"][..],
        &["HSET", "hash", "a", "1"],
        &["ZADD", "zset", "1", "a", "2", "b"],
        &["XADD", "stream", "*", "a", "1"],
        &["XGROUP", "CREATE", "stream", "workers", "0"],
        &["RPUSH", "queue", "mine"],
        &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru"],
    ] {
        sandbox.redis(QUEUE, words);
    }
    let address = redis_address(&sandbox);
    let before = (digest(address), files(&sandbox.workspace(QUEUE)));
    assert!(before.0.len() > 100 && before.0.contains_key("expiry of text"));
    let first = outcomes(&check(&sandbox, &[QUEUE]));
    assert_eq!(first["queue/order"], "order", "{first:#?}");
    for _ in 0..3 {
        assert_eq!(outcomes(&check(&sandbox, &[QUEUE])), first);
    }
    assert_eq!((digest(address), files(&sandbox.workspace(QUEUE))), before);
}

#[test]
fn a_wrong_order_can_be_seen_by_hand() {
    let lab = "redis-queues";
    let sandbox = Sandbox::new();
    sandbox.ok(&["run", lab, "--detach"]);
    let wrong =
        concat!(env!("CARGO_MANIFEST_DIR"), "/labs/redis-queues/wrong/stack-for-queue/fifo.py");
    sandbox.write(lab, "fifo.py", std::fs::read(wrong).unwrap());
    let result = check(&sandbox, &[lab, "fifo"]);
    let failed = result["tasks"][0]["checks"].as_array().unwrap().iter();
    let mut evidence = failed.map(|check| &check["failure"]["evidence"]);
    let evidence =
        evidence.find(|e| e["reproduce"].as_str().is_some_and(|l| l.contains("python3")));
    let evidence = evidence.unwrap_or_else(|| panic!("{result:#}"));
    let lines = evidence["reproduce"].as_str().unwrap_or_else(|| panic!("{evidence:#}"));
    // As a learner's shell runs them.
    let labs = sandbox.command(&[]);
    let script = lines.replace("labs exec", &format!("{} exec", labs.get_program().display()));
    let ran = sandbox.after(&script, &[]).output().unwrap();
    let printed = String::from_utf8(ran.stdout).unwrap();
    // Each value begins with a name of its own.
    let name = |text: &str| text.chars().take("job-0123456789".len()).collect::<String>();
    let put: Vec<String> = lines.split("fifo.put(\"").skip(1).map(name).collect();
    let taken: Vec<String> = printed.lines().map(name).collect();
    assert!(put.len() > 1 && put.len() == taken.len(), "{lines}\n{printed}");
    assert_eq!(taken.first(), put.last(), "{lines}\n{printed}");
}

#[test]
fn a_task_waits_for_the_one_it_needs_and_a_pass_counts_for_good() {
    let sandbox = seat_of(KEYS);
    sandbox.redis(KEYS, &["SET", "shelf", "x"]);
    let result = check(&sandbox, &[KEYS, "shelf"]);
    assert_eq!(result["verdict"], "blocked", "{result:#}");
    assert_eq!(one(&result, "shelf", "full")["blocked_by"], "task door");
    assert_eq!(attempts(&sandbox, KEYS, "shelf"), 0);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    assert_eq!(check(&sandbox, &[KEYS])["verdict"], "pass");
    sandbox.redis(KEYS, &["SET", "door", "shut"]);
    let result = check(&sandbox, &[KEYS]);
    assert_eq!(outcomes(&result)["door/open"], "value");
    assert_eq!(outcomes(&result)["shelf/full"], "pass", "{result:#}");
    assert_eq!(attempts(&sandbox, KEYS, "door"), 2);
}

#[test]
fn a_failed_state_check_shows_what_was_sent_expected_and_observed() {
    let sandbox = seat_of(KEYS);
    sandbox.redis(KEYS, &["SET", "door", "shut"]);
    let evidence =
        one(&check(&sandbox, &[KEYS, "door"]), "door", "open")["failure"]["evidence"].clone();
    assert_eq!(evidence["sent"], json!(["GET door"]));
    assert_eq!(
        (&evidence["expected"], &evidence["observed"]),
        (&json!("\"open\""), &json!("\"shut\""))
    );
    let line = evidence["reproduce"].as_str().unwrap();
    let words: Vec<&str> = line.split_whitespace().skip(1).collect();
    assert_eq!(sandbox.ok(&words).stdout, "shut\n");
    let text = sandbox.run(&["check", KEYS, "door"]).stdout;
    for part in
        ["✗ The door is open", "expected \"open\"", "observed \"shut\"", "The door is closed."]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn long_values_are_shown_in_full_on_request_and_in_the_document() {
    let sandbox = seat_of(KEYS);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    let long: String = (0..2000).fold(String::new(), |mut text, n| {
        let _ = write!(text, "{n},");
        text
    });
    sandbox.redis(KEYS, &["SET", "shelf", &long]);
    let brief = sandbox.run(&["check", KEYS]).stdout;
    assert!(!brief.contains(&long) && brief.contains("--verbose"), "{brief}");
    let verbose = sandbox.run(&["check", KEYS, "--verbose"]).stdout;
    assert!(verbose.contains(&long), "{verbose}");
    let result = check(&sandbox, &[KEYS]);
    let observed = &one(&result, "shelf", "full")["failure"]["evidence"]["observed"];
    assert_eq!(observed.as_str().unwrap(), format!("\"{long}\""));
}

#[test]
fn a_workspace_that_is_too_large_fails_by_the_name_of_the_file() {
    let sandbox = seat_with(&right_program());
    let file = std::fs::File::create(sandbox.workspace(QUEUE).join("dump.rdb")).unwrap();
    file.set_len((16 << 20) + 1).unwrap();
    let evidence = failure(&sandbox, "workspace");
    let observed = evidence["observed"].as_str().unwrap();
    assert!(observed.contains("dump.rdb") && observed.contains("16 MiB"), "{evidence:#}");
}

#[test]
fn a_workspace_of_too_many_files_fails() {
    let sandbox = seat_with(&right_program());
    for number in 0..2001 {
        sandbox.write(QUEUE, &format!("{number}.txt"), "");
    }
    let evidence = failure(&sandbox, "workspace");
    assert!(evidence["observed"].as_str().unwrap().contains("2000"), "{evidence:#}");
}

#[test]
fn a_link_in_place_of_the_program_is_followed_within_the_workspace_and_not_out_of_it() {
    let sandbox = seat_of(QUEUE);
    let outside = sandbox.home().join("outside.py");
    std::fs::write(&outside, right_program()).unwrap();
    sandbox.write(QUEUE, "other.py", right_program());
    let program = sandbox.workspace(QUEUE).join("queue.py");
    let link_to = |target: &std::path::Path| {
        std::fs::remove_file(&program).unwrap();
        std::os::unix::fs::symlink(target, &program).unwrap();
    };
    link_to(&outside);
    let evidence = failure(&sandbox, "load");
    assert_eq!(
        evidence["summary"],
        "queue.py cannot be loaded: a symbolic link that leads out of the workspace; put the file itself there"
    );
    link_to("other.py".as_ref());
    let result = check(&sandbox, &[QUEUE, "solo"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
}

#[test]
fn modules_beside_the_program_are_there_and_hidden_files_are_not() {
    let program = "import os\nfrom parts import store\n\n\ndef put(job):\n    assert not os.path.exists('.secret')\n    store.put(job)\n\n\ndef take():\n    return store.take()\n";
    let sandbox = seat_with(program);
    std::fs::create_dir(sandbox.workspace(QUEUE).join("parts")).unwrap();
    sandbox.write(QUEUE, "parts/store.py", right_program());
    sandbox.write(QUEUE, ".secret", "x");
    let result = check(&sandbox, &[QUEUE, "solo"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
}

#[test]
fn two_checks_at_once_both_end_right() {
    let sandbox = seat_with(&right_program());
    let both = [begin(&sandbox, &[QUEUE]), begin(&sandbox, &[QUEUE])];
    for checking in both {
        let (result, code) = end(checking);
        let expected = [
            ("after/again", "pass"),
            ("fruits/counted", "nothing"),
            ("fruits/kept", "pass"),
            ("queue/one", "pass"),
            ("queue/order", "pass"),
            ("solo/one", "pass"),
        ];
        assert_eq!(outcomes(&result), expected.map(|(n, o)| (n.to_owned(), o.to_owned())).into());
        assert_eq!(code, 1);
    }
    assert_eq!(attempts(&sandbox, QUEUE, "queue"), 2);
}

#[test]
fn a_program_has_no_network_and_does_not_see_the_seats_own_redis() {
    let body = "import os\nassert os.listdir('/sys/class/net') == ['lo']\nassert r.exists('fruits') == 0\n\
        r.rpush('queue', job)";
    let sandbox = seat_with(&with_put(body));
    let result = check(&sandbox, &[QUEUE, "solo"]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
}
