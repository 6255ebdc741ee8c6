//! A grade as a document of its own: nothing left out.

use serde::Serialize;

use crate::term::escape::in_json;
use crate::verdict::Grade;

/// The document, with a line feed at the end.
pub fn grade(grade: &Grade) -> String {
    pretty(grade)
}

/// Results are plain data: text keys, whole numbers. They always have a form in JSON.
pub(super) fn pretty(document: &impl Serialize) -> String {
    let mut text = in_json(&serde_json::to_string_pretty(document).unwrap_or_default());
    text.push('\n');
    text
}
