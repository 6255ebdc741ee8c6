use std::path::PathBuf;

use clap_complete::ArgValueCompleter;
use console::style;

use super::completions;
use super::keyed::Keyed;
use super::output;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;
use crate::report::reach;
use crate::screen;
use crate::session::Session;
use crate::session::start::{Started, Wanted};
use crate::store::Store;
use crate::term::signal::interrupted;

/// Start a lab, or go on with it
///
/// In a terminal it becomes the place to work in: the task, its checks as they
/// turn true, the keys at the bottom. With --detach or --json, or where there is
/// no terminal, it says how everything is reached and returns. Leaving the screen
/// leaves the seat running; 'labs stop' ends it. Images that are missing are
/// built first; how long that takes is said before.
///
///   labs run redis-queues
///   labs run redis-queues --detach --workspace ~/work
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The lab, as 'labs list' names it
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    lab: String,
    /// Return at once when the seat is ready
    #[arg(long)]
    detach: bool,
    /// The folder you work in [default: ~/labs/LAB]
    #[arg(long, value_name = "DIR")]
    workspace: Option<PathBuf>,
    /// Lines and a prompt in place of the screen that is redrawn; in words, to be
    /// read out
    #[arg(long)]
    pub plain: bool,
    #[command(flatten)]
    keyed: Keyed,
    /// Print one JSON document (implies --detach)
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// Whether the learner works in it, in place of having the seat started alone.
    fn stays(&self) -> bool {
        // A prompt can be read from a pipe, too.
        !self.detach && !self.json && (console::user_attended() || self.plain)
    }

    fn draws(&self) -> bool {
        self.stays() && !self.plain && screen::draws()
    }

    /// Whether all is said in lines, and in words.
    pub fn is_read_out(&self) -> bool {
        self.plain || self.stays() && !self.draws()
    }

    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let (stays, drawn) = (self.stays(), self.draws());
        let seed = self.keyed.seed(&Store::open()?, &self.lab)?;
        let lab = catalog.lab_with(&self.lab, &seed)?;
        let session = Session::open(catalog, events)?;
        let wanted = Wanted {
            workspace: self.workspace,
            learner: self.keyed.learner.and(seed.learner),
            seed: self.keyed.seed.map(|_| seed.text),
        };
        if drawn && let Some(task) = screen::preview(&session.store, &lab)? {
            output::print_text(&task);
        }
        let started = tokio::select! {
            started = session.start(&lab, wanted) => started,
            signal = interrupted() => {
                session.events.note("Interrupted: removing what was started");
                session.abandon(&lab.slug).await?;
                return Ok(signal);
            }
        };
        session.events.shown().await;
        let started = started?;
        if stays {
            return screen::run(session, started, !drawn).await;
        }
        if self.json {
            output::json(&started);
        } else {
            output::print_text(&reached(&started));
        }
        Ok(0)
    }
}

/// How to reach everything, and what to do next.
fn reached(started: &Started) -> String {
    let verb = if started.resumed { "goes on" } else { "is ready" };
    let mut text = format!(
        "\n{} {verb} ({:.1} s)\n\n",
        style(&started.lab.title).bold(),
        std::time::Duration::from_millis(u64::try_from(started.milliseconds).unwrap_or(u64::MAX))
            .as_secs_f64()
    );
    text.push_str(&reach::full(&started.seat.workspace, &started.services));
    text.push_str(
        "\n  labs tasks     what there is to do\n  labs shell     a shell beside the services\n",
    );
    text.push_str("  labs check     check your work\n  labs stop      end it; your files stay\n");
    text
}
