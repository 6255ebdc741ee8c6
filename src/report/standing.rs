//! What a learner has done over all labs, and what is next.

use std::collections::{BTreeMap, BTreeSet};

use console::style;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{ToSpan, Zoned};
use serde::Serialize;

use crate::catalog::lab::Level;
use crate::catalog::summary::Summary;
use crate::store::{TaskProgress, Tried};
use crate::term;

/// How many days are shown one by one.
const DAYS: i8 = 28;
/// How often a day's tries fill its column.
const FULL_DAY: usize = 16;
const COLUMNS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];

/// All labs, the days, and what is next. Attempts are in the order of time.
#[derive(Debug, Serialize)]
pub struct Standing {
    labs: Vec<LabStanding>,
    /// The last four weeks, in the time zone of this machine.
    days: Vec<Day>,
    /// Days with a try, without a gap, up to today or yesterday.
    days_in_a_row: usize,
    longest_row: usize,
    next: Option<Next>,
}

/// What has been done in one lab.
#[derive(Debug, Serialize)]
pub struct LabStanding {
    lab: String,
    title: String,
    #[serde(skip)]
    level: Level,
    #[serde(skip)]
    minutes: u32,
    tasks: usize,
    passed: usize,
    points: u32,
    max_points: u32,
    attempts: usize,
    hints: u32,
    /// Tasks whose solution was looked at.
    solutions: usize,
    /// Of the first try and the last, in UTC.
    first_at: Option<jiff::Timestamp>,
    last_at: Option<jiff::Timestamp>,
    #[serde(skip)]
    open: Option<String>,
}

#[derive(Debug, Serialize)]
struct Day {
    date: Date,
    attempts: usize,
    /// Tasks that passed for the first time.
    passed: usize,
}

#[derive(Debug, Serialize)]
struct Next {
    lab: String,
    task: String,
}

impl LabStanding {
    /// What has been done in a lab; of `attempts` those of other labs do not matter.
    pub fn new(
        lab: &Summary,
        progress: &BTreeMap<String, TaskProgress>,
        attempts: &[Tried],
    ) -> Self {
        let passed = |id: &&String| progress.get(*id).is_some_and(|p| p.passed_at.is_some());
        let known = || lab.tasks.iter().filter_map(|id| progress.get(id));
        let of_lab = || attempts.iter().filter(|attempt| attempt.lab == lab.lab);
        Self {
            lab: lab.lab.clone(),
            title: lab.title.clone(),
            level: lab.level,
            minutes: lab.minutes,
            tasks: lab.tasks.len(),
            passed: lab.tasks.iter().filter(passed).count(),
            points: known().map(|p| p.points).sum(),
            max_points: lab.points,
            attempts: of_lab().count(),
            hints: known().map(|p| p.hints_shown).sum(),
            solutions: known().filter(|p| p.solution_seen).count(),
            first_at: of_lab().map(|attempt| attempt.at).min(),
            last_at: of_lab().map(|attempt| attempt.at).max(),
            open: lab.tasks.iter().find(|id| !passed(id)).cloned(),
        }
    }

    fn begun(&self) -> bool {
        self.attempts > 0 || self.hints > 0 || self.solutions > 0
    }
}

impl Standing {
    pub fn new(labs: Vec<LabStanding>, attempts: &[Tried], now: &Zoned) -> Self {
        let zone = now.time_zone();
        let today = now.date();
        let dates: BTreeSet<Date> = attempts.iter().map(|a| date(a, zone)).collect();
        let rows = rows(&dates);
        let current = rows.last().filter(|(last, _)| *last >= today.saturating_sub(1.day()));
        Self {
            days: days(attempts, today, zone),
            days_in_a_row: current.map_or(0, |(_, length)| *length),
            longest_row: rows.iter().map(|(_, length)| *length).max().unwrap_or(0),
            next: next(&labs),
            labs,
        }
    }

    pub fn text(&self) -> String {
        let begun: Vec<&LabStanding> = self.labs.iter().filter(|lab| lab.begun()).collect();
        let mut text = String::new();
        let widest = begun.iter().map(|lab| lab.lab.len()).max().unwrap_or(0);
        for lab in &begun {
            let many = |count: usize, one: &str| {
                if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
            };
            let mut line = format!(
                "{:<widest$}  {} {:>2}/{:<2} {:>3} of {} points, {}",
                lab.lab,
                term::bar(lab.passed, lab.tasks, 8),
                lab.passed,
                lab.tasks,
                lab.points,
                lab.max_points,
                many(lab.attempts, "check"),
            );
            if lab.hints > 0 {
                line.push_str(&format!(", {}", many(lab.hints as usize, "hint")));
            }
            if lab.solutions > 0 {
                line.push_str(&format!(", {} seen", many(lab.solutions, "solution")));
            }
            text.push_str(&format!("{}\n", term::cut(&line)));
        }
        match (begun.len(), self.labs.len()) {
            (0, _) => text.push_str("Nothing has been checked yet.\n"),
            (some, all) if some < all => {
                text.push_str(&format!("{} more in 'labs list'\n", all - some));
            }
            _ => {}
        }
        if self.longest_row > 0 {
            let columns: String = self.days.iter().map(|day| column(day.attempts)).collect();
            let passed: usize = self.days.iter().map(|day| day.passed).sum();
            let days =
                |count: usize| if count == 1 { "1 day".into() } else { format!("{count} days") };
            text.push_str(&format!(
                "\nFour weeks  {columns}  {passed} passed\nIn a row    {}, {} at the longest\n",
                days(self.days_in_a_row),
                days(self.longest_row)
            ));
        }
        match &self.next {
            Some(Next { lab, task }) => text.push_str(&format!(
                "\n{} {lab}, task {task}: labs run {lab}\n",
                style("Next:").bold()
            )),
            None => text.push_str("\nEvery task of every lab has passed.\n"),
        }
        text
    }
}

fn date(attempt: &Tried, zone: &TimeZone) -> Date {
    attempt.at.to_zoned(zone.clone()).date()
}

/// Each row of days without a gap: its last day, and how many there are.
fn rows(dates: &BTreeSet<Date>) -> Vec<(Date, usize)> {
    let mut rows: Vec<(Date, usize)> = Vec::new();
    for &date in dates {
        match rows.last_mut() {
            Some((last, length)) if last.saturating_add(1.day()) == date => {
                (*last, *length) = (date, *length + 1);
            }
            _ => rows.push((date, 1)),
        }
    }
    rows
}

fn days(attempts: &[Tried], today: Date, zone: &TimeZone) -> Vec<Day> {
    let first = today.saturating_sub((DAYS - 1).days());
    let mut days: Vec<Day> = first
        .series(1.day())
        .take(usize::from(DAYS.unsigned_abs()))
        .map(|date| Day { date, attempts: 0, passed: 0 })
        .collect();
    let mut passed = BTreeSet::new();
    for attempt in attempts {
        let first = attempt.passed && passed.insert((&attempt.lab, &attempt.task));
        let date = date(attempt, zone);
        if let Some(day) = days.iter_mut().find(|day| day.date == date) {
            day.attempts += 1;
            day.passed += usize::from(first);
        }
    }
    days
}

fn column(attempts: usize) -> char {
    match attempts {
        0 => '·',
        some => COLUMNS[((some - 1) * COLUMNS.len() / FULL_DAY).min(COLUMNS.len() - 1)],
    }
}

/// The lab that was checked last goes on, then others that were begun; else the easiest that was not.
fn next(labs: &[LabStanding]) -> Option<Next> {
    let open = || labs.iter().filter(|lab| lab.open.is_some());
    let lab = (open().filter(|lab| lab.begun()).max_by_key(|lab| lab.last_at))
        .or_else(|| open().min_by_key(|lab| (lab.level, lab.minutes)))?;
    Some(Next { lab: lab.lab.clone(), task: lab.open.clone()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tried(lab: &str, task: &str, passed: bool, at: &str) -> Tried {
        let at = at.parse().unwrap();
        Tried { lab: lab.to_owned(), task: task.to_owned(), passed, points: 5, at }
    }

    fn summary(lab: &str, level: Level) -> Summary {
        Summary {
            lab: lab.to_owned(),
            title: "T".to_owned(),
            topic: "t".to_owned(),
            level,
            minutes: 30,
            points: 10,
            tasks: vec!["a".to_owned(), "b".to_owned()],
            summary: String::new(),
        }
    }

    fn standing(attempts: &[Tried]) -> Standing {
        let labs = [summary("deep", Level::Advanced), summary("easy", Level::Beginner)];
        let labs = labs.map(|lab| {
            let passes = attempts.iter().filter(|a| a.lab == lab.lab && a.passed);
            let progress = passes.map(|a| {
                let passed_at = Some(a.at.to_string());
                (a.task.clone(), TaskProgress { passed_at, points: 5, ..TaskProgress::default() })
            });
            LabStanding::new(&lab, &progress.collect(), attempts)
        });
        let now = "2026-03-10T12:00[UTC]".parse().unwrap();
        Standing::new(labs.into(), attempts, &now)
    }

    #[test]
    fn who_begins_is_sent_to_the_easiest_lab() {
        assert_eq!(
            standing(&[]).text(),
            "Nothing has been checked yet.\n\nNext: easy, task a: labs run easy\n"
        );
    }

    #[test]
    fn what_was_begun_last_goes_on_and_days_in_a_row_are_counted() {
        let attempts = [
            tried("deep", "a", true, "2026-02-01T10:00:00Z"),
            tried("deep", "b", false, "2026-02-02T10:00:00Z"),
            tried("deep", "b", false, "2026-02-03T23:59:59Z"),
            tried("deep", "b", false, "2026-03-08T10:00:00Z"),
            tried("easy", "a", false, "2026-03-09T10:00:00Z"),
            tried("easy", "a", true, "2026-03-09T11:00:00Z"),
            tried("easy", "a", true, "2026-03-09T12:00:00Z"),
        ];
        let standing = standing(&attempts);
        assert_eq!((standing.days_in_a_row, standing.longest_row), (2, 3));
        assert_eq!(
            standing.text(),
            "deep  ████░░░░  1/2    5 of 10 points, 4 checks\n\
             easy  ████░░░░  1/2    5 of 10 points, 3 checks\n\
             \n\
             Four weeks  ·························▁▂·  1 passed\n\
             In a row    2 days, 3 days at the longest\n\
             \n\
             Next: easy, task b: labs run easy\n"
        );
    }

    #[test]
    fn a_row_ends_with_a_day_without_a_try() {
        let standing = standing(&[tried("easy", "a", true, "2026-03-08T23:00:00Z")]);
        assert_eq!((standing.days_in_a_row, standing.longest_row), (0, 1));
    }
}
