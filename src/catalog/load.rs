//! YAML into checked types. Nothing outside this file knows the library that does it.

use serde::de::DeserializeOwned;

use super::files::Files;
use super::source::{MAX_DEPTH, MAX_NODES, Source};
use crate::error::{Error, Result};

/// A place in a file, for messages about a value that parsed but does not fit.
pub type Spanned<T> = serde_yaml::Spanned<T>;

/// Reads and parses one YAML file.
///
/// # Errors
/// With file, line and column, and an excerpt of the source.
pub fn yaml<T: DeserializeOwned>(files: &Files, path: &str) -> Result<T> {
    yaml_with_source(files, path).map(|(value, _)| value)
}

/// As [`yaml`], with the places of all keys and values.
pub fn yaml_with_source<T: DeserializeOwned>(files: &Files, path: &str) -> Result<(T, Source)> {
    let mut source = Source::read(files, path)?;
    if !source.faults.is_empty() {
        return Err(source.faults.swap_remove(0).into());
    }
    // The same bounds again; what is in the tree is within them.
    let options = serde_yaml::options! {
        budget: serde_yaml::budget! { max_depth: MAX_DEPTH + 1, max_nodes: 2 * MAX_NODES },
    };
    let parsed = serde_yaml::from_str_with_options(source.text().as_str(), options);
    let value = parsed.map_err(|error| {
        let place = match error.location() {
            Some(at) => format!("{}:{}:{}", files.place(path), at.line(), at.column()),
            None => files.place(path),
        };
        Error::usage("A file of the catalog is faulty")
            .at(place)
            .because(error.to_string().replace("<input>", &files.place(path)))
    })?;
    Ok((value, source))
}
