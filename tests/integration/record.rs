//! The record of seats and progress is damaged: nothing is dropped in silence, nothing leaks.

use serde_json::json;

use crate::docker::Found;
use crate::sandbox::Sandbox;

const KEYS: &str = "tiny-keys";

#[test]
fn a_damaged_record_is_kept_aside_and_what_it_knew_of_is_removed() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.write(KEYS, "mine.txt", "mine");
    let folder = sandbox.home().join(".local/share/labs");
    let record = folder.join("labs.db");
    std::fs::write(&record, "not a database, but long enough to be read as one").unwrap();
    let _ = std::fs::remove_file(folder.join("labs.db-wal"));

    // Labs are listed all the same, and that their progress is unknown is said.
    let listed = sandbox.ok(&["list"]);
    assert!(listed.stderr.contains("labs.db"), "{listed:#?}");
    let (document, code) = sandbox.json_and_code(&["status"]);
    assert_eq!(code, 3, "{document:#}");
    let what = document["error"]["what"].as_str().unwrap();
    assert!(what.contains("damaged, and was moved aside"), "{document:#}");
    let aside = document["error"]["where"].as_str().unwrap();
    let kept = std::fs::read_to_string(aside).unwrap();
    assert!(kept.starts_with("not a database"), "{document:#}");

    assert_eq!(sandbox.json(&["status"])["seats"], json!([]));
    assert!(!sandbox.on_engine().containers.is_empty());
    sandbox.ok(&["gc"]);
    assert_eq!(sandbox.on_engine(), Found::default());
    sandbox.ok(&["run", KEYS, "--detach"]);
    assert_eq!(std::fs::read_to_string(sandbox.workspace(KEYS).join("mine.txt")).unwrap(), "mine");
}

/// As it is for a record that was written before the clock was set back.
#[test]
fn a_record_from_the_future_is_gone_on_with() {
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    let record = sandbox.home().join(".local/share/labs/labs.db");
    let record = rusqlite::Connection::open(record).unwrap();
    let later = "strftime('%Y-%m-%dT%H:%M:%SZ', ?, '+500 days')";
    for (table, column) in [
        ("seats", "created_at"),
        ("seats", "lease_until"),
        ("resources", "created_at"),
        ("attempts", "at"),
    ] {
        let moved = format!("UPDATE {table} SET {column} = {}", later.replace('?', column));
        assert!(record.execute(&moved, []).unwrap() > 0, "{table}.{column}");
    }
    drop(record);

    for command in ["status", "progress", "list", "doctor", "gc"] {
        let ran = sandbox.run(&[command]);
        // What else is wrong with the machine is not the matter here.
        let expected = if command == "doctor" { &[0, 3][..] } else { &[0] };
        assert!(expected.contains(&ran.code), "{ran:#?}");
    }
    sandbox.ok(&["run", KEYS, "--detach"]);
    assert_eq!(sandbox.redis(KEYS, &["GET", "door"]), "open\n");
    sandbox.ok(&["check", KEYS, "door"]);
    let task = &sandbox.json(&["tasks", KEYS, "door"])["tasks"][0];
    assert!(task["progress"]["passed_at"].is_string(), "{task:#}");
    sandbox.ok(&["hint", KEYS, "door"]);
    sandbox.ok(&["stop", KEYS]);
    sandbox.ok(&["gc"]);
    assert_eq!(sandbox.on_engine(), Found::default());
}
