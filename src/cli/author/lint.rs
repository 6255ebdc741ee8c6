use clap_complete::ArgValueCompleter;
use serde_json::json;

use super::super::completions;
use crate::author::lint;
use crate::catalog::Catalog;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::report::problems;

/// Find every problem of labs: all labs, or those named
#[derive(Debug, clap::Args)]
pub struct Args {
    #[arg(value_name = "LAB", add = ArgValueCompleter::new(completions::labs))]
    labs: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        let slugs = if self.labs.is_empty() { catalog.slugs() } else { self.labs };
        if slugs.is_empty() {
            let nowhere = catalog.lab_files().place("");
            return Err(Error::usage("There is no lab to look at")
                .at(nowhere)
                .help("name the folder that holds the labs' folders with --labs-dir"));
        }
        let mut labs = Vec::new();
        for slug in slugs {
            labs.push((lint::lint(catalog, &slug)?, slug));
        }
        let found: usize = labs.iter().map(|(problems, _)| problems.len()).sum();
        if self.json {
            let labs: Vec<_> =
                labs.iter().map(|(p, slug)| json!({ "lab": slug, "problems": p })).collect();
            output::json(&json!({ "labs": labs, "problems": found }));
        } else {
            let all: Vec<_> = labs.iter().flat_map(|(problems, _)| problems).collect();
            output::print_text(&problems::text(&all, labs.len()));
        }
        Ok(if found == 0 { 0 } else { 2 })
    }
}
