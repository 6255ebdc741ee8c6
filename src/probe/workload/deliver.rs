//! The workload of acknowledged delivery: put, take, acknowledge.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Spec;
use super::recorder::{Client, Recorder};
use super::roles::RoleKind;
use crate::error::Result;
use crate::model::{Action, Operation, Outcome};
use crate::probe::finding::Finding;
use crate::probe::scene::Scene;
use crate::probe::{call, fresh};

const BREATH: Duration = Duration::from_millis(2);
/// What a service has not given back by then is lost.
const GIVEN_BACK_WITHIN: Duration = Duration::from_secs(4);

/// Jobs go in while workers take and acknowledge them; at the end every worker is recovered, and what
/// was acknowledged must not come back.
pub async fn drive(spec: &Spec, scene: &Scene<'_>, recorder: &Recorder) -> Result<Option<Finding>> {
    let putters = spec.roles.clients(RoleKind::Put, scene.variables)?;
    let takers = spec.roles.clients(RoleKind::Take, scene.variables)?;
    let processes = match call::spawn(scene, (putters + takers) as usize).await? {
        Ok(processes) => processes,
        Err(finding) => return Ok(Some(finding)),
    };
    let names = (1..=putters)
        .map(|n| format!("put-{n}"))
        .chain((1..=takers).map(|n| format!("worker-{n}")));
    let mut clients: Vec<Client> =
        names.zip(processes).map(|(name, process)| Client { name, process }).collect();
    let workers = clients.split_off(putters as usize);
    let total = usize::try_from(spec.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    let crew = Crew { spec, scene, recorder };

    let (filled, taken) = (AtomicBool::new(false), AtomicUsize::new(0));
    let put = async {
        let share = total.div_ceil(clients.len().max(1));
        let puts = clients
            .iter()
            .enumerate()
            .map(|(n, client)| crew.put(client, share.min(total.saturating_sub(n * share))));
        let done = futures_util::future::try_join_all(puts).await;
        filled.store(true, Ordering::SeqCst);
        done
    };
    let work = workers.iter().map(|worker| async {
        while taken.load(Ordering::SeqCst) <= 2 * total && !recorder.trouble_seen() {
            let all_in = filled.load(Ordering::SeqCst);
            match crew.take(worker).await? {
                Taken::Job(job) => {
                    taken.fetch_add(1, Ordering::SeqCst);
                    crew.ack(worker, &job).await?;
                }
                Taken::Empty if all_in => break,
                Taken::Empty => tokio::time::sleep(BREATH).await,
                Taken::Trouble => break,
            }
        }
        Ok(())
    });
    futures_util::future::try_join(put, futures_util::future::try_join_all(work)).await?;
    if let Some(last) = workers.first() {
        if spec.roles.has(RoleKind::Recover) {
            for worker in &workers {
                crew.recover(last, &worker.name).await?;
            }
        }
        crew.drain(last, 2 * total).await?;
    }
    crew.stopped()
}

/// What a take brought.
pub enum Taken {
    Job(String),
    Empty,
    Trouble,
}

impl From<Value> for Taken {
    fn from(returned: Value) -> Self {
        match returned {
            Value::Null => Self::Empty,
            Value::String(job) => Self::Job(job),
            other => Self::Job(other.to_string()),
        }
    }
}

/// The parts of a delivery, as calls that are recorded.
pub struct Crew<'a> {
    pub spec: &'a Spec,
    pub scene: &'a Scene<'a>,
    pub recorder: &'a Recorder,
}

impl Crew<'_> {
    /// Puts fresh jobs, until one call does not return.
    pub async fn put(&self, client: &Client, count: usize) -> Result<()> {
        for n in 0..count {
            let value = if n % 2 == 1 { fresh::awkward("job") } else { fresh::random("job") };
            let call =
                self.spec.roles.call(RoleKind::Put, &[("value", &value)], self.scene.variables)?;
            if self
                .recorder
                .act(client, call, Action::Put { value, priority: None })
                .await
                .is_none()
            {
                break;
            }
        }
        Ok(())
    }

    pub async fn take(&self, worker: &Client) -> Result<Taken> {
        let call = self.spec.roles.call(
            RoleKind::Take,
            &[("worker", &worker.name)],
            self.scene.variables,
        )?;
        Ok(self.recorder.act(worker, call, Action::Take).await.map_or(Taken::Trouble, Taken::from))
    }

    pub async fn ack(&self, worker: &Client, job: &str) -> Result<()> {
        let values = [("worker", worker.name.as_str()), ("value", job)];
        let call = self.spec.roles.call(RoleKind::Ack, &values, self.scene.variables)?;
        self.recorder.act(worker, call, Action::Ack { value: job.to_owned() }).await;
        Ok(())
    }

    /// `by` recovers what the worker of that name held.
    pub async fn recover(&self, by: &Client, worker: &str) -> Result<()> {
        let call =
            self.spec.roles.call(RoleKind::Recover, &[("worker", worker)], self.scene.variables)?;
        self.recorder.act(by, call, Action::Recover).await;
        Ok(())
    }

    /// Where the service itself gives back what a dead worker held: takes and acknowledges until everything has come that
    /// was not acknowledged, or patience is over. An empty answer meanwhile proves nothing. To the model it is a recover
    /// that began with the death.
    pub async fn given_back(&self, worker: &Client, death_us: u64) -> Result<()> {
        let patience = Instant::now() + GIVEN_BACK_WITHIN;
        let mut missing = self.recorder.history().operations.iter().fold(0_usize, |open, made| {
            match (&made.action, &made.outcome) {
                (Action::Put { .. }, Outcome::Ok(_)) => open + 1,
                (Action::Ack { .. }, Outcome::Ok(_)) => open.saturating_sub(1),
                _ => open,
            }
        });
        while missing > 0 && Instant::now() < patience {
            let values = [("worker", worker.name.as_str())];
            let call = self.spec.roles.call(RoleKind::Take, &values, self.scene.variables)?;
            match self.recorder.get(worker, call, Action::Take).await.map(Taken::from) {
                Some(Taken::Job(job)) => {
                    missing -= 1;
                    self.ack(worker, &job).await?;
                }
                Some(_) => tokio::time::sleep(BREATH).await,
                None => break,
            }
        }
        self.recorder.record(Operation {
            client: "service".to_owned(),
            action: Action::Recover,
            start: death_us,
            end: Some(worker.process.clock().now_us()),
            outcome: Outcome::Ok(None),
        });
        Ok(())
    }

    /// Takes and acknowledges until nothing is left, at most `limit` times.
    pub async fn drain(&self, worker: &Client, limit: usize) -> Result<()> {
        for _ in 0..=limit {
            match self.take(worker).await? {
                Taken::Job(job) => self.ack(worker, &job).await?,
                Taken::Empty | Taken::Trouble => break,
            }
        }
        Ok(())
    }

    pub fn stopped(&self) -> Result<Option<Finding>> {
        self.recorder.trouble().map(|(line, trouble)| trouble.finding(&line, &[])).transpose()
    }
}
