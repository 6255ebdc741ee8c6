//! A small lab to begin with, whole: it passes lint, and its solutions do what they promise.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::catalog::check::is_slug;
use crate::catalog::schema;
use crate::error::{Error, Result};

#[derive(RustEmbed)]
#[folder = "src/author/new/template"]
struct Template;

/// Names of containers and networks are made from a lab's, and have an end.
const LONGEST: usize = 40;

/// What was made.
#[derive(Debug)]
pub struct Made {
    pub folder: PathBuf,
    /// All files, relative to the working directory as `folder` is.
    pub files: Vec<PathBuf>,
}

/// Writes a lab into `labs`/`slug`, and beside it the schema that it names.
///
/// # Errors
/// The name is no slug, something of that name is there already, or it cannot be written.
pub fn create(labs: &Path, slug: &str) -> Result<Made> {
    let begins = slug.starts_with(|c: char| c.is_ascii_lowercase());
    if !is_slug(slug) || !begins || slug.ends_with('-') || slug.len() > LONGEST {
        return Err(Error::usage(format!("A lab cannot be named {slug:?}")).help(format!(
            "a slug has small letters, digits and hyphens, begins with a letter, does not end with a hyphen, \
             and is at most {LONGEST} characters long: redis-queues"
        )));
    }
    let folder = labs.join(slug);
    let failed = |path: &Path, error: std::io::Error| {
        Error::infrastructure("The lab cannot be written")
            .at(path.display().to_string())
            .because(error)
    };
    std::fs::create_dir_all(labs).map_err(|e| failed(labs, e))?;
    // Making the folder is the question whether it is there.
    std::fs::create_dir(&folder).map_err(|e| match e.kind() {
        ErrorKind::AlreadyExists => Error::usage("There is something of that name already")
            .at(folder.display().to_string())
            .help("choose another name, or move it away"),
        _ => failed(&folder, e),
    })?;
    let written = write(labs, &folder);
    let files = written.map_err(|(path, error)| {
        let _ = std::fs::remove_dir_all(&folder);
        failed(&path, error)
    })?;
    Ok(Made { folder, files })
}

fn write(labs: &Path, folder: &Path) -> Result<Vec<PathBuf>, (PathBuf, std::io::Error)> {
    let mut files = Vec::new();
    for name in Template::iter() {
        let Some(file) = Template::get(&name) else { continue };
        let path = folder.join(name.as_ref());
        let parent = path.parent().unwrap_or(folder);
        let made = std::fs::create_dir_all(parent).and_then(|()| std::fs::write(&path, &file.data));
        made.map_err(|e| (path.clone(), e))?;
        files.push(path);
    }
    let schema = labs.join(schema::FILE);
    if schema.symlink_metadata().is_err() {
        std::fs::write(&schema, schema::text()).map_err(|e| (schema.clone(), e))?;
        files.push(schema);
    }
    files.sort();
    Ok(files)
}
