//! One connection: two directions between the program and the service.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::Notify;
use tokio::time::{Instant, timeout, timeout_at};

use super::gate::{After, Moment, Verdict};
use super::protocol::{Foreign, Parsed, Session};
use super::record::{Command, Fate};
use super::{Relay, log::Log};
use crate::probe::clock::Clock;
use crate::probe::runner::{Arrival, Backlog, Connection, Incoming, Outgoing};

const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// A command longer than this passes the gate before its end is here.
const HEAD: usize = 64 * 1024;
/// Bytes read from the service at once.
const READ: usize = 64 * 1024;
/// Bound on waiting for earlier replies before an action at the gate.
const QUIET_LIMIT: Duration = Duration::from_secs(2);

/// What others may know of and do to a connection while it lasts.
pub(super) struct Live {
    backlog: Backlog,
    cut: AtomicBool,
    notice: Notify,
}

impl Live {
    pub fn new(connection: &Connection) -> Arc<Self> {
        let backlog = connection.incoming.backlog();
        Arc::new(Self { backlog, cut: AtomicBool::new(false), notice: Notify::new() })
    }

    /// True when everything that arrived has been looked at.
    pub fn idle(&self) -> bool {
        self.backlog.bytes() == 0
    }

    pub fn cut(&self) {
        self.cut.store(true, Ordering::SeqCst);
        self.notice.notify_waiters();
    }

    async fn until_cut(&self) {
        loop {
            let notice = self.notice.notified();
            if self.cut.load(Ordering::SeqCst) {
                return;
            }
            notice.await;
        }
    }
}

/// The connection's parts that both directions use.
struct Shared<'a> {
    relay: &'a Relay,
    log: &'a Log,
    clock: Clock,
    id: u32,
    process: Option<Arc<str>>,
    session: Mutex<Box<dyn Session>>,
    /// Bytes pass unseen since something did not fit the protocol.
    opaque: AtomicBool,
}

impl Shared<'_> {
    fn session(&self) -> MutexGuard<'_, Box<dyn Session>> {
        self.session.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn foreign(&self, Foreign(what): Foreign) {
        self.opaque.store(true, Ordering::SeqCst);
        self.log.problem(self.id, what.to_owned());
        // Replies can no longer be told apart.
        self.log.abandon(self.id);
    }

    fn is_opaque(&self) -> bool {
        self.opaque.load(Ordering::SeqCst)
    }
}

/// Over at once, by reset on the program's side.
struct Broken;

/// Carries a connection until both directions are over.
pub(super) async fn carry(relay: &Relay, connection: Connection, live: &Live, target: SocketAddr) {
    let Connection { id, process, incoming, outgoing, .. } = connection;
    let log = &*relay.log;
    let server = match timeout(CONNECT_LIMIT, TcpStream::connect(target)).await {
        Ok(Ok(server)) => server,
        Ok(Err(error)) => return log.problem(id, format!("cannot reach the service: {error}")),
        Err(_) => return log.problem(id, "the service does not accept connections".to_owned()),
    };
    // Without it a reply may wait for an acknowledgement; not worth failing for.
    let _ = server.set_nodelay(true);
    let (reader, writer) = server.into_split();
    let shared = Shared {
        relay,
        log,
        clock: relay.clock,
        id,
        process,
        session: Mutex::new(relay.protocol.session()),
        opaque: AtomicBool::new(false),
    };
    let reset = incoming.reset_notice();
    let both = async {
        let up = up(&shared, incoming, writer);
        let down = down(&shared, outgoing, reader);
        let _ = tokio::try_join!(up, down);
    };
    tokio::select! {
        () = both => {}
        () = live.until_cut() => {}
        () = reset.wait() => {}
    }
    log.abandon(id);
}

/// From the program to the service.
async fn up(
    shared: &Shared<'_>,
    mut incoming: Incoming,
    mut server: OwnedWriteHalf,
) -> Result<(), Broken> {
    let mut way =
        Way { shared, nth: 0, held: BytesMut::new(), approved: BytesMut::new(), admitted: None };
    loop {
        match incoming.next().await {
            Arrival::Data { at_us, bytes } => {
                shared.log.came(bytes.len());
                way.take(at_us, bytes, &mut server).await?;
                incoming.release().await;
                shared.log.touch();
            }
            Arrival::End => {
                // The service gets an unfinished command too, as it would have.
                way.approved.unsplit(way.held);
                server.write_all(&way.approved).await.map_err(|_| Broken)?;
                return server.shutdown().await.map_err(|_| Broken);
            }
            _ => return Err(Broken),
        }
    }
}

/// The way up: bytes held until their command is complete and let through.
struct Way<'a> {
    shared: &'a Shared<'a>,
    nth: u64,
    held: BytesMut,
    approved: BytesMut,
    /// The long command that passed the gate and goes on.
    admitted: Option<u64>,
}

impl Way<'_> {
    async fn take(
        &mut self,
        at_us: u64,
        mut bytes: Bytes,
        server: &mut OwnedWriteHalf,
    ) -> Result<(), Broken> {
        while !bytes.is_empty() {
            let parsed = self.shared.session().request(&bytes);
            let (used, parsed) = match parsed {
                Ok(parsed) => parsed,
                // What cannot be read cannot be judged: it is not sent on.
                Err(foreign) => {
                    self.shared.foreign(foreign);
                    return Err(Broken);
                }
            };
            self.held.extend_from_slice(&bytes.split_to(used));
            match parsed {
                Parsed::Command(command) => {
                    if let Some(id) = self.admitted.take() {
                        self.shared.log.completed(id, command);
                    } else {
                        self.admit(at_us, &command, server).await?;
                    }
                    self.approved.extend_from_slice(&self.held.split());
                }
                Parsed::Nothing => self.approved.extend_from_slice(&self.held.split()),
                Parsed::Part if self.held.len() > HEAD => {
                    if self.admitted.is_none() {
                        let command = self.shared.session().partial();
                        self.admitted = Some(self.admit(at_us, &command, server).await?);
                    }
                    self.approved.extend_from_slice(&self.held.split());
                }
                Parsed::Part => {}
            }
        }
        if self.admitted.is_some() {
            self.approved.extend_from_slice(&self.held.split());
        }
        self.write(server).await
    }

    /// Takes a command through the gate.
    async fn admit(
        &mut self,
        at_us: u64,
        command: &Command,
        server: &mut OwnedWriteHalf,
    ) -> Result<u64, Broken> {
        let Shared { log, id: connection, process, .. } = self.shared;
        self.nth += 1;
        let id = log.held(*connection, process.clone(), command, at_us);
        if let Some(gatekeeper) = self.shared.relay.gatekeeper() {
            let process = process.as_ref();
            let moment = Moment { connection: *connection, process, nth: self.nth, id, command };
            let after = match gatekeeper.before(&moment) {
                Verdict::Forward => After::Forward,
                Verdict::Cut => After::Cut,
                Verdict::After(action) => {
                    self.write(server).await?;
                    self.quiet().await;
                    action.await
                }
            };
            if after == After::Cut {
                self.write(server).await?;
                log.ended(id, Fate::Cut);
                return Err(Broken);
            }
        }
        log.forwarded(id);
        if !self.shared.session().sent(id, command) {
            log.ended(id, Fate::Unanswered);
        }
        Ok(id)
    }

    /// Waits for the replies to earlier commands, so that the boundary is real.
    async fn quiet(&self) {
        let deadline = Instant::now() + QUIET_LIMIT;
        loop {
            let changed = self.shared.log.changed();
            tokio::pin!(changed);
            changed.as_mut().enable();
            let busy = self.shared.log.busy(self.shared.id);
            if !busy || timeout_at(deadline, changed).await.is_err() {
                return;
            }
        }
    }

    async fn write(&mut self, server: &mut OwnedWriteHalf) -> Result<(), Broken> {
        if self.approved.is_empty() {
            return Ok(());
        }
        let written = server.write_all(&self.approved).await;
        self.approved.clear();
        written.map_err(|_| Broken)
    }
}

/// From the service to the program.
async fn down(
    shared: &Shared<'_>,
    outgoing: Outgoing,
    mut server: OwnedReadHalf,
) -> Result<(), Broken> {
    let mut buffer = BytesMut::new();
    loop {
        buffer.reserve(READ);
        let count = server.read_buf(&mut buffer).await.map_err(|_| Broken)?;
        if count == 0 {
            outgoing.finish().await;
            return Ok(());
        }
        let at_us = shared.clock.now_us();
        if !shared.is_opaque() {
            let read = shared.session().replies(&buffer, &mut |id, reply| match id {
                Some(id) => shared.log.answered(id, at_us, reply),
                None => shared.log.pushed(shared.id),
            });
            if let Err(foreign) = read {
                shared.foreign(foreign);
            }
        }
        outgoing.send(buffer.split().freeze()).await.map_err(|_| Broken)?;
    }
}
