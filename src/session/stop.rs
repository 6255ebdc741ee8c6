//! Stopping a seat, and removing what was left behind.

use futures_util::future::join_all;
use serde::Serialize;

use super::Session;
use super::ledger::check_lock;
use super::plan::{OWNER_LABEL, SEAT_LABEL, gates_network};
use crate::error::Result;
use crate::store::{Resource, ResourceKind, SeatRow};

/// What was removed, by kind.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct Removed {
    pub containers: Vec<String>,
    pub networks: Vec<String>,
    pub volumes: Vec<String>,
    /// What the engine has not removed yet.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stay: Vec<String>,
}

impl Removed {
    pub(super) fn add(&mut self, part: Self) {
        self.containers.extend(part.containers);
        self.networks.extend(part.networks);
        self.volumes.extend(part.volumes);
        self.stay.extend(part.stay);
    }

    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }
}

impl Session {
    /// Removes a seat: its containers, then its network and volumes. The workspace stays.
    pub async fn stop(&self, seat: &SeatRow) -> Result<Removed> {
        let _locks = self.lock_seat(&seat.lab).await?;
        self.end(seat).await
    }

    /// Removes a seat that nobody else is changing or checking, if it still is as `goes` says: since it was looked at,
    /// somebody may have used it. None when it stays.
    ///
    /// # Errors
    /// The engine refuses.
    pub(super) async fn stop_if(
        &self,
        seat: &SeatRow,
        goes: impl Fn(&SeatRow) -> bool,
    ) -> Result<Option<Removed>> {
        let names = [seat.lab.clone(), check_lock(&seat.lab)];
        let Ok(_locks) = names.iter().map(|name| self.store.lock(name)).collect::<Result<Vec<_>>>()
        else {
            return Ok(None);
        };
        match self.store.seat_of(&seat.lab)? {
            Some(now) if now.id == seat.id && goes(&now) => self.end(&now).await.map(Some),
            _ => Ok(None),
        }
    }

    async fn end(&self, seat: &SeatRow) -> Result<Removed> {
        let removed = self.remove_resources(&seat.id).await?;
        self.store.remove_seat(&seat.id)?;
        Ok(removed)
    }

    /// Removes everything of a seat from the engine: what the ledger knows, and what carries its label. What the engine
    /// does not let go of, others having put something on it or for reasons of its own, keeps nothing else from going: its
    /// label tells the next one to collect garbage to try again.
    ///
    /// # Errors
    /// The engine does not answer.
    pub(super) async fn remove_resources(&self, seat: &str) -> Result<Removed> {
        let Removed { containers, networks, volumes, .. } = self.belongings(seat).await?;
        let mut removed = Removed::default();
        let containers = containers.into_iter().map(|name| async {
            let gone = self.engine.remove(&name, true).await;
            (name, gone)
        });
        for (name, gone) in join_all(containers).await {
            if self.is_gone(&name, gone, &mut removed.stay) {
                self.forget(ResourceKind::Container, &name)?;
                removed.containers.push(name);
            }
        }
        for name in networks {
            let gone = self.remove_network(&name).await;
            if self.is_gone(&name, gone, &mut removed.stay) {
                self.forget(ResourceKind::Network, &name)?;
                removed.networks.push(name);
            }
        }
        for name in volumes {
            let gone = self.engine.volume_remove(&name).await;
            if self.is_gone(&name, gone, &mut removed.stay) {
                self.forget(ResourceKind::Volume, &name)?;
                removed.volumes.push(name);
            }
        }
        if !removed.stay.is_empty() {
            self.engine.ping().await?;
        }
        Ok(removed)
    }

    /// Whether the engine has removed something; if not, that is said, and its name added to what stays.
    fn is_gone<T>(&self, name: &str, gone: Result<T>, stay: &mut Vec<String>) -> bool {
        let Err(error) = gone else { return true };
        self.events.note(format!("{error}\n'labs gc' tries again"));
        stay.push(name.to_owned());
        false
    }

    /// What a seat has on the engine, or had before it was removed there by somebody else.
    async fn belongings(&self, seat: &str) -> Result<Removed> {
        let label = format!("{SEAT_LABEL}={seat}");
        let label = [label.as_str()];
        let recorded = self.store.resources(Some(seat))?;
        let of_kind = |kind| {
            recorded.iter().filter(move |r: &&Resource| r.kind == kind).map(|r| r.name.clone())
        };
        let (containers, networks, volumes) = tokio::try_join!(
            self.engine.list(&label),
            self.engine.networks(&label),
            self.engine.volumes(&label),
        )?;
        Ok(Removed {
            containers: union(
                of_kind(ResourceKind::Container),
                containers.into_iter().map(|c| c.name),
            ),
            networks: union(of_kind(ResourceKind::Network), networks.into_iter().map(|n| n.name)),
            volumes: union(of_kind(ResourceKind::Volume), volumes.into_iter().map(|v| v.name)),
            ..Removed::default()
        })
    }

    /// Removes what belongs to no seat that is recorded, the seats whose lease has run out, and the throw-away
    /// containers of checks that were cut short.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn collect_garbage(&self) -> Result<Removed> {
        let mut orphans = self.seats_on_engine().await?;
        // The seats are read last: one that is being started right now was recorded before what it made.
        let (mut removed, mut seats) = self.collect_scratch().await?;
        removed.add(self.end_expired().await?);
        for seat in self.store.seats()? {
            if seat.ready {
                seats.push(seat.id);
                continue;
            }
            match self.stop_if(&seat, |seat| !seat.ready).await? {
                Some(gone) => removed.add(gone),
                None => seats.push(seat.id),
            }
        }
        orphans.retain(|seat| !seats.contains(seat));
        for seat in orphans {
            removed.add(self.remove_resources(&seat).await?);
        }
        for seat in self.store.seats()? {
            removed.containers.extend(self.remove_abandoned_stands(&seat.id).await?);
            removed.containers.extend(self.remove_abandoned_repairs(&seat).await?);
        }
        let gates = gates_network(&self.store.installation()?);
        // A seat is recorded before it looks for this network, which it does under the same lock.
        let _lock = self.store.lock_shared(&gates).await?;
        let unused = self.store.seats()?.is_empty() && self.scratch_seats().is_empty();
        if unused && !self.engine.networks_named(&gates).await?.is_empty() {
            self.drop_network(&gates).await?;
            removed.networks.push(gates);
        }
        Ok(removed)
    }

    /// What [`Session::collect_garbage`] would remove.
    ///
    /// # Errors
    /// The engine does not answer.
    pub async fn garbage(&self) -> Result<Removed> {
        let mut gone = self.seats_on_engine().await?;
        let mut kept = self.living_scratch()?;
        let expired: Vec<String> =
            self.store.expired_seats()?.into_iter().map(|seat| seat.id).collect();
        let seats = self.store.seats()?;
        let stays = |seat: &&SeatRow| !expired.contains(&seat.id) && !self.was_cut_short(seat);
        kept.extend(seats.iter().filter(stays).map(|seat| seat.id.clone()));
        gone.retain(|seat| !kept.contains(seat));
        let mut garbage = Removed::default();
        for seat in gone {
            garbage.add(self.belongings(&seat).await?);
        }
        for seat in seats.iter().filter(stays) {
            garbage.containers.extend(self.abandoned_stands(seat).await?);
            let repairs = self.abandoned_repairs(seat)?;
            garbage.containers.extend(repairs.into_iter().map(|repair| repair.container));
        }
        let gates = gates_network(&self.store.installation()?);
        if kept.is_empty() && !self.engine.networks_named(&gates).await?.is_empty() {
            garbage.networks.push(gates);
        }
        Ok(garbage)
    }

    /// Whether a seat's start was cut short, and does not go on right now.
    fn was_cut_short(&self, seat: &SeatRow) -> bool {
        !seat.ready && self.store.lock(&seat.lab).is_ok()
    }

    /// The ids of all seats that have something on the engine, or had it recorded.
    async fn seats_on_engine(&self) -> Result<Vec<String>> {
        let ours = format!("{OWNER_LABEL}={}", self.store.installation()?);
        let ours = [ours.as_str()];
        let (containers, networks, volumes) = tokio::try_join!(
            self.engine.list(&ours),
            self.engine.networks(&ours),
            self.engine.volumes(&ours),
        )?;
        let labels = containers.into_iter().map(|c| c.labels);
        let labels = labels.chain(networks.into_iter().map(|n| n.labels));
        let labels = labels.chain(volumes.into_iter().map(|v| v.labels));
        let mut seats: Vec<String> =
            labels.filter_map(|labels| labels.get(SEAT_LABEL).cloned()).collect();
        seats.extend(self.store.resources(None)?.into_iter().map(|r| r.seat));
        seats.retain(|seat| !seat.is_empty());
        seats.sort();
        seats.dedup();
        Ok(seats)
    }
}

fn union(a: impl Iterator<Item = String>, b: impl Iterator<Item = String>) -> Vec<String> {
    let mut names: Vec<String> = a.chain(b).collect();
    names.sort();
    names.dedup();
    names
}
