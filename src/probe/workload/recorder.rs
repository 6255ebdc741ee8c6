//! Records calls as operations of a history.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::Notify;

use crate::model::{Action, History, Operation, Outcome};
use crate::probe::Call;
use crate::probe::call::{self, CALL_TIMEOUT, Ended, Trouble};
use crate::probe::runner::{self, Process};

/// Values that go in are much shorter, in bytes: what is longer is none of them, and a history of such is large.
const MAX_TEXT: usize = 16 << 10;

/// The history of one workload while it is made.
#[derive(Default)]
pub struct Recorder {
    operations: Mutex<Vec<Operation>>,
    /// The first call that did not return, with how it was written.
    trouble: Mutex<Option<(String, Trouble)>>,
    calls: AtomicU64,
    stopped: Notify,
}

/// One client: a process that makes one call at a time.
#[derive(Clone)]
pub struct Client {
    pub name: String,
    pub process: Process,
}

impl Recorder {
    /// Makes a call and records it. `None` when it did not return: the trouble is kept.
    pub async fn act(&self, client: &Client, call: Call, action: Action) -> Option<Value> {
        self.act_within(client, call, action, CALL_TIMEOUT).await
    }

    pub async fn act_within(
        &self,
        client: &Client,
        call: Call,
        action: Action,
        timeout: Duration,
    ) -> Option<Value> {
        let (operation, value) = self.made(client, call, action, timeout).await;
        if let Some(operation) = operation {
            self.record(operation);
        }
        value
    }

    /// As [`Recorder::act`], but an answer that there is nothing to get is not recorded.
    pub async fn get(&self, client: &Client, call: Call, action: Action) -> Option<Value> {
        let (operation, value) = self.made(client, call, action, CALL_TIMEOUT).await;
        let nothing = |operation: &Operation| operation.outcome == Outcome::Ok(None);
        if let Some(operation) = operation.filter(|operation| !nothing(operation)) {
            self.record(operation);
        }
        value
    }

    /// Makes a call; what is to be recorded of it, and what it returned.
    async fn made(
        &self,
        client: &Client,
        call: Call,
        action: Action,
        timeout: Duration,
    ) -> (Option<Operation>, Option<Value>) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        let called = call::timed(&client.process, &call, timeout).await;
        if let Ended::Returned(value) = &called.ended
            && let Some(expected) = unfit(&action, value)
        {
            let returned = match value.as_str() {
                Some(text) if text.len() > MAX_TEXT => format!("a text of {} bytes", text.len()),
                _ => call::brief(value),
            };
            let what = format!("returned {returned}, where {expected} is expected");
            let trouble =
                Trouble::Call { outcome: runner::Outcome::Unusable(what), output: String::new() };
            self.keep_trouble(call::line(&call.call, &call.args), trouble);
            return (None, None);
        }
        let (outcome, value) = match &called.ended {
            Ended::Returned(value) => (Outcome::Ok(returned(&action, value)), Some(value.clone())),
            Ended::Trouble(_) => (Outcome::Unknown, None),
        };
        let operation = Operation {
            client: client.name.clone(),
            action,
            start: called.start_us,
            end: called.end_us,
            outcome,
        };
        if let Ended::Trouble(trouble) = called.ended {
            self.keep_trouble(call::line(&call.call, &call.args), trouble);
        }
        (Some(operation), value)
    }

    /// Of a run of empty takes by one client only the first and the last are kept: the rest proves no more,
    /// and an impatient client makes thousands.
    pub fn record(&self, operation: Operation) {
        let Ok(mut operations) = self.operations.lock() else { return };
        if is_empty_take(&operation) {
            let mut own = operations.iter_mut().rev().filter(|o| o.client == operation.client);
            if let (Some(last), Some(before)) = (own.next(), own.next())
                && is_empty_take(last)
                && is_empty_take(before)
            {
                *last = operation;
                return;
            }
        }
        operations.push(operation);
    }

    pub fn keep_trouble(&self, line: String, trouble: Trouble) {
        if let Ok(mut kept) = self.trouble.lock() {
            kept.get_or_insert((line, trouble));
        }
        self.stopped.notify_one();
    }

    /// Returns when some call did not return.
    pub async fn stopped(&self) {
        self.stopped.notified().await;
    }

    /// Whether some call did not return: the rest of the workload proves nothing more.
    pub fn trouble_seen(&self) -> bool {
        self.trouble.lock().is_ok_and(|trouble| trouble.is_some())
    }

    /// The first call that did not return.
    pub fn trouble(&self) -> Option<(String, Trouble)> {
        self.trouble.lock().ok()?.take()
    }

    /// How many calls were made.
    pub fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    pub fn history(&self) -> History {
        let mut operations = self.operations.lock().map(|o| o.clone()).unwrap_or_default();
        operations.sort_by_key(|o| o.start);
        History { operations }
    }
}

fn is_empty_take(operation: &Operation) -> bool {
    operation.action == Action::Take && operation.outcome == Outcome::Ok(None)
}

/// What a call should have returned instead.
fn unfit(action: &Action, value: &Value) -> Option<&'static str> {
    match action {
        Action::Take | Action::Read if value.as_str().is_some_and(|t| t.len() > MAX_TEXT) => {
            Some("one that was given to it")
        }
        Action::Take | Action::Read if !(value.is_string() || value.is_null()) => {
            Some("a text or None")
        }
        Action::Add if !value.is_i64() => Some("a whole number"),
        Action::Draw if !value.is_boolean() => Some("True or False"),
        Action::Acquire { .. } if value.is_array() || value.is_object() => {
            Some("True, False, None or a token")
        }
        // In Python 1 is True, and a script in Redis answers with it.
        Action::Release if !(value.is_boolean() || *value == 0 || *value == 1) => {
            Some("True or False")
        }
        _ => None,
    }
}

/// What an operation came to: the value taken, read or counted to, or that something was granted.
pub fn returned(action: &Action, value: &Value) -> Option<String> {
    match (action, value) {
        (Action::Take | Action::Read, Value::String(text)) => Some(text.clone()),
        (Action::Acquire { .. } | Action::Release, value) => {
            is_true(value).then(|| "granted".to_owned())
        }
        (Action::Add, Value::Number(number)) => Some(number.to_string()),
        (Action::Draw, Value::Bool(true)) => Some("granted".to_owned()),
        _ => None,
    }
}

/// As Python takes it.
pub fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(is) => *is,
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::String(text) => !text.is_empty(),
        Value::Array(items) => !items.is_empty(),
        Value::Object(map) => !map.is_empty(),
    }
}
