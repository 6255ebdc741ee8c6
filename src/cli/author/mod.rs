mod verify;

use clap::Subcommand;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;

/// Write labs, and prove that their checks can be trusted
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Verify(verify::Args),
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        match self.command {
            Command::Verify(args) => args.run(catalog, events).await,
        }
    }

    pub fn json(&self) -> bool {
        match &self.command {
            Command::Verify(args) => args.json,
        }
    }
}
