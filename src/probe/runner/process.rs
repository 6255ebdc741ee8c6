//! One process of the learner's program.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, timeout, timeout_at};

use super::link::Link;
use super::outcome::{Call, End, Outcome};
use super::pending::{Handed, Inbox, Stream, inbox};
use super::reply::{Lines, MAX_LINE, Raised, Reply, parse};
use super::stream::{Arrival, Incoming, Outgoing};
use super::waits::Waits;
use crate::error::{Error, Result};
use crate::probe::clock::Clock;

/// Bytes of items that one call may return.
const MAX_ITEMS: usize = 32 * 1024 * 1024;
/// Bound on the time between SIGKILL and the end of a process.
const KILL_LIMIT: Duration = Duration::from_secs(5);
/// Calls that wait to be written to a process that reads none.
const QUEUED_CALLS: usize = 64;

/// A handle; clones speak of the same process.
#[derive(Clone)]
pub struct Process(Arc<Inner>);

struct Inner {
    id: u32,
    name: Arc<str>,
    link: Link,
    lines: mpsc::Sender<Bytes>,
    state: Mutex<State>,
    over: watch::Sender<Over>,
}

#[derive(Default)]
struct State {
    functions: Vec<String>,
    load: Option<oneshot::Sender<Load>>,
    pending: HashMap<u64, Inbox>,
    output: Vec<u8>,
    last_call: u64,
}

/// Whether and how a process is over.
#[derive(Debug, Clone)]
enum Over {
    Not,
    Ended(End),
    /// The link went down, so nobody knows.
    Lost,
}

pub(super) type Load = Result<Vec<String>, Raised>;

/// What a process takes, in bytes.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    pub now: u64,
    pub most: u64,
}

impl Process {
    /// Wires a process up; the receiver gets how its load went, or nothing
    /// when it ended before that.
    pub(super) fn wire(
        link: Link,
        id: u32,
        name: Arc<str>,
        streams: (Incoming, Outgoing),
    ) -> (Self, oneshot::Receiver<Load>) {
        let (lines, queue) = mpsc::channel(QUEUED_CALLS);
        let (load, loaded) = oneshot::channel();
        let state = Mutex::new(State { load: Some(load), ..State::default() });
        let over = watch::Sender::new(Over::Not);
        let process = Self(Arc::new(Inner { id, name, link, lines, state, over }));
        let (incoming, outgoing) = streams;
        tokio::spawn(read(process.clone(), incoming));
        tokio::spawn(write(outgoing, queue));
        (process, loaded)
    }

    /// The clock that the times of its calls are on.
    pub fn clock(&self) -> Clock {
        self.0.link.clock
    }

    pub(super) fn waits(&self) -> &Waits {
        &self.0.link.waits
    }

    pub fn id(&self) -> u32 {
        self.0.id
    }

    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// The functions the file defines, in its order.
    pub fn functions(&self) -> Vec<String> {
        self.state().functions.clone()
    }

    /// What it printed so far, at most the first 64 KiB.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.state().output).into_owned()
    }

    /// How it ended, if it has.
    pub fn end(&self) -> Option<End> {
        match &*self.0.over.borrow() {
            Over::Ended(end) => Some(end.clone()),
            _ => None,
        }
    }

    /// Calls a function and waits for its reply, at most `limit`.
    ///
    /// After `TimedOut` the call may still be running: kill the process to be
    /// sure. The error is ours: the runner is gone.
    pub async fn call(&self, function: &str, args: Vec<Value>, limit: Duration) -> Result<Call> {
        let mut stream = self.stream(function, args, limit).await?;
        let mut items = Vec::new();
        while let Some(item) = stream.next().await {
            items.push(item.value);
            if stream.bytes() > MAX_ITEMS {
                self.kill_because("protocol: it returned more items than a check takes").await?;
                // How it ended comes behind what it has sent.
                while stream.next().await.is_some() {}
            }
        }
        let streamed = stream.streamed();
        let mut call = stream.finish()?;
        if streamed && call.outcome == Outcome::Returned(Value::Null) {
            call.outcome = Outcome::Returned(Value::Array(items));
        }
        Ok(call)
    }

    /// Calls a function that returns an iterator; its items arrive one by one
    /// until `limit` from now.
    pub async fn stream(
        &self,
        function: &str,
        args: Vec<Value>,
        limit: Duration,
    ) -> Result<Stream> {
        self.open(function, args, limit, false).await
    }

    /// As `stream`, but the first item is asked for only after `Stream::go`.
    pub async fn stream_held(
        &self,
        function: &str,
        args: Vec<Value>,
        limit: Duration,
    ) -> Result<Stream> {
        self.open(function, args, limit, true).await
    }

    async fn open(
        &self,
        function: &str,
        args: Vec<Value>,
        limit: Duration,
        hold: bool,
    ) -> Result<Stream> {
        let deadline = Instant::now() + limit;
        let (inbox, replies) = inbox();
        let id = {
            let mut state = self.state();
            state.last_call += 1;
            let id = state.last_call;
            state.pending.insert(id, inbox);
            id
        };
        let mut line = json!({ "id": id, "call": function, "args": args });
        if hold {
            line["hold"] = true.into();
        }
        let mut line = line.to_string();
        line.push('\n');
        if line.len() > MAX_LINE {
            self.state().pending.remove(&id);
            return Err(Error::usage(format!("the arguments of {function} are too long")));
        }
        let start_us = self.0.link.clock.now_us();
        if !matches!(*self.0.over.borrow(), Over::Not) {
            self.state().pending.remove(&id);
        } else if timeout_at(deadline, self.0.lines.send(line.into())).await.is_err() {
            // Never written: the stream reports the time-out.
            self.state().pending.remove(&id);
        }
        Ok(Stream::new(self.clone(), id, function, args, start_us, deadline, replies))
    }

    /// Moves the clock of a process that was started with a movable one ahead of the right time.
    pub async fn set_clock(&self, ahead: Duration) -> Result<()> {
        let request = json!({ "do": "clock", "process": self.0.id, "ahead": ahead.as_secs() });
        let answer = self.0.link.request(&request).await?;
        answer.expect("the clock of a process in the runner cannot be moved").await.map(drop)
    }

    /// The limits under which threads of the process wait for their descriptors just now.
    pub async fn patience(&self) -> Result<Vec<Duration>> {
        let request = json!({ "do": "patience", "process": self.0.id });
        let answer = self.0.link.request(&request).await?;
        let answer = answer.expect("what a process in the runner waits for cannot be seen").await?;
        let seconds = answer["seconds"].as_array().into_iter().flatten().filter_map(Value::as_f64);
        Ok(seconds.filter_map(|s| Duration::try_from_secs_f64(s).ok()).collect())
    }

    /// The memory that the process has, and has had at most, in bytes; `None` where it is over.
    pub async fn memory(&self) -> Result<Option<Memory>> {
        let request = json!({ "do": "memory", "process": self.0.id });
        let answer = self.0.link.request(&request).await?.wait().await?;
        let bytes = |name: &str| answer[name].as_u64();
        Ok(bytes("now").zip(bytes("most")).map(|(now, most)| Memory { now, most }))
    }

    /// Asks a held iterator for so many items more; `true`: for all.
    pub(super) async fn go(&self, call: u64, count: Value) {
        let line = format!("{}\n", json!({ "id": call, "go": count }));
        // A process that is over shows in what the stream gives next.
        let _ = self.0.lines.send(line.into()).await;
    }

    /// SIGKILL to the process and its group; returns how it ended.
    pub async fn kill(&self) -> Result<End> {
        self.kill_because("killed").await?;
        self.wait(KILL_LIMIT).await?.ok_or_else(|| {
            Error::infrastructure("a process in the runner cannot be killed")
                .because(format!("it was there {KILL_LIMIT:?} after SIGKILL"))
        })
    }

    /// Waits for the process to end by itself; `None` if it has not in time.
    pub async fn wait(&self, limit: Duration) -> Result<Option<End>> {
        let mut over = self.0.over.subscribe();
        let ended = over.wait_for(|over| !matches!(over, Over::Not));
        match timeout(limit, ended).await {
            Err(_) => Ok(None),
            Ok(Ok(over)) => match &*over {
                Over::Ended(end) => Ok(Some(end.clone())),
                _ => Err(self.0.link.reason()),
            },
            Ok(Err(_)) => Err(self.0.link.reason()),
        }
    }

    async fn kill_because(&self, cause: &str) -> Result<()> {
        let request = json!({ "do": "kill", "process": self.0.id, "cause": cause });
        self.0.link.request(&request).await?.expect("cannot kill a process in the runner").await?;
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops waiting for a call; a late reply is dropped.
    pub(super) fn abandon(&self, call: u64) {
        self.state().pending.remove(&call);
    }

    /// The outcome of calls under way when nothing more arrives.
    pub(super) async fn final_outcome(&self) -> Result<Outcome> {
        match self.wait(KILL_LIMIT).await? {
            Some(end) => Ok(end.outcome(&self.output())),
            None => Err(Error::infrastructure("a process in the runner cannot be killed")),
        }
    }

    pub(super) fn is_over(&self) -> bool {
        !matches!(*self.0.over.borrow(), Over::Not)
    }

    fn take(&self, at_us: u64, line: &[u8]) -> Result<(), String> {
        match parse(line)? {
            Reply::Ready(functions) => {
                let mut state = self.state();
                state.functions.clone_from(&functions);
                if let Some(load) = state.load.take() {
                    let _ = load.send(Ok(functions));
                }
            }
            Reply::Failed(raised) => {
                if let Some(load) = self.state().load.take() {
                    let _ = load.send(Err(raised));
                }
            }
            Reply::ToCall { id, part } => {
                let mut state = self.state();
                // A reply to a call that timed out has no taker any more.
                let Some(inbox) = state.pending.get(&id) else { return Ok(()) };
                match inbox.hand(at_us, part, size_of_reply(line)) {
                    Handed::More => {}
                    Handed::Last => {
                        state.pending.remove(&id);
                    }
                    Handed::TooMuch(why) => return Err(why),
                }
            }
        }
        Ok(())
    }

    fn finish(&self, over: Over) {
        let mut state = self.state();
        self.0.over.send_replace(over);
        state.load = None;
        state.pending.clear();
    }
}

/// The bytes that a reply takes once it is read, about: each value in it takes some besides its text.
fn size_of_reply(line: &[u8]) -> usize {
    const VALUE: usize = 40;
    line.len() + VALUE * line.split(|&byte| byte == b',').count()
}

/// Takes everything that comes from the process, in order, until its end.
async fn read(process: Process, mut incoming: Incoming) {
    let mut lines = Lines::default();
    let mut broken = false;
    loop {
        match incoming.next().await {
            Arrival::Data { at_us, bytes } => {
                if !broken && let Err(how) = split(&process, &mut lines, at_us, &bytes) {
                    broken = true;
                    let process = process.clone();
                    // In a task of its own: the answer comes through this one's link.
                    tokio::spawn(async move {
                        let _ = process.kill_because(&format!("protocol: {how}")).await;
                    });
                }
                incoming.release().await;
            }
            Arrival::Output(bytes) => process.state().output.extend_from_slice(&bytes),
            Arrival::Exit(event) => return process.finish(Over::Ended(End::from_event(&event))),
            Arrival::Reset => return process.finish(Over::Lost),
            Arrival::End => {}
        }
    }
}

fn split(process: &Process, lines: &mut Lines, at_us: u64, bytes: &[u8]) -> Result<(), String> {
    lines.feed(bytes);
    while let Some(line) = lines.next_line()? {
        process.take(at_us, &line)?;
    }
    Ok(())
}

/// Writes calls in order, each whole, as fast as the process reads them.
async fn write(outgoing: Outgoing, mut queue: mpsc::Receiver<Bytes>) {
    while let Some(line) = queue.recv().await {
        if outgoing.send(line).await.is_err() {
            break;
        }
    }
    outgoing.finish().await;
}
