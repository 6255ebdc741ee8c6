use super::output;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;
use crate::session::Session;

/// Remove what a crash or an interruption left behind, and seats that nobody has
/// used for long
///
/// A seat is kept for 30 days after its last use, or as long as LABS_LEASE says
/// (LABS_LEASE=12h). Other commands that talk to the engine remove those past it
/// too. Where nobody types for long, a line for cron:
///
///   0 4 * * *  /path/to/labs gc     ('command -v labs' says the path; docs/running.md has a timer of systemd)
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// Only say what would be removed
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let removed =
            if self.dry_run { session.garbage().await? } else { session.collect_garbage().await? };
        session.events.shown().await;
        let code = if removed.stay.is_empty() { 0 } else { 3 };
        if self.json {
            output::json(&removed);
            return Ok(code);
        }
        if removed.is_empty() && removed.stay.is_empty() {
            output::print_text("Nothing was left behind\n");
        }
        let verb = if self.dry_run { "would remove" } else { "removed" };
        for (kind, names) in [
            ("container", &removed.containers),
            ("network", &removed.networks),
            ("volume", &removed.volumes),
        ] {
            for name in names {
                output::print_text(&format!("{verb} {kind} {name}\n"));
            }
        }
        Ok(code)
    }
}
