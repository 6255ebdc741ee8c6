//! Files for a workspace: those whose name ends in `.tmpl` are rendered, and lose the ending.

use std::borrow::Cow;

use super::files::Files;
use crate::error::Result;
use crate::template::Variables;

const ENDING: &str = ".tmpl";

pub fn is_template(path: &str) -> bool {
    path.ends_with(ENDING)
}

/// The name that a file has in the workspace.
pub fn name(name: &str) -> &str {
    name.strip_suffix(ENDING).unwrap_or(name)
}

/// The content that a file has in the workspace.
///
/// # Errors
/// It cannot be read; or it is rendered and no text, or refers to what is not defined: with line and column.
pub fn file(files: &Files, path: &str, variables: &Variables) -> Result<Cow<'static, [u8]>> {
    if !is_template(path) {
        return files.read(path);
    }
    let text = files.read_text(path)?;
    Ok(Cow::Owned(variables.render_file(&text, &files.place(path))?.into_bytes()))
}
