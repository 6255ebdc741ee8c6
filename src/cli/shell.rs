use clap_complete::ArgValueCompleter;

use super::completions;
use super::output;
use crate::catalog::Catalog;
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::event::Events;
use crate::screen::shell;
use crate::session::Session;
use crate::session::plan::{Member, Plan, WORKBENCH};

/// Open a shell beside the services, or a service's own client
///
/// The shell is in the workbench: a container on the seat's network with your
/// workspace and the clients of the services. From there services are reached by
/// their names, such as 'redis-cli -h redis'. Its exit code is that of the shell.
///
///   labs shell                    the workbench
///   labs shell redis              redis-cli, connected
///   labs shell redis --repair     at the data of a redis that does not start
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The service whose client to open [default: a shell in the workbench]
    #[arg(add = ArgValueCompleter::new(completions::services))]
    service: Option<String>,
    /// The lab, when more than one runs
    #[arg(long, add = ArgValueCompleter::new(completions::labs))]
    lab: Option<String>,
    /// A shell at the data of a stopped service, to mend what keeps it from starting; then it is started
    #[arg(long, requires = "service")]
    repair: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let session = Session::open(catalog, Events::nowhere())?;
        let (seat, lab) = session.resolve(self.lab.as_deref())?;
        let plan = session.plan(&lab, seat)?;
        if let (true, Some(service)) = (self.repair, &self.service) {
            let member = plan.expect_member(service)?;
            let repairs = repair(&session, &plan, member);
            return session.mindful_of_disk(&plan.seat, repairs).await;
        }
        let command = match self.service.as_deref() {
            None | Some(WORKBENCH) => vec!["bash".to_owned(), "-l".to_owned()],
            Some(service) => {
                plan.expect_container(service, &[WORKBENCH])?;
                plan.expect_member(service)?.client()
            }
        };
        let container = session.workbench(&plan).await?;
        let shell = shell::run(&session.engine, &container, ExecSpec::new(command));
        let code = session.mindful_of_disk(&plan.seat, shell).await;
        output::print_text("");
        code
    }
}

/// Opens a shell at a stopped service's data, and starts the service again.
async fn repair(session: &Session, plan: &Plan, member: &Member) -> Result<u8> {
    shell::repair(session, plan, member).await?;
    let reach = session.restart(plan, member).await?;
    output::print_text(&format!("{} is ready again at {}\n", reach.service, reach.address));
    Ok(0)
}
