//! What the screen knows; what a [key](typed) and a [result](outcome) make of it.

mod news;
mod outcome;
mod typed;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::style;

use self::news::{News, Sheet};
use self::typed::Question;
use super::cost::Cost;
use super::page::{self, Mark, Page};
use super::{AT_REST_AFTER, AT_REST_EVERY, SERVICES_EVERY, UNASKED_AT_MOST, What, watch};
use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Result};
use crate::outlook::Outlook;
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

/// For how long what was said is not hidden by a service that does not answer.
const HEARD_FOR: Duration = Duration::from_secs(5);

/// What is said once somebody else has ended the seat.
const ENDED: &str = "Another labs has ended the seat: 'u' starts a new one, 'q' leaves.";

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
    ResetTask,
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
    /// What came of the last check, as long as it is so.
    evidence: Option<TaskResult>,
    news: News,
    sheet: Option<Sheet>,
    says: String,
    said: Instant,
    /// What is said of a service as long as it does not answer, or of a seat that has ended, in the place of all that was heard.
    unwell: Option<String>,
    /// Since when longer work goes on that takes no key.
    since: Option<Instant>,
    /// How long it still takes, as it was expected when its present step began.
    outlook: Option<(Outlook, Instant)>,
    /// What is said in place of the keys while it does.
    offer: Option<&'static str>,
    /// The seat has ended, or another is in its place.
    ended: bool,
    /// The seat in its place that was to be gone on with.
    tried: Option<String>,
    asks: Option<Question>,
    scroll: usize,
    /// Where the next drawing scrolls to.
    to: Option<Place>,
    furthest: usize,
    room: usize,
    /// What came of the last check of each task.
    last: BTreeMap<String, TaskResult>,
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
    cost: Cost,
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
            evidence: None,
            news: News::None,
            sheet: None,
            says: String::new(),
            said: Instant::now(),
            unwell: None,
            since: None,
            outlook: None,
            offer: None,
            ended: false,
            tried: None,
            asks: None,
            scroll: 0,
            to: None,
            furthest: 0,
            room: 1,
            last: BTreeMap::new(),
            busy: false,
            decided: (0, 0),
            seen,
            checked: seen,
            took: Duration::ZERO,
            stirred: Instant::now(),
            looked: None,
            cost: Cost::default(),
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

    /// Says that what is not there is started.
    pub fn starts(&mut self) {
        self.says(if self.ended {
            "another seat begins …"
        } else {
            "what has stopped is started …"
        });
    }

    /// Longer work has begun that takes no key, or is over.
    pub fn goes_on_since(&mut self, since: Option<Instant>) {
        self.since = since;
        self.outlook = None;
    }

    /// What Ctrl-C does to longer work.
    pub fn offers(&mut self, offer: Option<&'static str>) {
        self.offer = offer;
    }

    pub fn says(&mut self, text: impl Into<String>) {
        self.says = text.into();
        self.said = Instant::now();
    }

    pub fn failed(&mut self, error: &Error) {
        self.busy = false;
        self.news = News::Trouble(visible(&error.to_string()));
        self.evidence = None;
        self.says(style("that did not work: see above").red().to_string());
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
        let question = question.or(self.offer.map(str::to_owned));
        let status = match work {
            _ if self.asks.is_some() => String::new(),
            Some((what, began)) if !what.only_looks() => {
                let which = if what == What::Lab { "every task" } else { "this task" };
                let (sign, (done, all)) = (style("◌").cyan(), self.decided);
                let seconds = began.elapsed().as_secs();
                format!("{sign} checking {which}: {done} of {all} checks  {seconds} s")
            }
            _ if self.sheet.is_some() && self.checks_what_was_saved() => {
                "Saved: 'q' goes back and checks it.".to_owned()
            }
            _ => match self.since {
                Some(since) => {
                    let left = self.outlook.map(|(outlook, at)| outlook.words(at.elapsed()));
                    let left = left.map(|left| format!(", {left}")).unwrap_or_default();
                    format!("{}  {} s{left}", self.says, since.elapsed().as_secs())
                }
                None => self.heard().to_owned(),
            },
        };
        let text_width = page::text_width(width);
        let news = self.news.text(self.task(), text_width);
        let sheet = self.sheet.as_ref().map(|sheet| sheet.lines(text_width));
        let page = Page {
            lab: self.lab(),
            at: self.at,
            progress: &self.progress,
            minutes: (self.spent + self.counted.elapsed()).as_secs() / 60,
            marks: &self.marks,
            evidence: self.evidence.as_ref(),
            news: &news,
            sheet: self.sheet.as_ref().zip(sheet.as_deref()).map(|(s, lines)| (&*s.title, lines)),
            reach: &reach,
            status: &status,
            question: question.as_deref(),
            scroll: self.scroll,
        };
        let mut drawn = page.draw(width, height);
        if self.sheet.is_none()
            && let Some(place) = self.to.take()
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

    /// What is said: the last news, until it was heard, and what lasts.
    fn heard(&self) -> &str {
        match &self.unwell {
            Some(unwell) if self.says.is_empty() || self.said.elapsed() >= HEARD_FOR => unwell,
            _ => &self.says,
        }
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

    /// Goes where another labs went meanwhile, sees what it has found, and whether it has ended the seat.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn follow(&mut self) -> Result<Act> {
        if self.sheet.is_some() || self.asks.is_some() {
            return Ok(Act::Nothing);
        }
        let (store, lab) = (&self.session.store, self.lab());
        match store.seat_of(&lab.slug)? {
            Some(seat) if seat.id == self.started.seat.id => {}
            // What another labs has made anew is gone on with, unless that was tried in vain.
            Some(seat) => {
                self.ended = true;
                let begin = seat.ready && self.tried.as_ref() != Some(&seat.id);
                return Ok(if begin {
                    self.tried = Some(seat.id);
                    Act::Start
                } else {
                    Act::Nothing
                });
            }
            None => {
                self.ended = true;
                self.unwell = Some(ENDED.to_owned());
                return Ok(Act::Nothing);
            }
        }
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
                // What it has put into the workspace on its way is not what the learner saved.
                self.seen = watch::fingerprint(&self.started.seat.workspace);
                self.checked = self.seen;
            }
        }
        Ok(Act::Nothing)
    }

    /// What time makes of it: a file was saved, or services are looked at again, where that is not under way.
    pub fn tick(&mut self, under_way: bool) -> Act {
        let before = self.seen;
        self.seen = watch::fingerprint(&self.started.seat.workspace);
        if self.seen != before {
            // Whoever saves one file may be saving more.
            self.stirred = Instant::now();
            return Act::Nothing;
        }
        if self.ended || self.sheet.is_some() || self.asks.is_some() {
            return Act::Nothing;
        }
        if self.checks_what_was_saved() {
            self.checked = self.seen;
            return Act::Begin(What::Task { asked: false });
        }
        if self.saved() {
            self.checked = self.seen;
            self.says("Saved. This check takes long: 'c' begins it.");
        }
        let passed = self.passed();
        if under_way {
            return Act::Nothing;
        }
        let what = if !passed && self.task().checks.iter().any(Check::only_looks) {
            What::Look
        } else {
            What::Services
        };
        // Why a service does not answer takes the engine time to say.
        let often = what == What::Look && self.unwell.is_none();
        let every = if often { Duration::ZERO } else { SERVICES_EVERY };
        let every = if self.stirred.elapsed() < AT_REST_AFTER { every } else { AT_REST_EVERY };
        let every = every.max(self.cost.rest());
        if self.looked.is_none_or(|looked| looked.elapsed() >= every) {
            return Act::Begin(what);
        }
        Act::Nothing
    }

    /// Whether there is something in the workspace that a check of this task has not seen.
    fn saved(&self) -> bool {
        !self.passed() && self.seen != self.checked && self.task().program.is_some()
    }

    /// Whether that is checked unasked.
    fn checks_what_was_saved(&self) -> bool {
        self.saved() && self.took <= UNASKED_AT_MOST
    }

    /// Shows something to read in place of the task, until it is [closed](Self::close).
    fn read(&mut self, title: impl Into<String>, body: news::Body) {
        let under = (self.scroll, std::mem::take(&mut self.says));
        self.sheet = Some(Sheet { title: title.into(), body, under });
        self.scroll = 0;
    }

    /// Shows the last lines of a service's log, the last one at the bottom.
    pub fn read_log(&mut self, service: &str, text: String) {
        self.read(format!("The last lines of {service}"), news::Body::Text(text));
        self.scroll = usize::MAX;
    }

    /// Back to the task as it was.
    fn close(&mut self) {
        if let Some(Sheet { under: (scroll, says), .. }) = self.sheet.take() {
            self.scroll = scroll;
            // What came to be said meanwhile is newer.
            if self.says.is_empty() {
                self.says = says;
            }
        }
    }

    /// Shows a task, with what is known of it.
    fn show(&mut self, at: usize) {
        self.at = at.min(self.lab().tasks.len().saturating_sub(1));
        let known = if self.passed() { Mark::Known(Verdict::Pass) } else { Mark::Unknown };
        self.marks = vec![known; self.task().checks.len()];
        self.news = if self.passed() { News::Passed } else { News::None };
        self.evidence = None;
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
