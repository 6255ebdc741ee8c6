//! What the screen knows, and what a key, a tick or a result makes of it.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use console::style;

use super::keys::{self, Key};
use super::page::{Mark, Page};
use super::{AT_REST_AFTER, AT_REST_EVERY, UNASKED_AT_MOST, What, watch};
use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::report::text::{self, Detail};
use crate::report::{reach, solution};
use crate::session::Session;
use crate::session::reset::Workspace;
use crate::session::start::Started;
use crate::session::status::{first_open, place};
use crate::store::TaskProgress;
use crate::term::escape::visible;
use crate::term::{self, markdown};
use crate::verdict::{LabResult, TaskResult, Verdict};

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

/// A question that the next key answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Solution,
    Reset,
    ClientOf,
    LogsOf,
    RepairOf,
}

pub struct State<'a> {
    session: &'a Session,
    started: &'a Started,
    /// The time spent on the lab before `counted`, since when it counts.
    spent: Duration,
    counted: Instant,
    at: usize,
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
    /// The workspace when it was last looked at, and when it was last checked.
    seen: u64,
    checked: u64,
    /// How long the last check of the task took.
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
                format!("{} checking {which}  {} s", style("◌").cyan(), began.elapsed().as_secs())
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

    /// What a key makes of it.
    pub fn key(&mut self, key: Key) -> Result<Act> {
        self.stirred = Instant::now();
        if let Some(question) = self.asks.take() {
            return self.answer(question, key);
        }
        match key {
            Key::Lines(by) => self.scroll_by(by),
            Key::Pages(by) => self.scroll_by(by * self.room.cast_signed()),
            Key::Top => self.scroll = 0,
            Key::Bottom => self.scroll = self.furthest,
            Key::Redraw => return Ok(Act::Redraw),
            Key::Suspend => return Ok(Act::Suspend),
            Key::Interrupt => return Ok(Act::Leave(0)),
            Key::Back | Key::Quit | Key::Enter if self.sheet.is_some() => {
                self.sheet = None;
                self.scroll = 0;
            }
            _ if self.sheet.is_some() => {}
            Key::Quit => return Ok(Act::Leave(0)),
            Key::Back => {
                self.news.clear();
                self.says.clear();
            }
            Key::Yes | Key::Other => {}
            Key::Enter if self.passed() => self.on()?,
            Key::Enter | Key::Check => return Ok(Act::Begin(What::Task { asked: true })),
            Key::All => return Ok(Act::Begin(What::Lab)),
            Key::Next => self.go(self.at + 1)?,
            Key::Previous => self.go(self.at.saturating_sub(1))?,
            Key::Task(at) => self.go(at)?,
            Key::Hint => self.hint()?,
            Key::Shell => return Ok(Act::Shell),
            Key::Start => return Ok(Act::Start),
            Key::Client => return self.of_service(Question::ClientOf),
            Key::Logs => return self.of_service(Question::LogsOf),
            Key::Repair => return self.of_service(Question::RepairOf),
            Key::Evidence => self.evidence(),
            Key::Solution => self.solution()?,
            Key::Reset => self.asks = Some(Question::Reset),
            Key::Help => {
                let reach = reach::full(&self.started.seat.workspace, &self.started.services);
                self.read(
                    "Keys".to_owned(),
                    format!("{}\n{}\n{reach}", keys::table(), keys::SIGNS),
                );
            }
        }
        Ok(Act::Nothing)
    }

    fn scroll_by(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by).min(self.furthest);
    }

    /// Shows a text in place of the task.
    pub fn read(&mut self, title: String, text: String) {
        self.sheet = Some((title, text));
        self.scroll = 0;
    }

    /// To another task, which is where the learner comes back to.
    fn go(&mut self, to: usize) -> Result<()> {
        self.show(to);
        self.session.store.set_place(&self.lab().slug, self.task_id())
    }

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
        self.took = Duration::ZERO;
        self.looked = None;
    }

    /// To the next task that is open, the one behind this first.
    fn on(&mut self) -> Result<()> {
        let tasks = &self.lab().tasks;
        let open = |at: &usize| {
            self.progress.get(&tasks[*at].id.value).is_none_or(|p| p.passed_at.is_none())
        };
        match (self.at + 1..tasks.len()).chain(0..self.at).find(open) {
            Some(next) => self.go(next)?,
            None => self.says("Every task has passed. 'labs list' has more labs."),
        }
        Ok(())
    }

    fn hint(&mut self) -> Result<()> {
        let task = self.task();
        let available = u32::try_from(task.hints.len()).unwrap_or(u32::MAX);
        let shown = self.session.store.show_hint(&self.lab().slug, &task.id.value, available)?;
        let Some(hint) = task.hints.get(shown.saturating_sub(1) as usize) else {
            self.says("There is no hint for this task.");
            return Ok(());
        };
        let title = style(format!("Hint {shown} of {available}")).bold();
        self.news = format!("{title}\n\n{}", markdown::render(hint, term::width()));
        self.news_is_evidence = false;
        self.to = Some(Place::Checks);
        Ok(())
    }

    fn evidence(&mut self) {
        let Some(last) = self.last.get(self.task_id()) else {
            self.says("This task has not been checked yet: 'c' does.");
            return;
        };
        let detail = Detail { verbose: true, width: term::width() };
        self.read("The last check in full".to_owned(), text::whole(last, detail));
    }

    fn solution(&mut self) -> Result<()> {
        let seen = self.progress.get(self.task_id()).is_some_and(|p| p.solution_seen);
        if seen || self.passed() {
            self.show_solution()
        } else {
            self.asks = Some(Question::Solution);
            Ok(())
        }
    }

    fn show_solution(&mut self) -> Result<()> {
        let Some(style) = self.lab().solutions.first() else {
            self.says("The lab ships no solution.");
            return Ok(());
        };
        self.session.store.show_solution(&self.lab().slug, self.task_id())?;
        self.progress = self.session.store.progress(&self.lab().slug)?;
        let steps = solution::of_task(&self.session.catalog, self.lab(), style, self.task_id())?;
        self.read(format!("A solution: {}", style.title), solution::text(&steps));
        Ok(())
    }

    fn services(&self) -> Vec<&'a str> {
        self.started.services.iter().map(|reach| reach.service.as_str()).collect()
    }

    /// Asks which service, where there are several.
    fn of_service(&mut self, question: Question) -> Result<Act> {
        match self.services().as_slice() {
            [] => {
                self.says("No service of this lab can be reached.");
                Ok(Act::Nothing)
            }
            [_] => self.answer(question, Key::Task(0)),
            _ => {
                self.asks = Some(question);
                Ok(Act::Nothing)
            }
        }
    }

    fn question(&self, question: Question) -> String {
        let which = |what: &str| {
            let services = self.services();
            let names = services.iter().enumerate().map(|(at, name)| format!("{} {name}", at + 1));
            format!("{what}?  {}  other keys: none", names.collect::<Vec<_>>().join("  "))
        };
        match question {
            Question::Solution => {
                "Show a right solution? That you looked is recorded.  y yes  other keys: no"
                    .to_owned()
            }
            Question::Reset => {
                "Reset the lab?  1 data alone, your files stay  2 data and files, yours are moved aside  other keys: no"
                    .to_owned()
            }
            Question::ClientOf => which("Whose client"),
            Question::LogsOf => which("Whose log"),
            Question::RepairOf => which("Repair which"),
        }
    }

    fn answer(&mut self, question: Question, key: Key) -> Result<Act> {
        match (question, key) {
            (Question::Solution, Key::Enter | Key::Yes) => self.show_solution()?,
            (Question::Reset, Key::Task(0)) => return Ok(Act::Reset(Workspace::Kept)),
            (Question::Reset, Key::Task(1)) => return Ok(Act::Reset(Workspace::SetAside)),
            (Question::ClientOf | Question::LogsOf | Question::RepairOf, Key::Task(at)) => {
                if let Some(&service) = self.services().get(at) {
                    return match question {
                        Question::LogsOf => Ok(Act::Logs(service.to_owned())),
                        Question::RepairOf => Ok(Act::Repair(service.to_owned())),
                        _ => Ok(Act::Client(service.to_owned())),
                    };
                }
            }
            _ => self.says.clear(),
        }
        Ok(Act::Nothing)
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

    /// Something was begun.
    pub fn begun(&mut self, what: What) {
        self.busy = what != What::Look;
        self.looked = Some(Instant::now());
        if let What::Task { .. } | What::Lab = what {
            // What was saved up to now is what is checked.
            self.seen = watch::fingerprint(&self.started.seat.workspace);
            self.checked = self.seen;
            self.says.clear();
            self.marks.fill(Mark::Open);
            // What was seen before is no longer so.
            self.news.clear();
            self.to = Some(Place::Checks);
        }
    }

    pub fn stopped(&mut self) {
        self.busy = false;
        self.marks.fill(Mark::Unknown);
        self.says("The check was ended: 'c' begins it again.");
    }

    /// Back from the shell or a client.
    pub fn back(&mut self, code: Result<u8>) {
        self.stirred = Instant::now();
        self.looked = None;
        let cut_short = std::mem::take(&mut self.busy);
        match code {
            Ok(_) if cut_short => self.stopped(),
            Ok(_) => self.says.clear(),
            Err(error) => self.failed(&error),
        }
    }

    /// What work that goes on says of itself.
    pub fn happened(&mut self, event: Event) {
        match event {
            Event::CheckDone { task, result } if self.busy && task == self.task_id() => {
                self.mark(&result.id, Mark::Known(result.verdict));
            }
            Event::Shown(shown) => shown.notify_one(),
            _ => {}
        }
    }

    fn mark(&mut self, check: &str, mark: Mark) {
        if let Some(at) = self.task().checks.iter().position(|c| c.id.value == check) {
            self.marks[at] = mark;
        }
    }

    /// What came of work.
    pub fn done(&mut self, what: What, took: Duration, result: Result<LabResult>) -> Result<Act> {
        self.busy = false;
        let result = match result {
            Ok(result) => result,
            Err(error) => {
                self.marks.fill(Mark::Unknown);
                self.failed(&error);
                return Ok(Act::Nothing);
            }
        };
        match what {
            What::Look => return Ok(self.looked_at(&result)),
            What::Task { asked } => {
                self.took = took;
                self.checked_task(&result, asked)?;
            }
            What::Lab => {
                self.progress = self.session.store.progress(&self.lab().slug)?;
                self.last.extend(result.tasks.iter().map(|task| (task.id.clone(), task.clone())));
                self.show(self.at);
                let detail = Detail { verbose: false, width: term::width() };
                self.read("Every task".to_owned(), text::lab(&result, detail));
            }
        }
        Ok(Act::Nothing)
    }

    /// Checks are ticked off as they turn true; what is not true yet is no fault, but what is no longer true is.
    fn looked_at(&mut self, result: &LabResult) -> Act {
        let Some(task) = result.tasks.iter().find(|task| task.id == self.task_id()) else {
            return Act::Nothing;
        };
        let before = self.marks.clone();
        for check in &task.checks {
            let at = self.task().checks.iter().position(|c| c.id.value == check.id);
            let Some(at) = at else { continue };
            self.marks[at] = match (check.verdict, self.marks[at]) {
                (Verdict::Fail, Mark::Unknown | Mark::Open) => Mark::Unknown,
                (verdict, _) => Mark::Known(verdict),
            };
        }
        if self.marks != before && self.news_is_evidence {
            // It tells of what was, and is no longer so.
            self.news.clear();
            self.news_is_evidence = false;
            self.counted("now; 'c' says why");
        }
        if let Some(error) = task.checks.iter().find_map(|check| check.error.as_ref()) {
            self.says = format!("'u' starts it again: {}", visible(&error.what));
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
        let title = style(format!("★ Passed: {}", term::points(task.points))).green().bold();
        let explanation = markdown::render(&self.task().explanation, term::width());
        self.news = format!("{title}\n\n{explanation}");
        self.news_is_evidence = false;
        self.says = if all {
            style("That was the last one: every task has passed.").green().to_string()
        } else {
            style("Enter goes on to the next task.").green().to_string()
        };
        self.to = Some(Place::News);
        Ok(())
    }

    /// Shows what came of a check of this task that did not pass.
    fn found(&mut self, task: &TaskResult, when: &str) {
        for check in &task.checks {
            self.mark(&check.id, Mark::Known(check.verdict));
        }
        self.news = text::failed(task, Detail { verbose: false, width: term::width() });
        self.news_is_evidence = true;
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
