//! What every command prints with: one JSON document, or text; errors on stderr.

use console::style;
use serde::Serialize;

use crate::error::{Error, Kind};
use crate::term::escape::visible;
use crate::verdict::ErrorReport;

/// Prints the one JSON document of a command.
pub fn json(document: &impl Serialize) {
    match serde_json::to_string_pretty(document) {
        Ok(text) => print_text(&format!("{text}\n")),
        Err(e) => eprintln!("labs: the result cannot be written as JSON: {e}"),
    }
}

/// Prints to stdout; a reader that went away is no error.
pub fn print_text(text: &str) {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Prints what a person should know beside the result.
pub fn note(text: &str) {
    eprintln!("{} {}", style("note:").bold().for_stderr(), visible(text));
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
    eprintln!("{} {}", style("error:").red().bold().for_stderr(), visible(&error.to_string()));
}
