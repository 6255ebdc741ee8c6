use crate::catalog::{Catalog, unknown};
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::event::Events;
use crate::screen::shell;
use crate::session::Session;
use crate::session::plan::WORKBENCH;

/// Run a command in a service's container or in the workbench; stdin is passed on
#[derive(Debug, clap::Args)]
pub struct Args {
    /// A service of the lab, or 'workbench'
    service: String,
    /// The lab, when more than one runs
    #[arg(long)]
    lab: Option<String>,
    /// The command and its arguments
    #[arg(last = true, required = true)]
    command: Vec<String>,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let session = Session::open(catalog, Events::nowhere())?;
        let (seat, lab) = session.resolve(self.lab.as_deref())?;
        let plan = session.plan(&lab, seat)?;
        let mut names: Vec<String> = plan.members.iter().map(|m| m.name.clone()).collect();
        names.push(WORKBENCH.to_owned());
        if !names.contains(&self.service) {
            return Err(unknown(
                "service",
                &self.service,
                &names,
                &format!("there are: {}", names.join(", ")),
            ));
        }
        let container = if self.service == WORKBENCH {
            session.workbench(&plan).await?
        } else {
            let container = plan.container(&self.service);
            session.must_run(&container, &self.service).await?;
            container
        };
        shell::plain(&session.engine, &container, &ExecSpec::new(self.command)).await
    }
}
