//! The workload of collections: values go in, values come out, in some order.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rand::RngExt;
use serde_json::Value;

use super::recorder::{Client, Recorder};
use super::roles::RoleKind;
use super::{OneByOne, Spec};
use crate::error::Result;
use crate::model::Action;
use crate::probe::finding::Finding;
use crate::probe::scene::Scene;
use crate::probe::{call, fresh};

/// An idle taker lets the others work before it asks again.
const BREATH: Duration = Duration::from_millis(2);

/// A value that goes in, with its rank where the model has priorities.
struct Item {
    value: String,
    rank: Option<usize>,
}

/// Half of the values go in before anybody takes, so that there is an order to keep. Then every process
/// and file of the program goes: what is kept must be in the service. The rest goes in while others take.
/// At the end one client takes until the program says there is nothing left.
pub async fn drive(spec: &Spec, scene: &Scene<'_>, recorder: &Recorder) -> Result<Option<Finding>> {
    let putters = spec.roles.clients(RoleKind::Put, scene.variables)?;
    let takers = spec.roles.clients(RoleKind::Take, scene.variables)?;
    let total = usize::try_from(spec.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    let items = items(spec, total);
    let (first, second) = items.split_at(total / 2);
    let drive = Drive {
        spec,
        scene,
        recorder,
        total,
        taken: AtomicUsize::new(0),
        filled: AtomicBool::new(false),
    };

    let early = match clients(scene, "put", putters, 1).await? {
        Ok(early) => early,
        Err(finding) => return Ok(Some(finding)),
    };
    drive.fill(&early, first).await?;
    if recorder.trouble_seen() {
        return drive.stopped();
    }
    scene.stand()?.start_over().await?;

    let spawned = tokio::try_join!(
        clients(scene, "put", putters, putters + 1),
        clients(scene, "take", takers, 1)
    )?;
    let (putters, takers) = match spawned {
        (Ok(putters), Ok(takers)) => (putters, takers),
        (Err(finding), _) | (_, Err(finding)) => return Ok(Some(finding)),
    };
    let (_, relay) = scene.stand()?.twin(None)?;
    relay.set_gatekeeper(Some(Arc::new(OneByOne)));
    let fill = async {
        let filled = drive.fill(&putters, second).await;
        drive.filled.store(true, Ordering::SeqCst);
        filled
    };
    let take = futures_util::future::try_join_all(
        takers.iter().map(|client| drive.take_until_empty(client)),
    );
    let ((), _) = futures_util::future::try_join(fill, take).await?;
    if let Some(client) = takers.first() {
        drive.take_until_empty(client).await?;
    }
    relay.set_gatekeeper(None);
    drive.stopped()
}

/// New processes with names from `first` on.
pub(super) async fn clients(
    scene: &Scene<'_>,
    stem: &str,
    count: u32,
    first: u32,
) -> Result<Result<Vec<Client>, Finding>> {
    let name = |(process, n)| Client { name: format!("{stem}-{n}"), process };
    let processes = call::spawn(scene, count as usize).await?;
    Ok(processes.map(|processes| processes.into_iter().zip(first..).map(name).collect()))
}

struct Drive<'a> {
    spec: &'a Spec,
    scene: &'a Scene<'a>,
    recorder: &'a Recorder,
    total: usize,
    taken: AtomicUsize,
    /// Every put has returned.
    filled: AtomicBool,
}

impl Drive<'_> {
    async fn fill(&self, clients: &[Client], items: &[Item]) -> Result<()> {
        let share = items.len().div_ceil(clients.len().max(1)).max(1);
        let puts = clients.iter().zip(items.chunks(share)).map(|(client, items)| async move {
            for item in items {
                let priority =
                    item.rank.and_then(|r| self.spec.priorities.get(r)).map_or("", String::as_str);
                let values = [("value", item.value.as_str()), ("priority", priority)];
                let call = self.spec.roles.call(RoleKind::Put, &values, self.scene.variables)?;
                let rank = item.rank.and_then(|r| i64::try_from(r).ok());
                let action = Action::Put { value: item.value.clone(), priority: rank };
                if self.recorder.act(client, call, action).await.is_none() {
                    break;
                }
            }
            Ok(())
        });
        futures_util::future::try_join_all(puts).await.map(drop)
    }

    /// Takes until nothing is left and nothing comes any more. Twice as many values as went in are enough
    /// to show that something is handed out twice.
    async fn take_until_empty(&self, client: &Client) -> Result<()> {
        while self.taken.load(Ordering::SeqCst) <= 2 * self.total && !self.recorder.trouble_seen() {
            let filled = self.filled.load(Ordering::SeqCst);
            let call = self.spec.roles.call(
                RoleKind::Take,
                &[("worker", &client.name)],
                self.scene.variables,
            )?;
            match self.recorder.act(client, call, Action::Take).await {
                None => break,
                Some(Value::Null) if filled => break,
                Some(Value::Null) => tokio::time::sleep(BREATH).await,
                Some(_) => {
                    self.taken.fetch_add(1, Ordering::SeqCst);
                }
            }
        }
        Ok(())
    }

    fn stopped(&self) -> Result<Option<Finding>> {
        self.recorder.trouble().map(|(line, trouble)| trouble.finding(&line, &[])).transpose()
    }
}

fn items(spec: &Spec, total: usize) -> Vec<Item> {
    let mut random = rand::rng();
    let ranks = spec.priorities.len();
    (0..total)
        .map(|n| Item {
            value: if n % 4 == 3 { fresh::awkward("job") } else { fresh::random("job") },
            rank: (ranks > 0).then(|| random.random_range(0..ranks)),
        })
        .collect()
}
