use clap_complete::ArgValueCompleter;

use super::completions;
use super::output;
use crate::catalog::Catalog;
use crate::error::{Kind, Result};
use crate::event::Events;
use crate::session::Session;
use crate::session::plan::GATE;
use crate::session::status::{Part, RUNNING};
use crate::store::Store;

/// Show the seats: their services, how to reach them, and your progress
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab, left out inside its workspace or when only one runs
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    lab: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let nothing = self.lab.is_none() && Store::open()?.seats()?.is_empty();
        if nothing {
            // There is nothing to ask an engine about, and perhaps none to ask.
            if self.json {
                output::json(&serde_json::json!({ "seats": [] }));
            } else {
                output::print_text("No lab runs. Start one with: labs run LAB\n");
            }
            return Ok(0);
        }
        let session = Session::open(catalog, Events::nowhere())?;
        let seats = match &self.lab {
            Some(lab) => vec![session.resolve(Some(lab))?.0],
            None => session.store.seats()?,
        };
        let mut statuses = Vec::new();
        for seat in seats {
            let lab = seat.lab.clone();
            match session.status(seat).await {
                Ok(status) => statuses.push(status),
                // Its lab may be in another folder, or be edited right now: the other seats are well.
                Err(error) if self.lab.is_none() && error.kind == Kind::Usage => {
                    output::note(&format!("{lab} is left out: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        if self.json {
            output::json(&serde_json::json!({ "seats": statuses }));
            return Ok(0);
        }
        for status in statuses {
            let mut text =
                format!("{}  {} of {} tasks passed\n", status.lab, status.passed, status.tasks);
            text.push_str(&format!("  workspace  {}\n", status.workspace.display()));
            // Who sits there has nothing to do with the gate, as long as it runs.
            let shown = |part: &&Part| part.name != GATE || part.state != RUNNING;
            for part in status.parts.iter().filter(shown) {
                let address = part.address.map_or(String::new(), |a| format!("  {a}"));
                text.push_str(&format!("  {:<10} {}{address}\n", part.name, part.state));
            }
            output::print_text(&text);
        }
        Ok(0)
    }
}
