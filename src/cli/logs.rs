use std::io::Write;

use clap_complete::ArgValueCompleter;

use super::completions;
use crate::catalog::Catalog;
use crate::engine::{LogOrigin, LogRequest};
use crate::error::Result;
use crate::event::Events;
use crate::session::Session;
use crate::session::plan::{GATE, WORKBENCH};
use crate::term::escape::visible;
use crate::term::signal::interrupted;

/// Show the log of a service
///
///   labs logs redis --follow
///   labs logs mysql --tail 20
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// A service of the lab, 'workbench' or 'gate'
    #[arg(add = ArgValueCompleter::new(completions::services))]
    service: String,
    /// The lab, when more than one runs
    #[arg(long, add = ArgValueCompleter::new(completions::labs))]
    lab: Option<String>,
    /// Go on with what is written from now on
    #[arg(short, long)]
    follow: bool,
    /// Show only the last lines
    #[arg(short = 'n', long, value_name = "LINES")]
    tail: Option<usize>,
}

impl Args {
    pub async fn run(self, catalog: Catalog) -> Result<u8> {
        let session = Session::open(catalog, Events::nowhere())?;
        let (seat, lab) = session.resolve(self.lab.as_deref())?;
        let plan = session.plan(&lab, seat)?;
        let container = plan.expect_container(&self.service, &[WORKBENCH, GATE])?;
        let request = LogRequest { last: self.tail, follow: self.follow, since: None };
        let mut logs = session.engine.logs(&container, &request);
        loop {
            let line = tokio::select! {
                line = logs.next() => line,
                signal = interrupted() => return Ok(signal),
            };
            let Some(line) = line.transpose()? else { return Ok(0) };
            let text = visible(&String::from_utf8_lossy(&line.bytes));
            let written = match line.origin {
                LogOrigin::Stdout => std::io::stdout().write_all(text.as_bytes()),
                LogOrigin::Stderr => std::io::stderr().write_all(text.as_bytes()),
            };
            if written.is_err() {
                return Ok(0);
            }
        }
    }
}
