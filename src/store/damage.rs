//! A damaged database is kept aside and said, so that the next command can begin a new one.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{ErrorCode, ffi};

use super::MIGRATION_LOCK;
use crate::error::Error;

/// What SQLite keeps beside a database; it belongs to that file and no other.
const BESIDE: [&str; 2] = ["-wal", "-shm"];

/// Which file a database is: another one may have taken its name since.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    pub fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        Some(Self { device: found.dev(), inode: found.ino() })
    }
}

/// Whether SQLite says that the file is not as it was written.
pub fn is_damage(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseCorrupt, NotADatabase};
    matches!(error.sqlite_error_code(), Some(DatabaseCorrupt | NotADatabase))
}

/// Whether there is nothing in the file, or no file.
pub fn is_empty(path: &Path) -> bool {
    fs::metadata(path).map_or_else(|e| e.kind() == io::ErrorKind::NotFound, |file| file.len() == 0)
}

/// What SQLite would take for a new database, where there was one.
pub fn emptied() -> rusqlite::Error {
    let why = "the file is empty, and this installation has had a record before".to_owned();
    rusqlite::Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_NOTADB), Some(why))
}

pub fn error(why: &rusqlite::Error) -> Error {
    Error::infrastructure("The record of seats and progress is damaged").because(why)
}

/// Moves a damaged database aside, unless another `labs` has done it since; says where it is.
pub fn set_aside(path: &Path, damaged: Option<Identity>, why: &rusqlite::Error) -> Error {
    let here = path.display().to_string();
    let Some(damaged) = damaged else { return error(why).at(here) };
    match moved(path, damaged) {
        Ok(None) => error(why).at(here).help("it was replaced meanwhile: run the command again"),
        Ok(Some(aside)) => {
            let (aside, error) = (aside.display(), error(why));
            Error { what: format!("{}, and was moved aside", error.what), ..error }
                .at(aside.to_string())
                .help(format!(
                    "run the command again: it begins a new record, without passes and attempts. Your files are where \
                     they were; what ran is removed by 'labs gc'. 'sqlite3 {aside} .recover' shows what can still be read"
                ))
        }
        Err(e) => error(why)
            .at(here)
            .help(format!("move it aside, which labs could not ({e}), and run the command again")),
    }
}

/// Where the damaged file is now; none where it was not there any more.
fn moved(path: &Path, damaged: Identity) -> io::Result<Option<PathBuf>> {
    let alone = fs::File::create(path.with_file_name(MIGRATION_LOCK))?;
    alone.lock()?;
    if Identity::of(path) != Some(damaged) {
        return Ok(None);
    }
    let named = |end: &str| PathBuf::from(format!("{}{end}", path.display()));
    let stamp = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S");
    let endings = (0..).map(|number| match number {
        0 => format!(".damaged-{stamp}"),
        _ => format!(".damaged-{stamp}-{number}"),
    });
    let Some(end) = endings.into_iter().find(|end| !named(end).exists()) else { return Ok(None) };
    fs::rename(path, named(&end))?;
    for beside in BESIDE {
        match fs::rename(named(beside), named(&format!("{end}{beside}"))) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
            _ => {}
        }
    }
    Ok(Some(named(&end)))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, SeekFrom, Write};

    use super::*;
    use crate::store::{FILE, Store};

    fn aside(folder: &Path) -> Vec<String> {
        let names = fs::read_dir(folder).unwrap().map(|e| e.unwrap().file_name());
        let names = names.map(|name| name.into_string().unwrap());
        names.filter(|name| name.contains(".damaged-")).collect()
    }

    #[test]
    fn what_is_no_database_is_kept_and_a_new_one_begins() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "no database ".repeat(20)).unwrap();
        let error = Store::open_in(folder.path()).err().unwrap();
        assert!(error.to_string().contains("moved aside"), "{error}");
        assert_eq!(aside(folder.path()).len(), 1);
        assert_eq!(Store::open_in(folder.path()).unwrap().seats().unwrap().len(), 0);
    }

    #[test]
    fn one_that_was_emptied_is_no_new_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        // As when it is made.
        fs::write(&path, "").unwrap();
        let store = Store::open_in(folder.path()).unwrap();
        store.agree_on_installation().unwrap();
        drop(store);
        fs::write(&path, "").unwrap();
        let error = Store::open_in(folder.path()).err().unwrap();
        assert!(error.why.unwrap().contains("the file is empty"));
        assert_eq!(aside(folder.path()).len(), 1);
        let new = Store::open_in(folder.path()).unwrap();
        assert_eq!(new.seats().unwrap().len(), 0);
        // Removed by hand, it is begun anew without a word.
        drop(new);
        fs::remove_file(&path).unwrap();
        assert_eq!(Store::open_in(folder.path()).unwrap().seats().unwrap().len(), 0);
    }

    #[test]
    fn damage_that_is_met_on_the_way_is_said_and_the_file_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        Store::open_in(folder.path()).unwrap().connection.execute("VACUUM", []).unwrap();
        let mut file = fs::OpenOptions::new().write(true).open(&path).unwrap();
        let length = file.metadata().unwrap().len();
        // All but the first page, which says what the file is.
        file.seek(SeekFrom::Start(4096)).unwrap();
        file.write_all(&vec![0xa5; usize::try_from(length).unwrap() - 4096]).unwrap();
        let (one, other) =
            (Store::open_in(folder.path()).unwrap(), Store::open_in(folder.path()).unwrap());
        assert!(one.seats().unwrap_err().to_string().contains("moved aside"));
        let new = Store::open_in(folder.path()).unwrap();
        assert!(other.seats().unwrap_err().to_string().contains("damaged"));
        assert_eq!(new.seats().unwrap().len(), 0);
        assert!(path.exists());
        assert_eq!(
            aside(folder.path())
                .iter()
                .filter(|n| !n.ends_with("-wal") && !n.ends_with("-shm"))
                .count(),
            1
        );
    }
}
