//! A shell at the data of a service that does not run, with which to mend what keeps it from starting.

use std::fs::File;

use super::Session;
use super::plan::{Member, Plan};
use crate::error::{Error, Result};
use crate::store::{ResourceKind, SeatRow};

/// What the ledger notes of a container of a repair.
const REPAIR: &str = "repair";

/// The container of a repair, which nobody else removes as long as this is held.
pub struct Repair {
    pub container: String,
    _lock: File,
}

impl Session {
    /// A container of the workbench's image that has the data of a stopped service, as the service's user and without
    /// a network. It is gone with [`Session::end_repair`], or with the seat.
    ///
    /// # Errors
    /// The service runs, keeps no data, or is being repaired; the engine refuses.
    pub async fn begin_repair(&self, plan: &Plan, member: &Member) -> Result<Repair> {
        let service = &member.name;
        if self.runs(&plan.container(service)).await? {
            return Err(Error::usage(format!(
                "The service {service} runs: there is nothing to repair"
            ))
            .help(format!(
                "'labs shell {service}' is its client, 'labs exec {service} -- sh' a shell in it"
            )));
        }
        let spec = plan.repair(member).ok_or_else(|| {
            let error = Error::usage(format!("The service {service} keeps no data to repair"));
            match member.files() {
                Some((folder, _)) => error.help(format!(
                    "its files are in {}: mend them, then 'labs restart {service}'",
                    plan.workspace().join(folder).display()
                )),
                None => error.help("'labs reset' makes it anew"),
            }
        })?;
        let repair = self.hold_repair(&plan.seat, spec.name.clone())?;
        self.drop_container(&spec.name).await?;
        self.record(ResourceKind::Container, &spec.name, &plan.seat.id, REPAIR)?;
        self.make_container(&plan.seat.id, &spec).await?;
        self.engine.start(&spec.name).await?;
        Ok(repair)
    }

    /// # Errors
    /// The engine refuses.
    pub async fn end_repair(&self, repair: Repair) -> Result<()> {
        self.drop_container(&repair.container).await
    }

    /// Removes the containers of repairs whose `labs` was killed, which still have the data; answers their names.
    pub(super) async fn remove_abandoned_repairs(&self, seat: &SeatRow) -> Result<Vec<String>> {
        let mut removed = Vec::new();
        for repair in self.abandoned_repairs(seat)? {
            self.drop_container(&repair.container).await?;
            removed.push(repair.container);
        }
        Ok(removed)
    }

    /// What [`Session::remove_abandoned_repairs`] would remove.
    pub(super) fn abandoned_repairs(&self, seat: &SeatRow) -> Result<Vec<Repair>> {
        let recorded = self.store.resources(Some(&seat.id))?;
        let repairs = recorded.into_iter().filter(|resource| resource.detail == REPAIR);
        Ok(repairs.filter_map(|repair| self.hold_repair(seat, repair.name).ok()).collect())
    }

    /// # Errors
    /// Another `labs` is at it.
    fn hold_repair(&self, seat: &SeatRow, container: String) -> Result<Repair> {
        let part = container.strip_prefix(&format!("labs-{}-", seat.id)).unwrap_or(&container);
        let lock = self.store.lock(&format!("{}.{part}", seat.lab))?;
        Ok(Repair { container, _lock: lock })
    }
}
