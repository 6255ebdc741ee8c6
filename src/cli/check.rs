use super::output;
use super::target::Target;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;
use crate::report::text::{self, Detail};
use crate::session::Session;
use crate::term::signal::interrupted;
use crate::verdict::Verdict;

/// Check your work against the live services
///
/// All tasks, or those of one name. Checks leave your data as it is: they drive
/// your program against a copy of the service. A task that has passed once stays
/// passed. Exit code 0 when all pass, 1 when some check fails, 3 when one could
/// not be made.
///
///   labs check                    every task of the lab that runs
///   labs check redis-queues fifo --verbose
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Show long values in full
    #[arg(short, long)]
    verbose: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let resolved = self.target.resolve(&session.catalog, &session.store)?;
        let check = session.check(&resolved.lab, &resolved.seat, resolved.task.as_deref());
        let result = tokio::select! {
            result = session.mindful_of_disk(&resolved.seat, check) => result?,
            signal = interrupted() => {
                session.remove_abandoned_stands(&resolved.seat.id).await?;
                return Ok(signal);
            }
        };
        session.events.shown().await;
        if self.json {
            output::json(&result);
        } else {
            output::print_text(&text::lab(
                &result,
                Detail { verbose: self.verbose, ..Detail::brief() },
            ));
        }
        Ok(match result.verdict {
            Verdict::Pass => 0,
            Verdict::Fail | Verdict::Blocked => 1,
            Verdict::Error => 3,
        })
    }
}
