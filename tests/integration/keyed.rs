//! Keyed values: each learner's own, the same for the same seed, one set for every text of a lab.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::docker;
use crate::sandbox::{Sandbox, fixture};

const LAB: &str = "tiny-keyed";
const QUEUES: &str = "redis-queues";

fn tiny() -> Sandbox {
    Sandbox::with_fixture("labs")
}

/// Starts a seat; answers its row.
fn seat(sandbox: &Sandbox, args: &[&str]) -> Value {
    let (document, code) = sandbox.json_and_code(&[&["run"], args].concat());
    assert_eq!(code, 0, "{document:#}");
    document["seat"].clone()
}

/// What `labs info` says, asked by a learner.
fn info_for(sandbox: &Sandbox, learner: &str) -> Value {
    let mut command = sandbox.command(&["info", LAB, "--json"]);
    let out = command.env("LABS_LEARNER", learner).output().unwrap();
    serde_json::from_slice(&out.stdout).unwrap()
}

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} is no text in {value:#}"))
}

/// The steps of the solution that `labs solution` shows for a task.
fn steps(sandbox: &Sandbox, lab: &str, task: &str) -> Vec<Value> {
    sandbox.json(&["solution", lab, task])["steps"].as_array().unwrap().clone()
}

/// Does in the workspace and the workbench what some steps say.
fn follow(sandbox: &Sandbox, lab: &str, steps: &[Value]) {
    for step in steps {
        if let Some(run) = step["run"].as_str() {
            sandbox.ok(&["exec", "workbench", "--lab", lab, "--", "bash", "-ec", run]);
        } else {
            sandbox.write(lab, text(step, "file"), text(step, "content"));
        }
    }
}

fn verdict(sandbox: &Sandbox, lab: &str, task: &str) -> String {
    text(&sandbox.json(&["check", lab, task]), "verdict").to_owned()
}

/// A copy of the lab that a test may change.
fn copied() -> TempDir {
    fn copy(from: &Path, to: &Path) {
        std::fs::create_dir(to).unwrap();
        for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
            let to = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy(&entry.path(), &to);
            } else {
                std::fs::copy(entry.path(), to).unwrap();
            }
        }
    }
    let folder = TempDir::new().unwrap();
    copy(&fixture("labs").join(LAB), &folder.path().join(LAB));
    folder
}

/// Replaces a text, which is there, in a file of such a copy.
fn change(folder: &TempDir, file: &str, old: &str, new: &str) {
    let path = folder.path().join(LAB).join(file);
    let content = std::fs::read_to_string(&path).unwrap();
    assert!(content.contains(old), "{old:?} is not in {file}");
    std::fs::write(path, content.replacen(old, new, 1)).unwrap();
}

#[test]
fn one_seed_gives_the_same_values_in_two_homes() {
    let (one, other) = (tiny(), tiny());
    let first = seat(&one, &[LAB, "--seed", "s3"]);
    let second = seat(&other, &[LAB, "--seed", "s3"]);
    assert_eq!(first["variables"], second["variables"]);
    assert_eq!((text(&first, "seed"), &first["learner"]), ("s3", &Value::Null));
    let file = |sandbox: &Sandbox| std::fs::read(sandbox.workspace(LAB).join("box.py")).unwrap();
    assert_eq!(file(&one), file(&other));
}

#[test]
fn the_seed_that_status_shows_replays_the_seat_elsewhere() {
    let (one, other) = (tiny(), tiny());
    let first = seat(&one, &[LAB, "--learner", "ada"]);
    assert_eq!(text(&first, "learner"), "ada");
    let status = one.json(&["status", LAB])["seats"][0].clone();
    assert_eq!((&status["seed"], text(&status, "learner")), (&first["seed"], "ada"));
    // The other home has another secret, so that its own values of the same learner differ.
    let own = seat(&other, &[LAB, "--learner", "ada"]);
    assert_ne!(own["variables"], first["variables"]);
    other.ok(&["stop", LAB]);
    let replayed = seat(&other, &[LAB, "--seed", text(&status, "seed")]);
    assert_eq!(replayed["variables"], first["variables"]);
}

#[test]
fn info_shows_each_learner_the_values_that_run_will_give() {
    let sandbox = tiny();
    let (ada, ben) = (info_for(&sandbox, "ada"), info_for(&sandbox, "ben"));
    assert_ne!(ada["tasks"], ben["tasks"]);
    let started = seat(&sandbox, &[LAB, "--learner", "ben"]);
    let variables = &started["variables"];
    let claim = format!("The box {} holds {}", text(variables, "box"), variables["number"]);
    assert_eq!(ben["tasks"][0]["checks"][0]["claim"], claim);
}

#[test]
fn the_secret_is_the_owners_alone_and_goes_nowhere() {
    let sandbox = tiny();
    let (started, _) = sandbox.json_and_code(&["run", LAB]);
    let path = sandbox.home().join(".local/share/labs/secret");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let hex = labs::digest::hex(&std::fs::read(path).unwrap());
    let id = text(&started["seat"], "id");
    sandbox.ok(&["exec", "workbench", "--", "true"]);
    let mut said = started.to_string() + &sandbox.json(&["status"]).to_string();
    for part in ["redis", "workbench", "gate"] {
        said += &docker::container(&format!("labs-{id}-{part}")).unwrap().to_string();
    }
    assert!(!said.contains(&hex));
}

#[test]
fn a_seat_keeps_its_values_when_the_lab_and_the_learner_change() {
    let folder = copied();
    let sandbox = Sandbox::with_labs(folder.path());
    let before = seat(&sandbox, &[LAB, "--learner", "ada"]);
    change(&folder, "lab.yaml", "[red, green, blue]", "[black, white]");
    change(&folder, "lab.yaml", "variables:\n", "variables:\n  late: ${word}!\n");
    change(&folder, "lab.yaml", "The set-up was done with", "${late} The set-up was done with");
    let mut again = sandbox.command(&["run", LAB, "--json"]);
    let out = again.env("LABS_LEARNER", "ben").output().unwrap();
    let after: Value = serde_json::from_slice(&out.stdout).unwrap();
    assert_eq!(after["resumed"], true);
    assert_eq!(after["seat"]["variables"], before["variables"]);
    sandbox.ok(&["reset", LAB, "--yes"]);
    let file = std::fs::read_to_string(sandbox.workspace(LAB).join("box.py")).unwrap();
    assert!(file.contains(text(&before["variables"], "box")), "{file}");
    let info = info_for(&sandbox, "ben");
    let claims = info["tasks"][0]["checks"].to_string();
    let late = format!("{}! The set-up", text(&before["variables"], "word"));
    assert!(
        claims.contains(text(&before["variables"], "box")) && claims.contains(&late),
        "{info:#}"
    );
}

#[test]
fn another_seed_or_learner_than_the_seats_is_refused_with_what_to_do() {
    let sandbox = tiny();
    let started = seat(&sandbox, &[LAB, "--learner", "ada"]);
    for (option, other) in [("--seed", "s4"), ("--learner", "ben")] {
        let (document, code) = sandbox.json_and_code(&["run", LAB, option, other]);
        assert_eq!(code, 2, "{document:#}");
        let help = text(&document["error"], "help");
        assert!(help.contains(option) && help.contains("labs stop"), "{document:#}");
    }
    seat(&sandbox, &[LAB, "--learner", "ada"]);
    seat(&sandbox, &[LAB, "--seed", text(&started, "seed")]);
}

#[test]
fn seeds_and_learners_that_are_no_plain_text_are_refused() {
    let sandbox = tiny();
    let long = "x".repeat(129);
    for args in [["--seed", ""], ["--seed", "a\nb"], ["--learner", " "], ["--learner", &long]] {
        let (document, code) = sandbox.json_and_code(&[&["run", LAB], &args[..]].concat());
        assert_eq!(code, 2, "{document:#}");
    }
    assert!(sandbox.json(&["status"])["seats"].as_array().unwrap().is_empty());
}

#[test]
fn every_text_of_a_lab_reads_one_set() {
    let sandbox = tiny();
    let started = seat(&sandbox, &[LAB, "--seed", "s3"]);
    let variables = &started["variables"];
    let (name, word, number) =
        (text(variables, "box"), text(variables, "word"), variables["number"].to_string());
    let prompt = sandbox.json(&["tasks", LAB])["tasks"][0]["prompt"].as_str().unwrap().to_owned();
    let order = variables["order"].to_string();
    assert!([name, word, &number, &order].iter().all(|part| prompt.contains(part)), "{prompt}");
    let content = std::fs::read_to_string(sandbox.workspace(LAB).join("box.py")).unwrap();
    assert!(content.starts_with(&format!("\"\"\"The box {name}.\"\"\"")), "{content}");
    assert_eq!(sandbox.redis(LAB, &["GET", &format!("setup:{word}")]).trim(), number);

    let fresh = sandbox.json(&["check", LAB]);
    let filled = &fresh["tasks"][0]["checks"][0];
    assert_eq!(text(filled, "claim"), format!("The box {name} holds {number}"));
    assert_eq!(text(filled, "misconception"), format!("Nothing is in {name}."));
    let hint = sandbox.json(&["hint", LAB])["hints"][0].clone();
    assert_eq!(hint, format!("Hint: {name} takes {number}."));

    follow(&sandbox, LAB, &steps(&sandbox, LAB, "box"));
    let result = sandbox.json(&["check", LAB]);
    assert_eq!(result["verdict"], "pass", "{result:#}");
    assert_eq!(text(&result["tasks"][0], "explanation"), format!("The box was `{name}`.\n"));
}

#[test]
fn an_undefined_variable_is_found_in_every_text_with_its_line() {
    for (file, old) in [
        ("lab.yaml", "\"setup:${word}"),
        ("lab.yaml", "Hint: ${box}"),
        ("lab.yaml", "The box ${box}"),
        ("lab.yaml", "GET, \"${box}"),
        ("lab.yaml", "{ eq: \"${number}"),
        ("lab.yaml", "Nothing is in ${box}"),
        ("lab.yaml", "args: [\"${word}"),
        ("lab.yaml", "SET ${box}"),
        ("tasks/box.md", "tell(\"${word}"),
        ("tasks/box.explanation.md", "was `${box}"),
        ("starter/box.py.tmpl", "The box ${box}"),
        ("solutions/right/box.py.tmpl", "== \"${word}"),
    ] {
        let folder = copied();
        let start = old.find("${").unwrap() + 2;
        change(&folder, file, old, &format!("{}x{}", &old[..start], &old[start..]));
        let (document, code) = Sandbox::with_labs(folder.path()).json_and_code(&["info", LAB]);
        assert_eq!(code, 2, "{file} {old}: {document:#}");
        let path = folder.path().join(LAB).join(file);
        let changed = std::fs::read_to_string(&path).unwrap();
        let before = &changed[..changed.find(&format!("${{x{}", &old[start..])).unwrap()];
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap().chars().count() + 1;
        let expected = format!("{}:{line}:{column}", path.display());
        assert_eq!(text(&document["error"], "where"), expected, "{file} {old}: {document:#}");
        assert!(text(&document["error"], "what").contains("is not defined"), "{document:#}");
        assert!(text(&document["error"], "help").starts_with("did you mean"), "{document:#}");
    }
}

#[test]
fn an_undefined_variable_in_a_variable_is_found_with_its_line() {
    for (old, place) in [("${colour}:", ":12:8"), ("of: [\"${word}", ":16:10")] {
        let folder = copied();
        let start = old.find("${").unwrap() + 2;
        change(&folder, "lab.yaml", old, &format!("{}x{}", &old[..start], &old[start..]));
        let (document, code) = Sandbox::with_labs(folder.path()).json_and_code(&["info", LAB]);
        assert_eq!(code, 2, "{document:#}");
        let expected = folder.path().join(LAB).join("lab.yaml").display().to_string() + place;
        assert_eq!(text(&document["error"], "where"), expected, "{document:#}");
    }
}

#[test]
fn the_answer_of_another_seat_does_not_pass() {
    let (one, other) = (Sandbox::new(), Sandbox::new());
    let first = seat(&one, &[QUEUES, "--seed", "one"]);
    let second = seat(&other, &[QUEUES, "--seed", "two"]);
    for name in ["desk", "arrivals", "still_waiting", "being_served", "entry"] {
        assert_ne!(first["variables"][name], second["variables"][name], "{name}");
    }
    let answer = steps(&one, QUEUES, "by-hand");
    follow(&other, QUEUES, &answer);
    assert_eq!(verdict(&other, QUEUES, "by-hand"), "fail");
    follow(&one, QUEUES, &answer);
    assert_eq!(verdict(&one, QUEUES, "by-hand"), "pass");
    follow(&other, QUEUES, &steps(&other, QUEUES, "by-hand"));
    assert_eq!(verdict(&other, QUEUES, "by-hand"), "pass");
}
