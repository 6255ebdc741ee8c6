//! What a key makes of what the screen knows, and the questions that a key answers.

use std::time::Instant;

use super::news::{Body, News};
use super::{Act, ENDED, Place, State};
use crate::error::Result;
use crate::report::{reach, solution};
use crate::screen::live::What;
use crate::screen::live::keys::{self, Key};
use crate::session::reset::Workspace;

/// A question that the next key answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Question {
    Solution,
    Reset,
    ClientOf,
    LogsOf,
    RepairOf,
}

impl<'a> State<'a> {
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
            Key::Back | Key::Quit | Key::Enter | Key::Help if self.sheet.is_some() => self.close(),
            _ if self.sheet.is_some() => {}
            Key::Quit => return Ok(Act::Leave(0)),
            Key::Back => {
                (self.news, self.evidence) = (News::None, None);
                self.says.clear();
            }
            Key::Yes | Key::Other => self.says("'?' shows all keys."),
            Key::Enter
            | Key::Check
            | Key::All
            | Key::Shell
            | Key::Client
            | Key::Logs
            | Key::Repair
            | Key::Reset
                if self.ended =>
            {
                self.says(ENDED);
            }
            Key::Enter if self.passed() => self.on()?,
            Key::Enter | Key::Check => return Ok(Act::Begin(What::Task { asked: true })),
            Key::All => return Ok(Act::Begin(What::Lab)),
            Key::Next if self.at + 1 == self.lab().tasks.len() => {
                self.says("This is the last task.");
            }
            Key::Next => self.go(self.at + 1)?,
            Key::Previous if self.at == 0 => self.says("This is the first task."),
            Key::Previous => self.go(self.at - 1)?,
            Key::Task(at) if at >= self.lab().tasks.len() => {
                self.says(format!("There are {} tasks.", self.lab().tasks.len()));
            }
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
                let text = format!("{}\n{}\n{reach}", keys::table(), keys::SIGNS);
                self.read("Keys", Body::Text(text));
            }
        }
        Ok(Act::Nothing)
    }

    /// A text was pasted, which answers nothing.
    pub fn pasted(&mut self) {
        self.asks = None;
        self.says("What you paste is for the shell: 's' opens it.");
    }

    fn scroll_by(&mut self, by: isize) {
        self.scroll = self.scroll.saturating_add_signed(by).min(self.furthest);
    }

    /// To another task, which is where the learner comes back to.
    fn go(&mut self, to: usize) -> Result<()> {
        self.show(to);
        self.place = Some(self.task_id().to_owned());
        self.session.store.set_place(&self.lab().slug, self.task_id())
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
        let progress = self.session.store.progress(&self.lab().slug)?;
        let known = progress.get(&task.id.value).map_or(0, |progress| progress.hints_shown);
        // One that was taken is shown again before it is the next one's turn.
        let next = if let News::Hint(seen) = self.news { seen + 1 } else { known };
        let shown = if (1..=known).contains(&next) {
            next
        } else {
            self.session.store.show_hint(&self.lab().slug, &task.id.value, available)?
        };
        let shown = shown.min(available);
        self.progress = self.session.store.progress(&self.lab().slug)?;
        if shown == 0 {
            self.says("There is no hint for this task.");
            return Ok(());
        }
        self.says(match self.news {
            _ if shown < available => "'h' again takes one more hint.",
            News::Hint(seen) if seen == shown => "That was the last hint.",
            _ => "",
        });
        (self.news, self.evidence) = (News::Hint(shown), None);
        self.to = Some(Place::Checks);
        Ok(())
    }

    fn evidence(&mut self) {
        let Some(last) = self.last.get(self.task_id()) else {
            self.says("This task has not been checked yet: 'c' does.");
            return;
        };
        let last = Body::Task(Box::new(last.clone()));
        self.read("The last check in full", last);
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
        self.read(format!("A solution: {}", style.title), Body::Code(solution::text(&steps)));
        self.says(format!("To be copied: 'labs solution {} {}'", self.lab().slug, self.task_id()));
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

    pub(super) fn question(&self, question: Question) -> String {
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
                "Reset?  1 this task  2 all data, your files stay  3 all, your files are moved aside  other keys: no"
                    .to_owned()
            }
            Question::ClientOf => which("Whose client"),
            Question::LogsOf => which("Whose log"),
            Question::RepairOf => which("Repair which"),
        }
    }

    fn answer(&mut self, question: Question, key: Key) -> Result<Act> {
        match (question, key) {
            (Question::Solution, Key::Yes) => self.show_solution()?,
            (Question::Reset, Key::Task(0)) => return Ok(Act::ResetTask),
            (Question::Reset, Key::Task(1)) => return Ok(Act::Reset(Workspace::Kept)),
            (Question::Reset, Key::Task(2)) => return Ok(Act::Reset(Workspace::SetAside)),
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
}
