//! What others do meanwhile: at every boundary of a call, and many at once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::checks::{self, expect, failures};
use crate::sandbox::Sandbox;

const LAB: &str = "tiny-stock";
const HEAD: &str = "import time\nimport redis\nr = redis.Redis('redis', decode_responses=True)\n";

/// A right one, in a transaction that begins anew when it was beaten.
const WATCHED: &str = "
def buy(stock):
    with r.pipeline() as pipe:
        while True:
            pipe.watch(stock)
            left = int(pipe.get(stock))
            if left < 1:
                return False
            pipe.multi()
            pipe.set(stock, left - 1)
            try:
                pipe.execute()
                return True
            except redis.WatchError:
                pass
";

fn seat() -> Sandbox {
    let sandbox = Sandbox::with_fixture("contention");
    sandbox.ok(&["run", LAB, "--detach"]);
    sandbox
}

/// Each check of the task with a program in its place.
fn checks(sandbox: &Sandbox, program: &str) -> BTreeMap<String, Value> {
    sandbox.write(LAB, "stock.py", format!("{HEAD}{program}"));
    checks::of(sandbox, &[LAB])
}

#[test]
fn a_right_program_passes_and_its_cost_is_shown() {
    let sandbox = seat();
    let found = checks(&sandbox, WATCHED);
    assert_eq!(failures(&found), expect(&[]), "{found:#?}");
    let figures = found["crowd"]["figures"].as_array().unwrap();
    assert_eq!(figures[0], json!({ "name": "calls", "value": 12 }));
    assert_eq!(figures[1]["name"], "commands for each call");
    // Ten sales of five commands, and two refusals of at least two.
    assert!(figures[1]["value"].as_f64().unwrap() >= 4.5, "{figures:?}");
    assert_eq!(figures.len(), 3, "{figures:?}");
    assert!(found["between"]["figures"].is_null());
    let text = sandbox.run(&["check", LAB]).stdout;
    assert!(text.contains("      12 calls, "), "{text}");
}

#[test]
fn who_takes_a_lock_is_not_waited_for_by_those_who_hold_it_back() {
    // The second buyer waits for the first, who is held back: both must go on.
    let program = "
def buy(stock):
    while not r.set(stock + ':lock', 1, nx=True, px=20000):
        time.sleep(0.01)
    try:
        if int(r.get(stock)) < 1:
            return False
        r.decr(stock)
        return True
    finally:
        r.delete(stock + ':lock')
";
    let found = checks(&seat(), program);
    assert_eq!(failures(&found), expect(&[]), "{found:#?}");
}

#[test]
fn each_mistake_has_its_code_and_shows_where_others_came_between() {
    let sandbox = seat();

    let late = WATCHED.replace(
        "            pipe.watch(stock)\n            left = int(pipe.get(stock))\n",
        "            left = int(r.get(stock))\n            pipe.watch(stock)\n",
    );
    let found = checks(&sandbox, &late);
    assert_eq!(found["between"]["failure"]["code"], "conflict", "{found:#?}");
    assert_eq!(found["last"]["failure"]["code"], "result", "{found:#?}");
    let history = found["between"]["failure"]["evidence"]["history"].as_array().unwrap();
    let words: Vec<String> = history
        .iter()
        .map(|line| line.as_str().unwrap().split_whitespace().take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(words, ["it GET", "others INCRBY", "it WATCH", "it MULTI", "it SET", "it EXEC"]);

    let impatient = WATCHED.replace("while True", "for _ in range(3)");
    assert_eq!(checks(&sandbox, &impatient)["beaten"]["failure"]["code"], "result");

    // Wrong without anybody's help.
    let greedy = "def buy(stock):\n    return r.decrby(stock, 2) >= -1\n";
    let found = checks(&sandbox, greedy);
    let (between, seen) = (&found["between"]["failure"], &found["seen"]["failure"]);
    assert_eq!((&between["code"], &seen["code"]), (&json!("value"), &json!("half")), "{found:#?}");
    assert_eq!(found["crowd"]["failure"]["code"], "refused", "{found:#?}");

    let generous = "def buy(stock):\n    r.decr(stock)\n    return True\n";
    let failure = &checks(&sandbox, generous)["crowd"]["failure"];
    assert_eq!(failure["code"], "oversold", "{failure:#}");
    // What there was, and one draw more.
    assert_eq!(failure["evidence"]["history"].as_array().unwrap().len(), 12, "{failure:#}");

    let chatty = "def buy(stock):\n    for _ in range(50):\n        r.get(stock)\n    return r.decr(stock) >= 0\n";
    assert_eq!(checks(&sandbox, chatty)["between"]["failure"]["code"], "commands");

    let vague = "def buy(stock):\n    return 'perhaps'\n";
    assert_eq!(checks(&sandbox, vague)["crowd"]["failure"]["code"], "result");
}
