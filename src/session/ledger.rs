//! Recorded first, then made; removed first, then forgotten.

use std::fs::File;

use super::Session;
use super::plan::{Labels, OWNER_LABEL, gates_network};
use crate::engine::{ContainerSpec, Network, NetworkSpec, SubnetChoice};
use crate::error::Result;
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
        self.engine.create(spec).await
    }

    pub(super) async fn drop_container(&self, name: &str) -> Result<()> {
        self.engine.remove(name, true).await?;
        self.store.remove_resource(ResourceKind::Container, name)
    }

    /// Keeps other commands from changing a seat, and waits for a check that goes on.
    pub(super) async fn lock_seat(&self, lab: &str) -> Result<[File; 2]> {
        let seat = self.store.lock(lab)?;
        let name = check_lock(lab);
        let check = self.events.passing("waiting for a check", self.store.lock_waiting(&name));
        Ok([seat, check.await?])
    }

    /// A container that removes itself.
    pub(super) fn forget_container(&self, name: &str) -> Result<()> {
        self.store.remove_resource(ResourceKind::Container, name)
    }

    pub(super) async fn make_volume(&self, seat: &str, name: &str, labels: &Labels) -> Result<()> {
        self.record(ResourceKind::Volume, name, seat, "")?;
        self.engine.volume_create(name, labels).await
    }

    pub(super) async fn drop_volume(&self, name: &str) -> Result<()> {
        self.engine.volume_remove(name).await?;
        self.store.remove_resource(ResourceKind::Volume, name)
    }

    /// The seat's own network: no way out, no gateway, a small subnet of our range.
    pub(super) async fn make_seat_network(
        &self,
        seat: &str,
        name: String,
        labels: &Labels,
    ) -> Result<Network> {
        self.record(ResourceKind::Network, &name, seat, "")?;
        let range = subnet_range()?;
        let spec = NetworkSpec {
            name,
            subnet: SubnetChoice::FreeIn { range, prefix: SEAT_PREFIX },
            internal: true,
            closed_gateway: true,
            isolated: false,
            labels: labels.clone(),
        };
        self.engine.network_create(&spec).await
    }

    pub(super) async fn drop_network(&self, name: &str) -> Result<()> {
        self.engine.network_remove(name).await?;
        self.store.remove_resource(ResourceKind::Network, name)
    }

    /// The network that all gates share to publish their ports; they cannot reach each other on it.
    pub(super) async fn ensure_gates_network(&self) -> Result<()> {
        let installation = self.store.installation()?;
        let name = gates_network(&installation);
        if self.engine.network(&name).await?.is_some() {
            return Ok(());
        }
        // The engine allows two networks of one name: only one labs at a time may make it.
        let _lock = self.store.lock_waiting(&name).await?;
        if self.engine.network(&name).await?.is_some() {
            return Ok(());
        }
        self.record(ResourceKind::Network, &name, "", "")?;
        let spec = NetworkSpec {
            name,
            subnet: SubnetChoice::FreeIn { range: subnet_range()?, prefix: GATES_PREFIX },
            internal: false,
            closed_gateway: false,
            isolated: true,
            labels: [(OWNER_LABEL.to_owned(), installation)].into(),
        };
        self.engine.network_create(&spec).await.map(drop)
    }

    fn record(&self, kind: ResourceKind, name: &str, seat: &str, detail: &str) -> Result<()> {
        self.store.add_resource(&Resource {
            kind,
            name: name.to_owned(),
            seat: seat.to_owned(),
            detail: detail.to_owned(),
        })
    }
}

/// The name of the lock that a check holds while it has stands.
pub(super) fn check_lock(lab: &str) -> String {
    format!("{lab}.check")
}

fn subnet_range() -> Result<crate::engine::Subnet> {
    std::env::var("LABS_SUBNETS").as_deref().unwrap_or(DEFAULT_RANGE).parse()
}
