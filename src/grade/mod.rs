//! Grading: a submission on a throw-away seat, of which only the grade stays.

mod apply;
pub mod batch;
mod blame;
mod bound;
mod seat;
pub mod submission;

use std::time::Duration;

use tokio::sync::watch;
use tokio::time::Instant;

use crate::catalog::lab::{Lab, Task};
use crate::digest;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::probe::finding::{Evidence, Finding};
use crate::session::Session;
use crate::store;
use crate::verdict::{
    Applied, Basis, CheckResult, ErrorReport, Grade, LabResult, TaskResult, Verdict, millis,
};
use submission::Submission;

/// What a submission is graded with.
pub struct Grader<'a> {
    session: &'a Session,
    /// With the values that the submission was made for.
    lab: Lab,
    /// A submission takes no longer, on all its seats together.
    limit: Duration,
    /// Turns true when the person wants it to end.
    stop: watch::Receiver<bool>,
    /// A digest of the lab and the images that it runs.
    basis: String,
}

/// What came of one seat.
struct Outcome {
    result: LabResult,
    apply: Option<Applied>,
    timed_out: bool,
    /// What was handed in may be to blame: the seat was ready by then.
    handed_in: bool,
}

impl<'a> Grader<'a> {
    /// # Errors
    /// The lab's files cannot be read.
    pub fn new(
        session: &'a Session,
        lab: Lab,
        limit: Duration,
        stop: watch::Receiver<bool>,
    ) -> Result<Self> {
        Ok(Self { basis: basis(session, &lab)?, session, lab, limit, stop })
    }

    /// Makes the images that are missing, so that no submission waits for them; `None` when it was ended.
    ///
    /// # Errors
    /// As [`crate::image::Images::ensure`].
    pub async fn prepare(&self) -> Result<Option<()>> {
        let Session { images, engine, events, .. } = self.session;
        let needed = images.of_lab(&self.lab)?;
        tokio::select! {
            made = images.ensure(engine, &needed, events) => made.map(Some),
            () = self.stopped() => Ok(None),
        }
    }

    /// Grades one submission; `None` when it was ended before.
    pub async fn grade(&self, submission: &Submission, show: &dyn Fn(Event)) -> Option<Grade> {
        let began = Instant::now();
        let (outcome, seats) = match submission.refused() {
            Some(why) => (self.refused(why), 0),
            None => self.on_seats(submission, began + self.limit, show).await?,
        };
        Some(self.grade_of(submission, outcome, seats, began.elapsed()))
    }

    /// What comes of a submission, and how many seats it took: after an error it gets one more, and after another one a
    /// right solution shows whose it is.
    async fn on_seats(
        &self,
        submission: &Submission,
        deadline: Instant,
        show: &dyn Fn(Event),
    ) -> Option<(Outcome, u32)> {
        let name = &submission.name;
        let first = self.on_seat(submission, deadline, show).await?;
        if first.result.verdict != Verdict::Error || Instant::now() >= deadline {
            return Some((first, 1));
        }
        let met = first.result.error().unwrap_or_default();
        show(Event::Note(format!("{name}: {met}; trying a new seat")));
        let second = self.on_seat(submission, deadline, show).await?;
        if !blame::is_repeated(&first, &second) {
            return Some((second, 2));
        }
        show(Event::Note(format!("{name}: the same error again; trying a right solution")));
        if self.right_solution_passes().await? {
            return Some((self.blamed(second), 2));
        }
        Some((second, 2))
    }

    /// The grade of a submission that cannot be had, for no fault of its own.
    fn ungraded(&self, name: &str, error: Error) -> Grade {
        let outcome = self.error(error);
        let mut grade = self.grade_of(&Submission::absent(name), outcome, 0, Duration::ZERO);
        // It had no seat, so no values either.
        grade.basis.seed.clear();
        grade
    }

    fn grade_of(
        &self,
        submission: &Submission,
        outcome: Outcome,
        seats: u32,
        took: Duration,
    ) -> Grade {
        let Outcome { mut result, apply, timed_out, .. } = outcome;
        forget_seat(&mut result);
        Grade {
            submission: submission.name.clone(),
            verdict: result.verdict,
            score: (result.verdict != Verdict::Error).then_some(result.points),
            max_score: result.max_points,
            graded_at: store::now(),
            basis: self.basis(submission),
            seats,
            timed_out,
            left_out: submission.left_out.clone(),
            apply,
            result,
            milliseconds: millis(took),
        }
    }

    /// What the grade of a submission rests on.
    fn basis(&self, submission: &Submission) -> Basis {
        Basis {
            submission: submission.digest(),
            lab: self.basis.clone(),
            seed: self.lab.seed.text.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
        }
    }

    /// Files that no check can take are the submission's to mend.
    fn refused(&self, why: &str) -> Outcome {
        let mut evidence = Evidence::new("The submission cannot be checked");
        evidence.observed = Some(why.to_owned());
        self.all("", Duration::ZERO, |_, check| fail(check, evidence.clone(), "workspace"))
    }

    /// Nothing could be checked.
    fn error(&self, error: Error) -> Outcome {
        let report = ErrorReport::from(error);
        self.all("", Duration::ZERO, |_, check| CheckResult {
            verdict: Verdict::Error,
            error: Some(report.clone()),
            ..check
        })
    }

    /// A result in which every check is what `judge` makes of it.
    fn all(
        &self,
        seat: &str,
        took: Duration,
        judge: impl Fn(&Task, CheckResult) -> CheckResult,
    ) -> Outcome {
        let task = |task: &Task| {
            let checks = task.checks.iter().map(|c| CheckResult::new(c, Verdict::Pass));
            TaskResult::new(task, checks.map(|check| judge(task, check)).collect())
        };
        let tasks = self.lab.tasks.iter().map(task).collect();
        let result = LabResult::new(&self.lab, seat, tasks, took);
        Outcome { result, apply: None, timed_out: false, handed_in: false }
    }

    /// Returns when the person wants it to end.
    async fn stopped(&self) {
        if self.stop.clone().wait_for(|stop| *stop).await.is_err() {
            // Nobody is left to say so.
            std::future::pending::<()>().await;
        }
    }
}

/// Takes out what the evidence says can be tried: the seat to try it on is gone.
fn forget_seat(result: &mut LabResult) {
    let checks = result.tasks.iter_mut().flat_map(|task| &mut task.checks);
    for failure in checks.filter_map(|check| check.failure.as_mut()) {
        failure.evidence.reproduce = None;
    }
}

/// A check that failed.
fn fail(check: CheckResult, evidence: Evidence, code: &str) -> CheckResult {
    match evidence.fail(code) {
        Finding::Fail(failure) => {
            CheckResult { verdict: Verdict::Fail, failure: Some(*failure), ..check }
        }
        Finding::Pass(_) | Finding::Error(_) => check,
    }
}

fn basis(session: &Session, lab: &Lab) -> Result<String> {
    let files = session.catalog.lab_files();
    let mut text = String::new();
    for path in files.below(&lab.slug) {
        let content = files.read(&format!("{}/{path}", lab.slug))?;
        text.push_str(&format!("{path}\0{}\n", digest::sha256(&content)));
    }
    for image in session.images.of_lab(lab)? {
        text.push_str(&format!("{}\n", image.tag));
    }
    Ok(digest::sha256(text))
}
