use clap_complete::ArgValueCompleter;

use super::completions;
use super::output;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;
use crate::session::Session;

/// End a lab: its containers and their data go, your workspace and progress stay
///
/// 'labs run' begins again with fresh services and your files. To leave for a
/// while there is no need to stop: a seat that is not used for 30 days is removed
/// by itself.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The lab, left out inside its workspace or when only one runs
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    lab: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let seat = session.resolve_seat(self.lab.as_deref())?;
        let removed = session.events.step("removing the seat", session.stop(&seat)).await?;
        session.events.shown().await;
        if self.json {
            output::json(
                &serde_json::json!({"lab": seat.lab, "seat": seat.id, "removed": removed, "workspace": seat.workspace}),
            );
        } else {
            output::print_text(&format!(
                "{} has ended. Your files are in {}\n",
                seat.lab,
                seat.workspace.display()
            ));
        }
        Ok(0)
    }
}
