use super::output;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;
use crate::session::Session;

/// Remove what belongs to no seat: left behind by a crash or an interruption
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let removed = session.collect_garbage().await?;
        session.events.shown().await;
        if self.json {
            output::json(&removed);
            return Ok(0);
        }
        if removed.is_empty() {
            output::print_text("Nothing was left behind\n");
        }
        for (kind, names) in [
            ("container", &removed.containers),
            ("network", &removed.networks),
            ("volume", &removed.volumes),
        ] {
            for name in names {
                output::print_text(&format!("removed {kind} {name}\n"));
            }
        }
        Ok(0)
    }
}
