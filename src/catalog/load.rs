//! YAML into checked types. Nothing outside this file knows the YAML library.

use serde::de::DeserializeOwned;

use super::files::Files;
use crate::error::{Error, Result};

/// A place in a file, for messages about a value that parsed but does not fit.
pub type Spanned<T> = serde_yaml::Spanned<T>;

/// Reads and parses one YAML file.
///
/// # Errors
/// With file, line and column, and an excerpt of the source.
pub fn yaml<T: DeserializeOwned>(files: &Files, path: &str) -> Result<T> {
    let text = files.read_text(path)?;
    serde_yaml::from_str(&text).map_err(|error| {
        let place = match error.location() {
            Some(at) => format!("{}:{}:{}", files.place(path), at.line(), at.column()),
            None => files.place(path),
        };
        Error::usage("A file of the catalog is faulty")
            .at(place)
            .because(error.to_string().replace("<input>", &files.place(path)))
    })
}

/// `file:line:column` of a value.
pub fn place<T>(files: &Files, path: &str, value: &Spanned<T>) -> String {
    let at = value.referenced;
    format!("{}:{}:{}", files.place(path), at.line(), at.column())
}
