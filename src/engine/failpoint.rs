//! In debug builds, and for tests alone: death at a step that is chosen beforehand. A step is the moment before or after
//! a call to the engine.

/// A step is reached. The process kills itself when it is the one that `LABS_DIE_AT` names, counted from 1.
#[cfg(debug_assertions)]
pub fn step() {
    use std::sync::LazyLock;
    use std::sync::atomic::{AtomicU32, Ordering};

    static DIE_AT: LazyLock<Option<u32>> =
        LazyLock::new(|| std::env::var("LABS_DIE_AT").ok()?.parse().ok());
    static REACHED: AtomicU32 = AtomicU32::new(0);

    let Some(die_at) = *DIE_AT else { return };
    if REACHED.fetch_add(1, Ordering::SeqCst) + 1 == die_at {
        let _ =
            rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        // Nothing more happens, however long the signal takes.
        loop {
            std::thread::park();
        }
    }
}

#[cfg(not(debug_assertions))]
pub fn step() {}
