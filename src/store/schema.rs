//! The tables. A migration is added at the end and never changed.

use rusqlite::Connection;

const MIGRATIONS: &[&str] = &[
    "
    CREATE TABLE installation (id TEXT NOT NULL) STRICT;
    INSERT INTO installation VALUES (lower(hex(randomblob(4))));
    CREATE TABLE seats (
        id TEXT PRIMARY KEY,
        lab TEXT NOT NULL UNIQUE,
        workspace TEXT NOT NULL,
        variables TEXT NOT NULL,
        created_at TEXT NOT NULL,
        ready INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE resources (
        kind TEXT NOT NULL,
        name TEXT NOT NULL,
        seat TEXT NOT NULL,
        detail TEXT NOT NULL,
        created_at TEXT NOT NULL,
        PRIMARY KEY (kind, name)
    ) STRICT;
    CREATE INDEX resources_of_seat ON resources (seat);
    CREATE TABLE attempts (
        lab TEXT NOT NULL,
        task TEXT NOT NULL,
        verdict TEXT NOT NULL,
        points INTEGER NOT NULL,
        at TEXT NOT NULL
    ) STRICT;
    CREATE INDEX attempts_of_task ON attempts (lab, task);
    CREATE TABLE hints (
        lab TEXT NOT NULL,
        task TEXT NOT NULL,
        shown INTEGER NOT NULL,
        PRIMARY KEY (lab, task)
    ) STRICT;
    CREATE TABLE solutions (
        lab TEXT NOT NULL,
        task TEXT NOT NULL,
        at TEXT NOT NULL,
        PRIMARY KEY (lab, task)
    ) STRICT;
",
    "
    ALTER TABLE seats ADD COLUMN seed TEXT NOT NULL DEFAULT '';
    ALTER TABLE seats ADD COLUMN learner TEXT;
",
    // What a service had counted before it was restarted; it goes with its data.
    "
    CREATE TABLE books (
        resource TEXT NOT NULL,
        command TEXT NOT NULL,
        calls INTEGER NOT NULL,
        PRIMARY KEY (resource, command)
    ) STRICT;
    CREATE TRIGGER books_go_with_the_data AFTER DELETE ON resources
    BEGIN DELETE FROM books WHERE resource = OLD.name; END;
",
    // The task of a lab that the learner is at.
    "CREATE TABLE places (lab TEXT PRIMARY KEY, task TEXT NOT NULL) STRICT;",
    // How long a lab's task screen has been open, in all.
    "CREATE TABLE times (lab TEXT PRIMARY KEY, seconds INTEGER NOT NULL) STRICT;",
    // Until when a seat is kept without being used.
    "
    ALTER TABLE seats ADD COLUMN lease_until TEXT NOT NULL DEFAULT '';
    UPDATE seats SET lease_until = strftime('%Y-%m-%dT%H:%M:%SZ', 'now', '+30 days');
",
    // The last stretch of time that was counted, in seconds of the epoch: of two screens at once, it counts once.
    "
    ALTER TABLE times ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE times ADD COLUMN until INTEGER NOT NULL DEFAULT 0;
",
];

pub fn is_current(connection: &Connection) -> rusqlite::Result<bool> {
    Ok(version(connection)? == MIGRATIONS.len())
}

/// Brings a database to the newest schema.
pub fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    let found = version(connection)?;
    if found == MIGRATIONS.len() {
        return Ok(());
    }
    if found > MIGRATIONS.len() {
        return Err(rusqlite::Error::InvalidParameterName(format!(
            "it was written by a newer labs (schema {found}, this one knows {}): use that one",
            MIGRATIONS.len()
        )));
    }
    connection.pragma_update(None, "journal_mode", "WAL")?;
    // Another process may migrate at the same moment: the version is read again under the lock.
    let transaction =
        connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    for migration in MIGRATIONS.iter().skip(version(&transaction)?) {
        transaction.execute_batch(migration)?;
    }
    transaction.pragma_update(
        None,
        "user_version",
        i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX),
    )?;
    transaction.commit()
}

fn version(connection: &Connection) -> rusqlite::Result<usize> {
    let version: u32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    Ok(version as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Store;

    #[test]
    fn a_seat_from_before_there_were_seeds_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let old = Connection::open(folder.path().join("labs.db")).unwrap();
        old.execute_batch(MIGRATIONS[0]).unwrap();
        old.pragma_update(None, "user_version", 1).unwrap();
        old.execute(
            "INSERT INTO seats VALUES ('keys-abcde', 'keys', '/w', '{\"door\": \"d\"}', '2026-01-01T00:00:00Z', 1)",
            [],
        )
        .unwrap();
        drop(old);
        let seat = Store::open_in(folder.path()).unwrap().seat_of("keys").unwrap().unwrap();
        assert_eq!((seat.seed.text.as_str(), seat.seed.learner), ("", None));
        assert_eq!(seat.variables.0["door"], "d");
        assert!(seat.lease_until > crate::store::now(), "{}", seat.lease_until);
    }
}
