//! Every right solution passes every check; every wrong one fails just what it names, for the reason it names.

use std::collections::BTreeMap;

use labs::catalog::Catalog;
use labs::catalog::lab::Lab;
use labs::catalog::solution::{self, Placed};
use serde_json::Value;

use crate::sandbox::Sandbox;

const LAB: &str = "redis-queues";

/// Starts a seat whose keyed values are those of the returned lab.
fn start(sandbox: &Sandbox, catalog: &Catalog) -> Lab {
    let lab = catalog.lab(LAB).unwrap();
    sandbox.ok(&["run", LAB, "--detach", "--seed", &lab.seed.text]);
    lab
}

/// Starts afresh and applies the steps of a solution.
fn apply(sandbox: &Sandbox, catalog: &Catalog, lab: &Lab, steps: &[Placed]) {
    sandbox.ok(&["reset", LAB, "--yes"]);
    let mut script = String::new();
    for placed in steps {
        if let Some(content) = placed.content(catalog.lab_files(), lab).unwrap() {
            std::fs::write(sandbox.workspace(LAB).join(placed.name().unwrap()), content).unwrap();
        }
        if let Some(command) = placed.command(lab).unwrap() {
            script.push_str(&command);
            script.push('\n');
        }
    }
    sandbox.ok(&["exec", "workbench", "--", "bash", "-ec", &script]);
}

/// `task/check` → failure code, or the verdict where there is none, of all that did not pass.
fn not_passed(sandbox: &Sandbox) -> (BTreeMap<String, String>, Value) {
    let result = sandbox.json(&["check", LAB]);
    let mut found = BTreeMap::new();
    for task in result["tasks"].as_array().unwrap_or_else(|| panic!("{result:#}")) {
        for check in task["checks"].as_array().unwrap() {
            let verdict = check["verdict"].as_str().unwrap();
            if verdict != "pass" {
                let code = check["failure"]["code"].as_str().unwrap_or(verdict);
                found.insert(
                    format!("{}/{}", task["id"].as_str().unwrap(), check["id"].as_str().unwrap()),
                    code.to_owned(),
                );
            }
        }
    }
    (found, result)
}

#[test]
fn right_solutions_pass() {
    let (sandbox, catalog) = (Sandbox::new(), Catalog::new(None));
    let lab = start(&sandbox, &catalog);
    for right in &lab.solutions {
        apply(&sandbox, &catalog, &lab, &solution::steps(&lab, right).unwrap());
        let (found, result) = not_passed(&sandbox);
        assert!(found.is_empty(), "{}: {found:#?}\n{result:#}", right.id.value);
    }
}

/// Several seats side by side take less time than one.
const PARTS: usize = 4;

#[test]
fn wrong_solutions_fail_what_they_name_1() {
    wrong_solutions_fail_what_they_name(0);
}

#[test]
fn wrong_solutions_fail_what_they_name_2() {
    wrong_solutions_fail_what_they_name(1);
}

#[test]
fn wrong_solutions_fail_what_they_name_3() {
    wrong_solutions_fail_what_they_name(2);
}

#[test]
fn wrong_solutions_fail_what_they_name_4() {
    wrong_solutions_fail_what_they_name(3);
}

fn wrong_solutions_fail_what_they_name(part: usize) {
    let (sandbox, catalog) = (Sandbox::new(), Catalog::new(None));
    let lab = start(&sandbox, &catalog);
    let mut surprises = Vec::new();
    for wrong in lab.wrong.iter().skip(part).step_by(PARTS) {
        apply(&sandbox, &catalog, &lab, &solution::wrong_steps(&lab, wrong).unwrap());
        let (mut found, result) = not_passed(&sandbox);
        // What depends on a failed check is blocked, and says nothing of its own.
        found.retain(|name, code| code != "blocked" || wrong.fails.contains_key(name));
        if found != wrong.fails {
            surprises.push(format!(
                "{}: promised {:?}, found {found:?}\n{result:#}",
                wrong.id.value, wrong.fails
            ));
        }
    }
    assert!(
        surprises.is_empty(),
        "{} of {}:\n{}",
        surprises.len(),
        lab.wrong.len(),
        surprises.join("\n")
    );
}
