//! What happens, in order. Everything shown while work goes on comes from here.

use std::sync::Arc;

use tokio::sync::{Notify, mpsc};

use crate::outlook::Outlook;
use crate::verdict::{CheckResult, TaskResult};

#[derive(Debug, Clone)]
pub enum Event {
    /// Something is to be said before work begins, or besides it.
    Note(String),
    /// A step of longer work has begun.
    Begun {
        step: String,
    },
    /// About how long a step that has begun takes, and what comes after it.
    Outlook {
        step: String,
        outlook: Outlook,
    },
    /// How far a step has come: a text, and a fraction where it is known.
    Progress {
        step: String,
        text: String,
        done: u64,
        total: Option<u64>,
    },
    Done {
        step: String,
        detail: String,
    },
    /// The end of a step that is shown only while it goes on.
    Over {
        step: String,
    },
    Failed {
        step: String,
    },
    /// Answered when everything before it has been shown.
    Shown(Arc<Notify>),
    CheckDone {
        task: String,
        result: Box<CheckResult>,
    },
    TaskDone(Box<TaskResult>),
}

/// The sending end; cheap to clone. Nobody listening is no error.
#[derive(Debug, Clone)]
pub struct Events(mpsc::UnboundedSender<Event>);

impl Events {
    pub fn channel() -> (Self, mpsc::UnboundedReceiver<Event>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// For work whose progress nobody watches.
    pub fn nowhere() -> Self {
        Self::channel().0
    }

    pub fn send(&self, event: Event) {
        let _ = self.0.send(event);
    }

    /// Waits until everything sent so far has been shown; at once where nobody shows it.
    pub async fn shown(&self) {
        let shown = Arc::new(Notify::new());
        if self.0.send(Event::Shown(shown.clone())).is_ok() {
            shown.notified().await;
        }
    }

    pub fn note(&self, text: impl Into<String>) {
        self.send(Event::Note(text.into()));
    }

    /// Runs a step that is shown only while it goes on.
    pub async fn passing<T>(&self, step: impl Into<String>, work: impl Future<Output = T>) -> T {
        let _open = self.begin(step.into());
        work.await
    }

    /// Runs a step and reports its beginning and end.
    pub async fn step<T, E>(
        &self,
        step: impl Into<String>,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let mut open = self.begin(step.into());
        let result = work.await;
        if let Some(step) = open.step.take() {
            self.send(match &result {
                Ok(_) => Event::Done { step, detail: String::new() },
                Err(_) => Event::Failed { step },
            });
        }
        result
    }

    fn begin(&self, step: String) -> Open<'_> {
        self.send(Event::Begun { step: step.clone() });
        Open { events: self, step: Some(step) }
    }
}

/// A step that goes on. Dropped with its work, as by Ctrl-C, it is over.
struct Open<'a> {
    events: &'a Events,
    step: Option<String>,
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        if let Some(step) = self.step.take() {
            self.events.send(Event::Over { step });
        }
    }
}
