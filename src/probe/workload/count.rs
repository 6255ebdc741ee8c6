//! The workload of counters: everybody calls at once.

use std::sync::Arc;
use std::time::Duration;

use super::recorder::Recorder;
use super::roles::RoleKind;
use super::{OneByOne, Spec, queue};
use crate::error::{Error, Result};
use crate::model::{Action, Operation, Outcome};
use crate::probe::finding::Finding;
use crate::probe::fresh;
use crate::probe::scene::Scene;

/// Optimistic callers get in each other's way: one may be refused as often as others succeed.
const CALL_TIMEOUT: Duration = Duration::from_secs(30);

/// All calls are made at the same time, spread over the processes.
pub async fn drive(
    spec: &Spec,
    scene: &Scene<'_>,
    recorder: &Recorder,
    key: &str,
) -> Result<Option<Finding>> {
    let kind = spec.counting()?;
    let (stem, action) = match kind {
        RoleKind::Add => ("add", Action::Add),
        _ => ("draw", Action::Draw),
    };
    let (_, relay) = scene.stand()?.twin(None)?;
    let count = spec.roles.clients(kind, scene.variables)?;
    let clients = match queue::clients(scene, stem, count, 1).await? {
        Ok(clients) => clients,
        Err(finding) => return Ok(Some(finding)),
    };
    let Some(first) = clients.first() else {
        return Err(Error::usage("A counter workload needs at least one client"));
    };
    let start = spec.start.as_ref().map_or(Ok(0), |start| start.get(scene.variables))?;
    let now = first.process.clock().now_us();
    recorder.record(Operation {
        client: "at first".to_owned(),
        action: Action::Set { value: start.into() },
        start: now,
        end: Some(now),
        outcome: Outcome::Ok(None),
    });
    let total = usize::try_from(spec.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    relay.set_gatekeeper(Some(Arc::new(OneByOne)));
    let calls = clients.iter().cycle().take(total).map(|client| {
        let action = action.clone();
        async move {
            let value = fresh::random("value");
            let values = [("key", key), ("value", &value), ("worker", &client.name)];
            let call = spec.roles.call(kind, &values, scene.variables)?;
            recorder.act_within(client, call, action, CALL_TIMEOUT).await;
            Ok::<_, Error>(())
        }
    });
    let all = futures_util::future::try_join_all(calls);
    let made = tokio::select! {
        made = all => made.map(drop),
        // The others may wait for ever for the one that did not return.
        () = recorder.stopped() => Ok(()),
    };
    relay.set_gatekeeper(None);
    made?;
    recorder.trouble().map(|(line, trouble)| trouble.finding(&line, &[])).transpose()
}
