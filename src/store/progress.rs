//! The learner's progress: attempts, passes, hints, solutions looked at.

use std::collections::BTreeMap;
use std::time::Duration;

use rusqlite::{OptionalExtension, params};
use serde::Serialize;

use super::{Store, now};
use crate::error::Result;

/// One check of one task that counts.
#[derive(Debug, Clone)]
pub struct Attempt<'a> {
    pub lab: &'a str,
    pub task: &'a str,
    pub passed: bool,
    pub points: u32,
}

/// What is known of one task.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct TaskProgress {
    pub attempts: u32,
    /// When it first passed; it stays passed.
    pub passed_at: Option<String>,
    pub points: u32,
    pub hints_shown: u32,
    pub solution_seen: bool,
}

impl Store {
    pub fn add_attempt(&self, attempt: &Attempt<'_>) -> Result<()> {
        let verdict = if attempt.passed { "pass" } else { "fail" };
        self.connection
            .execute(
                "INSERT INTO attempts (lab, task, verdict, points, at) VALUES (?, ?, ?, ?, ?)",
                params![attempt.lab, attempt.task, verdict, attempt.points, now()],
            )
            .map_err(self.failed("The attempt"))?;
        Ok(())
    }

    /// Forgets all that was achieved.
    pub fn forget_progress(&self) -> Result<()> {
        self.connection
            .execute_batch("DELETE FROM attempts; DELETE FROM hints; DELETE FROM solutions; DELETE FROM places; DELETE FROM times;")
            .map_err(self.failed("The progress"))
    }

    /// One more hint is shown; answers how many are by now, at most `available`.
    pub fn show_hint(&self, lab: &str, task: &str, available: u32) -> Result<u32> {
        self.connection
            .query_row(
                "INSERT INTO hints (lab, task, shown) VALUES (?1, ?2, min(1, ?3))
                 ON CONFLICT (lab, task) DO UPDATE SET shown = min(shown + 1, ?3) RETURNING shown",
                params![lab, task, available],
                |row| row.get(0),
            )
            .map_err(self.failed("The hint"))
    }

    pub fn show_solution(&self, lab: &str, task: &str) -> Result<()> {
        self.connection
            .execute(
                "INSERT OR IGNORE INTO solutions (lab, task, at) VALUES (?, ?, ?)",
                params![lab, task, now()],
            )
            .map_err(self.failed("The look at the solution"))?;
        Ok(())
    }

    /// Notes which task of a lab the learner is at.
    pub fn set_place(&self, lab: &str, task: &str) -> Result<()> {
        self.connection
            .execute("INSERT OR REPLACE INTO places (lab, task) VALUES (?, ?)", params![lab, task])
            .map_err(self.failed("The place in the lab"))?;
        Ok(())
    }

    /// A task is done with: a learner who was at it is at the first that is open from now on.
    pub fn leave_place(&self, lab: &str, task: &str) -> Result<()> {
        self.connection
            .execute("DELETE FROM places WHERE lab = ? AND task = ?", [lab, task])
            .map_err(self.failed("The place in the lab"))?;
        Ok(())
    }

    /// The task that the learner is at, when another one than the first that is open.
    pub fn place(&self, lab: &str) -> Result<Option<String>> {
        self.connection
            .query_row("SELECT task FROM places WHERE lab = ?", [lab], |row| row.get(0))
            .optional()
            .map_err(self.failed("The place in the lab"))
    }

    /// Time was spent on a lab, up to now. What another screen has counted of it is not counted again.
    pub fn add_time(&self, lab: &str, spent: Duration) -> Result<()> {
        self.add_time_until(jiff::Timestamp::now().as_second(), lab, spent)
    }

    fn add_time_until(&self, now: i64, lab: &str, spent: Duration) -> Result<()> {
        self.connection
            .execute(
                // Where the clock was set back, nothing is known of what was counted.
                "INSERT INTO times (lab, seconds, since, until) VALUES (?1, ?2, ?3 - ?2, ?3)
                 ON CONFLICT (lab) DO UPDATE SET until = ?3,
                 since = IIF(until BETWEEN ?3 - ?2 AND ?3, MIN(since, ?3 - ?2), ?3 - ?2),
                 seconds = seconds + IIF(until > ?3, ?2, ?2 - MAX(0, until - MAX(since, ?3 - ?2)))",
                params![lab, i64::try_from(spent.as_secs()).unwrap_or(0), now],
            )
            .map_err(self.failed("The time spent"))?;
        Ok(())
    }

    /// How much time was spent on a lab, in whole seconds of each sitting.
    pub fn time(&self, lab: &str) -> Result<Duration> {
        let seconds: Option<u32> = self
            .connection
            .query_row("SELECT seconds FROM times WHERE lab = ?", [lab], |row| row.get(0))
            .optional()
            .map_err(self.failed("The time spent"))?;
        Ok(Duration::from_secs(seconds.unwrap_or(0).into()))
    }

    /// The progress on every task of a lab that was touched.
    pub fn progress(&self, lab: &str) -> Result<BTreeMap<String, TaskProgress>> {
        let failed = self.failed("The progress");
        let mut progress: BTreeMap<String, TaskProgress> = BTreeMap::new();
        let mut attempts = self
            .connection
            .prepare(
                "SELECT task, count(*), min(CASE verdict WHEN 'pass' THEN at END),
                        coalesce(max(CASE verdict WHEN 'pass' THEN points END), 0)
                 FROM attempts WHERE lab = ? GROUP BY task",
            )
            .map_err(&failed)?;
        let rows = attempts
            .query_map([lab], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
            .map_err(&failed)?;
        for row in rows {
            let (task, count, passed_at, points): (String, u32, Option<String>, u32) =
                row.map_err(&failed)?;
            let entry = progress.entry(task).or_default();
            (entry.attempts, entry.passed_at, entry.points) = (count, passed_at, points);
        }
        let mut seen = self
            .connection
            .prepare(
                "SELECT task, shown, 0 FROM hints WHERE lab = ?1
                 UNION ALL SELECT task, 0, 1 FROM solutions WHERE lab = ?1",
            )
            .map_err(&failed)?;
        let rows = seen
            .query_map([lab], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .map_err(&failed)?;
        for row in rows {
            let (task, hints, solution): (String, u32, bool) = row.map_err(&failed)?;
            let entry = progress.entry(task).or_default();
            entry.hints_shown += hints;
            entry.solution_seen |= solution;
        }
        Ok(progress)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_two_screens_count_at_once_counts_once() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_in(folder.path()).unwrap();
        let counted = [
            // One after the other, then one that was open all the time.
            (1000, 70, 70),
            (1100, 5, 75),
            (1130, 130, 200),
            (1130, 20, 200),
            (1150, 100, 220),
            // The clock was set back.
            (500, 60, 280),
            (560, 60, 340),
        ];
        for (now, spent, in_all) in counted {
            store.add_time_until(now, "l", Duration::from_secs(spent)).unwrap();
            assert_eq!(store.time("l").unwrap(), Duration::from_secs(in_all), "at {now}");
        }
    }

    #[test]
    fn a_passed_task_stays_passed_and_hints_stop_at_the_last() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_in(folder.path()).unwrap();
        for passed in [false, true, false] {
            store.add_attempt(&Attempt { lab: "l", task: "t", passed, points: 10 }).unwrap();
        }
        assert_eq!(store.show_hint("l", "t", 2).unwrap(), 1);
        assert_eq!(store.show_hint("l", "t", 2).unwrap(), 2);
        assert_eq!(store.show_hint("l", "t", 2).unwrap(), 2);
        store.show_solution("l", "t").unwrap();
        assert_eq!(store.place("l").unwrap(), None);
        store.set_place("l", "t").unwrap();
        store.set_place("l", "u").unwrap();
        assert_eq!(store.place("l").unwrap().as_deref(), Some("u"));
        store.leave_place("l", "t").unwrap();
        assert_eq!(store.place("l").unwrap().as_deref(), Some("u"));
        store.leave_place("l", "u").unwrap();
        assert_eq!(store.place("l").unwrap(), None);

        let reopened = Store::open_in(folder.path()).unwrap().progress("l").unwrap();
        let task = &reopened["t"];
        assert!(task.passed_at.is_some());
        assert_eq!(
            (task.attempts, task.points, task.hints_shown, task.solution_seen),
            (3, 10, 2, true)
        );
    }
}
