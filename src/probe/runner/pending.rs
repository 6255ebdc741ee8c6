//! A call under way: where its replies go, and how it is waited for.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::Value;
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::outcome::{Call, Outcome};
use super::process::Process;
use super::reply::Part;
use crate::error::Result;

/// Bytes of one call's replies that may wait for whoever reads them.
const MAX_UNREAD: usize = 32 * 1024 * 1024;

/// One item of an iterator and when it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Item {
    pub at_us: u64,
    pub value: Value,
}

type Waiting = (u64, Part, usize);

/// The end of a call that the process's reader holds.
pub(super) struct Inbox {
    sender: mpsc::UnboundedSender<Waiting>,
    unread: Arc<AtomicUsize>,
}

pub(super) struct Replies {
    receiver: mpsc::UnboundedReceiver<Waiting>,
    unread: Arc<AtomicUsize>,
}

pub(super) enum Handed {
    More,
    Last,
    TooMuch(String),
}

pub(super) fn inbox() -> (Inbox, Replies) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let unread = Arc::new(AtomicUsize::new(0));
    (Inbox { sender, unread: unread.clone() }, Replies { receiver, unread })
}

impl Inbox {
    /// Hands a part on, within the bound on what may wait.
    pub fn hand(&self, at_us: u64, part: Part, size: usize) -> Handed {
        if self.unread.fetch_add(size, Ordering::SeqCst) + size > MAX_UNREAD {
            return Handed::TooMuch(format!("returned more than {MAX_UNREAD} bytes of items"));
        }
        let last = !matches!(part, Part::Stream | Part::Items(_));
        // One who stopped listening has abandoned the call.
        let _ = self.sender.send((at_us, part, size));
        if last { Handed::Last } else { Handed::More }
    }
}

/// A call whose items are read as they arrive.
pub struct Stream {
    process: Process,
    id: u64,
    call: Call,
    deadline: Instant,
    replies: Replies,
    items: VecDeque<Item>,
    streamed: bool,
    opened_us: Option<u64>,
    bytes: usize,
    done: Option<Result<()>>,
}

impl Stream {
    pub(super) fn new(
        process: Process,
        id: u64,
        function: &str,
        args: Vec<Value>,
        start_us: u64,
        deadline: Instant,
        replies: Replies,
    ) -> Self {
        let call = Call {
            process: process.name().to_owned(),
            function: function.to_owned(),
            args,
            start_us,
            end_us: None,
            outcome: Outcome::TimedOut,
        };
        Self {
            process,
            id,
            call,
            deadline,
            replies,
            items: VecDeque::new(),
            streamed: false,
            opened_us: None,
            bytes: 0,
            done: None,
        }
    }

    /// The next item, or `None` when the call is over, in whatever way.
    pub async fn next(&mut self) -> Option<Item> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Some(item);
            }
            if self.done.is_some() {
                return None;
            }
            self.advance().await;
        }
    }

    /// Takes one part of the reply, or notes the end of the call.
    async fn advance(&mut self) {
        let _wait = self.process.waits().begin();
        match timeout_at(self.deadline, self.replies.receiver.recv()).await {
            Ok(Some((at_us, part, size))) => {
                self.replies.unread.fetch_sub(size, Ordering::SeqCst);
                self.bytes += size;
                self.take(at_us, part);
            }
            Ok(None) if self.process.is_over() => {
                self.done = Some(match self.process.final_outcome().await {
                    Ok(outcome) => {
                        self.call.outcome = outcome;
                        Ok(())
                    }
                    Err(error) => Err(error),
                });
            }
            // The time is over, or the call could not even be written in it.
            Ok(None) | Err(_) => self.done = Some(Ok(())),
        }
    }

    fn take(&mut self, at_us: u64, part: Part) {
        let outcome = match part {
            Part::Stream => {
                self.streamed = true;
                self.opened_us = Some(at_us);
                return;
            }
            Part::Items(items) => {
                self.items.extend(items.into_iter().map(|value| Item { at_us, value }));
                return;
            }
            Part::End => Outcome::Returned(Value::Null),
            Part::Returned(value) => Outcome::Returned(value),
            Part::Raised(raised) => Outcome::Raised(raised),
            Part::Missing(functions) => Outcome::Missing { functions },
            Part::Unusable(why) => Outcome::Unusable(why),
        };
        self.call.end_us = Some(at_us);
        self.call.outcome = outcome;
        self.done = Some(Ok(()));
    }

    /// Waits until the function has returned its iterator; when that was, or `None` when the call ended otherwise.
    pub async fn opened(&mut self) -> Option<u64> {
        while self.opened_us.is_none() && self.done.is_none() {
            self.advance().await;
        }
        self.opened_us
    }

    /// Lets an iterator begin that was called held.
    pub async fn go(&self) {
        // A process that takes no calls shows as the call's time-out.
        let _ = timeout_at(self.deadline, self.process.go(self.id, true.into())).await;
    }

    /// Asks an iterator that was called held for so many items more.
    pub async fn ask_for(&self, count: u32) {
        let _ = timeout_at(self.deadline, self.process.go(self.id, count.into())).await;
    }

    /// True when the function returned an iterator.
    pub fn streamed(&self) -> bool {
        self.streamed
    }

    /// Bytes of JSON received for this call so far.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// How the call went. Before `next` has returned `None` this gives it up,
    /// as `TimedOut`. An ended iterator is `Returned(null)`.
    pub fn finish(mut self) -> Result<Call> {
        self.done.take().unwrap_or(Ok(()))?;
        Ok(self.call.clone())
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.process.abandon(self.id);
    }
}
