//! What comes of work: marks, news, and what is said.

use std::time::{Duration, Instant};

use console::style;

use super::news::{Body, News};
use super::{Act, Place, State};
use crate::catalog::lab::Check;
use crate::error::Result;
use crate::event::Event;
use crate::probe::finding::Finding;
use crate::screen::live::page::Mark;
use crate::screen::live::{What, watch};
use crate::screen::trouble::{first_line, notice, told};
use crate::session::check::Looked;
use crate::session::reset::TaskReset;
use crate::session::status::first_open;
use crate::term::escape::visible;
use crate::verdict::{CheckResult, LabResult, TaskResult, Verdict};

/// What is said when nothing is left to look at.
const HOLDS: &str = "What can be seen from outside holds: 'c' checks the rest.";

impl State<'_> {
    /// Something was begun.
    pub fn begun(&mut self, what: What) {
        self.busy = !what.only_looks();
        let tasks = match what {
            What::Lab => self.lab().tasks.as_slice(),
            _ => std::slice::from_ref(self.task()),
        };
        self.decided = (0, tasks.iter().map(|task| task.checks.len()).sum());
        self.looked = Some(Instant::now());
        self.cost.begin();
        if let What::Task { .. } | What::Lab = what {
            // What was saved up to now is what is checked.
            self.seen = watch::fingerprint(&self.started.seat.workspace);
            self.checked = self.seen;
            self.says.clear();
            self.marks.fill(Mark::Open);
            // What was seen before is no longer so.
            self.news = News::None;
            self.evidence = None;
            self.to = Some(Place::Checks);
        }
    }

    /// What went on was ended; what it had recorded by then counts.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn stopped(&mut self) -> Result<()> {
        self.busy = false;
        self.progress = self.session.store.progress(&self.lab().slug)?;
        self.marks.fill(Mark::Unknown);
        self.says("The check was ended: 'c' begins it again.");
        Ok(())
    }

    /// Back from the shell or a client.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn back(&mut self, been: Result<()>) -> Result<()> {
        self.stirred = Instant::now();
        self.looked = None;
        let cut_short = std::mem::take(&mut self.busy);
        match been {
            Ok(()) if cut_short => self.stopped()?,
            Ok(()) => self.says.clear(),
            Err(error) => {
                self.failed(&error);
                return Ok(());
            }
        }
        if let News::Trouble(_) = self.news {
            self.news = News::None;
        }
        Ok(())
    }

    /// The task is as in the beginning: what was found out of it is over, and its starter is not what anybody saved.
    pub fn task_reset(&mut self, done: &TaskReset) {
        self.last.remove(&done.task);
        self.show(self.at);
        self.seen = watch::fingerprint(&self.started.seat.workspace);
        self.checked = self.seen;
        self.says(done.said());
    }

    /// What work that goes on says of itself.
    pub fn happened(&mut self, event: Event) {
        match event {
            Event::CheckDone { task, result } if self.busy => {
                self.decided.0 += 1;
                if task == self.task_id() {
                    self.mark(&result.id, Mark::Known(result.verdict));
                }
            }
            Event::Shown(shown) => shown.notify_one(),
            _ => {}
        }
    }

    /// What is said while something is made.
    pub fn goes_on(&mut self, event: Event) {
        match event {
            Event::Begun { step } => {
                self.says = format!("{step} …");
                self.outlook = None;
            }
            Event::Outlook { outlook, .. } => self.outlook = Some((outlook, Instant::now())),
            // It may be a line of what a build prints.
            Event::Progress { step, text, .. } => {
                self.says = first_line(&visible(&format!("{step}: {text}")));
            }
            event => self.happened(event),
        }
    }

    fn mark(&mut self, check: &str, mark: Mark) {
        if let Some(at) = self.task().checks.iter().position(|c| c.id.value == check) {
            self.marks[at] = mark;
        }
    }

    /// What came of work.
    pub fn done(&mut self, what: What, took: Duration, result: Result<Looked>) -> Result<Act> {
        self.busy = false;
        if what.only_looks() {
            self.looked = Some(Instant::now());
            self.cost.end();
            if self.ended {
                return Ok(Act::Nothing);
            }
        }
        let Looked { broken, result, .. } = match result {
            Ok(looked) => looked,
            Err(error) if what.only_looks() => {
                self.unwell = Some(first_line(&told(&error)));
                return Ok(Act::Nothing);
            }
            Err(error) => {
                self.progress = self.session.store.progress(&self.lab().slug)?;
                self.marks.fill(Mark::Unknown);
                self.failed(&error);
                return Ok(Act::Nothing);
            }
        };
        match what {
            What::Look => return Ok(self.looked_at(broken.as_ref(), &result)),
            What::Services => self.unwell = broken.as_ref().and_then(notice),
            What::Task { asked } => {
                // What could not be made says nothing of how long it takes, and another task nothing of this one.
                let tells =
                    |task: &TaskResult| task.verdict != Verdict::Error && task.id == self.task_id();
                if result.tasks.iter().all(tells) {
                    self.took = took;
                }
                self.checked_task(&result, asked)?;
            }
            What::Lab => {
                self.progress = self.session.store.progress(&self.lab().slug)?;
                self.last.extend(result.tasks.iter().map(|task| (task.id.clone(), task.clone())));
                self.show(self.at);
                self.read("Every task", Body::Lab(Box::new(result)));
            }
        }
        Ok(Act::Nothing)
    }

    /// Checks are ticked off as they turn true; what is not true yet is no fault, but what is no longer true is.
    fn looked_at(&mut self, broken: Option<&Finding>, result: &LabResult) -> Act {
        let Some(task) = result.tasks.iter().find(|task| task.id == self.task_id()) else {
            return Act::Nothing;
        };
        self.unwell = broken.and_then(notice);
        // Nothing was looked at then; and somebody else may have checked it meanwhile.
        if broken.is_some() || self.passed() {
            return Act::Nothing;
        }
        let before = self.marks.clone();
        for check in &task.checks {
            let at = self.task().checks.iter().position(|c| c.id.value == check.id);
            let Some(at) = at else { continue };
            self.marks[at] = match (check.verdict, self.marks[at]) {
                (Verdict::Fail, Mark::Unknown | Mark::Open) => Mark::Unknown,
                (verdict, _) => Mark::Known(verdict),
            };
        }
        if self.marks != before && self.evidence.take().is_some() {
            // It told of what was, and is no longer so.
            self.counted("now; 'c' says why");
        }
        let error = task.checks.iter().find_map(|check| check.error.as_ref());
        self.unwell = error.map(|error| first_line(&visible(&error.what)));
        let holds = |check: &CheckResult| check.verdict == Verdict::Pass;
        let all_hold = !task.checks.is_empty() && task.checks.iter().all(holds);
        if all_hold && self.says.is_empty() {
            self.says(HOLDS);
        } else if !all_hold && self.says == HOLDS {
            self.says.clear();
        }
        let whole = self.task().checks.iter().all(Check::only_looks);
        if whole && task.verdict == Verdict::Pass {
            Act::Begin(What::Task { asked: false })
        } else {
            Act::Nothing
        }
    }

    fn checked_task(&mut self, result: &LabResult, asked: bool) -> Result<()> {
        self.progress = self.session.store.progress(&self.lab().slug)?;
        let Some(task) = result.tasks.first() else { return Ok(()) };
        self.last.insert(task.id.clone(), task.clone());
        if task.id != self.task_id() {
            // Looked at is another one by now.
            self.says(format!("{}: {}", task.title, task.verdict));
            return Ok(());
        }
        if task.verdict != Verdict::Pass {
            self.found(task, if asked { "" } else { "after what you saved" });
            return Ok(());
        }
        self.marks.fill(Mark::Known(Verdict::Pass));
        let all = first_open(self.lab(), &self.progress).is_none();
        self.news = News::Passed;
        self.evidence = None;
        let next = if all {
            "That was the last one: every task has passed."
        } else {
            "Enter goes on to the next task."
        };
        self.says(style(next).green().to_string());
        self.to = Some(Place::News);
        Ok(())
    }

    /// Shows what came of a check of this task that did not pass.
    pub(super) fn found(&mut self, task: &TaskResult, when: &str) {
        for check in &task.checks {
            self.mark(&check.id, Mark::Known(check.verdict));
        }
        self.evidence = Some(task.clone());
        self.counted(when);
        self.to = Some(Place::Checks);
    }

    /// Says how many checks hold, by what is known of them.
    fn counted(&mut self, when: &str) {
        let known = |verdict| self.marks.iter().filter(|m| **m == Mark::Known(verdict)).count();
        let (all, errors) = (self.marks.len(), known(Verdict::Error));
        let open = all - known(Verdict::Pass);
        let says = if errors > 0 {
            format!("{errors} of {all} checks could not be made {when}")
        } else {
            format!("{open} of {all} checks do not pass {when}")
        };
        self.says(says.trim_end());
    }
}
