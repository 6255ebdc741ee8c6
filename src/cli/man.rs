use std::path::PathBuf;

use super::output;
use crate::error::{Error, Result};

/// Write the manual pages, one for each command
///
/// labs man ~/.local/share/man/man1      then: man labs-run
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The folder to write them to; it is made
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

impl Args {
    pub fn run(self, command: clap::Command) -> Result<u8> {
        let failed = |e: std::io::Error| {
            Error::infrastructure("The manual pages cannot be written")
                .at(self.folder.display().to_string())
                .because(e)
                .help("name a folder that you can write to")
        };
        std::fs::create_dir_all(&self.folder).map_err(failed)?;
        clap_mangen::generate_to(command, &self.folder).map_err(failed)?;
        output::print_text(&format!("The manual pages are in {}\n", self.folder.display()));
        Ok(0)
    }
}
