//! Processes in step: the first command of each is sent on before the second of any.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::probe::relay::{After, Gatekeeper, Moment, Verdict};

/// One that sends nothing for so long is not waited for: it waits itself, or the machine is busy.
const WAITS: Duration = Duration::from_millis(100);

/// Holds each command back until the others have sent as many, or are done. So whoever looks first and acts
/// then acts on what all the others have seen too.
pub struct InStep {
    /// How many commands each has sent; the most there are when its call has returned.
    sent: watch::Sender<BTreeMap<String, usize>>,
}

impl InStep {
    pub fn new<'a>(processes: impl Iterator<Item = &'a str>) -> Arc<Self> {
        let sent = processes.map(|name| (name.to_owned(), 0)).collect();
        Arc::new(Self { sent: watch::Sender::new(sent) })
    }

    /// The process's call has returned: nobody waits for it any more.
    pub fn returned(&self, process: &str) {
        self.sent.send_modify(|sent| {
            sent.entry(process.to_owned()).and_modify(|n| *n = usize::MAX);
        });
    }

    /// The number of a command that the process is about to send.
    fn next(&self, process: &str) -> Option<usize> {
        let mut number = None;
        self.sent.send_if_modified(|sent| {
            let Some(n) = sent.get_mut(process).filter(|n| **n < usize::MAX) else { return false };
            *n += 1;
            number = Some(*n);
            true
        });
        number
    }
}

impl Gatekeeper for InStep {
    fn before(&self, moment: &Moment<'_>) -> Verdict {
        let process = moment.process.filter(|_| !moment.command.handshake);
        let Some(number) = process.and_then(|name| self.next(name)) else {
            return Verdict::Forward;
        };
        let mut sent = self.sent.subscribe();
        Verdict::After(Box::pin(async move {
            let all = sent.wait_for(|sent| sent.values().all(|n| *n >= number));
            // Whoever is not waited for any longer comes later.
            let _ = tokio::time::timeout(WAITS, all).await.is_ok();
            After::Forward
        }))
    }
}
