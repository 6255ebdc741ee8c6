//! A shell at the data of a service that does not run, with which to mend what keeps it from starting.

use super::Session;
use super::plan::{Member, Plan};
use crate::engine::ContainerSpec;
use crate::error::{Error, Result};

impl Session {
    /// A container of the workbench's image that has the data of a stopped service, as the service's user and without
    /// a network. It is gone with [`Session::end_repair`], or with the seat.
    ///
    /// # Errors
    /// The service runs, or keeps no data; the engine refuses.
    pub async fn begin_repair(&self, plan: &Plan, member: &Member) -> Result<ContainerSpec> {
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
        self.drop_container(&spec.name).await?;
        self.make_container(&plan.seat.id, &spec).await?;
        self.engine.start(&spec.name).await?;
        Ok(spec)
    }

    /// # Errors
    /// The engine refuses.
    pub async fn end_repair(&self, spec: &ContainerSpec) -> Result<()> {
        self.drop_container(&spec.name).await
    }
}
