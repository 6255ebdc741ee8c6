use serde_json::{Value, json};

use super::Spec;
use crate::template::Variables;

/// What is said of a workload; nothing when it is fit.
fn said(workload: Value) -> String {
    let spec: Spec = serde_json::from_value(workload).unwrap();
    spec.lint(&Variables::default()).err().map(|error| error.what).unwrap_or_default()
}

fn lock(clients: u32) -> Value {
    json!({
        "model": "mutex",
        "lease": "300ms",
        "roles": {
            "acquire": { "call": "acquire", "clients": clients },
            "release": { "call": "release" },
        },
        "operations": 1,
    })
}

#[test]
fn of_a_lock_who_releases_is_who_acquired() {
    assert_eq!(said(lock(2)), "");
    assert_eq!(said(lock(8)), "");
    assert_eq!(said(lock(9)), "The workload has 9 clients");
    assert_eq!(said(lock(1)), "Of a mutex at least two must want it");
}

#[test]
fn what_a_lock_needs_is_said() {
    let mut workload = lock(2);
    workload["lease"] = "20ms".into();
    assert_eq!(said(workload), "The lease is too short or too long to be waited for");
    let mut workload = lock(2);
    workload["roles"].as_object_mut().unwrap().remove("release");
    assert_eq!(said(workload), "A mutex workload needs the role release");
    let mut workload = lock(2);
    workload["start"] = 3.into();
    assert_eq!(said(workload), "Only a counter has start");
}

#[test]
fn what_only_a_lock_has_is_said() {
    let mut workload = json!({
        "model": "register",
        "roles": { "write": { "call": "write" }, "read": { "call": "read" } },
        "operations": 1,
        "given": [{ "send": ["DEL", "$key"] }],
    });
    assert_eq!(said(workload.clone()), "");
    workload["lease"] = "300ms".into();
    assert_eq!(said(workload), "Only a mutex has a lease");
    let queue = json!({
        "model": "fifo",
        "roles": { "put": { "call": "put" }, "take": { "call": "take" } },
        "operations": 1,
        "then": [{ "send": ["LLEN", "$key"] }],
    });
    assert_eq!(said(queue), "Only a counter, a mutex and a register have given and then");
}
