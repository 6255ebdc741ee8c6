//! SQLite's errors in words.

use std::path::Path;

use rusqlite::ffi::SQLITE_IOERR_SHMSIZE;
use rustix::fs::Access;

/// Why a call failed. Where the file that SQLite's processes share cannot grow, SQLite says no more than "disk I/O error".
pub fn cause(error: &rusqlite::Error) -> String {
    match error.sqlite_error() {
        Some(failure) if failure.extended_code == SQLITE_IOERR_SHMSIZE => {
            format!("{error}: the disk is full")
        }
        _ => error.to_string(),
    }
}

/// Why a database cannot be opened. SQLite does not say what keeps it from a file.
pub fn cause_of_opening(error: &rusqlite::Error, folder: &Path) -> String {
    match rustix::fs::access(folder, Access::WRITE_OK) {
        Err(why) => format!("{}: {}", cause(error), std::io::Error::from(why)),
        Ok(()) => cause(error),
    }
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi::{Error as Failure, SQLITE_FULL, SQLITE_READONLY};

    use super::*;
    use crate::error::Error;

    fn error(code: i32) -> Error {
        let failure = rusqlite::Error::SqliteFailure(Failure::new(code), None);
        Error::infrastructure("It cannot be recorded").because(cause(&failure))
    }

    #[test]
    fn a_file_that_cannot_grow_is_a_full_disk() {
        assert!(error(SQLITE_FULL).is_full_disk());
        assert!(error(SQLITE_IOERR_SHMSIZE).is_full_disk());
        assert!(!error(SQLITE_READONLY).is_full_disk());
    }
}
