use std::path::Path;

use serde_json::json;

use crate::author::new;
use crate::catalog::Catalog;
use crate::catalog::files::Files;
use crate::cli::output;
use crate::error::Result;

/// Begin a lab: a small one that is whole, to be changed
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Its name: small letters, digits and hyphens. The folder is made in --labs-dir, else here
    slug: String,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        let labs = match catalog.lab_files() {
            Files::Folder(folder) => folder.as_path(),
            _ => Path::new("."),
        };
        let made = new::create(labs, &self.slug)?;
        if self.json {
            output::json(&json!({ "lab": self.slug, "folder": made.folder, "files": made.files }));
            return Ok(0);
        }
        let mut text = String::new();
        for file in &made.files {
            text.push_str(&format!("{}\n", file.display()));
        }
        let (slug, labs) = (&self.slug, labs.display());
        text.push_str(&format!(
            "\nNext:\n  labs author lint {slug} --labs-dir {labs}     find what is wrong with it\n  \
             labs author verify {slug} --labs-dir {labs}   prove its checks\n  \
             labs run {slug} --labs-dir {labs}             try it\n"
        ));
        output::print_text(&text);
        Ok(0)
    }
}
