//! All progress in one document, so that it can move to another machine; and when it was made.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rusqlite::{Connection, params};
use serde::{Deserialize, Serialize};

use super::Store;
use crate::error::{Error, Result};

/// The version of the document that this labs writes, and the only one it reads.
const FORMAT: u32 = 1;
/// Nobody has tried more.
const MOST: usize = 1_000_000;
/// No name of a lab or task is longer, in bytes.
const LONGEST_NAME: usize = 200;

/// Nobody has worked on a lab for longer, in seconds.
const LONGEST: u32 = 100_000_000;

/// The progress of one learner on one machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Portable {
    /// The version of the document.
    pub labs_progress: u32,
    pub attempts: Vec<Tried>,
    pub hints: Vec<Hints>,
    pub solutions: Vec<Looked>,
    #[serde(default)]
    pub times: Vec<Spent>,
}

/// A check of a task that counted.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tried {
    pub lab: String,
    pub task: String,
    pub passed: bool,
    pub points: u32,
    /// In UTC.
    pub at: Timestamp,
}

/// How many hints of a task were shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hints {
    pub lab: String,
    pub task: String,
    pub shown: u32,
}

/// A task whose solution was looked at, and when first, in UTC.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Looked {
    pub lab: String,
    pub task: String,
    pub at: Timestamp,
}

/// How long a lab was worked on, in seconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spent {
    pub lab: String,
    pub seconds: u32,
}

/// What every version has.
#[derive(Deserialize)]
struct Version {
    labs_progress: u32,
}

impl Portable {
    /// # Errors
    /// It is no such document, of another version, or holds what no labs would have written.
    pub fn read(text: &str) -> Result<Self> {
        let failed = |e: serde_json::Error| {
            Error::usage("This is no exported progress")
                .because(e)
                .help("'labs progress export' writes one")
        };
        let Ok(Version { labs_progress }) = serde_json::from_str(text) else {
            return Err(Error::usage("This is no exported progress")
                .because("it is no JSON object with the key labs_progress")
                .help("'labs progress export' writes one"));
        };
        understood(labs_progress)?;
        let progress: Self = serde_json::from_str(text).map_err(failed)?;
        progress.check()?;
        Ok(progress)
    }

    /// # Errors
    /// It is of another version, or holds what no labs would have written.
    fn check(&self) -> Result<()> {
        understood(self.labs_progress)?;
        let entries =
            self.attempts.len() + self.hints.len() + self.solutions.len() + self.times.len();
        if entries > MOST {
            return Err(Error::usage(format!(
                "The progress has {entries} entries; {MOST} are read"
            )));
        }
        let attempts = self.attempts.iter().map(|a| (&a.lab, &a.task));
        let hints = self.hints.iter().map(|h| (&h.lab, &h.task));
        let solutions = self.solutions.iter().map(|s| (&s.lab, &s.task));
        let names = attempts.chain(hints).chain(solutions).flat_map(|(lab, task)| [lab, task]);
        for name in names.chain(self.times.iter().map(|t| &t.lab)) {
            let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
            if name.is_empty() || name.len() > LONGEST_NAME || !name.chars().all(fits) {
                return Err(Error::usage(format!("{name:?} is no name of a lab or a task"))
                    .help("names have lower-case letters, digits and hyphens"));
            }
        }
        if let Some(Spent { lab, .. }) = self.times.iter().find(|t| t.seconds > LONGEST) {
            return Err(Error::usage(format!("Nobody has worked on {lab} for years")));
        }
        Ok(())
    }
}

fn understood(version: u32) -> Result<()> {
    if version == FORMAT {
        return Ok(());
    }
    Err(Error::usage(format!(
        "The progress is of version {version}, and this labs reads version {FORMAT}"
    ))
    .help("export and import it with the same version of labs"))
}

impl Store {
    /// Every check of a task that counted, of all labs, in the order of time.
    pub fn attempts(&self) -> Result<Vec<Tried>> {
        attempts(&self.connection).map_err(self.failed("The progress"))
    }

    /// All progress.
    pub fn export(&self) -> Result<Portable> {
        let all = || {
            Ok(Portable {
                labs_progress: FORMAT,
                attempts: attempts(&self.connection)?,
                hints: rows(
                    &self.connection,
                    "SELECT lab, task, shown FROM hints ORDER BY lab, task",
                    |row| Ok(Hints { lab: row.get(0)?, task: row.get(1)?, shown: row.get(2)? }),
                )?,
                solutions: rows(
                    &self.connection,
                    "SELECT lab, task, at FROM solutions ORDER BY lab, task",
                    |row| Ok(Looked { lab: row.get(0)?, task: row.get(1)?, at: time(row, 2)? }),
                )?,
                times: rows(
                    &self.connection,
                    "SELECT lab, seconds FROM times ORDER BY lab",
                    |row| Ok(Spent { lab: row.get(0)?, seconds: row.get(1)? }),
                )?,
            })
        };
        all().map_err(self.failed("The progress"))
    }

    /// Adds progress that was made elsewhere; what is here already is not counted twice. Answers how many attempts
    /// were new. All of it is taken, or nothing.
    ///
    /// # Errors
    /// It is of another version, or holds what no labs would have written; the database cannot be written.
    pub fn import(&mut self, progress: &Portable) -> Result<usize> {
        progress.check()?;
        let mut add = || {
            let transaction = self.connection.transaction()?;
            // Two attempts may be alike: so many as there are elsewhere there are here afterwards.
            let mut here: BTreeMap<Tried, usize> = BTreeMap::new();
            for attempt in attempts(&transaction)? {
                *here.entry(attempt).or_default() += 1;
            }
            let mut new = 0;
            for attempt in &progress.attempts {
                if let Some(left) = here.get_mut(attempt).filter(|left| **left > 0) {
                    *left -= 1;
                    continue;
                }
                let Tried { lab, task, passed, points, at } = attempt;
                let verdict = if *passed { "pass" } else { "fail" };
                transaction.execute(
                    "INSERT INTO attempts (lab, task, verdict, points, at) VALUES (?, ?, ?, ?, ?)",
                    params![lab, task, verdict, points, at.to_string()],
                )?;
                new += 1;
            }
            for Hints { lab, task, shown } in &progress.hints {
                transaction.execute(
                    "INSERT INTO hints (lab, task, shown) VALUES (?, ?, ?)
                     ON CONFLICT (lab, task) DO UPDATE SET shown = max(shown, excluded.shown)",
                    params![lab, task, shown],
                )?;
            }
            for Looked { lab, task, at } in &progress.solutions {
                transaction.execute(
                    "INSERT INTO solutions (lab, task, at) VALUES (?, ?, ?)
                     ON CONFLICT (lab, task) DO UPDATE SET at = min(at, excluded.at)",
                    params![lab, task, at.to_string()],
                )?;
            }
            // Of time spent here and there nobody knows how much is the same: the longer one counts.
            for Spent { lab, seconds } in &progress.times {
                transaction.execute(
                    "INSERT INTO times (lab, seconds) VALUES (?, ?)
                     ON CONFLICT (lab) DO UPDATE SET seconds = max(seconds, excluded.seconds)",
                    params![lab, seconds],
                )?;
            }
            transaction.commit()?;
            Ok(new)
        };
        let added = add();
        added.map_err(self.failed("The progress"))
    }
}

fn attempts(connection: &Connection) -> rusqlite::Result<Vec<Tried>> {
    rows(
        connection,
        "SELECT lab, task, verdict = 'pass', points, at FROM attempts ORDER BY at, rowid",
        |row| {
            Ok(Tried {
                lab: row.get(0)?,
                task: row.get(1)?,
                passed: row.get(2)?,
                points: row.get(3)?,
                at: time(row, 4)?,
            })
        },
    )
}

fn rows<T>(
    connection: &Connection,
    query: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    connection.prepare(query)?.query_map([], read)?.collect()
}

fn time(row: &rusqlite::Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    let text: String = row.get(column)?;
    text.parse().map_err(|e: jiff::Error| {
        rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, e.into())
    })
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::store::Attempt;

    fn store() -> (tempfile::TempDir, Store) {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_in(folder.path()).unwrap();
        (folder, store)
    }

    #[test]
    fn progress_moves_as_a_whole_and_is_not_counted_twice() {
        let (_there, there) = store();
        for passed in [false, false, true] {
            there.add_attempt(&Attempt { lab: "l", task: "t", passed, points: 10 }).unwrap();
        }
        there.show_hint("l", "t", 5).unwrap();
        there.show_hint("l", "t", 5).unwrap();
        there.show_solution("l", "u").unwrap();
        there.add_time("l", Duration::from_secs(90)).unwrap();
        let moved = there.export().unwrap();
        let text = serde_json::to_string(&moved).unwrap();
        let moved: Portable = serde_json::from_str(&text).unwrap();

        let (_here, mut here) = store();
        here.show_hint("l", "t", 5).unwrap();
        here.add_attempt(&Attempt { lab: "l", task: "v", passed: false, points: 0 }).unwrap();
        assert_eq!(here.import(&moved).unwrap(), 3);
        assert_eq!(here.import(&moved).unwrap(), 0);
        let mut expected = there.progress("l").unwrap();
        expected.entry("v".to_owned()).or_default().attempts = 1;
        assert_eq!(here.progress("l").unwrap(), expected);
        assert_eq!(here.time("l").unwrap(), Duration::from_secs(90));
    }

    #[test]
    fn what_no_labs_has_written_is_refused_and_changes_nothing() {
        let (_folder, mut store) = store();
        let good = Tried {
            lab: "l".to_owned(),
            task: "t".to_owned(),
            passed: true,
            points: 1,
            at: Timestamp::UNIX_EPOCH,
        };
        let none = Portable {
            labs_progress: FORMAT,
            attempts: vec![good.clone()],
            hints: vec![],
            solutions: vec![],
            times: vec![],
        };
        let other_version = r#"{"labs_progress": 2, "labs": []}"#;
        assert!(Portable::read(other_version).unwrap_err().to_string().contains("version 2"));
        assert!(Portable::read("[]").unwrap_err().to_string().contains("no exported progress"));
        let bad = Tried { lab: "a\u{1b}[2J".to_owned(), ..good.clone() };
        let no_name = Portable { attempts: vec![good, bad], ..none };
        assert!(store.import(&no_name).unwrap_err().to_string().contains("is no name"));
        let times = vec![Spent { lab: "l".to_owned(), seconds: u32::MAX }];
        let endless = Portable { attempts: vec![], times, ..no_name };
        assert!(store.import(&endless).unwrap_err().to_string().contains("for years"));
        assert_eq!(store.attempts().unwrap(), []);
    }
}
