//! YAML into checked types. Nothing outside this file knows the library that does it.

use std::borrow::Cow;

use serde::de::DeserializeOwned;
use serde_yaml::{DefaultMessageFormatter, MessageFormatter};

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
            .because(error.render_with_formatter(&Words).replace("<input>", &files.place(path)))
    })?;
    Ok((value, source))
}

/// The library's messages, without the names that Rust has for numbers.
struct Words;

impl MessageFormatter for Words {
    fn format_message<'a>(&self, error: &'a serde_yaml::Error) -> Cow<'a, str> {
        match error {
            serde_yaml::Error::InvalidScalar { ty, .. } => format!("expected {}", words(ty)).into(),
            _ => DefaultMessageFormatter.format_message(error),
        }
    }
}

/// What a type is called where a lab is written.
fn words(ty: &str) -> Cow<'_, str> {
    let bits = |letter| ty.strip_prefix(letter).and_then(|bits| bits.parse::<u32>().ok());
    match (bits('u'), bits('i'), ty) {
        (Some(bits @ 1..=64), ..) => {
            format!("a whole number from 0 to {}", u64::MAX >> (64 - bits)).into()
        }
        (_, Some(_), _) => "a whole number".into(),
        (.., "floating point") => "a number".into(),
        (.., "boolean" | "bool") => "true or false".into(),
        _ => ty.into(),
    }
}
