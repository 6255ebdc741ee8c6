//! In debug builds, and for tests alone: death at a step that is chosen beforehand. A step is the moment before or after
//! a call to the engine, a message of an image build, or the moment before the ledger or the learner's files change.

/// A step is reached. At the one that `LABS_DIE_AT` names, counted from 1, the process kills itself; where `LABS_DIE_PID`
/// names another process, such as the engine, it kills that and goes on.
#[cfg(debug_assertions)]
pub fn step() {
    use std::str::FromStr;
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    use rustix::process::{Pid, Signal, getpid, kill_process};

    fn number<T: FromStr>(name: &str) -> Option<T> {
        std::env::var(name).ok()?.parse().ok()
    }

    static DIE_AT: LazyLock<Option<u32>> = LazyLock::new(|| number("LABS_DIE_AT"));
    static REACHED: AtomicU32 = AtomicU32::new(0);

    let Some(die_at) = *DIE_AT else { return };
    if REACHED.fetch_add(1, Ordering::SeqCst) + 1 != die_at {
        return;
    }
    let dies = number("LABS_DIE_PID").and_then(Pid::from_raw).unwrap_or_else(getpid);
    let _ = kill_process(dies, Signal::KILL);
    // Nothing more happens before it is gone, however long that takes.
    let status = format!("/proc/{}/status", dies.as_raw_nonzero());
    while std::fs::read_to_string(&status).is_ok_and(|status| !status.contains("State:\tZ")) {
        std::thread::yield_now();
    }
}

#[cfg(not(debug_assertions))]
pub fn step() {}
