//! The workload of locks: several want one, again and again; a holder is slow, another one dies.

mod crew;

pub use crew::Crew;

use std::sync::Arc;

use futures_util::future::try_join_all;

use super::in_step::InStep;
use super::recorder::{Client, Recorder};
use super::roles::RoleKind;
use super::{OneByOne, Spec, queue};
use crate::error::{Error, Result};
use crate::model::{Action, Operation, Outcome};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::relay::{Gatekeeper, Mark, Relay};
use crate::probe::scene::Scene;

/// With a lease first one holder is slower than it, and the next one gets the lock meanwhile. Then all want the
/// lock, `operations` times: whoever gets it has it while the others try, and while one of them calls release.
/// With a lease at last a holder is killed.
pub async fn drive(
    spec: &Spec,
    scene: &Scene<'_>,
    recorder: &Recorder,
    key: &str,
) -> Result<Option<Finding>> {
    let relays = scene.stand()?.relays.values();
    let marks: Vec<(&Relay, Mark)> = relays.map(|relay| (&**relay, relay.mark())).collect();
    let crew = Crew::new(spec, scene, recorder, key)?;
    let count = spec.roles.clients(RoleKind::Acquire, scene.variables)?;
    let workers = match queue::clients(scene, "worker", count, 1).await? {
        Ok(workers) => workers,
        Err(finding) => return Ok(Some(finding)),
    };
    let [first, second, ..] = &workers[..] else {
        return Err(Error::usage("A mutex workload needs at least two clients"));
    };
    let rounds = usize::try_from(spec.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    let gatekeeper: Arc<dyn Gatekeeper> = Arc::new(OneByOne);
    scene.stand()?.set_gatekeeper(Some(&gatekeeper));
    if crew.lease.is_some() {
        crew.outlive(first, second, workers.get(2).unwrap_or(first)).await?;
    }
    for round in 0..rounds {
        if recorder.trouble_seen() {
            break;
        }
        crew.compete(&workers, round, &gatekeeper).await?;
    }
    if crew.lease.is_some() && crew.find_free(first).await? {
        crew.kill(first).await?;
        crew.inherit(second).await?;
    }
    scene.stand()?.set_gatekeeper(None);
    if let Some(finding) = crew.stopped()? {
        return Ok(Some(finding));
    }
    Ok(bypassed(&marks, recorder))
}

/// Whoever got a lock in a service has sent at least a command for it. Of a protocol that is not known nothing
/// can be said.
fn bypassed(marks: &[(&Relay, Mark)], recorder: &Recorder) -> Option<Finding> {
    let count = |own: bool| -> usize {
        marks.iter().map(|(relay, mark)| relay.count_since(*mark, |r| own || !r.handshake)).sum()
    };
    let seen = count(false);
    let connected = marks.iter().any(|(relay, _)| !relay.connections().is_empty());
    let got = |operation: &&Operation| {
        matches!(operation.action, Action::Acquire { .. })
            && matches!(operation.outcome, Outcome::Ok(Some(_)))
    };
    let granted = recorder.history().operations.iter().filter(got).count();
    if seen >= granted || (connected && count(true) == 0) {
        return None;
    }
    let mut evidence = Evidence::new("The program locks past the service".to_owned());
    evidence.expected = Some(format!("at least a command for each of {granted} locks"));
    evidence.observed = Some(format!("{seen} commands were seen in all"));
    Some(evidence.fail("bypassed"))
}

impl Crew<'_> {
    /// A holder is slower than its lease. The next one gets the lock; then the holder releases what it no longer
    /// has, and a third one tries.
    async fn outlive(&self, slow: &Client, next: &Client, third: &Client) -> Result<()> {
        if !self.find_free(slow).await? || !self.outwait(next).await? {
            return Ok(());
        }
        self.release(slow).await?;
        let stolen = !self.recorder.trouble_seen() && self.acquire(third).await?;
        self.release(next).await?;
        if stolen {
            self.release(third).await?;
        }
        Ok(())
    }

    /// All want the lock at once, in every other round in step. While somebody has it the others try again; in the
    /// rounds that are not in step one of them calls release, and they try once more.
    async fn compete(
        &self,
        workers: &[Client],
        round: usize,
        usual: &Arc<dyn Gatekeeper>,
    ) -> Result<()> {
        let in_step = round.is_multiple_of(2);
        let step = InStep::new(workers.iter().map(|worker| worker.process.name()));
        if in_step {
            let gatekeeper: Arc<dyn Gatekeeper> = step.clone();
            self.scene.stand()?.set_gatekeeper(Some(&gatekeeper));
        }
        let tries = workers.iter().map(|worker| {
            let step = &step;
            async move {
                let got = self.acquire(worker).await;
                step.returned(worker.process.name());
                got
            }
        });
        let got = try_join_all(tries).await?;
        self.scene.stand()?.set_gatekeeper(Some(usual));
        let (mut holders, mut others) = parted(workers.iter().zip(got));
        if holders.is_empty() && !others.is_empty() {
            // Each may have been in the way of the others; nobody is in the way of one alone.
            let one = others.remove(round % others.len());
            if !self.find_free(one).await? {
                return Ok(());
            }
            holders.push(one);
        }
        others = self.try_again(others, &mut holders).await?;
        if !in_step && !others.is_empty() {
            self.release(others[round / 2 % others.len()]).await?;
            self.try_again(others, &mut holders).await?;
        }
        for holder in holders {
            self.release(holder).await?;
        }
        Ok(())
    }
    /// Those who do not have the lock try to get it; answers who still does not have it.
    async fn try_again<'w>(
        &self,
        others: Vec<&'w Client>,
        holders: &mut Vec<&'w Client>,
    ) -> Result<Vec<&'w Client>> {
        let got = try_join_all(others.iter().map(|other| self.acquire(other))).await?;
        let (more, others) = parted(others.into_iter().zip(got));
        holders.extend(more);
        Ok(others)
    }
}

/// Those who got something, and those who did not.
fn parted<'w>(all: impl Iterator<Item = (&'w Client, bool)>) -> (Vec<&'w Client>, Vec<&'w Client>) {
    let (got, not): (Vec<_>, Vec<_>) = all.partition(|(_, got)| *got);
    let clients = |part: Vec<(&'w Client, bool)>| part.into_iter().map(|(client, _)| client);
    (clients(got).collect(), clients(not).collect())
}
