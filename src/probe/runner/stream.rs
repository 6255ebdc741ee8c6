//! A byte stream over the link: bounded both ways by a window of credit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use bytes::Bytes;
use tokio::sync::{Notify, Semaphore, mpsc};

use super::frame::{CHUNK, CREDIT_STEP, Frame, Kind, WINDOW};

/// What arrives on a stream, with its time on the shared clock.
#[derive(Debug)]
pub enum Arrival {
    Data {
        at_us: u64,
        bytes: Bytes,
    },
    /// The other side sends no more.
    End,
    /// Both directions are over at once.
    Reset,
    /// What a process printed.
    Output(Bytes),
    /// A process is over; nothing follows.
    Exit(serde_json::Value),
}

/// What both ends of a stream and the link know about it.
#[derive(Debug)]
pub(super) struct Shared {
    /// Bytes received and not yet released by the reader.
    backlog: AtomicUsize,
    credit: Semaphore,
    reset: AtomicBool,
    reset_notice: Notify,
}

impl Shared {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            backlog: AtomicUsize::new(0),
            credit: Semaphore::new(WINDOW),
            reset: AtomicBool::new(false),
            reset_notice: Notify::new(),
        })
    }

    /// Counts bytes in; false when the sender had no permission for them.
    pub(super) fn received(&self, bytes: usize) -> bool {
        self.backlog.fetch_add(bytes, Ordering::SeqCst) + bytes <= WINDOW
    }

    pub(super) fn add_credit(&self, bytes: usize) {
        // More than the window is never owed.
        let room = WINDOW.saturating_sub(self.credit.available_permits());
        self.credit.add_permits(bytes.min(room));
    }

    pub(super) fn set_reset(&self) {
        self.reset.store(true, Ordering::SeqCst);
        self.credit.close();
        self.reset_notice.notify_waiters();
    }

    fn is_reset(&self) -> bool {
        self.reset.load(Ordering::SeqCst)
    }
}

/// The receiving half.
#[derive(Debug)]
pub struct Incoming {
    pub(super) stream: u32,
    pub(super) arrivals: mpsc::UnboundedReceiver<Arrival>,
    pub(super) shared: Arc<Shared>,
    pub(super) frames: mpsc::Sender<Frame>,
    pub(super) unreleased: usize,
    /// Released bytes that the sender was not told of yet.
    pub(super) owed: usize,
}

/// How many received bytes a reader still has to deal with.
#[derive(Debug, Clone)]
pub struct Backlog(Arc<Shared>);

impl Backlog {
    pub fn bytes(&self) -> usize {
        self.0.backlog.load(Ordering::SeqCst)
    }
}

/// Resolves when a stream is reset, without reading from it.
#[derive(Debug, Clone)]
pub struct ResetNotice(Arc<Shared>);

impl ResetNotice {
    pub async fn wait(&self) {
        loop {
            let notice = self.0.reset_notice.notified();
            if self.0.is_reset() {
                return;
            }
            notice.await;
        }
    }
}

impl Incoming {
    /// What arrives next; `Reset` when the link is gone.
    pub async fn next(&mut self) -> Arrival {
        let arrival = self.arrivals.recv().await.unwrap_or(Arrival::Reset);
        if let Arrival::Data { bytes, .. } = &arrival {
            self.unreleased += bytes.len();
        }
        arrival
    }

    /// Says that everything received so far is dealt with: more may come.
    pub async fn release(&mut self) {
        if self.unreleased > 0 {
            self.shared.backlog.fetch_sub(self.unreleased, Ordering::SeqCst);
            self.owed += self.unreleased;
            self.unreleased = 0;
        }
        if self.owed >= CREDIT_STEP {
            let frame = Frame::credit(self.stream, self.owed);
            self.owed = 0;
            // A closed link shows at the next receive.
            let _ = self.frames.send(frame).await;
        }
    }

    pub fn backlog(&self) -> Backlog {
        Backlog(self.shared.clone())
    }

    pub fn reset_notice(&self) -> ResetNotice {
        ResetNotice(self.shared.clone())
    }
}

/// The stream was reset or the link is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Closed;

/// The sending half. Dropped without `finish`, it resets the stream.
#[derive(Debug)]
pub struct Outgoing {
    pub(super) stream: u32,
    pub(super) shared: Arc<Shared>,
    pub(super) frames: mpsc::Sender<Frame>,
    pub(super) finished: bool,
}

impl Outgoing {
    /// Sends bytes, waiting while the other side takes none.
    pub async fn send(&self, mut bytes: Bytes) -> Result<(), Closed> {
        while !bytes.is_empty() {
            let piece = bytes.split_to(bytes.len().min(CHUNK));
            let size = u32::try_from(piece.len()).map_err(|_| Closed)?;
            self.shared.credit.acquire_many(size).await.map_err(|_| Closed)?.forget();
            self.frames
                .send(Frame::new(Kind::Data, self.stream, piece))
                .await
                .map_err(|_| Closed)?;
        }
        Ok(())
    }

    /// Ends this direction in order; the other one goes on.
    pub async fn finish(mut self) {
        self.finished = true;
        let _ = self.frames.send(Frame::new(Kind::End, self.stream, Bytes::new())).await;
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        if self.finished || self.shared.is_reset() {
            return;
        }
        self.shared.set_reset();
        let frame = Frame::new(Kind::Reset, self.stream, Bytes::new());
        if let Err(mpsc::error::TrySendError::Full(frame)) = self.frames.try_send(frame)
            && let Ok(runtime) = tokio::runtime::Handle::try_current()
        {
            let frames = self.frames.clone();
            runtime.spawn(async move {
                let _ = frames.send(frame).await;
            });
        }
    }
}
