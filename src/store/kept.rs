//! Small files beside the database: made once, whole or not at all, their owner's alone.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use tempfile::NamedTempFile;

/// Makes a file unless there is one; one that another `labs` made at the same moment stays.
///
/// # Errors
/// The folder takes no file.
pub(super) fn make(path: &Path, content: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // A temporary file is its owner's alone (mode 0600) from the moment it is made.
    let mut file = NamedTempFile::new_in(folder)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    match file.persist_noclobber(path) {
        Err(e) if e.error.kind() != io::ErrorKind::AlreadyExists => return Err(e.error),
        _ => {}
    }
    // Its name is on the disk only with the folder; not every file system does that on demand.
    let _ = fs::File::open(folder).and_then(|folder| folder.sync_all());
    Ok(())
}
