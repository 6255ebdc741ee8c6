use super::output;
use crate::catalog::Catalog;
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::event::Events;
use crate::screen::shell;
use crate::session::Session;
use crate::session::plan::WORKBENCH;

/// Open a shell beside the services, or a service's own client
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The service whose client to open [default: a shell in the workbench]
    service: Option<String>,
    /// The lab, when more than one runs
    #[arg(long)]
    lab: Option<String>,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let session = Session::open(catalog, Events::nowhere())?;
        let (seat, lab) = session.resolve(self.lab.as_deref())?;
        let plan = session.plan(&lab, seat)?;
        let command = match self.service.as_deref() {
            None | Some(WORKBENCH) => vec!["bash".to_owned(), "-l".to_owned()],
            Some(service) => {
                plan.expect_container(service, &[WORKBENCH])?;
                plan.expect_member(service)?.client()
            }
        };
        let container = session.workbench(&plan).await?;
        let code = shell::run(&session.engine, &container, ExecSpec::new(command)).await;
        output::print_text("");
        code
    }
}
