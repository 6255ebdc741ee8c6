//! The signals that end a command.

use std::sync::LazyLock;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// Whether a hang-up ends a command: not where it is ignored, as `nohup` has it. Looked up before anything listens,
/// since listening is what ends the ignoring.
static HANGS_UP: LazyLock<bool> = LazyLock::new(|| {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_none_or(|set| set & 1 == 0)
});

/// Waits for Ctrl-C, a request to end or a hang-up, from now on; answers the exit code that says so.
pub fn interrupted() -> impl Future<Output = u8> {
    let mut key = listen(SignalKind::interrupt());
    let mut end = Ending::listen();
    async move {
        tokio::select! {
            () = next(&mut key) => 130,
            code = end.comes() => code,
        }
    }
}

/// A request to end, or a hang-up: what ends a prompt, too.
pub struct Ending {
    end: Option<Signal>,
    hang_up: Option<Signal>,
}

impl Ending {
    /// From now on.
    pub fn listen() -> Self {
        let hang_up = HANGS_UP.then(|| listen(SignalKind::hangup())).flatten();
        Self { end: listen(SignalKind::terminate()), hang_up }
    }

    /// Waits for it; answers the exit code that says so.
    pub async fn comes(&mut self) -> u8 {
        tokio::select! {
            () = next(&mut self.end) => 143,
            () = next(&mut self.hang_up) => 129,
        }
    }
}

/// None where the system refuses: then the signal does what it does by itself.
fn listen(kind: SignalKind) -> Option<Signal> {
    signal(kind).ok()
}

async fn next(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}
