//! What labs remembers: the ledger of everything it makes, and the learner's progress.

mod ledger;
mod progress;
mod schema;
mod secret;

pub use ledger::{Resource, ResourceKind, SeatRow};
pub use progress::{Attempt, TaskProgress};

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use etcetera::BaseStrategy;
use rusqlite::Connection;

use crate::error::{Error, Result};

/// How long a command waits for another `labs` that writes.
const LOCK_WITHIN: Duration = Duration::from_secs(300);
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);

/// The database of one user on one machine.
pub struct Store {
    connection: Connection,
    path: PathBuf,
}

impl Store {
    /// Opens the database, making it when it does not exist.
    ///
    /// # Errors
    /// The data directory cannot be written, or the file is no database of ours.
    pub fn open() -> Result<Self> {
        Self::open_in(&data_dir()?)
    }

    /// Opens the database of a given data directory.
    pub fn open_in(folder: &Path) -> Result<Self> {
        let path = folder.join("labs.db");
        let fail = |e: &dyn std::fmt::Display| {
            Error::infrastructure("The record of seats and progress cannot be opened")
                .at(path.display().to_string())
                .because(e)
                .help("make the folder writable, or set XDG_DATA_HOME to one that is")
        };
        std::fs::create_dir_all(folder).map_err(|e| fail(&e))?;
        let mut connection = Connection::open(&path).map_err(|e| fail(&e))?;
        connection.busy_timeout(BUSY_TIMEOUT).map_err(|e| fail(&e))?;
        schema::migrate(&mut connection).map_err(|e| fail(&e))?;
        Ok(Self { connection, path })
    }

    /// Keeps another `labs` from changing the same seat at the same time; released when dropped.
    ///
    /// # Errors
    /// Another one holds it.
    pub fn lock(&self, name: &str) -> Result<File> {
        self.try_lock(name)?.ok_or_else(|| {
            Error::infrastructure("Another labs is changing this seat")
                .at(self.lock_path(name).display().to_string())
                .help("wait until it has finished, then try again")
        })
    }

    /// As [`Store::lock`], but waits until the other one has finished, at most five minutes.
    ///
    /// # Errors
    /// The lock file cannot be made, or the other one does not finish.
    pub async fn lock_waiting(&self, name: &str) -> Result<File> {
        let patience = std::time::Instant::now() + LOCK_WITHIN;
        while std::time::Instant::now() < patience {
            if let Some(lock) = self.try_lock(name)? {
                return Ok(lock);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.lock(name)
    }

    /// Tells what this database's user made on an engine from what others made there.
    pub fn installation(&self) -> Result<String> {
        self.connection
            .query_row("SELECT id FROM installation", [], |row| row.get(0))
            .map_err(self.failed("The installation"))
    }

    fn try_lock(&self, name: &str) -> Result<Option<File>> {
        let path = self.lock_path(name);
        let fail = |e: std::io::Error| {
            Error::infrastructure("The lock of a seat cannot be taken")
                .at(path.display().to_string())
                .because(e)
        };
        let file = File::create(&path).map_err(fail)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(file)),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(e)) => Err(fail(e)),
        }
    }

    fn lock_path(&self, name: &str) -> PathBuf {
        self.path.with_file_name(format!("{name}.lock"))
    }

    fn failed(&self, what: &str) -> impl Fn(rusqlite::Error) -> Error {
        let place = self.path.display().to_string();
        let what = what.to_owned();
        move |e| {
            Error::infrastructure(format!("{what} could not be recorded or read"))
                .at(&place)
                .because(e)
        }
    }
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
