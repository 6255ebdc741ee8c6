//! How calls and processes end.

use std::fmt;

use serde::Serialize;
use serde_json::Value;

use super::reply::Raised;

/// One call from start to end, times in microseconds of the runner's clock.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Call {
    pub process: String,
    pub function: String,
    pub args: Vec<Value>,
    pub start_us: u64,
    /// When the reply arrived; `None`: it never did, and the call may or may
    /// not have taken effect.
    pub end_us: Option<u64>,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The value; of an iterator that was called and not streamed, the list of its items.
    Returned(Value),
    Raised(Raised),
    /// The file has no such function; these it has.
    Missing {
        functions: Vec<String>,
    },
    /// It returned what has no form in JSON; the text says what.
    Unusable(String),
    /// Its process ended before it replied; the last that was printed.
    Died {
        end: End,
        output: String,
    },
    TimedOut,
    /// The process printed without end and was killed.
    Flooded,
    /// The process broke the harness protocol and was killed; the text says how.
    Protocol(String),
}

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct End {
    pub cause: Cause,
    pub code: Option<i64>,
    pub signal: Option<i64>,
    /// Bytes printed in all; only the first part is kept.
    pub printed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// By itself, with an exit code.
    Exited,
    /// By a signal that the check did not send.
    Signalled,
    /// By the check.
    Killed,
    /// By the kernel, as the container's memory ran out.
    Memory,
    Flooded,
    Protocol(String),
}

impl End {
    pub(super) fn from_event(event: &Value) -> Self {
        let code = event["code"].as_i64();
        let cause = match event["cause"].as_str() {
            Some("killed") => Cause::Killed,
            Some("flooded") => Cause::Flooded,
            Some("memory") => Cause::Memory,
            Some(text) => Cause::Protocol(text.trim_start_matches("protocol: ").to_owned()),
            None if code.is_some() => Cause::Exited,
            None => Cause::Signalled,
        };
        let printed = event["printed"].as_u64().unwrap_or(0);
        Self { cause, code, signal: event["signal"].as_i64(), printed }
    }

    /// The outcome of a call that was under way.
    pub(super) fn outcome(&self, output: &str) -> Outcome {
        match &self.cause {
            Cause::Flooded => Outcome::Flooded,
            Cause::Protocol(how) => Outcome::Protocol(how.clone()),
            _ => Outcome::Died { end: self.clone(), output: tail(output).to_owned() },
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.cause, self.code, self.signal) {
            (Cause::Killed, ..) => write!(f, "was killed by the check"),
            (Cause::Memory, ..) => write!(f, "was killed because the memory ran out"),
            (Cause::Flooded, ..) => write!(f, "printed {} bytes and was killed", self.printed),
            (Cause::Protocol(how), ..) => write!(f, "{how}"),
            (_, Some(code), _) => write!(f, "exited with code {code}"),
            (_, _, Some(signal)) => write!(f, "was ended by signal {signal}"),
            _ => write!(f, "ended"),
        }
    }
}

/// Why a program did not get as far as being called.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadFailure {
    pub process: String,
    pub reason: LoadReason,
    /// What it printed until then.
    pub output: String,
}

#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum LoadReason {
    /// Importing the file raised, or its syntax is wrong.
    Raised(Raised),
    Ended(End),
    TimedOut,
    /// No process could be made, as when the program uses up all there may be.
    NotStarted(String),
}

/// The last part of a text, cut at a line or a character.
fn tail(text: &str) -> &str {
    const TAIL: usize = 4096;
    let mut start = text.len().saturating_sub(TAIL);
    while !text.is_char_boundary(start) {
        start += 1;
    }
    let rest = &text[start..];
    match rest.find('\n') {
        Some(line) if start > 0 && line + 1 < rest.len() => &rest[line + 1..],
        _ => rest,
    }
}
