//! Locks with a lease and registers, held against their models.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::checks::{expect, failures};
use crate::sandbox::Sandbox;

const LAB: &str = "tiny-lock";
const MAJORITY: &str = "tiny-majority";
const HEAD: &str = "import time\nimport redis\nr = redis.Redis('redis', decode_responses=True)\n";

/// Right: one command to lock, one script to release.
const RIGHT: &str = "
DROP = r.register_script('''
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
''')
def acquire(key, worker):
    return bool(r.set(key, worker, nx=True, px=300))
def release(key, worker):
    return bool(DROP(keys=[key], args=[worker]))
";

const TOKENS: &str = "
import secrets
def acquire(key, ttl):
    token = secrets.token_hex(8)
    return token if r.set(key, token, nx=True, px=ttl) else None
def release(key, token):
    with r.pipeline() as pipe:
        pipe.watch(key)
        if pipe.get(key) != token:
            return 0
        pipe.multi()
        pipe.delete(key)
        try:
            return pipe.execute()[0]
        except redis.WatchError:
            return 0
";

const NOTE: &str = "
def write(key, value):
    r.set(key, value)
def read(key):
    return r.get(key)
";

/// Right: on most of five nodes, less the time that it took.
const QUORUM: &str = "
import secrets, time
import redis
NODES = [redis.Redis(f'redis-{n}', decode_responses=True, socket_timeout=2) for n in range(1, 6)]
DROP = '''
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
'''
def each(act):
    done = 0
    for node in NODES:
        try:
            done += bool(act(node))
        except redis.RedisError:
            pass
    return done
def acquire(key, worker, ttl=1000):
    began, token = time.monotonic(), secrets.token_hex(8)
    got = each(lambda node: node.set(key, token, nx=True, px=ttl))
    if got >= 3 and time.monotonic() - began < ttl * 0.00099 - 0.002:
        return token
    release(key, token)
    return None
def release(key, token):
    return each(lambda node: node.eval(DROP, 1, key, token)) >= 3
";

fn seat(lab: &str) -> Sandbox {
    let sandbox = Sandbox::with_fixture("locks");
    sandbox.ok(&["run", lab, "--detach"]);
    sandbox
}

/// Each check of a task with a program in its place.
fn checks(sandbox: &Sandbox, lab: &str, task: &str, program: &str) -> BTreeMap<String, Value> {
    sandbox.write(lab, &format!("{task}.py"), format!("{HEAD}{program}"));
    crate::checks::of(sandbox, &[lab, task])
}

/// The code of each check that does not pass.
fn codes(sandbox: &Sandbox, task: &str, program: &str) -> BTreeMap<String, String> {
    let found = checks(sandbox, LAB, task, program);
    let owned = |(id, code): (&str, &str)| (id.to_owned(), code.to_owned());
    failures(&found).into_iter().map(owned).collect()
}

fn only(found: &[(&str, &str)]) -> BTreeMap<String, String> {
    found.iter().map(|(id, code)| ((*id).to_owned(), (*code).to_owned())).collect()
}

#[test]
fn right_locks_and_registers_pass() {
    let sandbox = seat(LAB);
    // As often as LABS_ROUNDS says, to see that nothing fails now and then.
    let rounds = std::env::var("LABS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    for round in 0..rounds {
        for (task, program) in [("lock", RIGHT), ("token", TOKENS), ("note", NOTE)] {
            let found = checks(&sandbox, LAB, task, program);
            assert_eq!(failures(&found), expect(&[]), "{task} in round {round}: {found:#?}");
        }
    }
}

#[test]
fn a_lock_on_five_nodes_is_a_lock() {
    let sandbox = seat(MAJORITY);
    let rounds = std::env::var("LABS_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(1);
    for round in 0..rounds {
        let found = checks(&sandbox, MAJORITY, "lock", QUORUM);
        assert_eq!(failures(&found), expect(&[]), "in round {round}: {found:#?}");
    }
    let few = QUORUM.replace("got >= 3", "got >= 2");
    let found = checks(&sandbox, MAJORITY, "lock", &few);
    assert_eq!(failures(&found).get("one"), Some(&"overlap"), "{found:#?}");
    let careless = QUORUM.replace("    release(key, token)\n    return None", "    return None");
    let found = checks(&sandbox, MAJORITY, "lock", &careless);
    assert_eq!(failures(&found).get("one"), Some(&"stuck"), "{found:#?}");
}

#[test]
fn each_mistake_of_a_lock_has_its_code() {
    let sandbox = seat(LAB);
    let of = |program: &str| codes(&sandbox, "lock", program);
    let with = |from: &str, to: &str| {
        assert!(RIGHT.contains(from), "{from}");
        of(&RIGHT.replace(from, to))
    };
    let set = "    return bool(r.set(key, worker, nx=True, px=300))\n";
    let drop = "    return bool(DROP(keys=[key], args=[worker]))\n";

    // Whoever calls release frees the lock, whether it says so or not.
    assert_eq!(with(drop, "    return bool(r.delete(key))\n"), only(&[("one", "stolen")]));
    let silent = "    own = r.get(key) == worker\n    r.delete(key)\n    return own\n";
    assert_eq!(with(drop, silent), only(&[("one", "stolen")]));
    // It looks, and then acts on what it saw.
    let look = "    if r.get(key):\n        return False\n    r.set(key, worker, px=300)\n    return True\n";
    assert_eq!(with(set, look), only(&[("one", "overlap")]));
    assert_eq!(with("nx=True, ", ""), only(&[("one", "overlap")]));
    // The lease is too short, too long, none, or comes later.
    assert_eq!(with("px=300", "px=60")["one"], "overlap");
    assert_eq!(
        with("px=300", "px=3000"),
        only(&[("one", "stuck"), ("dies", "stuck"), ("lets-go", "stuck")])
    );
    assert_eq!(
        with(", px=300", ""),
        only(&[("one", "stuck"), ("dies", "stuck"), ("lets-go", "stuck")])
    );
    let later =
        "    got = r.set(key, worker, nx=True)\n    return bool(got) and r.pexpire(key, 300)\n";
    assert_eq!(with(set, later), only(&[("dies", "stuck")]));
    // It does not let go, or says the wrong thing of it.
    assert_eq!(with(drop, "    return r.get(key) == worker\n")["one"], "stuck");
    assert_eq!(
        with(drop, "    DROP(keys=[key], args=[worker])\n    return False\n")["one"],
        "lost"
    );
    assert_eq!(
        with(drop, "    DROP(keys=[key], args=[worker])\n    return True\n")["one"],
        "stolen"
    );
    assert_eq!(with(drop, "    DROP(keys=[key], args=[worker])\n")["one"], "result");
    assert_eq!(with(set, "    return False\n")["one"], "stuck");
    // It is no lock at all, or not in the service.
    let here = "held = {}\ndef acquire(key, worker):\n    return held.setdefault(key, worker) == worker\ndef release(key, worker):\n    return held.pop(key, None) == worker\n";
    assert_eq!(of(here)["one"], "bypassed");
}

#[test]
fn a_mistake_is_shown_by_few_calls() {
    let sandbox = seat(LAB);
    let thief = RIGHT.replace("bool(DROP(keys=[key], args=[worker]))", "bool(r.delete(key))");
    let failure = &checks(&sandbox, LAB, "lock", &thief)["one"]["failure"];
    let history = failure["evidence"]["history"].as_array().unwrap();
    assert!((2..=4).contains(&history.len()), "{failure:#}");
    let without = RIGHT.replace(", px=300", "");
    let failure = &checks(&sandbox, LAB, "lock", &without)["dies"]["failure"];
    let history: Vec<String> = failure["evidence"]["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line.as_str().unwrap().to_owned())
        .collect();
    let last: Vec<&str> = history.iter().filter_map(|line| line.split("  ").last()).collect();
    assert_eq!(last, ["granted", "ok", "refused"], "{history:#?}");
    assert!(history[1].contains("is killed"), "{history:#?}");
}

#[test]
fn each_mistake_of_a_register_has_its_code() {
    let sandbox = seat(LAB);
    let of = |program: &str| codes(&sandbox, "note", program)["last"].clone();
    // What was read once is kept in the process.
    let cached = "
seen = {}
def write(key, value):
    r.set(key, value)
def read(key):
    if seen.get(key) is None:
        seen[key] = r.get(key)
    return seen[key]
";
    assert_eq!(of(cached), "stale");
    // Each write but the first comes to nothing.
    assert_eq!(of(&NOTE.replace("r.set(key, value)", "r.set(key, value, nx=True)")), "lost");
    assert_eq!(of(&NOTE.replace("r.set(key, value)", "pass")), "lost");
    // It is in a file that goes with the machine.
    let in_file = "
def write(key, value):
    with open('/tmp/' + key, 'w') as file: file.write(value)
def read(key):
    try:
        with open('/tmp/' + key) as file: return file.read() or None
    except FileNotFoundError:
        return None
";
    assert!(["lost", "stale"].contains(&of(in_file).as_str()));
    assert_eq!(
        of(&NOTE.replace("return r.get(key)", "return (r.get(key) or 'none').upper()")),
        "invented"
    );
    assert_eq!(of(&NOTE.replace("return r.get(key)", "return [r.get(key)]")), "result");
}
