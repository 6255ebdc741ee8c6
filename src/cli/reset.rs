use clap_complete::ArgValueCompleter;
use dialoguer::Confirm;

use super::completions;
use super::output;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::session::Session;
use crate::session::reset::Workspace;

/// Start a lab afresh: services and data anew, your files moved aside, passed
/// tasks kept
///
/// It asks first. Nothing of yours is deleted: the old workspace is moved aside,
/// and where to is said.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The lab, left out inside its workspace or when only one runs
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    lab: Option<String>,
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
        let (seat, lab) = session.resolve(self.lab.as_deref())?;
        let files = if self.data { Workspace::Kept } else { Workspace::SetAside };
        if !self.yes && !confirmed(&lab.title, files)? {
            return Ok(0);
        }
        let done = session.reset(&lab, seat, files).await?;
        session.events.shown().await;
        if self.json {
            output::json(&done);
            return Ok(0);
        }
        if let Some(old) = &done.old_workspace {
            output::print_text(&format!("Your old files are in {}\n", old.display()));
        }
        output::print_text(&format!(
            "{} starts afresh in {}\n",
            lab.title,
            done.workspace.display()
        ));
        Ok(0)
    }
}

fn confirmed(title: &str, files: Workspace) -> Result<bool> {
    if !console::user_attended() {
        return Err(Error::usage("A reset removes the services' data, so it is confirmed first")
            .help("add --yes"));
    }
    let files = match files {
        Workspace::Kept => "stay",
        Workspace::SetAside => "are moved aside",
    };
    Confirm::new()
        .with_prompt(format!("Reset {title}? The services' data goes; your files {files}"))
        .default(false)
        .interact()
        .map_err(|e| Error::usage("The question was not answered").because(e))
}
