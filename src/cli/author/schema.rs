use crate::catalog::schema;
use crate::cli::output;

/// Print the JSON Schema of lab.yaml, for an editor
#[derive(Debug, clap::Args)]
pub struct Args {}

impl Args {
    #[expect(clippy::unused_self, reason = "as every command is called")]
    pub fn run(self) -> u8 {
        output::print_text(&schema::text());
        0
    }
}
