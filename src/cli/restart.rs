use clap_complete::ArgValueCompleter;

use super::completions;
use super::output;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;
use crate::session::Session;
use crate::session::plan::WORKBENCH;

/// Restart a service; its data stays where the service keeps it. Or the
/// workbench: what runs in it ends
///
/// It returns when the service answers again. One that does not is explained by
/// the last lines of its log; 'labs shell SERVICE --repair' opens a shell at its
/// data.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A service of the lab, or 'workbench'
    #[arg(add = ArgValueCompleter::new(completions::services))]
    service: String,
    /// The lab, when more than one runs
    #[arg(long, add = ArgValueCompleter::new(completions::labs))]
    lab: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let (seat, lab) = session.resolve(self.lab.as_deref())?;
        let plan = session.plan(&lab, seat)?;
        plan.expect_container(&self.service, &[WORKBENCH])?;
        let Some(member) = plan.member(&self.service) else {
            session.restart_workbench(&plan).await?;
            session.events.shown().await;
            if self.json {
                output::json(&serde_json::json!({ "service": WORKBENCH, "address": null }));
            } else {
                output::print_text("The workbench is there again\n");
            }
            return Ok(0);
        };
        let reach = session.restart(&plan, member).await?;
        session.events.shown().await;
        if self.json {
            output::json(&reach);
        } else {
            output::print_text(&format!("{} is ready again at {}\n", reach.service, reach.address));
        }
        Ok(0)
    }
}
