mod lint;
mod new;
mod schema;
mod verify;

use clap::Subcommand;

use crate::catalog::Catalog;
use crate::error::Result;
use crate::event::Events;

/// Write labs: begin one, look for mistakes, prove that its checks can be trusted
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Lint(lint::Args),
    Verify(verify::Args),
    Schema(schema::Args),
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        match self.command {
            Command::New(args) => args.run(&catalog),
            Command::Lint(args) => args.run(&catalog),
            Command::Verify(args) => args.run(catalog, events).await,
            Command::Schema(args) => Ok(args.run()),
        }
    }

    pub fn reads_labs(&self) -> bool {
        matches!(self.command, Command::Lint(_) | Command::Verify(_))
    }

    pub fn json(&self) -> bool {
        match &self.command {
            Command::New(args) => args.json,
            Command::Lint(args) => args.json,
            Command::Verify(args) => args.json,
            Command::Schema(_) => false,
        }
    }
}
