//! The multiplexed link to the supervisor: one task reads, one writes.
//!
//! The reading task never waits for anyone: every stream is bounded by its
//! window, so what it hands on is bounded too.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt};
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::frame::{CHUNK, Frame, Frames, Kind};
use super::stream::{Arrival, Incoming, Outgoing, Shared};
use super::tunnel::{Connection, Tunnel};
use super::waits::Waits;
use crate::error::{Error, Result};
use crate::probe::clock::Clock;

/// Bound on one answer of the supervisor, which does nothing slow itself.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// Frames that wait for the writing task, at most `CHUNK` bytes each.
const QUEUED_FRAMES: usize = 32;
/// The supervisor takes a host for dead that says nothing for long.
const BEAT: Duration = Duration::from_secs(1);

#[derive(Clone)]
pub(super) struct Link {
    pub clock: Clock,
    pub waits: Waits,
    outgoing: mpsc::Sender<Frame>,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    /// Why the link is down, once it is.
    down: Option<Error>,
    hello: Option<oneshot::Sender<Value>>,
    answers: HashMap<u32, oneshot::Sender<Value>>,
    streams: HashMap<u32, Stream>,
    routes: HashMap<String, Arc<dyn Tunnel>>,
    last_request: u32,
}

struct Stream {
    arrivals: mpsc::UnboundedSender<Arrival>,
    shared: Arc<Shared>,
    /// The name of the process, where the stream is one.
    process: Option<Arc<str>>,
}

impl Link {
    /// Starts the two tasks; they end with the link or when aborted.
    pub fn start<R, W>(
        reader: R,
        writer: W,
        clock: Clock,
    ) -> (Self, oneshot::Receiver<Value>, [AbortHandle; 2])
    where
        R: AsyncRead + Send + Unpin + 'static,
        W: AsyncWrite + Send + Unpin + 'static,
    {
        let (outgoing, queue) = mpsc::channel(QUEUED_FRAMES);
        let (hello, greeted) = oneshot::channel();
        let state = State { hello: Some(hello), ..State::default() };
        let waits = Waits::default();
        let link = Self { clock, waits, outgoing, state: Arc::new(Mutex::new(state)) };
        let reading = tokio::spawn(read(link.clone(), Frames::new(reader)));
        let writing = tokio::spawn(write(link.clone(), writer, queue));
        (link, greeted, [reading.abort_handle(), writing.abort_handle()])
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Why the link is down; a general reason while nothing is known.
    pub fn reason(&self) -> Error {
        self.state().down.clone().unwrap_or_else(|| Error::infrastructure("the runner is gone"))
    }

    /// Takes the link down: everyone who waits is told why.
    pub fn fail(&self, error: Error) {
        let mut state = self.state();
        state.down.get_or_insert(error);
        state.hello = None;
        state.answers.clear();
        for (_, stream) in state.streams.drain() {
            stream.shared.set_reset();
        }
    }

    pub async fn send(&self, frame: Frame) -> Result<()> {
        match tokio::time::timeout(ANSWER_LIMIT, self.outgoing.send(frame)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(self.reason()),
            Err(_) => Err(Error::infrastructure("the runner takes no more data")),
        }
    }

    /// Sends a request; the receiver gets its answer.
    pub async fn request(&self, request: &Value) -> Result<Answer> {
        let (sender, receiver) = oneshot::channel();
        let number = {
            let mut state = self.state();
            if let Some(error) = &state.down {
                return Err(error.clone());
            }
            state.last_request = state.last_request.wrapping_add(1);
            let number = state.last_request;
            state.answers.insert(number, sender);
            number
        };
        self.send(Frame::new(Kind::Control, number, request.to_string().into_bytes())).await?;
        Ok(Answer { number, receiver, link: self.clone() })
    }

    pub fn route(&self, service: &str, tunnel: Arc<dyn Tunnel>) {
        self.state().routes.insert(service.to_owned(), tunnel);
    }

    /// Registers a stream, before the other side can know of it.
    pub fn stream(&self, stream: u32, process: Option<Arc<str>>) -> (Incoming, Outgoing) {
        let (sender, arrivals) = mpsc::unbounded_channel();
        let shared = Shared::new();
        let entry = Stream { arrivals: sender, shared: shared.clone(), process };
        self.state().streams.insert(stream, entry);
        let frames = self.outgoing.clone();
        let incoming =
            Incoming { stream, arrivals, shared: shared.clone(), frames, unreleased: 0, owed: 0 };
        let frames = self.outgoing.clone();
        (incoming, Outgoing { stream, shared, frames, finished: false })
    }

    /// Forgets a stream; what still arrives for it is dropped.
    pub fn forget(&self, stream: u32) {
        self.state().streams.remove(&stream);
    }

    fn take(&self, frame: Frame) -> Result<(), String> {
        let Frame { kind, stream, payload } = frame;
        match kind {
            Kind::Answer => {
                let answer = parse(&payload)?;
                if let Some(waiting) = self.state().answers.remove(&stream) {
                    // One who stopped waiting needs no answer.
                    let _ = waiting.send(answer);
                }
            }
            Kind::Event => return self.event(parse(&payload)?),
            Kind::Data => {
                let at_us = self.clock.now_us();
                if let Some(entry) = self.state().streams.get(&stream) {
                    if !entry.shared.received(payload.len()) {
                        return Err("more bytes than the window allows".to_owned());
                    }
                    let _ = entry.arrivals.send(Arrival::Data { at_us, bytes: payload });
                }
            }
            Kind::Credit => {
                let amount: [u8; 4] = payload[..].try_into().map_err(|_| "a faulty credit")?;
                if let Some(entry) = self.state().streams.get(&stream) {
                    entry.shared.add_credit(u32::from_be_bytes(amount) as usize);
                }
            }
            Kind::End => self.hand(stream, Arrival::End),
            Kind::Output => self.hand(stream, Arrival::Output(payload)),
            Kind::Reset => {
                if let Some(entry) = self.state().streams.remove(&stream) {
                    entry.shared.set_reset();
                    let _ = entry.arrivals.send(Arrival::Reset);
                }
            }
            Kind::Control | Kind::File => return Err("a frame only the host sends".to_owned()),
        }
        Ok(())
    }

    fn hand(&self, stream: u32, arrival: Arrival) {
        if let Some(entry) = self.state().streams.get(&stream) {
            let _ = entry.arrivals.send(arrival);
        }
    }

    fn event(&self, event: Value) -> Result<(), String> {
        match event["event"].as_str() {
            Some("hello") => {
                if let Some(waiting) = self.state().hello.take() {
                    let _ = waiting.send(event);
                }
            }
            Some("open") => {
                let id = number(&event["stream"]).ok_or("an opening without a stream")?;
                let service = event["service"].as_str().unwrap_or_default();
                let (tunnel, process) = {
                    let state = self.state();
                    let process = number(&event["process"])
                        .and_then(|process| state.streams.get(&process)?.process.clone());
                    (state.routes.get(service).cloned(), process)
                };
                let (incoming, outgoing) = self.stream(id, None);
                let opened_us = self.clock.now_us();
                // Without a taker both halves are dropped, which resets the connection.
                if let Some(tunnel) = tunnel {
                    let service = service.into();
                    let connection =
                        Connection { id, service, process, opened_us, incoming, outgoing };
                    tunnel.open(connection);
                }
            }
            Some("exit") => {
                let process = number(&event["process"]).ok_or("an exit without a process")?;
                if let Some(entry) = self.state().streams.remove(&process) {
                    entry.shared.set_reset();
                    let _ = entry.arrivals.send(Arrival::Exit(event));
                }
            }
            _ => return Err("an unknown event".to_owned()),
        }
        Ok(())
    }
}

/// An answer under way.
pub(super) struct Answer {
    number: u32,
    receiver: oneshot::Receiver<Value>,
    link: Link,
}

impl Answer {
    pub fn number(&self) -> u32 {
        self.number
    }

    /// The answer, or in its `error` field why the supervisor refused.
    pub async fn wait(self) -> Result<Value> {
        match tokio::time::timeout(ANSWER_LIMIT, self.receiver).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(_)) => Err(self.link.reason()),
            Err(_) => {
                self.link.state().answers.remove(&self.number);
                Err(Error::infrastructure("the runner does not answer")
                    .because(format!("no answer within {ANSWER_LIMIT:?}")))
            }
        }
    }

    /// The answer; a refusal becomes an error about `what`.
    pub async fn expect(self, what: &str) -> Result<Value> {
        let answer = self.wait().await?;
        match answer["error"].as_str() {
            Some(why) => Err(Error::infrastructure(what).because(why)),
            None => Ok(answer),
        }
    }
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().and_then(|number| u32::try_from(number).ok())
}

fn parse(payload: &Bytes) -> Result<Value, String> {
    serde_json::from_slice(payload).map_err(|error| error.to_string())
}

async fn read<R: AsyncRead + Unpin>(link: Link, mut frames: Frames<R>) {
    let why = loop {
        match frames.next().await {
            Ok(Some(frame)) => {
                if let Err(why) = link.take(frame) {
                    break format!("it sent {why}");
                }
            }
            Ok(None) => break "its output ended".to_owned(),
            Err(error) => break error.to_string(),
        }
    };
    link.fail(Error::infrastructure("the runner is gone").because(why));
}

async fn write<W: AsyncWrite + Unpin>(link: Link, mut writer: W, mut queue: mpsc::Receiver<Frame>) {
    let mut buffer = BytesMut::with_capacity(2 * CHUNK);
    loop {
        let frame = match tokio::time::timeout(BEAT, queue.recv()).await {
            Ok(Some(frame)) => frame,
            Ok(None) => return,
            // There is no stream 0.
            Err(_) => Frame::credit(0, 0),
        };
        frame.encode(&mut buffer);
        while buffer.len() < 4 * CHUNK
            && let Ok(frame) = queue.try_recv()
        {
            frame.encode(&mut buffer);
        }
        let written = async {
            writer.write_all(&buffer).await?;
            writer.flush().await
        };
        if let Err(error) = written.await {
            link.fail(Error::infrastructure("the runner is gone").because(error));
            return;
        }
        buffer.clear();
    }
}

/// The request to write a file of the workspace.
pub(super) fn file_request(path: &str, size: usize) -> Value {
    json!({ "do": "file", "path": path, "size": size })
}
