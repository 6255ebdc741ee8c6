//! What the screen knows; what a [key](typed) and a [result](outcome) make of it.

mod outcome;
mod typed;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::style;

use self::typed::Question;
use super::page::{Mark, Page};
use super::{AT_REST_AFTER, AT_REST_EVERY, UNASKED_AT_MOST, What, watch};
use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Result};
use crate::report::reach;
use crate::session::Session;
use crate::session::reset::Workspace;
use crate::session::start::Started;
use crate::session::status::place;
use crate::store::TaskProgress;
use crate::template::Variables;
use crate::term;
use crate::term::escape::visible;
use crate::verdict::{TaskResult, Verdict};

/// How often the time spent is recorded.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

/// What is to be done about something that happened.
pub enum Act {
    Nothing,
    Begin(What),
    /// Ends what goes on.
    Stop,
    /// A shell beside the services, on the whole terminal.
    Shell,
    /// A service's own client.
    Client(String),
    /// What has stopped is started.
    Start,
    Logs(String),
    Repair(String),
    Reset(Workspace),
    Suspend,
    Redraw,
    Leave(u8),
}

/// A part of the page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The checks and what is below them.
    Checks,
    News,
}

pub struct State<'a> {
    session: &'a Session,
    started: &'a Started,
    /// The time spent on the lab before `counted`, since when it counts.
    spent: Duration,
    counted: Instant,
    at: usize,
    /// The task that is recorded as the place where the learner is.
    place: Option<String>,
    progress: BTreeMap<String, TaskProgress>,
    marks: Vec<Mark>,
    news: String,
    sheet: Option<(String, String)>,
    says: String,
    asks: Option<Question>,
    scroll: usize,
    /// Where the next drawing scrolls to.
    to: Option<Place>,
    furthest: usize,
    room: usize,
    /// What came of the last check of each task.
    last: BTreeMap<String, TaskResult>,
    /// Whether the news are the evidence of a check that failed.
    news_is_evidence: bool,
    busy: bool,
    /// How many checks of the round that goes on are decided, and of how many.
    decided: (usize, usize),
    /// The workspace when it was last looked at, and when it was last checked.
    seen: u64,
    checked: u64,
    /// How long the last check of the task took, or how long it must take at least.
    took: Duration,
    stirred: Instant,
    looked: Option<Instant>,
}

impl<'a> State<'a> {
    pub fn open(session: &'a Session, started: &'a Started) -> Result<Self> {
        let progress = session.store.progress(&started.lab.slug)?;
        let seen = watch::fingerprint(&started.seat.workspace);
        let mut state = Self {
            session,
            started,
            spent: session.store.time(&started.lab.slug)?,
            counted: Instant::now(),
            at: place(&session.store, &started.lab)?,
            place: session.store.place(&started.lab.slug)?,
            progress,
            marks: Vec::new(),
            news: String::new(),
            sheet: None,
            says: String::new(),
            asks: None,
            scroll: 0,
            to: None,
            furthest: 0,
            room: 1,
            last: BTreeMap::new(),
            news_is_evidence: false,
            busy: false,
            decided: (0, 0),
            seen,
            checked: seen,
            took: Duration::ZERO,
            stirred: Instant::now(),
            looked: None,
        };
        state.show(state.at);
        Ok(state)
    }

    fn lab(&self) -> &'a Lab {
        &self.started.lab
    }

    fn task(&self) -> &'a Task {
        &self.lab().tasks[self.at]
    }

    pub fn task_id(&self) -> &'a str {
        &self.task().id.value
    }

    fn passed(&self) -> bool {
        self.progress.get(self.task_id()).is_some_and(|p| p.passed_at.is_some())
    }

    /// Whether something goes on that Ctrl-C ends.
    pub fn is_busy(&self) -> bool {
        self.busy
    }

    pub fn says(&mut self, text: impl Into<String>) {
        self.says = text.into();
    }

    pub fn failed(&mut self, error: &Error) {
        self.busy = false;
        self.news = visible(&error.to_string());
        self.news_is_evidence = false;
        self.says = style("that did not work: see above").red().to_string();
        self.to = Some(Place::Checks);
    }

    pub fn draw(&mut self, size: (usize, usize), work: Option<(What, Instant)>) -> Vec<String> {
        let (width, height) = size;
        let reach = reach::brief(
            &self.started.seat.workspace,
            &self.started.services,
            width.min(term::WIDEST),
        );
        let question = self.asks.map(|question| self.question(question));
        let status = match work {
            _ if question.is_some() => String::new(),
            Some((what, began)) if what != What::Look => {
                let which = if what == What::Lab { "every task" } else { "this task" };
                let (sign, (done, all)) = (style("◌").cyan(), self.decided);
                let seconds = began.elapsed().as_secs();
                format!("{sign} checking {which}: {done} of {all} checks  {seconds} s")
            }
            _ => self.says.clone(),
        };
        let page = Page {
            lab: self.lab(),
            at: self.at,
            progress: &self.progress,
            minutes: (self.spent + self.counted.elapsed()).as_secs() / 60,
            marks: &self.marks,
            news: &self.news,
            sheet: self.sheet.as_ref().map(|(title, text)| (title.as_str(), text.as_str())),
            reach: &reach,
            status: &status,
            question: question.as_deref(),
            scroll: self.scroll,
        };
        let mut drawn = page.draw(width, height);
        if let Some(place) = self.to.take()
            && drawn.furthest > 0
        {
            let at = match place {
                Place::Checks => drawn.checks_at,
                Place::News => drawn.news_at,
            };
            self.scroll = at.min(drawn.furthest);
            drawn = Page { scroll: self.scroll, ..page }.draw(width, height);
        }
        self.furthest = drawn.furthest;
        self.room = drawn.room;
        self.scroll = self.scroll.min(drawn.furthest);
        drawn.lines
    }

    /// Whether much would be lost by a crash.
    pub fn time_is_due(&self) -> bool {
        self.counted.elapsed() >= COUNTED_EVERY
    }

    /// Records the time that was spent.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn count_time(&mut self) -> Result<()> {
        let spent = std::mem::replace(&mut self.counted, Instant::now()).elapsed();
        self.spent += spent;
        self.session.store.add_time(&self.lab().slug, spent)
    }

    /// Goes where another labs went meanwhile, and sees what it has found.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn follow(&mut self) -> Result<()> {
        if self.sheet.is_some() || self.asks.is_some() {
            return Ok(());
        }
        let (store, lab) = (&self.session.store, self.lab());
        let (progress, place) = (store.progress(&lab.slug)?, store.place(&lab.slug)?);
        if progress != self.progress {
            let before = self.passed();
            self.progress = progress;
            if self.passed() && !before {
                self.show(self.at);
                self.says("Passed: another labs has checked it.");
            }
        }
        if place != self.place {
            self.place = place;
            let there = |task: &Task| self.place.as_ref() == Some(&task.id.value);
            if let Some(at) = lab.tasks.iter().position(there).filter(|at| *at != self.at) {
                self.show(at);
                self.says("Another labs went to this task.");
            }
        }
        Ok(())
    }

    /// What time makes of it: a file was saved, or services are looked at again.
    pub fn tick(&mut self) -> Act {
        let before = self.seen;
        self.seen = watch::fingerprint(&self.started.seat.workspace);
        if self.seen != before {
            // Whoever saves one file may be saving more.
            self.stirred = Instant::now();
            return Act::Nothing;
        }
        if self.passed() || self.sheet.is_some() || self.asks.is_some() {
            return Act::Nothing;
        }
        if self.seen != self.checked && self.task().program.is_some() {
            self.checked = self.seen;
            if self.took <= UNASKED_AT_MOST {
                return Act::Begin(What::Task { asked: false });
            }
            self.says("Saved. This check takes long: 'c' begins it.");
        }
        let every =
            if self.stirred.elapsed() < AT_REST_AFTER { Duration::ZERO } else { AT_REST_EVERY };
        let due = self.looked.is_none_or(|looked| looked.elapsed() >= every);
        if due && self.task().checks.iter().any(Check::only_looks) {
            return Act::Begin(What::Look);
        }
        Act::Nothing
    }

    /// Shows a text in place of the task.
    pub fn read(&mut self, title: String, text: String) {
        self.sheet = Some((title, text));
        self.says.clear();
        self.scroll = 0;
    }

    /// Shows a task, with what is known of it.
    fn show(&mut self, at: usize) {
        self.at = at.min(self.lab().tasks.len().saturating_sub(1));
        let known = if self.passed() { Mark::Known(Verdict::Pass) } else { Mark::Unknown };
        self.marks = vec![known; self.task().checks.len()];
        self.news.clear();
        self.says.clear();
        if let Some(last) = self.last.get(self.task_id()).filter(|_| !self.passed()).cloned() {
            self.found(&last, "the last time");
            self.to = None;
        }
        self.scroll = 0;
        self.took = at_least(self.task(), &self.lab().variables);
        self.looked = None;
    }
}

/// How long a check of a task must take: as long as the longest of its checks.
fn at_least(task: &Task, variables: &Variables) -> Duration {
    let probes = task.checks.iter().filter_map(Check::probe);
    probes.map(|probe| probe.takes(variables)).max().unwrap_or_default()
}
