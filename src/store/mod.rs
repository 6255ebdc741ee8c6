//! What labs remembers: the ledger of everything it makes, and the learner's progress.

mod books;
mod damage;
mod failure;
mod installation;
mod kept;
mod ledger;
mod portable;
mod progress;
mod schema;
mod secret;

pub use ledger::{Resource, ResourceKind, SeatRow};
pub use portable::{Portable, Tried};
pub use progress::{Attempt, TaskProgress};

use std::fs::{DirBuilder, File, Permissions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use rusqlite::{Connection, OpenFlags};

use crate::error::{Error, Result};
use damage::Identity;

/// How long a command waits for another `labs` that writes.
const LOCK_WITHIN: Duration = Duration::from_secs(300);
/// The database in its folder.
pub const FILE: &str = "labs.db";
/// Held by who makes or replaces a database.
const MIGRATION_LOCK: &str = "migration.lock";
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a database cannot be opened.
enum Refused {
    Damaged(rusqlite::Error),
    Otherwise(Error),
}

/// The database of one user on one machine, or of one throw-away seat.
pub struct Store {
    connection: Connection,
    path: PathBuf,
    /// The file that was opened; none when it is not to be moved aside.
    identity: Option<Identity>,
    /// Where the locks of what all seats of the installation share are.
    shared: PathBuf,
}

impl Store {
    /// Opens the database, making it when it does not exist. One that is damaged is moved aside.
    ///
    /// # Errors
    /// The data directory cannot be written, or the file is no database of ours.
    pub fn open() -> Result<Self> {
        let store = Self::open_in(&data_dir()?)?;
        store.agree_on_installation()?;
        Ok(store)
    }

    /// As [`Store::open`], for who only looks: nothing is moved aside.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub fn glance() -> Result<Self> {
        Self::open_untouched(&data_dir()?)
    }

    /// Opens the database of a given data directory.
    pub fn open_in(folder: &Path) -> Result<Self> {
        let path = folder.join(FILE);
        let found = Identity::of(&path);
        Self::open_as_it_is(folder).map_err(|refused| match refused {
            Refused::Damaged(e) => damage::set_aside(&path, found, &e),
            Refused::Otherwise(error) => error,
        })
    }

    /// As [`Store::open_in`]; one that is damaged stays where it is, now and later.
    fn open_untouched(folder: &Path) -> Result<Self> {
        match Self::open_as_it_is(folder) {
            Ok(store) => Ok(Self { identity: None, ..store }),
            Err(Refused::Damaged(e)) => Err(damage::error(&e)
                .at(folder.join(FILE).display().to_string())
                .help("the next command that needs it moves it aside and begins a new one")),
            Err(Refused::Otherwise(error)) => Err(error),
        }
    }

    fn open_as_it_is(folder: &Path) -> Result<Self, Refused> {
        let path = folder.join(FILE);
        let fail = |e: &dyn std::fmt::Display| {
            Error::infrastructure("The record of seats and progress cannot be opened")
                .at(path.display().to_string())
                .because(e)
                .help("make the folder writable, or set XDG_DATA_HOME to one that is")
        };
        let failed = |e: std::io::Error| Refused::Otherwise(fail(&e));
        make_private(folder).map_err(failed)?;
        let refused = |e: rusqlite::Error| {
            if damage::is_damage(&e) {
                Refused::Damaged(e)
            } else {
                Refused::Otherwise(fail(&failure::cause_of_opening(&e, folder)))
            }
        };
        // SQLite does not wait for others when it begins to keep a write-ahead log: one at a time.
        let alone = || {
            let lock = File::create(folder.join(MIGRATION_LOCK))?;
            lock.lock().map(|()| lock)
        };
        // Who makes it leaves it empty for a moment.
        let making = if damage::is_empty(&path) { Some(alone().map_err(failed)?) } else { None };
        if path.exists() && damage::is_empty(&path) && folder.join(installation::NAME).exists() {
            return Err(Refused::Damaged(damage::emptied()));
        }
        let found = Identity::of(&path);
        let mut connection = Connection::open(&path).map_err(refused)?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(refused)?;
        if !schema::is_current(&connection).map_err(refused)? {
            let _making = making.map_or_else(alone, Ok).map_err(failed)?;
            schema::migrate(&mut connection).map_err(refused)?;
        }
        // Of one that was replaced meanwhile nothing is known.
        let identity = Identity::of(&path).filter(|now| found.is_none_or(|found| found == *now));
        Ok(Self { connection, path, identity, shared: folder.to_owned() })
    }

    /// Opens a database in another folder that belongs to the same installation.
    pub fn open_beside(&self, folder: &Path) -> Result<Self> {
        let beside = Self::open_untouched(folder)?;
        beside.belongs_to(&self.installation()?)?;
        Ok(Self { shared: self.shared.clone(), ..beside })
    }

    /// The folder it is in.
    pub fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Keeps another `labs` from changing the same seat at the same time; released when dropped.
    ///
    /// # Errors
    /// Another one holds it.
    pub fn lock(&self, name: &str) -> Result<File> {
        let path = self.lock_path(name);
        try_lock(&path)?.ok_or_else(|| taken(&path))
    }

    /// As [`Store::lock`], but waits until the other one has finished, at most five minutes.
    ///
    /// # Errors
    /// The lock file cannot be made, or the other one does not finish.
    pub async fn lock_waiting(&self, name: &str) -> Result<File> {
        wait_for_lock(&self.lock_path(name)).await
    }

    /// As [`Store::lock_waiting`], for what all seats of the installation share.
    ///
    /// # Errors
    /// As [`Store::lock_waiting`].
    pub async fn lock_shared(&self, name: &str) -> Result<File> {
        wait_for_lock(&self.shared.join(format!("{name}.lock"))).await
    }

    /// As [`Store::lock_shared`], for what is done in a moment: waits without giving way to other work.
    ///
    /// # Errors
    /// The lock file cannot be made.
    pub fn lock_briefly(&self, name: &str) -> Result<File> {
        let path = self.shared.join(format!("{name}.lock"));
        let file = lock_file(&path)?;
        file.lock().map_err(|e| unlockable(&path, &e))?;
        Ok(file)
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.path.with_file_name(format!("{name}.lock"))
    }

    fn failed(&self, what: &str) -> impl Fn(rusqlite::Error) -> Error {
        let (path, identity, what) = (self.path.clone(), self.identity, what.to_owned());
        move |e| {
            if damage::is_damage(&e) {
                return damage::set_aside(&path, identity, &e);
            }
            Error::infrastructure(format!("{what} could not be recorded or read"))
                .at(path.display().to_string())
                .because(failure::cause(&e))
        }
    }
}

/// The ids of the seats in the database of a folder that another process may be removing; none when it cannot be read.
pub fn seats_in(folder: &Path) -> Vec<String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let read = || {
        let connection = Connection::open_with_flags(folder.join(FILE), flags)?;
        connection.busy_timeout(BUSY_TIMEOUT)?;
        let mut query = connection.prepare("SELECT id FROM seats")?;
        let ids = query.query_map([], |row| row.get(0))?;
        ids.collect::<rusqlite::Result<Vec<String>>>()
    };
    read().unwrap_or_default()
}

/// The lock of a file, `None` while another process has it.
///
/// # Errors
/// The file cannot be made.
pub fn try_lock(path: &Path) -> Result<Option<File>> {
    let file = lock_file(path)?;
    Ok(take(&file, path)?.then_some(file))
}

/// Makes a folder that nobody else can look into: from the values of a seat its solution follows.
fn make_private(folder: &Path) -> std::io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    // One that an earlier version made, or that was opened since. Who may not change it has no part in it.
    if std::fs::metadata(folder)?.mode() & 0o077 != 0 {
        let _ = std::fs::set_permissions(folder, Permissions::from_mode(0o700));
    }
    Ok(())
}

async fn wait_for_lock(path: &Path) -> Result<File> {
    let patience = std::time::Instant::now() + LOCK_WITHIN;
    let file = lock_file(path)?;
    while std::time::Instant::now() < patience {
        if take(&file, path)? {
            return Ok(file);
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Err(taken(path))
}

fn lock_file(path: &Path) -> Result<File> {
    File::create(path).map_err(|e| unlockable(path, &e))
}

/// Whether nobody else has it.
fn take(file: &File, path: &Path) -> Result<bool> {
    match file.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(e)) => Err(unlockable(path, &e)),
    }
}

fn unlockable(path: &Path, why: &std::io::Error) -> Error {
    Error::infrastructure("The lock of a seat cannot be taken")
        .at(path.display().to_string())
        .because(why)
}

fn taken(path: &Path) -> Error {
    Error::infrastructure("Another labs is changing this seat")
        .at(path.display().to_string())
        .help("wait until it has finished, then try again")
}

/// `$XDG_DATA_HOME/labs`, by default `~/.local/share/labs`.
///
/// # Errors
/// The home directory is not known.
pub fn data_dir() -> Result<PathBuf> {
    let base = etcetera::base_strategy::choose_base_strategy().map_err(|e| {
        Error::infrastructure("The home directory is not known").because(e).help("set HOME")
    })?;
    Ok(base.data_dir().join("labs"))
}

/// Now, as it is stored: RFC 3339 in UTC.
pub fn now() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_else_can_look_into_its_folder() {
        let home = tempfile::tempdir().unwrap();
        let folder = home.path().join("data/labs");
        let mode = || std::fs::metadata(&folder).unwrap().permissions().mode() & 0o777;
        drop(Store::open_in(&folder).unwrap());
        assert_eq!(mode(), 0o700);
        std::fs::set_permissions(&folder, Permissions::from_mode(0o755)).unwrap();
        drop(Store::open_in(&folder).unwrap());
        assert_eq!(mode(), 0o700);
    }

    #[test]
    fn many_open_a_new_database_at_once() {
        for _ in 0..20 {
            let folder = tempfile::tempdir().unwrap();
            let ids: Vec<String> = std::thread::scope(|scope| {
                let open = || Store::open_in(folder.path()).unwrap().installation().unwrap();
                let threads: Vec<_> = (0..8).map(|_| scope.spawn(open)).collect();
                threads.into_iter().map(|t| t.join().unwrap()).collect()
            });
            assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        }
    }
}
