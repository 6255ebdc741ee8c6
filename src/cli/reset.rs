use dialoguer::Confirm;

use super::output;
use super::target::{Resolved, Target};
use crate::catalog::Catalog;
use crate::catalog::lab::{Lab, Task};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::session::Session;
use crate::session::reset::Workspace;
use crate::store::SeatRow;

/// Start a lab afresh, or one of its tasks: data anew, your files moved aside,
/// passed tasks kept
///
/// It asks first. Nothing of yours is deleted: the old workspace, or the task's
/// file, is moved aside, and where to is said.
///
///   labs reset redis-queues             services, data and files
///   labs reset redis-queues --data      your files stay
///   labs reset redis-queues by-hand     what this task leaves, and its file
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// The services and their data alone; your files stay where they are
    #[arg(long)]
    data: bool,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let Resolved { seat, lab, task } = self.target.resolve(&session.catalog, &session.store)?;
        session.renew(&seat)?;
        if let Some(task) = task.as_deref().and_then(|id| lab.task(id)) {
            return self.reset_task(&session, &lab, seat, task).await;
        }
        let files = if self.data { Workspace::Kept } else { Workspace::SetAside };
        let its_files = match files {
            Workspace::Kept => "your files stay",
            Workspace::SetAside => "your files are moved aside",
        };
        let goes = format!("Reset {}? The services' data goes; {its_files}", lab.title);
        if !self.yes && !confirmed(goes)? {
            return Ok(0);
        }
        let done = session.reset(&lab, seat, files).await?;
        session.events.shown().await;
        if self.json {
            output::json(&done);
            return Ok(0);
        }
        if let Some(said) = done.said() {
            output::print_text(&format!("{said}\n"));
        }
        output::print_text(&format!(
            "{} starts afresh in {}\n",
            lab.title,
            done.workspace.display()
        ));
        Ok(0)
    }

    async fn reset_task(
        &self,
        session: &Session,
        lab: &Lab,
        seat: SeatRow,
        task: &Task,
    ) -> Result<u8> {
        if self.data {
            return Err(Error::usage("--data is of the whole lab, and a task is named")
                .help("leave out the one or the other"));
        }
        let data = task.reset.is_some().then(|| "What it left in the services goes".to_owned());
        let file = session.put_back_by_reset(lab, task)?.map(|(file, _)| {
            format!("{file} becomes as the lab gives it, yours is kept as {file}.before")
        });
        let goes: Vec<String> = data.into_iter().chain(file).collect();
        let goes = format!("Reset {}? {}", task.id.value, goes.join("; "));
        if !self.yes && !confirmed(goes)? {
            return Ok(0);
        }
        let done = session.reset_task(lab, seat, task).await?;
        session.events.shown().await;
        if self.json {
            output::json(&done);
        } else {
            output::print_text(&format!("{}\n", done.said()));
        }
        Ok(0)
    }
}

fn confirmed(question: String) -> Result<bool> {
    if !console::user_attended() {
        return Err(Error::usage("A reset removes the services' data, so it is confirmed first")
            .help("add --yes"));
    }
    Confirm::new()
        .with_prompt(question)
        .default(false)
        .interact()
        .map_err(|e| Error::usage("The question was not answered").because(e))
}
