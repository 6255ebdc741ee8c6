//! What authors are told: every problem at once, with its place; a lab to begin with that has none.

use std::path::Path;

use labs::catalog::schema;

use crate::sandbox::{Sandbox, fixture};

/// What lint prints about the labs of a folder, the folder's own name left out.
fn linted(folder: &Path, code: i32) -> String {
    let ran = Sandbox::with_labs(folder).run(&["author", "lint"]);
    assert_eq!(ran.code, code, "{ran:#?}");
    assert_eq!(ran.stderr, "");
    ran.stdout.replace(&format!("{}/", folder.display()), "")
}

#[test]
fn every_problem_is_shown_in_one_pass_at_its_place() {
    insta::assert_snapshot!(linted(&fixture("lint"), 2));
}

#[test]
fn the_labs_of_the_binary_are_clean() {
    let ran = Sandbox::new().ok(&["author", "lint"]);
    assert!(ran.stdout.starts_with("No problem in "), "{ran:#?}");
}

#[test]
fn problems_are_a_document_too() {
    let folder = fixture("lint");
    let (document, code) = Sandbox::with_labs(&folder).json_and_code(&["author", "lint", "many"]);
    assert_eq!(code, 2);
    let problems = document["labs"][0]["problems"].as_array().unwrap();
    assert_eq!(document["problems"], problems.len());
    let unknown = problems.iter().find(|p| p["line"] == 4).unwrap();
    assert_eq!(unknown["column"], 1, "{unknown:#}");
    assert_eq!(unknown["what"], "There is no key \"levle\" here");
    assert_eq!(unknown["excerpt"], "levle: beginner");
    assert_eq!(unknown["help"], "did you mean \"level\"?");
    assert_eq!(unknown["file"], folder.join("many/lab.yaml").display().to_string());
    let (clean, code) = Sandbox::new().json_and_code(&["author", "lint", "redis-queues"]);
    assert_eq!((code, &clean["problems"]), (0, &0.into()), "{clean:#}");
}

#[test]
fn an_unknown_lab_cannot_be_linted() {
    let ran = Sandbox::new().run(&["author", "lint", "redis-queue"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("did you mean \"redis-queues\"?"), "{ran:#?}");
}

/// What loading refuses, lint must not find clean.
#[test]
fn every_faulty_lab_has_its_fault_among_the_problems() {
    let folder = fixture("faulty");
    let sandbox = Sandbox::with_labs(&folder);
    for entry in std::fs::read_dir(&folder).unwrap() {
        let lab = entry.unwrap().file_name().into_string().unwrap();
        let (refused, _) = sandbox.json_and_code(&["info", &lab]);
        let place = refused["error"]["where"].as_str().unwrap();
        let (document, code) = sandbox.json_and_code(&["author", "lint", &lab]);
        assert_eq!(code, 2, "{lab}");
        let line: u64 = place.split(':').nth(1).unwrap().parse().unwrap();
        let problems = document["labs"][0]["problems"].as_array().unwrap();
        let found = if lab == "missing-field" {
            // It stands nowhere.
            problems.iter().any(|p| p["what"] == "The key \"points\" is missing")
        } else {
            problems.iter().any(|p| p["line"] == line)
        };
        assert!(found, "{lab} is refused at {place}: {document:#}");
    }
}

#[test]
fn a_folder_without_labs_is_no_clean_one() {
    let ran = Sandbox::new().run(&["author", "lint", "--labs-dir", "/nonexistent"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("/nonexistent"), "{ran:#?}");
}

#[test]
fn the_schema_is_printed() {
    let ran = Sandbox::new().ok(&["author", "schema"]);
    assert_eq!(ran.stdout, schema::text());
    let schema: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    assert_eq!(schema["$defs"]["Level"]["enum"][0], "beginner");
}

#[test]
fn every_lab_names_the_schema() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    for folder in [root.join("labs"), fixture("labs")] {
        for entry in std::fs::read_dir(folder).unwrap() {
            let lab = entry.unwrap().path();
            let Ok(text) = std::fs::read_to_string(lab.join("lab.yaml")) else { continue };
            let named = text.lines().next().unwrap();
            let named = named.strip_prefix("# yaml-language-server: $schema=");
            let named = named.unwrap_or_else(|| panic!("{} names no schema", lab.display()));
            assert!(lab.join(named).is_file(), "{}: {named}", lab.display());
        }
    }
}

#[test]
fn a_new_lab_is_clean_and_loads() {
    let folder = tempfile::tempdir().unwrap();
    let labs = folder.path().join("labs");
    let sandbox = Sandbox::with_labs(&labs);
    let made = sandbox.json(&["author", "new", "my-lab"]);
    assert_eq!(made["folder"], labs.join("my-lab").display().to_string());
    assert!(labs.join(schema::FILE).is_file());
    assert_eq!(linted(&labs, 0), "No problem in 1 lab\n");
    assert!(sandbox.ok(&["info", "my-lab"]).stdout.contains("by-hand"));
}

#[test]
fn a_new_lab_is_made_here_when_no_folder_is_named() {
    let sandbox = Sandbox::new();
    let ran = sandbox.ok(&["author", "new", "my-lab"]);
    assert!(ran.stdout.contains("labs author lint my-lab --labs-dir ."), "{ran:#?}");
    sandbox.ok(&["author", "lint", "my-lab", "--labs-dir", "."]);
}

#[test]
fn a_new_lab_overwrites_nothing() {
    let sandbox = Sandbox::new();
    std::fs::create_dir(sandbox.home().join("mine")).unwrap();
    let ran = sandbox.run(&["author", "new", "mine"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("./mine"), "{ran:#?}");
    assert_eq!(std::fs::read_dir(sandbox.home().join("mine")).unwrap().count(), 0);
    // A link to nowhere is something too.
    std::os::unix::fs::symlink("/nonexistent", sandbox.home().join("link")).unwrap();
    assert_eq!(sandbox.run(&["author", "new", "link"]).code, 2);
}

#[test]
fn a_name_that_is_no_slug_is_refused_with_what_one_is() {
    let sandbox = Sandbox::new();
    let long = "a".repeat(41);
    for name in ["My-Lab", "../lab", "a b", "", "-a", "a-", "1a", "ä", &long] {
        let ran = sandbox.run(&["author", "new", "--", name]);
        assert_eq!(ran.code, 2, "{name:?}: {ran:#?}");
        assert!(ran.stderr.contains("small letters, digits and hyphens"), "{name:?}: {ran:#?}");
    }
    assert_eq!(std::fs::read_dir(sandbox.home()).unwrap().count(), 0);
}
