//! What every command prints with: one JSON document, or text; errors on stderr.

use console::style;
use serde::Serialize;

use crate::error::{Error, Kind};
use crate::term::ascii::fitted;
use crate::term::escape::{in_json, visible};
pub use crate::term::print as print_text;
use crate::term::print_as_it_is;
use crate::verdict::ErrorReport;

/// Prints the one JSON document of a command.
pub fn json(document: &impl Serialize) {
    match serde_json::to_string_pretty(document) {
        Ok(text) => print_as_it_is(&format!("{}\n", in_json(&text))),
        Err(e) => eprintln!("labs: the result cannot be written as JSON: {e}"),
    }
}

/// Prints what a person should know beside the result.
pub fn note(text: &str) {
    eprintln!("{} {}", style("note:").bold().for_stderr(), fitted(&visible(text)));
}

/// Prints an error: for people on stderr, for programs as a document.
pub fn error(error: &Error, as_json: bool) {
    if as_json {
        #[derive(Serialize)]
        struct Document {
            error: ErrorReport,
            kind: &'static str,
        }
        let kind = match error.kind {
            Kind::Usage => "usage",
            Kind::Infrastructure => "infrastructure",
        };
        json(&Document { error: error.clone().into(), kind });
    }
    let text = visible(&error.to_string());
    eprintln!("{} {}", style("error:").red().bold().for_stderr(), fitted(&text));
}
