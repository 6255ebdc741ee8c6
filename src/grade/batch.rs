//! Many submissions, some at once. What is graded stays graded, whatever becomes of the rest.

mod folder;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::StreamExt;

use super::Grader;
use super::submission::Submission;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::report::format::Format;
use crate::report::text;
use crate::verdict::{BatchResult, Row, millis};
use folder::Output;
pub use folder::write;

/// What is graded together, and how.
pub struct Batch {
    /// Each folder in it is a submission.
    pub submissions: PathBuf,
    pub output: PathBuf,
    /// The results are written in this format, besides JSON.
    pub format: Format,
    /// How many are graded at once.
    pub jobs: usize,
}

/// Makes the grader of one submission, by its name.
pub type ForEach<'a> = &'a dyn Fn(&str) -> Result<Grader<'a>>;

impl Grader<'_> {
    /// Grades every submission that has no grade yet; `None` when it was ended before.
    ///
    /// # Errors
    /// The folder of submissions cannot be read, or that of the results not be written.
    pub async fn batch(&self, batch: &Batch, each: ForEach<'_>) -> Result<Option<BatchResult>> {
        let began = Instant::now();
        let events = &self.session.events;
        let names = folder::submissions(&batch.submissions, events)?;
        folder::refuse_overlap(&batch.submissions, &batch.output)?;
        let output = Output::open(&batch.output, batch.format)?;
        let mut tally = Tally { began, total: names.len(), rows: Vec::new() };
        let mut work = futures_util::stream::iter(&names)
            .map(|name| self.one(batch, &output, name, each))
            .buffer_unordered(batch.jobs);
        events.send(Event::Begun { step: GRADING.to_owned() });
        let mut table = Ok(());
        while let Some(row) = work.next().await {
            let Some(row) = row else { continue };
            tally.add(row, events);
            // Seats are in use: they end by themselves, whatever becomes of the table.
            table = output.table(&tally.rows);
        }
        drop(work);
        events.send(Event::Over { step: GRADING.to_owned() });
        table?;
        if *self.stop.borrow() {
            events.note(format!(
                "{} of {} are graded; the same command goes on with the rest",
                tally.rows.len(),
                tally.total
            ));
            return Ok(None);
        }
        Ok(Some(BatchResult {
            lab: self.lab.slug.clone(),
            output: batch.output.clone(),
            submissions: tally.rows,
            milliseconds: millis(began.elapsed()),
        }))
    }

    /// The grade of one submission, kept from an earlier run or made now, and written.
    async fn one(
        &self,
        batch: &Batch,
        output: &Output,
        name: &str,
        each: ForEach<'_>,
    ) -> Option<Row> {
        if *self.stop.borrow() {
            return None;
        }
        let opened =
            Submission::open_in(&batch.submissions, name).and_then(|s| Ok((s, each(name)?)));
        let (submission, grader) = match opened {
            Ok(opened) => opened,
            Err(error) => return Some(output.keep(&self.ungraded(name, error), false)),
        };
        if let Some(grade) = output.earlier(name, &grader.basis(&submission)) {
            return Some(output.keep(&grade, true));
        }
        // The steps of several seats at once would be confusing to watch.
        let notes = |event| {
            if let Event::Note(_) = event {
                self.session.events.send(event);
            }
        };
        let grading = grader.grade(&submission, &notes);
        let grade = self.session.events.passing(name, grading).await?;
        Some(output.keep(&grade, false))
    }
}

const GRADING: &str = "grading";

/// How far a batch has come.
struct Tally {
    began: Instant,
    total: usize,
    /// In the order of their names.
    rows: Vec<Row>,
}

impl Tally {
    fn add(&mut self, row: Row, events: &Events) {
        let last = text::row(&row);
        let at = self.rows.partition_point(|r| r.submission < row.submission);
        self.rows.insert(at, row);
        events.send(Event::Progress {
            step: GRADING.to_owned(),
            text: format!("{} of {}{}; {last}", self.rows.len(), self.total, self.left()),
            done: self.rows.len() as u64,
            total: Some(self.total as u64),
        });
    }

    /// How long the rest takes, going by what was graded now.
    fn left(&self) -> String {
        let graded = self.rows.iter().filter(|row| !row.kept).count();
        let rest = self.total - self.rows.len();
        let (Ok(graded), Ok(rest)) = (u32::try_from(graded), u32::try_from(rest)) else {
            return String::new();
        };
        if graded == 0 || rest == 0 {
            return String::new();
        }
        format!(", about {} left", span(self.began.elapsed() / graded * rest))
    }
}

/// A span of time, as precise as a forecast is.
fn span(time: Duration) -> String {
    match time.as_secs() {
        seconds @ 0..100 => format!("{seconds} s"),
        seconds => format!("{} min", (seconds + 30) / 60),
    }
}

/// Where the results go unless the caller says: beside the submissions.
///
/// # Errors
/// The folder has no name to make one from.
pub fn default_output(submissions: &Path) -> Result<PathBuf> {
    let failed = |why: &str| {
        Error::usage("There is no folder beside the submissions for the results")
            .at(submissions.display().to_string())
            .because(why)
            .help("name one with --output DIR")
    };
    let path = std::fs::canonicalize(submissions).map_err(|e| {
        Error::usage("The submissions cannot be read")
            .at(submissions.display().to_string())
            .because(e)
            .help("name a folder with a folder for each submission")
    })?;
    let name = path.file_name().ok_or_else(|| failed("it is the root folder"))?;
    let mut name = name.to_owned();
    name.push("-grades");
    Ok(path.with_file_name(name))
}
