//! What services had counted before they were restarted, which they forget.

use std::collections::BTreeMap;

use rusqlite::params;

use super::Store;
use crate::error::Result;

/// Commands, and how often each was called.
type Books = BTreeMap<String, u64>;

impl Store {
    /// Adds to what is kept of the service whose data is this resource.
    pub fn keep_books(&self, resource: &str, books: &Books) -> Result<()> {
        for (command, calls) in books {
            self.connection
                .execute(
                    "INSERT INTO books (resource, command, calls) VALUES (?1, ?2, ?3)
                     ON CONFLICT (resource, command) DO UPDATE SET calls = calls + ?3",
                    params![resource, command, i64::try_from(*calls).unwrap_or(i64::MAX)],
                )
                .map_err(self.failed("What a service has counted"))?;
        }
        Ok(())
    }

    pub fn kept_books(&self, resource: &str) -> Result<Books> {
        let failed = self.failed("What a service has counted");
        let mut query = self
            .connection
            .prepare("SELECT command, calls FROM books WHERE resource = ?")
            .map_err(&failed)?;
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs()));
        query.query_map([resource], row).and_then(Iterator::collect).map_err(&failed)
    }

    pub fn forget_books(&self, resource: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM books WHERE resource = ?", [resource])
            .map_err(self.failed("What a service has counted"))?;
        Ok(())
    }
}
