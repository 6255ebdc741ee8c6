//! The name of an installation, which marks what it makes on the engine. It stands in a file beside the record too: a
//! record that has to be begun anew is that of the same installation, and what the old one knew of is still found.

use std::fs;
use std::io;
use std::path::Path;

use super::{Store, kept};
use crate::error::{Error, Result};

pub(super) const NAME: &str = "installation";

impl Store {
    /// Tells what this database's user made on an engine from what others made there.
    pub fn installation(&self) -> Result<String> {
        self.connection
            .query_row("SELECT id FROM installation", [], |row| row.get(0))
            .map_err(self.failed("The installation"))
    }

    /// Writes the name into the file where it is not yet, or takes it from there.
    ///
    /// # Errors
    /// The file can be neither read nor made.
    pub(super) fn agree_on_installation(&self) -> Result<()> {
        let path = self.path.with_file_name(NAME);
        let own = self.installation()?;
        let agreed = agreed(&path, &own).map_err(|e| {
            Error::infrastructure("The name of this installation cannot be kept")
                .at(path.display().to_string())
                .because(e)
        })?;
        if agreed == own { Ok(()) } else { self.belongs_to(&agreed) }
    }

    pub(super) fn belongs_to(&self, installation: &str) -> Result<()> {
        self.connection
            .execute("UPDATE installation SET id = ?", [installation])
            .map(drop)
            .map_err(self.failed("The installation"))
    }
}

/// What the file says; this, where it says nothing yet.
fn agreed(path: &Path, own: &str) -> io::Result<String> {
    match fs::read_to_string(path) {
        Ok(text) if is_name(text.trim()) => return Ok(text.trim().to_owned()),
        Ok(_) => match fs::remove_file(path) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        },
        Err(e) if e.kind() == io::ErrorKind::NotFound => {}
        Err(e) => return Err(e),
    }
    kept::make(path, format!("{own}\n").as_bytes())?;
    Ok(fs::read_to_string(path)?.trim().to_owned())
}

/// As the database makes them: eight hexadecimal digits.
fn is_name(text: &str) -> bool {
    text.len() == 8 && text.bytes().all(|b| b.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::FILE;

    #[test]
    fn a_record_that_is_begun_anew_is_of_the_same_installation() {
        let folder = tempfile::tempdir().unwrap();
        let name = || {
            let store = Store::open_in(folder.path()).unwrap();
            store.agree_on_installation().unwrap();
            store.installation().unwrap()
        };
        let first = name();
        assert!(is_name(&first), "{first}");
        fs::remove_file(folder.path().join(FILE)).unwrap();
        assert_eq!(name(), first);
        fs::write(folder.path().join(NAME), "rubbish").unwrap();
        assert_eq!(name(), first);
        assert_eq!(fs::read_to_string(folder.path().join(NAME)).unwrap().trim(), first);
    }
}
