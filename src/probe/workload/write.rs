//! The workload of registers: some write, others read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::recorder::{Client, Recorder};
use super::roles::RoleKind;
use super::{OneByOne, Spec, queue};
use crate::error::Result;
use crate::model::Action;
use crate::probe::finding::Finding;
use crate::probe::fresh;
use crate::probe::relay::Gatekeeper;
use crate::probe::scene::Scene;

/// How many times each reads for each value that is written, at most.
const READS: usize = 4;

/// Values are written while others read, and all read once more when the last has been written. Then every process
/// and file of the program goes, and somebody new reads: what was written must be in the service.
pub async fn drive(
    spec: &Spec,
    scene: &Scene<'_>,
    recorder: &Recorder,
    key: &str,
) -> Result<Option<Finding>> {
    let total = usize::try_from(spec.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    let (writers, readers) = (
        spec.roles.clients(RoleKind::Write, scene.variables)?,
        spec.roles.clients(RoleKind::Read, scene.variables)?,
    );
    let stand = scene.stand()?;
    let drive = Drive { spec, scene, recorder, key };
    let spawned = tokio::try_join!(
        queue::clients(scene, "writer", writers, 1),
        queue::clients(scene, "reader", readers, 1)
    )?;
    let (writers, readers) = match spawned {
        (Ok(writers), Ok(readers)) => (writers, readers),
        (Err(finding), _) | (_, Err(finding)) => return Ok(Some(finding)),
    };
    let gatekeeper: Arc<dyn Gatekeeper> = Arc::new(OneByOne);
    stand.set_gatekeeper(Some(&gatekeeper));
    let over = AtomicBool::new(false);
    let share = total.div_ceil(writers.len().max(1));
    let write = async {
        let parts = writers
            .iter()
            .enumerate()
            .map(|(n, writer)| drive.write(writer, share.min(total.saturating_sub(n * share))));
        let written = futures_util::future::try_join_all(parts).await;
        over.store(true, Ordering::SeqCst);
        written
    };
    let read = futures_util::future::try_join_all(readers.iter().map(|reader| async {
        for _ in 0..READS * total {
            if over.load(Ordering::SeqCst) || !drive.read(reader).await? {
                break;
            }
        }
        Ok(())
    }));
    futures_util::future::try_join(write, read).await?;
    for reader in &readers {
        drive.read(reader).await?;
    }
    if !recorder.trouble_seen() {
        stand.start_over().await?;
        let later = match queue::clients(scene, "later", 1, 1).await? {
            Ok(later) => later,
            Err(finding) => return Ok(Some(finding)),
        };
        for reader in &later {
            drive.read(reader).await?;
        }
    }
    stand.set_gatekeeper(None);
    recorder.trouble().map(|(line, trouble)| trouble.finding(&line, &[])).transpose()
}

struct Drive<'a> {
    spec: &'a Spec,
    scene: &'a Scene<'a>,
    recorder: &'a Recorder,
    key: &'a str,
}

impl Drive<'_> {
    /// Writes fresh values, until one call does not return.
    async fn write(&self, writer: &Client, count: usize) -> Result<()> {
        for _ in 0..count {
            let value = fresh::random("value");
            let values = [("key", self.key), ("value", &value), ("worker", &writer.name)];
            let call = self.spec.roles.call(RoleKind::Write, &values, self.scene.variables)?;
            if self.recorder.trouble_seen()
                || self.recorder.act(writer, call, Action::Write { value }).await.is_none()
            {
                break;
            }
        }
        Ok(())
    }

    /// Whether the call returned, as all others did so far.
    async fn read(&self, reader: &Client) -> Result<bool> {
        if self.recorder.trouble_seen() {
            return Ok(false);
        }
        let values = [("key", self.key), ("worker", reader.name.as_str())];
        let call = self.spec.roles.call(RoleKind::Read, &values, self.scene.variables)?;
        Ok(self.recorder.act(reader, call, Action::Read).await.is_some())
    }
}
