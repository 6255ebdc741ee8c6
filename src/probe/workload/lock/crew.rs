//! The parts of a lock, as calls that are recorded.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::Value;
use tokio::time::Instant;

use crate::error::Result;
use crate::model::{Action, Lease, Operation, Outcome};
use crate::probe::finding::Finding;
use crate::probe::scene::Scene;
use crate::probe::workload::Spec;
use crate::probe::workload::recorder::{self, Client, Recorder};
use crate::probe::workload::roles::RoleKind;
use crate::probe::{Call, fresh};

/// Who is alone and finds a lock that is free taken tries so often: one refusal may have a reason that passes. A
/// lock that was not released must not come free by its lease meanwhile.
const TRIES: usize = 5;
/// How much longer than its lease a lock may last.
const GRACE: Duration = Duration::from_millis(500);
/// The model counts from the end of a call; who waits counts from a moment later, and a little longer.
const MARGIN: Duration = Duration::from_millis(20);
const ASK_EVERY: Duration = Duration::from_millis(5);

/// Those who want one lock.
pub struct Crew<'a> {
    pub scene: &'a Scene<'a>,
    pub recorder: &'a Recorder,
    pub lease: Option<Lease>,
    spec: &'a Spec,
    key: &'a str,
    /// Acquires are called with a token; else what they return is one.
    gives_tokens: bool,
    /// What each worker releases with.
    tokens: Mutex<BTreeMap<String, Value>>,
}

impl<'a> Crew<'a> {
    pub fn new(
        spec: &'a Spec,
        scene: &'a Scene<'a>,
        recorder: &'a Recorder,
        key: &'a str,
    ) -> Result<Self> {
        let lease = spec.lease.as_ref().map(|lease| lease.get(scene.variables)).transpose()?;
        let lease = lease.map(|lease| bounds(lease.0));
        let args = spec.roles.acquire.iter().filter_map(|role| role.args.as_ref());
        let gives_tokens = args.flatten().any(|arg| arg == "$token");
        let tokens = Mutex::default();
        Ok(Self { scene, recorder, lease, spec, key, gives_tokens, tokens })
    }

    /// The call that plays a part, and the action that it is.
    pub fn call(&self, kind: RoleKind, worker: &str) -> Result<(Call, Action)> {
        let new = fresh::random("token");
        let values = [("key", self.key), ("worker", worker), ("token", new.as_str())];
        let mut call = self.spec.roles.call(kind, &values, self.scene.variables)?;
        if kind == RoleKind::Acquire {
            if self.gives_tokens {
                self.keep(worker, new.into());
            }
            return Ok((call, Action::Acquire { lease: self.lease }));
        }
        let own = self.tokens.lock().ok().and_then(|tokens| tokens.get(worker).cloned());
        for arg in call.args.iter_mut().filter(|arg| **arg == new) {
            *arg = own.clone().unwrap_or_else(|| arg.clone());
        }
        Ok((call, Action::Release))
    }

    fn keep(&self, worker: &str, token: Value) {
        if let Ok(mut tokens) = self.tokens.lock() {
            tokens.insert(worker.to_owned(), token);
        }
    }

    /// Whether the worker got the lock. That it did not is not recorded: it may have its reason.
    pub async fn acquire(&self, worker: &Client) -> Result<bool> {
        let (call, action) = self.call(RoleKind::Acquire, &worker.name)?;
        let returned = self.recorder.get(worker, call, action).await;
        Ok(self.got(worker, returned))
    }

    fn got(&self, worker: &Client, returned: Option<Value>) -> bool {
        let Some(value) = returned.filter(recorder::is_true) else { return false };
        if !self.gives_tokens {
            self.keep(&worker.name, value);
        }
        true
    }

    /// Whether the worker got a lock that is free. If not, its last try is recorded.
    pub async fn find_free(&self, worker: &Client) -> Result<bool> {
        for _ in 1..TRIES {
            if self.recorder.trouble_seen() || self.acquire(worker).await? {
                return Ok(!self.recorder.trouble_seen());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        self.try_last(worker).await
    }

    /// Whether the worker got a lock that another one does not release, at the latest when its lease is over. If
    /// not, its last try is recorded.
    pub async fn outwait(&self, worker: &Client) -> Result<bool> {
        let most = self.lease.map_or(0, |lease| lease.most);
        let deadline = Instant::now() + Duration::from_micros(most) + MARGIN;
        while Instant::now() < deadline {
            if self.recorder.trouble_seen() || self.acquire(worker).await? {
                return Ok(!self.recorder.trouble_seen());
            }
            tokio::time::sleep(ASK_EVERY).await;
        }
        self.try_last(worker).await
    }

    async fn try_last(&self, worker: &Client) -> Result<bool> {
        let (call, action) = self.call(RoleKind::Acquire, &worker.name)?;
        let returned = self.recorder.act(worker, call, action).await;
        Ok(self.got(worker, returned))
    }

    pub async fn release(&self, worker: &Client) -> Result<()> {
        let (call, action) = self.call(RoleKind::Release, &worker.name)?;
        self.recorder.act(worker, call, action).await;
        Ok(())
    }

    /// A worker gets what another one does not release, and releases it.
    pub async fn inherit(&self, worker: &Client) -> Result<()> {
        if self.outwait(worker).await? {
            self.release(worker).await?;
        }
        Ok(())
    }

    /// A worker dies with the lock.
    pub async fn kill(&self, worker: &Client) -> Result<()> {
        let clock = worker.process.clock();
        let since = clock.now_us();
        worker.process.kill().await?;
        self.died(&worker.name, since, clock.now_us());
        Ok(())
    }

    /// Somebody died between two moments.
    pub fn died(&self, worker: &str, since: u64, by: u64) {
        self.recorder.record(Operation {
            client: worker.to_owned(),
            action: Action::Die,
            start: since,
            end: Some(by),
            outcome: Outcome::Ok(None),
        });
    }

    pub fn stopped(&self) -> Result<Option<Finding>> {
        self.recorder.trouble().map(|(line, trouble)| trouble.finding(&line, &[])).transpose()
    }
}

/// When a lease can have ended. Clocks do not run alike: a hundredth and 2 ms are what those who lock several
/// nodes allow for.
fn bounds(length: Duration) -> Lease {
    let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
    let sure = micros(length) - micros(length) / 100;
    Lease { least: sure.saturating_sub(2_000), most: micros(length + GRACE) }
}
