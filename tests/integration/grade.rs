//! Grading: what others made, on seats of its own, whatever it does.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::docker::Found;
use crate::sandbox::{OBEYED, Ran, SHOWN, Sandbox, fixture, until};

const QUEUE: &str = "tiny-queue";
const KEYS: &str = "tiny-keys";
const APPLY: &str = "redis-cli -h redis SET count 3\n";
const HANGS: &str = "import time\ntime.sleep(3600)\n";
const CRASHES: &str = "import os\nos.abort()\n";
const WRONG: &str = "import redis\nr = redis.Redis('redis', decode_responses=True)\n\
                     def put(job): r.rpush('queue', job)\ndef take(): return r.rpop('queue')\n";

fn right() -> String {
    fs::read_to_string(fixture("labs/tiny-queue/solutions/list/queue.py")).unwrap()
}

/// A folder of submissions, each a name with a program and a script.
struct HandedIn(TempDir);

impl HandedIn {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn folder(&self) -> PathBuf {
        self.0.path().join("class")
    }

    fn one(&self, name: &str) -> PathBuf {
        let folder = self.folder().join(name);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn add(&self, name: &str, program: &str, script: &str) -> PathBuf {
        let folder = self.one(name);
        fs::write(folder.join("queue.py"), program).unwrap();
        fs::write(folder.join("apply.sh"), script).unwrap();
        folder
    }

    fn output(&self) -> PathBuf {
        self.0.path().join("class-grades")
    }

    fn grade(&self, name: &str) -> Value {
        let file = self.output().join("json").join(format!("{name}.json"));
        serde_json::from_slice(&fs::read(file).unwrap()).unwrap()
    }

    fn rows(&self) -> Vec<csv::StringRecord> {
        let mut reader = csv::Reader::from_path(self.output().join("grades.csv")).unwrap();
        reader.records().map(Result::unwrap).collect()
    }
}

/// The labs of the fixture, one line of the tiny queue's replaced.
fn edited(from: &str, to: &str) -> TempDir {
    let labs = TempDir::new().unwrap();
    let all = format!("{}/.", fixture("labs").display());
    assert!(Command::new("cp").args(["-r", &all]).arg(labs.path()).status().unwrap().success());
    let file = labs.path().join(QUEUE).join("lab.yaml");
    let text = fs::read_to_string(&file).unwrap();
    assert!(text.contains(from), "{from}");
    fs::write(&file, text.replacen(from, to, 1)).unwrap();
    labs
}

fn sandbox() -> Sandbox {
    Sandbox::with_fixture("labs")
}

/// Grades one folder; the document and the exit code.
fn grade_with(sandbox: &Sandbox, lab: &str, folder: &Path, args: &[&str]) -> (Value, i32) {
    let base = ["grade", lab, "--submission", folder.to_str().unwrap()];
    let graded = sandbox.json_and_code(&[&base, args].concat());
    assert_nothing_runs(sandbox);
    graded
}

fn grade(folder: &Path) -> (Value, i32) {
    grade_with(&sandbox(), QUEUE, folder, &[])
}

/// No container or volume is there, and no network but the one that gates share.
fn assert_nothing_runs(sandbox: &Sandbox) {
    let Found { containers, volumes, networks } = sandbox.on_engine();
    assert_eq!((containers, volumes), (vec![], vec![]));
    assert!(networks.iter().all(|name| name.starts_with("labs-gates-")), "{networks:?}");
    let scratch = sandbox.home().join(".local/share/labs/scratch");
    let left: Vec<_> = fs::read_dir(scratch).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

/// `task/check` → code of its failure, or its verdict.
fn outcome<'a>(grade: &'a Value, name: &str) -> &'a str {
    let (task, check) = name.split_once('/').unwrap();
    let named = |list: &'a Value, id: &str| {
        list.as_array().unwrap().iter().find(|e| e["id"] == id).unwrap()
    };
    let check = named(&named(&grade["result"]["tasks"], task)["checks"], check);
    check["failure"]["code"].as_str().or(check["verdict"].as_str()).unwrap()
}

/// Verdict, score and exit code.
fn assert_grade(graded: &(Value, i32), verdict: &str, score: u32) {
    let (grade, code) = graded;
    let found = (&grade["verdict"], &grade["score"], &grade["max_score"]);
    assert_eq!(found, (&json!(verdict), &json!(score), &json!(7)), "{grade:#}");
    assert_eq!((*code, &grade["seats"]), (i32::from(verdict == "fail"), &json!(1)), "{grade:#}");
}

#[test]
fn a_right_submission_gets_every_point_and_touches_no_seat_of_the_learner() {
    let sandbox = sandbox();
    sandbox.ok(&["run", QUEUE, "--detach"]);
    sandbox.write(QUEUE, "mine.txt", "mine");
    sandbox.redis(QUEUE, &["SET", "count", "7"]);
    let before = (sandbox.on_engine(), sandbox.json(&["tasks", QUEUE]));
    let handed_in = HandedIn::new();
    let folder = handed_in.add("anna", &right(), APPLY);

    let ran = sandbox.run(&["grade", QUEUE, "--submission", folder.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains("anna: pass, 4 of 4 tasks pass, 7 of 7 points"), "{ran:#?}");
    assert!(ran.stdout.contains("apply.sh: exit code 0\n    OK\n"), "{ran:#?}");
    assert_eq!((sandbox.on_engine(), sandbox.json(&["tasks", QUEUE])), before);
    assert_eq!(sandbox.redis(QUEUE, &["GET", "count"]), "7\n");
    let mine = fs::read_to_string(sandbox.workspace(QUEUE).join("mine.txt")).unwrap();
    assert_eq!(mine, "mine");
}

#[test]
fn a_wrong_submission_is_told_why_in_every_format() {
    let sandbox = sandbox();
    let handed_in = HandedIn::new();
    let folder = handed_in.add("bert", WRONG, "exit 3\n");
    let graded = grade_with(&sandbox, QUEUE, &folder, &[]);
    assert_grade(&graded, "fail", 1);
    assert_eq!(outcome(&graded.0, "queue/order"), "order");
    assert_eq!(outcome(&graded.0, "after/again"), "blocked");
    assert_eq!(outcome(&graded.0, "fruits/counted"), "nothing");
    assert_eq!(graded.0["apply"]["exit_code"], 3);
    // On a seat that is gone nobody can try anything.
    assert!(!graded.0.to_string().contains("labs exec"), "{:#}", graded.0);

    let file = handed_in.0.path().join("out.xml");
    let base = ["grade", QUEUE, "--submission", folder.to_str().unwrap(), "--format", "junit"];
    let ran = sandbox.run(&[&base[..], &["--output", file.to_str().unwrap()]].concat());
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:#?}");
    let written = fs::read_to_string(&file).unwrap();
    assert!(
        written.contains("<failure message=") && written.contains("type=\"order\""),
        "{written}"
    );
    assert!(!written.contains("labs exec"), "{written}");
    assert!(ran.stderr.contains("bert: fail"), "{ran:#?}");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o644);
}

#[test]
fn files_come_over_those_of_the_lab_and_what_is_no_file_is_left_out() {
    let handed_in = HandedIn::new();
    let folder = handed_in.one("carl");
    symlink("/etc/passwd", folder.join("queue.py")).unwrap();
    symlink("/etc", folder.join("etc")).unwrap();
    let pipe = folder.join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    fs::create_dir_all(folder.join("deep/er")).unwrap();
    fs::write(folder.join("deep/er/tool"), "#!/bin/sh\nredis-cli -h redis SET count 3\n").unwrap();
    fs::set_permissions(folder.join("deep/er/tool"), fs::Permissions::from_mode(0o755)).unwrap();
    fs::write(folder.join("apply.sh"), "deep/er/tool; id -u; ls; cat queue.py | head -n 3\n")
        .unwrap();
    let graded = grade(&folder);
    assert_grade(&graded, "fail", 1);
    assert_eq!(outcome(&graded.0, "solo/one"), "unwritten", "the lab's own file is checked");
    assert_eq!(
        graded.0["left_out"],
        json!([
            "etc: a symbolic link",
            "pipe: neither a file nor a folder",
            "queue.py: a symbolic link"
        ])
    );
    let output = graded.0["apply"]["output"].as_str().unwrap();
    assert!(!output.contains("root:") && !output.contains("pipe"), "{output}");
    assert!(!output.lines().any(|line| line == "0"), "it does not run as root: {output}");
}

#[test]
fn a_folder_may_stand_where_the_lab_has_a_file() {
    let handed_in = HandedIn::new();
    let folder = handed_in.one("dora");
    fs::create_dir(folder.join("queue.py")).unwrap();
    fs::write(folder.join("queue.py/inner.py"), "").unwrap();
    let graded = grade(&folder);
    assert_grade(&graded, "fail", 0);
    assert_eq!(outcome(&graded.0, "solo/one"), "load");
}

#[test]
fn a_submission_that_is_too_large_fails_without_a_seat() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("eva", &right(), APPLY);
    fs::File::create(folder.join("dump.rdb")).unwrap().set_len(1 << 40).unwrap();
    let sandbox = sandbox();
    sandbox.ok(&["gc"]);
    fs::create_dir_all(sandbox.home().join(".local/share/labs/scratch")).unwrap();
    let graded = grade_with(&sandbox, QUEUE, &folder, &[]);
    assert_eq!((&graded.0["verdict"], &graded.0["score"]), (&json!("fail"), &json!(0)));
    assert_eq!(graded.0["seats"], 0);
    assert_eq!(outcome(&graded.0, "fruits/counted"), "workspace");
    assert!(graded.0.to_string().contains("dump.rdb"), "{:#}", graded.0);
}

#[test]
fn a_script_that_floods_is_stopped_and_the_rest_is_checked() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("fred", &right(), &format!("{APPLY}yes flood\n"));
    let graded = grade(&folder);
    assert_grade(&graded, "pass", 7);
    assert_eq!(graded.0["apply"]["note"], "stopped: it printed more than 1024 KiB");
    assert!(graded.0["apply"]["output"].as_str().unwrap().len() < 20_000);
}

#[test]
fn control_characters_of_a_submission_do_not_reach_the_terminal() {
    let handed_in = HandedIn::new();
    let prints = format!("printf '\\033[2J\\302\\23331m\\342\\200\\256\\n'\n{APPLY}");
    let folder = handed_in.add("felix", &right(), &prints);
    symlink("/etc/hostname", folder.join(OBEYED)).unwrap();
    let sandbox = sandbox();
    let folder = folder.to_str().unwrap();
    for format in ["text", "json", "junit", "gradescope"] {
        let ran = sandbox.ok(&["grade", QUEUE, "--submission", folder, "--format", format]);
        ran.assert_harmless();
        for said in [format!("left out: {SHOWN}"), format!("    {SHOWN}")] {
            assert!(format != "text" || ran.stdout.contains(&said), "{said}: {ran:#?}");
        }
    }
}

#[test]
fn a_script_cannot_fill_the_disk_with_one_file() {
    let handed_in = HandedIn::new();
    let script = "ulimit -f unlimited\nhead -c 100M /dev/zero > .big\n\
                  echo \"$(($(stat -c %s .big) >> 20)) MiB\"\nrm .big\n";
    let folder = handed_in.add("finn", &right(), &format!("{APPLY}{script}"));
    let graded = grade(&folder);
    assert_grade(&graded, "pass", 7);
    let output = graded.0["apply"]["output"].as_str().unwrap();
    let refused = "ulimit: file size: cannot modify limit";
    assert!(output.contains(refused) && output.contains("\n32 MiB\n"), "{output}");
}

#[test]
fn a_submission_that_fills_the_workspace_is_stopped_and_fails() {
    const FILLS: &str = "n=0; while n=$((n+1)); do head -c 8M /dev/zero > .fill$n; done";
    let nests = "mkdir -p $(printf 'a/%.0s' $(seq 500)); sleep 60\n".to_owned();
    let handed_in = HandedIn::new();
    // The second does so while it is checked; the program waits for it.
    let waits = format!("import os, time\nwhile True: time.sleep(1)\n{}", right());
    for (name, program, script, said) in [
        ("fill", right(), format!("{APPLY}{FILLS}\n"), "; a submission may use 64 MiB"),
        ("later", waits, format!("{APPLY}({FILLS}) &\n"), "; a submission may use 64 MiB"),
        ("nest", right(), nests, "nested deeper than 64 folders"),
    ] {
        let graded = grade(&handed_in.add(name, &program, &script));
        let (grade, code) = &graded;
        let found = (&grade["verdict"], &grade["score"], &grade["seats"], *code);
        assert_eq!(found, (&json!("fail"), &json!(0), &json!(1), 1), "{grade:#}");
        assert_eq!(outcome(grade, "fruits/counted"), "workspace");
        let evidence = &grade["result"]["tasks"][0]["checks"][0]["failure"]["evidence"];
        assert!(evidence["observed"].as_str().unwrap().contains(said), "{grade:#}");
        let note = grade["apply"]["note"].as_str().unwrap_or_default();
        // What is left in the background may be seen while the script itself still ends.
        assert!(name == "later" || note.contains(said), "{grade:#}");
    }
}

#[test]
fn a_script_that_leaves_something_running_is_not_waited_for() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("gina", &right(), &format!("{APPLY}sleep 3600 &\n"));
    let graded = grade(&folder);
    assert_grade(&graded, "pass", 7);
    assert_eq!(graded.0["apply"], json!({"exit_code": 0, "note": null, "output": "OK\n"}));
}

#[test]
fn a_script_without_end_fails_when_the_time_is_over() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("hugo", &right(), "while true; do :; done\n");
    let graded = grade_with(&sandbox(), QUEUE, &folder, &["--timeout", "30s"]);
    assert_eq!((&graded.0["verdict"], &graded.0["timed_out"]), (&json!("fail"), &json!(true)));
    assert_eq!(outcome(&graded.0, "fruits/kept"), "timeout");
    assert_eq!(graded.1, 1);
}

#[test]
fn a_time_too_short_for_us_is_no_failure_of_the_submission() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("ida", &right(), APPLY);
    // How long a script of the submission takes is the submission's affair, also where the machine is slow.
    fs::remove_file(folder.join("apply.sh")).unwrap();
    let graded = grade_with(&sandbox(), QUEUE, &folder, &["--timeout", "1s"]);
    assert_eq!((&graded.0["verdict"], &graded.0["score"]), (&json!("error"), &Value::Null));
    assert_eq!((outcome(&graded.0, "solo/one"), graded.1), ("error", 3), "{:#}", graded.0);
}

#[test]
fn a_submission_that_shuts_the_service_down_fails() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("jens", &right(), "redis-cli -h redis SHUTDOWN NOSAVE\n");
    let graded = grade(&folder);
    assert_eq!((&graded.0["verdict"], graded.1), (&json!("fail"), 1), "{:#}", graded.0);
    assert_eq!(outcome(&graded.0, "fruits/kept"), "service-stopped");
    assert_eq!(graded.0["seats"], 1, "it is not tried again");
}

#[test]
fn a_submission_that_keeps_the_service_from_answering_fails() {
    // Nothing of the service ends, so that it is not seen to have stopped.
    let silenced = "while timeout 1 redis-cli -h redis PING | grep -q PONG; do :; done\n";
    let ways = [
        // The one place may still be taken by who has just left: tried until it is had.
        (
            "max",
            "redis-cli -h redis CONFIG SET maxclients 1\n\
             while :; do redis-cli -h redis BLPOP x 0; done >/dev/null &\n",
        ),
        ("pause", "redis-cli -h redis CLIENT PAUSE 600000 ALL\n"),
        ("script", "redis-cli -h redis EVAL 'while true do end' 0 &\n"),
    ];
    let handed_in = HandedIn::new();
    for (name, way) in ways {
        handed_in.add(name, &right(), &format!("{APPLY}{way}{silenced}"));
    }
    let sandbox = sandbox();
    let folder = handed_in.folder();
    sandbox.ok(&["grade", QUEUE, "--submissions", folder.to_str().unwrap(), "--jobs", "3"]);
    assert_nothing_runs(&sandbox);
    for (name, _) in ways {
        let grade = handed_in.grade(name);
        assert_eq!(
            (&grade["verdict"], &grade["score"], &grade["seats"]),
            (&json!("fail"), &json!(0), &json!(1)),
            "{grade:#}"
        );
        let tasks = grade["result"]["tasks"].as_array().unwrap();
        let fruits = tasks.iter().find(|task| task["id"] == "fruits").unwrap();
        let failure = &fruits["checks"][0]["failure"];
        assert_eq!(failure["code"], "service-broken", "{grade:#}");
        assert_eq!(failure["evidence"]["sent"], json!(["PING"]));
        let met = failure["evidence"]["observed"].as_str().unwrap();
        let expected = match name {
            "max" => "-ERR max number of clients reached",
            // A script that runs for a while is spoken of; before, nothing comes.
            "script" => "-BUSY",
            _ => "no answer within",
        };
        assert!(met.contains(expected), "{grade:#}");
    }
}

#[test]
fn an_error_that_comes_again_but_not_with_a_right_solution_is_the_submissions() {
    let copied = "        trace:\n          given: [{ copy: fruits }]\n          steps:\n";
    let labs = edited("        trace:\n          steps:\n", copied);
    let sandbox = Sandbox::with_labs(labs.path());
    let handed_in = HandedIn::new();
    let deny = format!("{APPLY}redis-cli -h redis ACL SETUSER default -dump\n");
    let folder = handed_in.add("nils", &right(), &deny);
    let graded = grade_with(&sandbox, QUEUE, &folder, &[]);
    let (grade, code) = &graded;
    assert_eq!((&grade["verdict"], code), (&json!("fail"), &1), "{grade:#}");
    assert_eq!((outcome(grade, "queue/one"), outcome(grade, "fruits/kept")), ("prevented", "pass"));
    assert_eq!((&grade["seats"], &grade["score"]), (&json!(2), &json!(2)));
    assert!(grade.to_string().contains("The key fruits could not be copied"), "{grade:#}");
    assert!(!grade.to_string().contains("\"error\""), "{grade:#}");

    // With nothing to compare it with, it stays an error.
    let file = labs.path().join(QUEUE).join("lab.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, &text[..text.find("solutions:").unwrap()]).unwrap();
    let (grade, code) = grade_with(&sandbox, QUEUE, &folder, &[]);
    assert_eq!((&grade["verdict"], code), (&json!("error"), 3), "{grade:#}");
    assert_eq!((&grade["seats"], &grade["score"]), (&json!(2), &Value::Null));
}

#[test]
fn a_service_that_closes_idle_connections_is_judged_all_the_same() {
    let idle = "            - call: { call: put, args: [\"$job\"] }\n            - watch: 4s\n";
    let check = "      - id: later\n        claim: The count is there\n        \
                 state: { on: redis, send: [GET, count], expect: { eq: 3 } }\n  - id: after\n";
    let labs = edited("            - call: { call: put, args: [\"$job\"] }\n", idle);
    let file = labs.path().join(QUEUE).join("lab.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("  - id: after\n", check)).unwrap();
    let handed_in = HandedIn::new();
    let script = format!("{APPLY}redis-cli -h redis CONFIG SET timeout 1\n");
    let folder = handed_in.add("olga", &right(), &script);
    let graded = grade_with(&Sandbox::with_labs(labs.path()), QUEUE, &folder, &[]);
    assert_grade(&graded, "pass", 7);
}

#[test]
fn a_submission_that_ends_its_own_containers_is_judged_all_the_same() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("kate", &right(), &format!("{APPLY}kill -TERM 1; sleep 60\n"));
    let graded = grade(&folder);
    assert_grade(&graded, "pass", 7);
    assert_eq!(graded.0["apply"]["note"], "it ended the workbench that it ran in");

    let killer = "import os, signal\nfor s in (9, 15, 2): os.kill(1, s)\nos.kill(-1, 9)\n";
    let folder = handed_in.add("lars", killer, APPLY);
    let graded = grade(&folder);
    assert_grade(&graded, "fail", 1);
}

#[test]
fn a_service_that_does_not_start_is_tried_on_a_new_seat_and_gives_no_score() {
    let labs = edited("[RPUSH, fruits, apple, pear, plum]", "[NOSUCH, thing]");
    let handed_in = HandedIn::new();
    let folder = handed_in.add("mona", &right(), APPLY);
    let graded = grade_with(&Sandbox::with_labs(labs.path()), QUEUE, &folder, &[]);
    assert_eq!((&graded.0["verdict"], &graded.0["score"]), (&json!("error"), &Value::Null));
    assert_eq!((&graded.0["seats"], graded.1), (&json!(2), 3), "{:#}", graded.0);
}

#[test]
fn what_is_no_submission_is_a_wrong_usage() {
    let sandbox = sandbox();
    let nothing = TempDir::new().unwrap();
    let path = nothing.path().to_str().unwrap();
    let missing = nothing.path().join("missing");
    for args in [
        vec!["grade", QUEUE],
        vec!["grade", QUEUE, "--submission", missing.to_str().unwrap()],
        vec!["grade", "nosuch", "--submission", path],
        vec!["grade", QUEUE, "--submissions", path],
        vec!["grade", QUEUE, "--submissions", path, "--jobs", "0"],
        vec!["grade", QUEUE, "--submission", path, "--timeout", "soon"],
        vec!["grade", QUEUE, "--submission", path, "--submissions", path],
    ] {
        let ran = sandbox.run(&args);
        assert_eq!((ran.code, ran.stdout.as_str()), (2, ""), "{args:?}: {ran:#?}");
    }
    let folder = nothing.path().join("class");
    fs::create_dir_all(folder.join("anna")).unwrap();
    let inside = folder.join("out");
    let folder = folder.to_str().unwrap();
    let args = ["grade", QUEUE, "--submissions", folder, "--output", inside.to_str().unwrap()];
    let ran = sandbox.run(&args);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("among the submissions") && !inside.exists(), "{ran:#?}");
}

fn begin(sandbox: &Sandbox, args: &[&str]) -> Child {
    sandbox.command(args).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn send(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

fn runners(sandbox: &Sandbox) -> usize {
    sandbox.on_engine().containers.iter().filter(|name| name.contains("runner")).count()
}

#[test]
fn ctrl_c_while_a_submission_is_graded_leaves_nothing() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("nora", HANGS, APPLY);
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        for checking in [false, true] {
            let sandbox = sandbox();
            sandbox.ok(&["gc"]);
            let args = ["grade", QUEUE, "--submission", folder.to_str().unwrap()];
            let mut child = begin(&sandbox, &args);
            if checking {
                until("a runner runs", || runners(&sandbox) > 0);
            } else {
                let scratch = sandbox.home().join(".local/share/labs/scratch");
                until("a seat is begun", || {
                    fs::read_dir(&scratch).is_ok_and(|mut seats| seats.next().is_some())
                });
            }
            send(&child, signal);
            assert_eq!(child.wait().unwrap().code(), Some(code));
            assert_nothing_runs(&sandbox);
        }
    }
}

#[test]
fn what_a_grading_that_is_killed_leaves_is_found_by_gc() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("olaf", HANGS, APPLY);
    let sandbox = sandbox();
    sandbox.ok(&["gc"]);
    let mut child = begin(&sandbox, &["grade", QUEUE, "--submission", folder.to_str().unwrap()]);
    until("a runner runs", || runners(&sandbox) > 0);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    until("gc has removed everything", || {
        sandbox.ok(&["gc"]);
        sandbox.on_engine() == Found::default()
    });
    assert_nothing_runs(&sandbox);
}

#[test]
fn what_a_grading_that_is_killed_leaves_goes_with_the_next_command() {
    let handed_in = HandedIn::new();
    let folder = handed_in.add("olga", HANGS, APPLY);
    let sandbox = sandbox();
    sandbox.ok(&["gc"]);
    let mut child = begin(&sandbox, &["grade", QUEUE, "--submission", folder.to_str().unwrap()]);
    let stands = || {
        let made = sandbox.on_engine().containers;
        made.iter().filter(|name| name.contains("runner") || name.contains("twin")).count()
    };
    // From then on nothing more is made.
    until("both its lanes have a runner and a twin", || stands() == 4);
    // What lives is nobody's garbage.
    sandbox.ok(&["status"]);
    assert_eq!(stands(), 4);
    send(&child, Signal::KILL);
    child.wait().unwrap();
    sandbox.ok(&["status"]);
    assert_nothing_runs(&sandbox);
}

#[test]
fn a_batch_grades_each_submission_by_itself() {
    let handed_in = HandedIn::new();
    handed_in.add("a-right", &right(), APPLY);
    handed_in.add("b-hangs", HANGS, APPLY);
    handed_in.add("c-crashes", CRASHES, APPLY);
    handed_in.add(
        "d-hangs",
        &right().replace("def put(job", "import time\ndef put(job, _=time.sleep(3600)"),
        APPLY,
    );
    handed_in.add("e-shuts-down", WRONG, "redis-cli -h redis SHUTDOWN NOSAVE\n");
    handed_in.add("f-ends-workbench", &right(), "kill -TERM 1; sleep 60\n");
    handed_in.add("=1+1", &right(), APPLY);
    fs::write(handed_in.folder().join("readme.txt"), "").unwrap();
    symlink("/etc", handed_in.folder().join("z-link")).unwrap();

    let sandbox = sandbox();
    let folder = handed_in.folder();
    let args = ["grade", QUEUE, "--submissions", folder.to_str().unwrap()];
    let options = ["--jobs", "3", "--format", "gradescope"];
    let ran = sandbox.run(&[&args[..], &options].concat());
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert_nothing_runs(&sandbox);
    assert!(
        ran.stdout.contains("7 graded in") && ran.stdout.contains("2 pass, 5 fail, 0 error"),
        "{ran:#?}"
    );
    assert!(ran.stderr.contains("readme.txt, z-link"), "{ran:#?}");
    assert!(ran.stderr.contains(" of 7, about "), "{ran:#?}");

    let rows = handed_in.rows();
    let verdicts: Vec<_> = rows.iter().map(|row| (&row[0], &row[1], &row[2], &row[3])).collect();
    assert_eq!(
        verdicts,
        [
            ("'=1+1", "pass", "7", "7"),
            ("a-right", "pass", "7", "7"),
            ("b-hangs", "fail", "1", "7"),
            ("c-crashes", "fail", "1", "7"),
            ("d-hangs", "fail", "1", "7"),
            ("e-shuts-down", "fail", &rows[5][2], "7"),
            ("f-ends-workbench", "fail", "6", "7"),
        ]
    );
    assert!(rows[5][8].contains("fruits/kept: service-stopped"), "{:?}", rows[5]);
    for name in ["a-right", "e-shuts-down"] {
        let file = handed_in.output().join(format!("gradescope/{name}.json"));
        let results: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
        assert_eq!(results["score"], handed_in.grade(name)["score"]);
    }
}

#[test]
fn a_batch_that_was_ended_goes_on_where_it_stopped() {
    let handed_in = HandedIn::new();
    for name in ["a", "b", "c"] {
        handed_in.add(name, &right(), APPLY);
    }
    let sandbox = sandbox();
    let folder = handed_in.folder();
    let args = ["grade", QUEUE, "--submissions", folder.to_str().unwrap(), "--jobs", "1"];
    for (signal, done) in [(Signal::KILL, "a"), (Signal::INT, "b")] {
        let mut child = begin(&sandbox, &args);
        let written = handed_in.output().join(format!("json/{done}.json"));
        until("the next one is written", || written.exists());
        send(&child, signal);
        let code = (signal == Signal::INT).then_some(130);
        assert_eq!(child.wait().unwrap().code(), code);
    }
    let first = fs::read(handed_in.output().join("json/a.json")).unwrap();

    // Another program is graded anew; what is as it was stays.
    handed_in.add("b", WRONG, APPLY);
    let summary = sandbox.json(&args);
    let kept: Vec<_> = summary["submissions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| (row["submission"].as_str().unwrap(), row["kept"] == true, &row["verdict"]))
        .collect();
    assert_eq!(
        kept[..2],
        [("a", true, &json!("pass")), ("b", false, &json!("fail"))],
        "{summary:#}"
    );
    assert_eq!(fs::read(handed_in.output().join("json/a.json")).unwrap(), first);
    assert_eq!(handed_in.rows().len(), 3);

    // Nothing is left to do, and a further format needs no seat.
    let ran: Ran = sandbox.run(&[&args[..], &["--format", "junit"]].concat());
    assert!(ran.stdout.contains("3 kept from before"), "{ran:#?}");
    assert!(handed_in.output().join("junit/c.xml").exists());
    sandbox.ok(&["gc"]);
    assert_nothing_runs(&sandbox);
}

#[test]
fn a_lab_without_a_program_is_graded_by_its_script() {
    let handed_in = HandedIn::new();
    let folder = handed_in.one("pia");
    fs::write(folder.join("notes.txt"), "nothing to run\n").unwrap();
    let graded = grade_with(&sandbox(), KEYS, &folder, &[]);
    assert_eq!((&graded.0["verdict"], graded.1), (&json!("fail"), 1), "{:#}", graded.0);
    assert_eq!(graded.0["apply"], Value::Null);
}

#[test]
fn a_submission_is_graded_with_the_values_of_its_learner() {
    const KEYED: &str = "tiny-keyed";
    let sandbox = sandbox();
    sandbox.ok(&["run", KEYED, "--detach", "--learner", "ada"]);
    let solution = sandbox.json(&["solution", KEYED, "box"]);
    let seed = sandbox.json(&["status"])["seats"][0]["seed"].as_str().unwrap().to_owned();
    let handed_in = HandedIn::new();
    // A copied answer is that of somebody else.
    for name in ["ada", "bob"] {
        let folder = handed_in.one(name);
        for step in solution["steps"].as_array().unwrap() {
            if let Some(run) = step["run"].as_str() {
                fs::write(folder.join("apply.sh"), run).unwrap();
            }
            if let Some(file) = step["file"].as_str() {
                fs::write(folder.join(file), step["content"].as_str().unwrap()).unwrap();
            }
        }
    }
    sandbox.ok(&["stop", KEYED]);
    let folder = handed_in.folder();
    let args = ["grade", KEYED, "--submissions", folder.to_str().unwrap()];
    let verdicts = |extra: &[&str]| {
        let result = sandbox.json(&[&args[..], extra].concat());
        let rows = result["submissions"].as_array().unwrap();
        let verdict = |row: &Value| row["verdict"].as_str().unwrap().to_owned();
        rows.iter().map(verdict).collect::<Vec<_>>()
    };
    assert_eq!(verdicts(&[]), ["pass", "fail"]);
    assert_eq!(handed_in.grade("ada")["basis"]["seed"].as_str(), Some(seed.as_str()));
    let seeds: Vec<_> = handed_in.rows().iter().map(|row| row[row.len() - 1].to_owned()).collect();
    assert!(seeds[0] == seed && seeds[1] != seed, "{seeds:?}");
    // The copied answer was that of a seat with the other seed.
    let replayed = |seed| grade_with(&sandbox, KEYED, &folder.join("bob"), &["--seed", seed]).1;
    assert_eq!((replayed(&seeds[0]), replayed(&seeds[1])), (0, 1));
    let rows = sandbox.json(&args)["submissions"].clone();
    assert_eq!([&rows[0]["seed"], &rows[1]["seed"]], [&json!(seeds[0]), &json!(seeds[1])]);
    assert_eq!(verdicts(&["--seed", &seed]), ["pass", "pass"]);
    let ran = sandbox.run(&[&args[..], &["--learner", "ada"]].concat());
    assert_eq!(ran.code, 2, "{ran:#?}");

    let folder = folder.join("bob");
    let wrong = grade_with(&sandbox, KEYED, &folder, &["--learner", "bob"]);
    let right = grade_with(&sandbox, KEYED, &folder, &["--learner", "ada"]);
    assert_eq!((wrong.1, right.1), (1, 0), "{wrong:#?} {right:#?}");
}
