use super::output;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::report::progress::Progress;
use crate::session::Session;

/// Remove what belongs to no seat: left behind by a crash or an interruption
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let progress = Progress::start();
        let session = Session::open(catalog, progress.events())?;
        let removed = session.collect_garbage().await?;
        drop(session);
        progress.finish().await;
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
