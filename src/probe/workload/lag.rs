//! A service that is slow to answer, so that who does not wait for its answer is seen to be too early.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::watch;

use crate::probe::relay::{self, After, Gatekeeper, Verdict};

/// Who waits for an answer waits this long; who does not has returned by then.
pub const LAG: Duration = Duration::from_millis(100);
/// Who sleeps instead of waiting has returned by then too. Much shorter than the second that some wait for an answer at most.
pub const LONG_LAG: Duration = Duration::from_millis(450);

/// Holds back what some processes send: for a while, and where the call has returned meanwhile, until
/// [`Lag::over`] says that what it promised has been tried.
pub struct Lag {
    wait: Duration,
    returned: BTreeMap<String, Arc<AtomicBool>>,
    over: watch::Sender<bool>,
}

impl Lag {
    pub fn new<'a>(lag: Duration, processes: impl Iterator<Item = &'a str>) -> Arc<Self> {
        let returned = processes.map(|name| (name.to_owned(), Arc::default())).collect();
        Arc::new(Self { wait: lag, returned, over: watch::Sender::new(false) })
    }

    /// The process's call has returned: what it has sent must have been answered.
    pub fn returned(&self, process: &str) {
        if let Some(returned) = self.returned.get(process) {
            returned.store(true, Ordering::SeqCst);
        }
    }

    /// Everything goes its way again.
    pub fn over(&self) {
        self.over.send_replace(true);
    }
}

impl Gatekeeper for Lag {
    fn before(&self, moment: &relay::Moment<'_>) -> Verdict {
        let returned = moment.process.and_then(|name| self.returned.get(&**name));
        let Some(returned) = returned.cloned().filter(|_| !moment.command.handshake) else {
            return Verdict::Forward;
        };
        let wait = self.wait;
        let mut over = self.over.subscribe();
        Verdict::After(Box::pin(async move {
            tokio::time::sleep(wait).await;
            if returned.load(Ordering::SeqCst) {
                // With nobody left to say so it is over as well.
                let _ = over.wait_for(|over| *over).await;
            }
            After::Forward
        }))
    }
}
