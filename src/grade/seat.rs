//! One throw-away seat for one submission, gone at the end whatever happens.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::time::Duration;

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep, sleep_until};

use super::submission::Submission;
use super::{Grader, Outcome, apply, bound, fail};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::probe::finding::Evidence;
use crate::session::plan::WORKBENCH;
use crate::session::scratch::Scratch;
use crate::session::start::Wanted;
use crate::session::workspace;
use crate::verdict::{Applied, CheckResult, ErrorReport, LabResult, Verdict};

/// A start that is to be given up is given this long to end by itself: what the engine is making just then would
/// appear when everything else is removed already.
const GRACE: Duration = Duration::from_secs(20);
/// The failure of a check whose program takes too long.
const TIMEOUT: &str = "timeout";

/// How the work on a seat came to its end.
enum End {
    Checked(LabResult),
    TimeUp,
    /// It wrote too much; how much.
    Overgrown(String),
    Stopped,
}

/// What is known of a seat's work while it goes on.
#[derive(Default)]
struct Progress {
    /// Task and check → result.
    decided: RefCell<BTreeMap<(String, String), CheckResult>>,
    /// What was handed in may be to blame.
    handed_in: Cell<bool>,
    /// The submission's own script runs.
    applying: Cell<bool>,
    applied: RefCell<Option<Applied>>,
}

impl Progress {
    fn take(&self, event: &Event) {
        if let Event::CheckDone { task, result } = event {
            let name = (task.clone(), result.id.clone());
            self.decided.borrow_mut().insert(name, (**result).clone());
        }
    }

    /// Whether it is plainly the submission that takes so long. In doubt it is not.
    fn program_hangs(&self) -> bool {
        let timeout =
            |r: &CheckResult| r.failure.as_ref().is_some_and(|failure| failure.code == TIMEOUT);
        self.applying.get() || self.decided.borrow().values().any(timeout)
    }
}

impl Grader<'_> {
    /// Checks a submission on a seat of its own; `None` when it was ended before.
    pub(super) async fn on_seat(
        &self,
        submission: &Submission,
        deadline: Instant,
        show: &dyn Fn(Event),
    ) -> Option<Outcome> {
        let began = Instant::now();
        let progress = Progress::default();
        let (events, mut receiver) = Events::channel();
        let scratch = match self.session.scratch(events) {
            Ok(scratch) => scratch,
            Err(error) => return Some(self.error(error)),
        };
        let end = tokio::select! {
            end = self.work(&scratch, submission, deadline, &progress) => end,
            never = follow(&mut receiver, &progress, show) => never,
        };
        if !matches!(end, Ok(End::Checked(_))) {
            self.session.engine.settled().await;
        }
        if let Err(error) = scratch.remove().await {
            show(Event::Note(format!("{error}\n'labs gc' removes what was left")));
        }
        while let Ok(event) = receiver.try_recv() {
            progress.take(&event);
        }
        let mut outcome = match end {
            Ok(End::Checked(result)) => {
                Outcome { result, apply: None, timed_out: false, handed_in: true }
            }
            Ok(End::TimeUp) => self.time_up(&progress, began.elapsed()),
            Ok(End::Overgrown(why)) => {
                if progress.applying.get() {
                    let note = Some(format!("stopped: {why}"));
                    let stopped = Applied { exit_code: None, note, output: String::new() };
                    progress.applied.replace(Some(stopped));
                }
                self.refused(&why)
            }
            Ok(End::Stopped) => return None,
            Err(error) => self.error(error),
        };
        outcome.apply = progress.applied.take();
        outcome.handed_in = progress.handed_in.get();
        Some(outcome)
    }

    /// Starts the seat, hands the submission in, and checks it.
    async fn work(
        &self,
        scratch: &Scratch,
        submission: &Submission,
        deadline: Instant,
        progress: &Progress,
    ) -> Result<End> {
        let session = &scratch.session;
        let wanted = Wanted { workspace: Some(scratch.workspace()), ..Wanted::default() };
        let start = session.start(&self.lab, wanted);
        let over = async {
            let end = self.over(deadline).await;
            sleep(GRACE).await;
            end
        };
        let seat = tokio::select! {
            started = start => started?.seat,
            end = over => return Ok(end),
        };
        let plan = session.plan(&self.lab, seat.clone())?;
        let check = async {
            workspace::put(&seat.workspace, submission.files(), workspace::owner(&seat.workspace))?;
            progress.handed_in.set(true);
            if submission.has_script() {
                let workbench = session.workbench(&plan).await?;
                progress.applying.set(true);
                let applied = apply::run(&session.engine, &workbench).await?;
                progress.applied.replace(Some(applied));
                progress.applying.set(false);
            }
            session.check(&self.lab, &seat, None).await
        };
        tokio::select! {
            biased;
            end = self.over(deadline) => Ok(end),
            overgrown = bound::overgrown(&seat.workspace) => {
                // At once, before it writes more; one that has ended writes nothing.
                let _ = session.engine.kill(&plan.container(WORKBENCH), "SIGKILL").await;
                // A full disk can be anybody's doing, that of a neighbour in a batch too.
                progress.handed_in.set(overgrown.is_ok());
                overgrown.map(End::Overgrown)
            }
            result = check => result.map(End::Checked),
        }
    }

    /// Returns when it must end, done or not.
    async fn over(&self, deadline: Instant) -> End {
        tokio::select! {
            () = self.stopped() => End::Stopped,
            () = sleep_until(deadline) => End::TimeUp,
        }
    }

    /// What was decided stands; the rest is the submission's failure or our error.
    fn time_up(&self, progress: &Progress, took: Duration) -> Outcome {
        let theirs = progress.program_hangs();
        let what = format!("The checks had not ended after {} s", self.limit.as_secs());
        let decided = progress.decided.borrow();
        let mut outcome = self.all("", took, |task, check| {
            let name = (task.id.value.clone(), check.id.clone());
            match decided.get(&name) {
                Some(known) => known.clone(),
                None if theirs => {
                    let summary = format!("{what}: the submission's calls take too long");
                    fail(check, Evidence::new(summary), TIMEOUT)
                }
                None => {
                    let error = Error::infrastructure(what.clone()).help(
                        "grade it again when the machine is less busy, or with a longer --timeout",
                    );
                    let error = Some(ErrorReport::from(error));
                    CheckResult { verdict: Verdict::Error, error, ..check }
                }
            }
        });
        outcome.timed_out = true;
        outcome
    }
}

/// Notes and shows what happens on a seat, as long as its session lives.
async fn follow(
    receiver: &mut UnboundedReceiver<Event>,
    progress: &Progress,
    show: &dyn Fn(Event),
) -> Result<End> {
    while let Some(event) = receiver.recv().await {
        progress.take(&event);
        show(event);
    }
    std::future::pending().await
}
