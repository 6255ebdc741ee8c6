use clap_complete::ArgValueCompleter;

use super::completions;
use crate::catalog::Catalog;
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::event::Events;
use crate::screen::shell;
use crate::session::Session;
use crate::session::plan::WORKBENCH;

/// Run a command in a service's container or in the workbench; stdin is passed on
///
/// The exit code is that of the command.
///
///   labs exec workbench -- redis-cli -h redis LLEN jobs
///   labs exec mysql -- ls -l /var/lib/mysql
///   labs exec workbench -- mysql -h mysql -u root -plabs < dump.sql
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A service of the lab, or 'workbench'
    #[arg(add = ArgValueCompleter::new(completions::services))]
    service: String,
    /// The lab, when more than one runs
    #[arg(long, add = ArgValueCompleter::new(completions::labs))]
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
        let container = plan.expect_container(&self.service, &[WORKBENCH])?;
        if self.service == WORKBENCH {
            session.workbench(&plan).await?;
        } else {
            session.must_run(&container, &self.service).await?;
        }
        let command = ExecSpec::new(self.command);
        let runs = shell::plain(&session.engine, &container, &command);
        session.mindful_of_disk(&plan.seat, runs).await
    }
}
