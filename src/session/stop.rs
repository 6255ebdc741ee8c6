//! Stopping a seat, and removing what was left behind.

use std::collections::BTreeMap;

use serde::Serialize;

use super::Session;
use super::plan::{OWNER_LABEL, SEAT_LABEL, gates_network};
use crate::error::Result;
use crate::store::{Resource, ResourceKind, SeatRow};

/// What was removed, by kind.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    pub containers: Vec<String>,
    pub networks: Vec<String>,
    pub volumes: Vec<String>,
}

impl Removed {
    pub(super) fn add(&mut self, part: Self) {
        self.containers.extend(part.containers);
        self.networks.extend(part.networks);
        self.volumes.extend(part.volumes);
    }

    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

impl Session {
    /// Removes a seat: its containers, then its network and volumes. The workspace stays.
    pub async fn stop(&self, seat: &SeatRow) -> Result<Removed> {
        let _locks = self.lock_seat(&seat.lab).await?;
        let removed = self.remove_resources(&seat.id).await?;
        self.store.remove_seat(&seat.id)?;
        Ok(removed)
    }

    /// Removes everything of a seat from the engine: what the ledger knows, and what carries its label.
    pub(super) async fn remove_resources(&self, seat: &str) -> Result<Removed> {
        let label = format!("{SEAT_LABEL}={seat}");
        let recorded = self.store.resources(Some(seat))?;
        let of_kind = |kind| {
            recorded.iter().filter(move |r: &&Resource| r.kind == kind).map(|r| r.name.clone())
        };
        let mut removed = Removed::default();

        let found = self.engine.list(&[&label]).await?.into_iter().map(|c| c.name);
        removed.containers = union(of_kind(ResourceKind::Container), found);
        let drops = removed.containers.iter().map(|name| self.drop_container(name));
        futures_util::future::try_join_all(drops).await?;

        let found = self.engine.networks(&[&label]).await?.into_iter().map(|n| n.name);
        removed.networks = union(of_kind(ResourceKind::Network), found);
        for name in &removed.networks {
            self.drop_network(name).await?;
        }
        let found = self.engine.volumes(&[&label]).await?.into_iter().map(|v| v.name);
        removed.volumes = union(of_kind(ResourceKind::Volume), found);
        for name in &removed.volumes {
            self.drop_volume(name).await?;
        }
        Ok(removed)
    }

    /// Removes what belongs to no seat that is recorded, and the throw-away containers of checks that
    /// were cut short.
    pub async fn collect_garbage(&self) -> Result<Removed> {
        let installation = self.store.installation()?;
        let ours = format!("{OWNER_LABEL}={installation}");
        let ours = [ours.as_str()];
        let mut orphans: Vec<String> =
            self.store.resources(None)?.into_iter().map(|r| r.seat).collect();
        let mut labelled =
            |labels: BTreeMap<String, String>| orphans.extend(labels.get(SEAT_LABEL).cloned());
        self.engine.list(&ours).await?.into_iter().for_each(|c| labelled(c.labels));
        self.engine.networks(&ours).await?.into_iter().for_each(|n| labelled(n.labels));
        self.engine.volumes(&ours).await?.into_iter().for_each(|v| labelled(v.labels));

        // The seats are read last: one that is being started right now was recorded before what it made.
        let (mut removed, mut seats) = self.collect_scratch().await?;
        for seat in self.store.seats()? {
            // A start that was cut short, unless it goes on right now.
            if !seat.ready && self.store.lock(&seat.lab).is_ok() {
                removed.add(self.stop(&seat).await?);
            } else {
                seats.push(seat.id);
            }
        }
        orphans.retain(|seat| !seat.is_empty() && !seats.contains(seat));
        orphans.sort();
        orphans.dedup();
        for seat in orphans {
            removed.add(self.remove_resources(&seat).await?);
        }
        for seat in self.store.seats()?.iter().map(|s| &s.id) {
            removed.containers.extend(self.remove_abandoned_stands(seat).await?);
        }
        let gates = gates_network(&installation);
        // A seat is recorded before it looks for this network, which it does under the same lock.
        let _lock = self.store.lock_shared(&gates).await?;
        let unused = self.store.seats()?.is_empty() && self.scratch_seats().is_empty();
        if unused && !self.engine.networks_named(&gates).await?.is_empty() {
            self.drop_network(&gates).await?;
            removed.networks.push(gates);
        }
        Ok(removed)
    }
}

fn union(a: impl Iterator<Item = String>, b: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = a.chain(b).collect();
    names.sort();
    names.dedup();
    names
}
