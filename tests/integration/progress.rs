//! What the learner has done: shown, moved to another machine, gone on with.

use std::fs;

use serde_json::json;

use crate::sandbox::Sandbox;

const KEYS: &str = "tiny-keys";
const QUEUES: &str = "redis-queues";

#[test]
fn progress_is_shown_and_moves_to_another_machine() {
    let here = Sandbox::with_fixture("labs");
    assert!(here.ok(&["progress"]).stdout.starts_with("Nothing has been checked yet.\n"));
    here.ok(&["run", KEYS, "--detach"]);
    assert_eq!(here.run(&["check", KEYS, "door"]).code, 1);
    here.redis(KEYS, &["SET", "door", "open"]);
    here.ok(&["check", KEYS, "door"]);
    here.ok(&["hint", KEYS, "door"]);
    let shown = here.ok(&["progress"]).stdout;
    let line = "tiny-keys  ████░░░░  1/2    1 of 3 points, 2 checks, 1 hint";
    assert!(shown.contains(line), "{shown}");
    assert!(shown.contains("Next: tiny-keys, task shelf: labs run tiny-keys"), "{shown}");

    let moved = here.home().join("progress.json");
    here.ok(&["progress", "export", moved.to_str().unwrap()]);
    let there = Sandbox::with_fixture("labs");
    let import = ["progress", "import", moved.to_str().unwrap()];
    assert_eq!(there.json(&import), json!({ "new": 2, "known": 0 }));
    assert_eq!(there.json(&import), json!({ "new": 0, "known": 2 }));
    assert_eq!(there.ok(&["progress"]).stdout, shown);
    assert_eq!(there.json(&["progress"]), here.json(&["progress"]));
}

#[test]
fn what_is_no_exported_progress_is_refused_and_nothing_is_overwritten() {
    let sandbox = Sandbox::new();
    let path = sandbox.home().join("p.json");
    let name = path.to_str().unwrap();
    sandbox.ok(&["progress", "export", name]);
    let again = sandbox.run(&["progress", "export", name]);
    assert!(again.code == 2 && again.stderr.contains("the file exists"), "{again:#?}");
    for (content, said) in [
        ("\u{0}\u{1}", "no exported progress"),
        (r#"{"labs_progress": 7}"#, "version 7"),
        (
            r#"{"labs_progress": 1, "attempts": [], "hints": [{"lab": "../x", "task": "t", "shown": 1}], "solutions": []}"#,
            r#""../x" is no name"#,
        ),
    ] {
        fs::write(&path, content).unwrap();
        let ran = sandbox.run(&["progress", "import", name]);
        assert!(ran.code == 2 && ran.stderr.contains(said), "{content}: {ran:#?}");
    }
    let ran = sandbox.run(&["progress", "import", "/nonexistent"]);
    assert!(ran.code == 2 && ran.stderr.contains("No such file"), "{ran:#?}");
}

#[test]
fn a_task_that_one_goes_to_is_where_the_next_commands_are() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.ok(&["goto", "shelf"]);
    assert!(sandbox.ok(&["tasks"]).stdout.contains("› shelf"));
    assert_eq!(sandbox.json(&["solution"])["task"], "shelf");
    let ran = sandbox.run(&["goto", KEYS]);
    assert!(ran.code == 2 && ran.stderr.contains("door, shelf"), "{ran:#?}");
}

#[test]
fn what_comes_before_is_solved_and_the_learners_file_is_kept() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["run", QUEUES, "--detach"]);
    sandbox.write(QUEUES, "fifo.py", "mine = 1\n");
    let done = sandbox.json(&["goto", "lifo", "--solve"]);
    let solved = json!({ "lab": QUEUES, "task": "lifo", "solved": ["by-hand", "fifo"], "kept": ["fifo.py.before"] });
    assert_eq!(done, solved);
    let kept = sandbox.workspace(QUEUES).join("fifo.py.before");
    assert_eq!(fs::read_to_string(kept).unwrap(), "mine = 1\n");
    let tasks = sandbox.json(&["tasks"]);
    let passed = |nth: usize| &tasks["tasks"][nth]["progress"];
    for nth in 0..2 {
        assert!(passed(nth)["passed_at"].is_string() && passed(nth)["solution_seen"] == true);
    }
    assert_eq!(passed(2)["attempts"], 0);
    assert_eq!(sandbox.json(&["goto", "lifo", "--solve"])["solved"], json!([]));
}

#[test]
fn one_task_is_begun_again_and_the_others_stay_as_they_are() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    // Before anything was done, and the workbench used.
    sandbox.ok(&["reset", "door", "--yes"]);
    sandbox.redis(KEYS, &["MSET", "door", "open", "shelf", "x"]);
    sandbox.ok(&["check", KEYS]);
    let done = sandbox.json(&["reset", "door", "--yes"]);
    assert_eq!(done, json!({ "task": "door", "data": true, "file": null, "kept": null }));
    assert_eq!(sandbox.redis(KEYS, &["KEYS", "*"]), "shelf\n");
    let passed = &sandbox.json(&["tasks", "door"])["tasks"][0]["progress"]["passed_at"];
    assert!(passed.is_string(), "{passed:#}");
    for (args, said) in [
        (
            &["reset", "shelf"][..],
            "'labs reset tiny-keys --data' makes all data anew, 'labs reset tiny-keys' moves your files aside too",
        ),
        (&["reset", "door", "--data", "--yes"], "leave out the one or the other"),
        (&["reset", "door"], "add --yes"),
        (&["reset", "dor", "--yes"], "did you mean \"door\"?"),
    ] {
        let ran = sandbox.run(args);
        assert!(ran.code == 2 && ran.stderr.contains(said), "{ran:#?}");
    }
    assert_eq!(sandbox.redis(KEYS, &["KEYS", "*"]), "shelf\n");
}

#[test]
fn a_task_that_is_begun_again_has_its_file_as_the_lab_gives_it() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["run", QUEUES, "--detach"]);
    let file = sandbox.workspace(QUEUES).join("fifo.py");
    let starter = fs::read_to_string(&file).unwrap();
    sandbox.write(QUEUES, "fifo.py", "mine = 1\n");
    let done = sandbox.json(&["reset", "fifo", "--yes"]);
    let kept =
        json!({ "task": "fifo", "data": false, "file": "fifo.py", "kept": "fifo.py.before" });
    assert_eq!(done, kept);
    assert_eq!(fs::read_to_string(&file).unwrap(), starter);
    let kept = fs::read_to_string(sandbox.workspace(QUEUES).join("fifo.py.before"));
    assert_eq!(kept.unwrap(), "mine = 1\n");
    assert_eq!(sandbox.json(&["reset", "fifo", "--yes"])["kept"], json!(null));
}

#[test]
fn a_solution_that_does_not_pass_after_what_was_done_says_so() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    // What is set is gone at once.
    sandbox.redis(KEYS, &["CONFIG", "SET", "maxmemory-policy", "allkeys-lru", "maxmemory", "1"]);
    let ran = sandbox.run(&["goto", "shelf", "--solve"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("'labs reset tiny-keys' begins afresh"), "{ran:#?}");
    assert_eq!(sandbox.json(&["tasks", "door"])["tasks"][0]["progress"]["passed_at"], json!(null));
}
