//! The workload of broadcast: some subscribe, some publish, some come late.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use super::Spec;
use super::lag::{LAG, LONG_LAG, Lag};
use super::recorder::{Client, Recorder};
use super::roles::RoleKind;
use crate::error::{Error, Result};
use crate::model::{Action, Operation, Outcome};
use crate::probe::call::{self, CALL_TIMEOUT, Trouble};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh;
use crate::probe::runner::{self, Item, Stream};
use crate::probe::scene::Scene;

/// Longer than any workload: a subscription ends with its process.
const SUBSCRIBED_FOR: Duration = Duration::from_secs(50);
/// A message that has not arrived this long after the last publication is lost.
const ARRIVES_WITHIN: Duration = Duration::from_secs(4);
/// So many messages are published before anybody begins to read.
const UNREAD: usize = 12;
/// What must not arrive is given this long to do so.
const GRACE: Duration = Duration::from_millis(80);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Publishes half, lets the late ones subscribe, publishes the rest, and waits for what must arrive.
pub async fn drive(spec: &Spec, scene: &Scene<'_>, recorder: &Recorder) -> Result<Option<Finding>> {
    let count = |kind| spec.roles.clients(kind, scene.variables).map(|n| n as usize);
    let (early, late, publishers) =
        (count(RoleKind::Subscribe)?, count(RoleKind::Late)?, count(RoleKind::Publish)?);
    let mut processes = match call::spawn(scene, early + late + publishers).await? {
        Ok(processes) => processes.into_iter(),
        Err(finding) => return Ok(Some(finding)),
    };
    let mut clients = |stem: &str, n: usize| -> Vec<Client> {
        processes
            .by_ref()
            .take(n)
            .enumerate()
            .map(|(i, process)| Client { name: format!("{stem}-{}", i + 1), process })
            .collect()
    };
    let (early, late, publishers) =
        (clients("subscriber", early), clients("late", late), clients("publisher", publishers));
    let total = usize::try_from(spec.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    let channel = fresh::random("channel");
    let stage = Stage { spec, scene, recorder, channel };

    let (twin, relay) = scene.stand()?.twin(None)?;
    let mark = relay.mark();
    let before = if late.is_empty() { total } else { total / 2 };
    let mut listeners = Vec::new();
    for (clients, kind, expected, count) in [
        (&early, RoleKind::Subscribe, total, before),
        (&late, RoleKind::Late, total - before, total - before),
    ] {
        if clients.is_empty() || recorder.trouble_seen() {
            continue;
        }
        // A subscription is in place when the call returns: not when the service gets round to it,
        // nor when somebody begins to read.
        let lag = if kind == RoleKind::Late { LONG_LAG } else { LAG };
        let lag = Lag::new(lag, clients.iter().map(|client| client.process.name()));
        relay.set_gatekeeper(Some(lag.clone()));
        let tried = async {
            let opened = stage.subscribe(clients, kind, expected, &lag).await?;
            if opened.is_ok() {
                stage.publish(&publishers[..1], UNREAD.min(count)).await?;
            }
            Ok::<_, Error>(opened)
        };
        let tried = tried.await;
        lag.over();
        relay.set_gatekeeper(None);
        let opened = match tried? {
            Ok(opened) => opened,
            Err(finding) => return Ok(Some(finding)),
        };
        for opened in opened {
            listeners.push(opened.listen().await);
        }
        stage.publish(&publishers, count.saturating_sub(UNREAD)).await?;
        stage.make_noise(&publishers).await?;
    }
    arrived(&listeners).await;
    let seen = relay.count_since(mark, |record| !record.handshake);
    if seen < total && !recorder.trouble_seen() {
        let service = twin.name();
        let mut evidence = Evidence::new(format!("The program published past {service}"));
        evidence.expected = Some(format!("at least a command for each of {total} messages"));
        evidence.observed = Some(format!("{service} saw {seen} commands in all"));
        return Ok(Some(evidence.fail("bypassed")));
    }
    for listener in listeners {
        listener.record(recorder).await;
    }
    recorder.trouble().map(|(line, trouble)| trouble.finding(&line, &[])).transpose()
}

struct Stage<'a> {
    spec: &'a Spec,
    scene: &'a Scene<'a>,
    recorder: &'a Recorder,
    channel: String,
}

impl Stage<'_> {
    async fn subscribe(
        &self,
        clients: &[Client],
        kind: RoleKind,
        expected: usize,
        lag: &Lag,
    ) -> Result<Result<Vec<Opened>, Finding>> {
        let open = async |client: &Client| {
            let opened = self.open(client, kind, expected).await;
            lag.returned(client.process.name());
            opened
        };
        let opened = futures_util::future::try_join_all(clients.iter().map(open)).await?;
        Ok(opened.into_iter().collect())
    }

    async fn open(
        &self,
        client: &Client,
        kind: RoleKind,
        expected: usize,
    ) -> Result<Result<Opened, Finding>> {
        let call =
            self.spec.roles.call(kind, &[("channel", &self.channel)], self.scene.variables)?;
        let line = call::line(&call.call, &call.args);
        let start = client.process.clock().now_us();
        let mut stream = client.process.stream_held(&call.call, call.args, SUBSCRIBED_FOR).await?;
        let opened = tokio::time::timeout(CALL_TIMEOUT, stream.opened()).await.ok().flatten();
        let Some(end) = opened else {
            return call::not_opened(&client.process, &line, stream).map(Err);
        };
        self.recorder.record(Operation {
            client: client.name.clone(),
            action: Action::Subscribe,
            start,
            end: Some(end),
            outcome: Outcome::Ok(None),
        });
        Ok(Ok(Opened { client: client.clone(), line, stream, expected }))
    }

    /// Publishes on another channel of a similar name: whoever receives it receives what nobody sent there.
    async fn make_noise(&self, publishers: &[Client]) -> Result<()> {
        let Some(publisher) = publishers.first().filter(|_| !self.recorder.trouble_seen()) else {
            return Ok(());
        };
        let (channel, value) = (format!("{}2", self.channel), fresh::random("noise"));
        let values = [("channel", channel.as_str()), ("value", value.as_str())];
        let call = self.spec.roles.call(RoleKind::Publish, &values, self.scene.variables)?;
        let line = call::line(&call.call, &call.args);
        if let call::Ended::Trouble(trouble) =
            call::call(&publisher.process, &call, CALL_TIMEOUT).await
        {
            self.recorder.keep_trouble(line, trouble);
        }
        Ok(())
    }

    async fn publish(&self, publishers: &[Client], count: usize) -> Result<()> {
        let share = count.div_ceil(publishers.len().max(1));
        let work = publishers.iter().enumerate().map(|(n, publisher)| async move {
            for _ in 0..share.min(count.saturating_sub(n * share)) {
                let value = fresh::random("message");
                let values = [("channel", self.channel.as_str()), ("value", value.as_str())];
                let call =
                    self.spec.roles.call(RoleKind::Publish, &values, self.scene.variables)?;
                if self.recorder.act(publisher, call, Action::Publish { value }).await.is_none() {
                    break;
                }
            }
            Ok(())
        });
        futures_util::future::try_join_all(work).await.map(drop)
    }
}

/// A subscription that nobody reads yet.
struct Opened {
    client: Client,
    line: String,
    stream: Stream,
    expected: usize,
}

impl Opened {
    async fn listen(self) -> Listener {
        self.stream.go().await;
        Listener::start(
            self.client.name,
            self.line,
            self.client.process,
            self.stream,
            self.expected,
        )
    }
}

/// Somebody who subscribed, and what arrives there.
struct Listener {
    name: String,
    line: String,
    process: runner::Process,
    expected: usize,
    count: Arc<AtomicUsize>,
    collected: tokio::task::JoinHandle<(Vec<Item>, Option<runner::Outcome>)>,
    stop: Arc<tokio::sync::Notify>,
}

impl Listener {
    fn start(
        name: String,
        line: String,
        process: runner::Process,
        mut stream: Stream,
        expected: usize,
    ) -> Self {
        let (count, stop) = (Arc::new(AtomicUsize::new(0)), Arc::new(tokio::sync::Notify::new()));
        let (counted, stopped) = (count.clone(), stop.clone());
        let collected = tokio::spawn(async move {
            let mut items = Vec::new();
            loop {
                let item = tokio::select! {
                    item = stream.next() => item,
                    () = stopped.notified() => return (items, None),
                };
                let Some(item) = item else { break };
                items.push(item);
                counted.store(items.len(), Ordering::SeqCst);
            }
            let outcome = stream.finish().ok().map(|call| call.outcome);
            (items, outcome)
        });
        Self { name, line, process, expected, count, collected, stop }
    }

    fn done(&self) -> bool {
        self.count.load(Ordering::SeqCst) >= self.expected || self.collected.is_finished()
    }

    /// Ends the listening and records what arrived, and a subscription that broke off.
    async fn record(self, recorder: &Recorder) {
        self.stop.notify_one();
        let Ok((items, outcome)) = self.collected.await else { return };
        for item in items {
            let value = match item.value {
                Value::String(text) => text,
                other => other.to_string(),
            };
            recorder.record(Operation {
                client: self.name.clone(),
                action: Action::Receive { value },
                start: item.at_us,
                end: Some(item.at_us),
                outcome: Outcome::Ok(None),
            });
        }
        match outcome {
            None | Some(runner::Outcome::TimedOut) => {}
            Some(outcome) => {
                let output = self.process.output();
                recorder.keep_trouble(self.line, Trouble::Call { outcome, output });
            }
        }
    }
}

/// Waits until everybody has what is expected, or too long; then gives the unexpected its time.
async fn arrived(listeners: &[Listener]) {
    let deadline = Instant::now() + ARRIVES_WITHIN;
    while Instant::now() < deadline && !listeners.iter().all(Listener::done) {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    tokio::time::sleep(GRACE).await;
}
