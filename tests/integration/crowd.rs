//! Seats in numbers, in short: `bench/seats.py` does it with fifty at once and a thousand one after the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::docker::{self, Found};
use crate::sandbox::Sandbox;

const LAB: &str = "tiny-keys";
const AT_ONCE: usize = 4;
const CYCLES: usize = 6;

#[test]
fn seats_started_at_once_have_networks_of_their_own_and_go_at_once() {
    let homes: Vec<Sandbox> = (0..AT_ONCE).map(|_| Sandbox::with_fixture("labs")).collect();
    let at_once = |args: &[&str]| {
        std::thread::scope(|scope| {
            let runs: Vec<_> = homes.iter().map(|home| scope.spawn(|| home.ok(args))).collect();
            for run in runs {
                run.join().unwrap();
            }
        });
    };
    at_once(&["run", LAB, "--detach"]);
    let mut subnets = BTreeSet::new();
    for home in &homes {
        let found = home.on_engine();
        // The other one is that of the gates, which has no seat.
        let own: Vec<_> = found.networks.iter().filter(|name| !name.contains("gates")).collect();
        assert_eq!(own.len(), 1, "{found:#?}");
        let network = docker::network(own[0]);
        subnets.insert(network["IPAM"]["Config"][0]["Subnet"].as_str().unwrap().to_owned());
        assert_eq!(home.redis(LAB, &["SET", "door", "open"]), "OK\n");
    }
    assert_eq!(subnets.len(), AT_ONCE, "{subnets:?}");
    at_once(&["check", LAB, "door"]);
    at_once(&["stop", LAB]);
    at_once(&["gc"]);
    for home in &homes {
        assert_eq!(home.on_engine(), Found::default());
    }
}

#[test]
fn starting_and_stopping_leaves_nothing_that_grows() {
    let home = Sandbox::with_fixture("labs");
    let cycle = || {
        home.ok(&["run", LAB, "--detach"]);
        home.ok(&["stop", LAB]);
        home.ok(&["gc"]);
        assert_eq!(home.on_engine(), Found::default());
        kept(&home)
    };
    cycle();
    let early = cycle();
    let mut late = early.clone();
    for _ in 2..CYCLES {
        late = cycle();
    }
    assert_eq!(late, early);
}

/// The files of the record with their sizes, but for what SQLite writes ahead, which it empties when it likes.
fn kept(home: &Sandbox) -> BTreeMap<String, u64> {
    let folder = std::fs::read_dir(home.home().join(".local/share/labs")).unwrap();
    let files = folder.map(|file| file.unwrap());
    let named = files.map(|file| (file.file_name().into_string().unwrap(), file));
    let lasting = named.filter(|(name, _)| !name.ends_with("-wal") && !name.ends_with("-shm"));
    lasting.map(|(name, file)| (name, file.metadata().unwrap().len())).collect()
}
