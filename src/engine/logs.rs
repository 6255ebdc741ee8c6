//! What a container has written.

use std::pin::Pin;

use bollard::container::LogOutput;
use bollard::query_parameters::LogsOptions;
use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;

use super::{Engine, READ};
use crate::error::Result;

/// Which part of a log.
#[derive(Debug, Clone, Default)]
pub struct LogRequest {
    /// Only so many of the last lines.
    pub last: Option<usize>,
    /// Only what is not older.
    pub since: Option<Timestamp>,
    /// Go on with what is written from now on, until the container ends.
    pub follow: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogOrigin {
    Stdout,
    Stderr,
}

/// A line with its end; one over 16 KiB comes in pieces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    pub origin: LogOrigin,
    pub bytes: Bytes,
}

/// The lines of a log as they come.
pub struct Logs {
    engine: Engine,
    what: String,
    follow: bool,
    since: Option<Timestamp>,
    stream: Pin<Box<dyn Stream<Item = Result<LogOutput, bollard::errors::Error>> + Send>>,
}

impl Logs {
    /// The next line; `None` at the end. Waits without bound only where the log is followed.
    pub async fn next(&mut self) -> Option<Result<LogLine>> {
        loop {
            let line = self.any().await?;
            // The engine leaves out what is older by whole seconds only.
            match (line, self.since) {
                (Ok(line), Some(since)) => match dated(line) {
                    (Some(time), _) if time < since => {}
                    (_, line) => return Some(Ok(line)),
                },
                (line, _) => return Some(line),
            }
        }
    }

    async fn any(&mut self) -> Option<Result<LogLine>> {
        let item = if self.follow {
            self.stream.next().await?
        } else {
            match tokio::time::timeout(READ, self.stream.next()).await {
                Ok(item) => item?,
                Err(_) => return Some(Err(self.engine.timed_out(&self.what, READ))),
            }
        };
        Some(item.map(line).map_err(|error| self.engine.explain(&self.what, &error)))
    }
}

/// The time that a line begins with, and the line without it.
fn dated(line: LogLine) -> (Option<Timestamp>, LogLine) {
    let end = line.bytes.iter().position(|&byte| byte == b' ');
    let time = end.and_then(|end| std::str::from_utf8(&line.bytes[..end]).ok()?.parse().ok());
    match (time, end) {
        (Some(time), Some(end)) => {
            (Some(time), LogLine { bytes: line.bytes.slice(end + 1..), ..line })
        }
        _ => (None, line),
    }
}

fn line(output: LogOutput) -> LogLine {
    let origin = match output {
        LogOutput::StdErr { .. } => LogOrigin::Stderr,
        _ => LogOrigin::Stdout,
    };
    LogLine { origin, bytes: output.into_bytes() }
}

impl Engine {
    /// The log of a container, running or not; nothing is asked before the first `next`.
    pub fn logs(&self, container: &str, request: &LogRequest) -> Logs {
        let since = request.since.map_or(0, |time| time.as_second().clamp(0, i64::from(i32::MAX)));
        let options = LogsOptions {
            follow: request.follow,
            stdout: true,
            stderr: true,
            since: i32::try_from(since).unwrap_or(i32::MAX),
            timestamps: request.since.is_some(),
            tail: request.last.map_or_else(|| "all".to_owned(), |lines| lines.to_string()),
            ..Default::default()
        };
        Logs {
            engine: self.clone(),
            what: format!("read the log of the container {container}"),
            follow: request.follow,
            since: request.since,
            stream: Box::pin(self.docker.logs(container, Some(options))),
        }
    }

    /// The last lines of both outputs as text, for an error or for evidence.
    pub async fn log_tail(&self, container: &str, lines: usize) -> Result<String> {
        let mut logs =
            self.logs(container, &LogRequest { last: Some(lines), ..LogRequest::default() });
        let mut text = Vec::new();
        while let Some(line) = logs.next().await {
            text.extend_from_slice(&line?.bytes);
        }
        Ok(String::from_utf8_lossy(&text).into_owned())
    }
}
