//! Others act just before certain commands of a call are sent on.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::{Error, Result};
use crate::probe::relay::{self, After, Gatekeeper, Relay, Verdict};

/// Others may have to wait for the call that is held back, as where it has taken a lock.
const HELD_AT_MOST: Duration = Duration::from_secs(1);

/// Makes a call and holds commands of its process back, those with a number in `which`, each until the others
/// have acted once more. Answers what the call came to, and what the others did each time.
pub async fn disturbed<T, U>(
    relay: &Relay,
    process: &str,
    which: RangeInclusive<usize>,
    call: impl Future<Output = T>,
    mut others: impl AsyncFnMut() -> Result<U>,
) -> Result<(T, Vec<U>)> {
    relay.must_tell_commands()?;
    let (strike, struck) = mpsc::unbounded_channel();
    let boundary = Arc::new(Boundary {
        process: process.to_owned(),
        which,
        seen: AtomicUsize::new(0),
        strike,
        release: Arc::default(),
    });
    relay.set_gatekeeper(Some(boundary.clone()));
    let (returned, mut over) = oneshot::channel();
    let call = async {
        let result = call.await;
        // Nobody waits for it when the others could not act.
        let _ = returned.send(());
        result
    };
    let meanwhile = async {
        // Gone with this: when nobody acts any more, nothing is held back.
        let (mut struck, mut done) = (struck, Vec::new());
        loop {
            tokio::select! {
                biased;
                Some(()) = struck.recv() => {
                    let act = others();
                    tokio::pin!(act);
                    let first = tokio::time::timeout(HELD_AT_MOST, &mut act).await;
                    boundary.release.notify_one();
                    if let Ok(acted) = first {
                        done.push(acted?);
                        continue;
                    }
                    // They wait for the call, so nothing of it is held back until they are done.
                    done.push(loop {
                        tokio::select! {
                            acted = &mut act => break acted?,
                            Some(()) = struck.recv() => boundary.release.notify_one(),
                        }
                    });
                }
                _ = &mut over => return Ok::<_, Error>(done),
            }
        }
    };
    let (result, others) = tokio::join!(call, meanwhile);
    relay.set_gatekeeper(None);
    Ok((result, others?))
}

/// Holds commands of a process back, each until it is released.
struct Boundary {
    process: String,
    /// Which of its commands, from 1, handshakes not counted.
    which: RangeInclusive<usize>,
    seen: AtomicUsize,
    strike: mpsc::UnboundedSender<()>,
    release: Arc<Notify>,
}

impl Gatekeeper for Boundary {
    fn before(&self, moment: &relay::Moment<'_>) -> Verdict {
        let of_process = moment.process.is_some_and(|name| **name == *self.process);
        if !of_process || moment.command.handshake {
            return Verdict::Forward;
        }
        if !self.which.contains(&(self.seen.fetch_add(1, Ordering::SeqCst) + 1)) {
            return Verdict::Forward;
        }
        let (strike, release) = (self.strike.clone(), self.release.clone());
        Verdict::After(Box::pin(async move {
            // With nobody to act there is nothing to wait for.
            if strike.send(()).is_ok() {
                release.notified().await;
            }
            After::Forward
        }))
    }
}
