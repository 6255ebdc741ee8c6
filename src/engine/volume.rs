//! Named volumes.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bollard::models::VolumeCreateRequest;
use bollard::query_parameters::{ListVolumesOptions, RemoveVolumeOptions};

use super::container::map;
use super::inspect::label_filter;
use super::{CHANGE, Engine, READ, fault, repeat_while};
use crate::error::Result;

/// How long the engine may take to let go of the volumes of a container that is gone.
const LETS_GO_WITHIN: Duration = Duration::from_secs(5);

/// A named volume.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    pub name: String,
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a volume; one of that name that exists is left as it is, labels too.
    pub async fn volume_create(&self, name: &str, labels: &BTreeMap<String, String>) -> Result<()> {
        let request = VolumeCreateRequest {
            name: Some(name.to_owned()),
            labels: Some(map(labels)),
            ..Default::default()
        };
        let what = format!("create the volume {name}");
        self.call(what, CHANGE, self.docker.create_volume(request)).await.map(drop)
    }

    /// `false` if there was none; an error while a container has it. The engine forgets a container a moment before it
    /// lets go of its volumes, so one that is in use is tried again.
    pub async fn volume_remove(&self, name: &str) -> Result<bool> {
        let what = format!("remove the volume {name}");
        let began = Instant::now();
        let removal = async {
            loop {
                let end = repeat_while(fault::is_conflict, LETS_GO_WITHIN, || {
                    self.docker.remove_volume(name, None::<RemoveVolumeOptions>)
                })
                .await;
                // On a busy engine one was there that had been reported as removed.
                if end.is_err()
                    || began.elapsed() > LETS_GO_WITHIN
                    || self.docker.inspect_volume(name).await.is_err()
                {
                    return end;
                }
            }
        };
        self.find(what, CHANGE, removal).await.map(|gone| gone.is_some())
    }

    /// All volumes with every one of `labels` (`key` or `key=value`).
    pub async fn volumes(&self, labels: &[&str]) -> Result<Vec<Volume>> {
        let options = ListVolumesOptions { filters: Some(label_filter(labels)) };
        let found = self
            .call("list the volumes".into(), READ, self.docker.list_volumes(Some(options)))
            .await?;
        let volume = |volume: bollard::models::Volume| Volume {
            name: volume.name,
            labels: volume.labels.into_iter().collect(),
        };
        Ok(found.volumes.unwrap_or_default().into_iter().map(volume).collect())
    }
}
