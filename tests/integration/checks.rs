//! The checks of a task, and which of them fail.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Each check of a lab's first task that is asked for, by its id.
pub fn of(sandbox: &Sandbox, wanted: &[&str]) -> BTreeMap<String, Value> {
    let (result, _) = sandbox.json_and_code(&[&["check"], wanted].concat());
    let checks = result["tasks"][0]["checks"].as_array().unwrap();
    checks.iter().map(|c| (c["id"].as_str().unwrap().to_owned(), c.clone())).collect()
}

/// The code of each check that does not pass.
pub fn failures(checks: &BTreeMap<String, Value>) -> BTreeMap<&str, &str> {
    checks
        .iter()
        .filter(|(_, check)| check["verdict"] != "pass")
        .map(|(id, check)| (id.as_str(), check["failure"]["code"].as_str().unwrap_or("no code")))
        .collect()
}

pub fn expect<'a>(found: &[(&'a str, &'a str)]) -> BTreeMap<&'a str, &'a str> {
    found.iter().copied().collect()
}
