//! What is shown besides the task, laid out when it is drawn: the terminal may have another width by then.

use console::style;

use crate::catalog::lab::Task;
use crate::report::text::{self, Detail};
use crate::screen::live::page;
use crate::term::{self, markdown};
use crate::verdict::{LabResult, TaskResult};

/// Below the checks of the task.
pub enum News {
    None,
    /// The task's hint of this number, from 1.
    Hint(u32),
    Passed,
    /// What did not work, and why.
    Trouble(String),
}

/// In place of the task.
pub struct Sheet {
    pub title: String,
    pub body: Body,
    /// How far the task was scrolled, and what was said.
    pub under: (usize, String),
}

pub enum Body {
    Text(String),
    /// Lines that are cut and not parted.
    Code(String),
    Task(Box<TaskResult>),
    Lab(Box<LabResult>),
}

impl News {
    pub fn text(&self, task: &Task, width: usize) -> String {
        match self {
            Self::None => String::new(),
            Self::Trouble(text) => text.clone(),
            Self::Hint(number) => {
                let title = style(format!("Hint {number} of {}", task.hints.len())).bold();
                let hint = task.hints.get(number.saturating_sub(1) as usize);
                let hint = hint.map_or("", String::as_str);
                format!("{title}\n\n{}", markdown::drawn(hint, width))
            }
            Self::Passed => {
                let title = format!("★ Passed: {}", term::points(task.points));
                let explanation = markdown::drawn(&task.explanation, width);
                format!("{}\n\n{explanation}", style(title).green().bold())
            }
        }
    }
}

impl Sheet {
    /// The lines to read on a terminal where text is so wide.
    pub fn lines(&self, width: usize) -> Vec<String> {
        let detail = |verbose| Detail { verbose, width, drawn: true, spoken: false };
        match &self.body {
            Body::Text(text) => page::fitted(text, width),
            Body::Code(text) => page::lines(text),
            Body::Task(result) => page::lines(&text::whole(result, detail(true))),
            Body::Lab(result) => page::lines(&text::lab(result, detail(false))),
        }
    }
}
