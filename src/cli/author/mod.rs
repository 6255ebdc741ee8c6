mod lint;
mod new;
mod schema;

use clap::Subcommand;

use crate::catalog::Catalog;
use crate::error::Result;

/// Write labs: begin one, look for mistakes, describe the format
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    New(new::Args),
    Lint(lint::Args),
    Schema(schema::Args),
}

impl Args {
    pub fn json(&self) -> bool {
        match &self.command {
            Command::New(args) => args.json,
            Command::Lint(args) => args.json,
            Command::Schema(_) => false,
        }
    }

    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        match self.command {
            Command::New(args) => args.run(catalog),
            Command::Lint(args) => args.run(catalog),
            Command::Schema(args) => Ok(args.run()),
        }
    }
}
