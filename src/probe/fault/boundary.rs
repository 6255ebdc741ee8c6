//! Others act just before a certain command of a call is sent on.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};

use crate::error::Result;
use crate::probe::relay::{self, After, Gatekeeper, Relay, Verdict};

/// Others may have to wait for the call that is held back, as where it has taken a lock.
const HELD_AT_MOST: Duration = Duration::from_secs(1);

/// Makes a call and holds the `number`th command of its process back until the others are done. Answers what
/// both came to; nothing of the others when the call did not send so many.
pub async fn disturbed<T, U>(
    relay: &Relay,
    process: &str,
    number: usize,
    call: impl Future<Output = T>,
    others: impl Future<Output = Result<U>>,
) -> Result<(T, Option<U>)> {
    let (strike, mut struck) = mpsc::unbounded_channel();
    let boundary = Arc::new(Boundary {
        process: process.to_owned(),
        number,
        seen: AtomicUsize::new(0),
        strike,
        release: Arc::default(),
    });
    relay.set_gatekeeper(Some(boundary.clone()));
    let (returned, over) = oneshot::channel();
    let call = async {
        let result = call.await;
        // Nobody waits for it when the others have acted.
        let _ = returned.send(());
        result
    };
    let meanwhile = async {
        tokio::select! {
            biased;
            Some(()) = struck.recv() => {
                tokio::pin!(others);
                let done = match tokio::time::timeout(HELD_AT_MOST, &mut others).await {
                    Ok(done) => done,
                    Err(_) => {
                        boundary.release.notify_one();
                        others.await
                    }
                };
                boundary.release.notify_one();
                done.map(Some)
            }
            _ = over => Ok(None),
        }
    };
    let (result, others) = tokio::join!(call, meanwhile);
    relay.set_gatekeeper(None);
    Ok((result, others?))
}

/// Holds one command of a process back until it is released.
struct Boundary {
    process: String,
    /// Which of its commands, from 1, handshakes not counted.
    number: usize,
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
        if self.seen.fetch_add(1, Ordering::SeqCst) + 1 != self.number {
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
