//! Recorded first, then made; removed first, then forgotten.

use std::fs::File;

use super::plan::{LEASE_LABEL, Labels, OWNER_LABEL, Plan, gates_network};
use super::{Session, lease};
use crate::engine::{ContainerSpec, Network, NetworkSpec, Subnet, SubnetChoice};
use crate::error::{Error, Result};
use crate::failpoint;
use crate::store::{Resource, ResourceKind};

/// Seats get their networks from this range unless `LABS_SUBNETS` names another.
const DEFAULT_RANGE: &str = "10.87.0.0/16";
const SEAT_PREFIX: u8 = 27;
/// Every gate has an address on the network they share.
const GATES_PREFIX: u8 = 22;

impl Session {
    /// Makes a container of a seat, without starting it.
    pub(super) async fn make_container(&self, seat: &str, spec: &ContainerSpec) -> Result<String> {
        self.record(ResourceKind::Container, &spec.name, seat, "")?;
        let mut spec = spec.clone();
        spec.labels = leased(spec.labels)?;
        self.engine.create(&spec).await
    }

    pub(super) async fn drop_container(&self, name: &str) -> Result<()> {
        self.engine.remove(name, true).await?;
        self.forget(ResourceKind::Container, name)
    }

    /// Keeps other commands from changing a seat, and waits for a check that goes on.
    pub(super) async fn lock_seat(&self, lab: &str) -> Result<[File; 2]> {
        let seat = self.store.lock(lab)?;
        let name = check_lock(lab);
        let check = self.events.passing("waiting for a check", self.store.lock_waiting(&name));
        Ok([seat, check.await?])
    }

    pub(super) async fn make_volume(&self, seat: &str, name: &str, labels: &Labels) -> Result<()> {
        self.record(ResourceKind::Volume, name, seat, "")?;
        self.engine.volume_create(name, &leased(labels.clone())?).await
    }

    /// The subnet of a seat's network, or the one that it is likely to get.
    pub(super) async fn seat_subnet(&self, plan: &Plan) -> Result<Subnet> {
        let network = self.engine.networks_named(&plan.network()).await?.pop();
        match network.and_then(|network| network.subnets.first().copied()) {
            Some(subnet) => Ok(subnet),
            None => self.engine.free_subnet(subnet_range()?, SEAT_PREFIX).await,
        }
    }

    /// The seat's own network: no way out, no gateway, a small subnet of our range, `likely` unless it was taken meanwhile.
    pub(super) async fn ensure_seat_network(&self, plan: &Plan, likely: Subnet) -> Result<Network> {
        let spec = NetworkSpec {
            name: plan.network(),
            subnet: SubnetChoice::FreeIn {
                range: subnet_range()?,
                prefix: SEAT_PREFIX,
                likely: Some(likely),
            },
            internal: true,
            closed_gateway: true,
            isolated: false,
            labels: leased(plan.labels())?,
        };
        self.ensure_network(&plan.seat.id, spec).await
    }

    /// The network that all gates share to publish their ports; they cannot reach each other on it.
    pub(super) async fn ensure_gates_network(&self) -> Result<Network> {
        let installation = self.store.installation()?;
        let spec = NetworkSpec {
            name: gates_network(&installation),
            subnet: SubnetChoice::FreeIn {
                range: subnet_range()?,
                prefix: GATES_PREFIX,
                likely: None,
            },
            internal: false,
            closed_gateway: false,
            isolated: true,
            labels: [(OWNER_LABEL.to_owned(), installation)].into(),
        };
        self.ensure_network("", spec).await
    }

    /// Finds a network or makes it. One at a time, since the engine allows several of one name: who makes that of a seat
    /// holds the seat. A `labs` that was killed while it made one may have left another, which goes.
    async fn ensure_network(&self, seat: &str, spec: NetworkSpec) -> Result<Network> {
        // What belongs to no seat is shared by all of them, the throw-away ones too.
        let _lock =
            if seat.is_empty() { Some(self.store.lock_shared(&spec.name).await?) } else { None };
        self.record(ResourceKind::Network, &spec.name, seat, "")?;
        if self.engine.networks_named(&spec.name).await?.is_empty() {
            self.engine.network_create(&spec).await?;
        }
        let mut networks = self.engine.networks_named(&spec.name).await?;
        while networks.len() > 1 {
            // One that is in use stays, and the engine refuses to remove it.
            let spare = networks.remove(0);
            if self.engine.network_remove(&spare.id).await.is_err() {
                networks = vec![spare];
            }
        }
        networks.pop().ok_or_else(|| {
            Error::infrastructure("A network that was just made is gone")
                .at(&spec.name)
                .help("try again")
        })
    }

    pub(super) async fn drop_network(&self, name: &str) -> Result<()> {
        self.remove_network(name).await?;
        self.forget(ResourceKind::Network, name)
    }

    /// Removes all networks of a name from the engine.
    pub(super) async fn remove_network(&self, name: &str) -> Result<()> {
        for network in self.engine.networks_named(name).await? {
            self.engine.network_remove(&network.id).await?;
        }
        Ok(())
    }

    pub(super) fn record(
        &self,
        kind: ResourceKind,
        name: &str,
        seat: &str,
        detail: &str,
    ) -> Result<()> {
        failpoint::step();
        self.store.add_resource(&Resource {
            kind,
            name: name.to_owned(),
            seat: seat.to_owned(),
            detail: detail.to_owned(),
        })
    }

    pub(super) fn forget(&self, kind: ResourceKind, name: &str) -> Result<()> {
        failpoint::step();
        self.store.remove_resource(kind, name)
    }
}

/// With the lease as it is when something is made; what counts is the ledger's, which is renewed.
fn leased(mut labels: Labels) -> Result<Labels> {
    labels.insert(LEASE_LABEL.to_owned(), lease::until()?);
    Ok(labels)
}

/// The name of the lock that a check holds while it has stands.
pub(super) fn check_lock(lab: &str) -> String {
    format!("{lab}.check")
}

fn subnet_range() -> Result<Subnet> {
    std::env::var("LABS_SUBNETS").as_deref().unwrap_or(DEFAULT_RANGE).parse()
}
