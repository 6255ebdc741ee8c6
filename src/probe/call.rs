//! Calls into the learner's program, and what it means when they do not return.

use std::time::Duration;

use serde_json::Value;

use super::Call;
use super::finding::{Evidence, Finding};
use super::runner::{LOAD_LIMIT, LoadFailure, LoadReason, Outcome, Process, Spawned, Stream};
use super::scene::Scene;
use crate::error::{Error, Result};

/// A call that takes longer hangs.
pub const CALL_TIMEOUT: Duration = Duration::from_secs(10);

/// How a call ended.
#[derive(Debug, Clone)]
pub enum Ended {
    Returned(Value),
    Trouble(Trouble),
}

/// A call that did not return: what happened, and what the program has printed.
#[derive(Debug, Clone)]
pub enum Trouble {
    Call {
        outcome: Outcome,
        output: String,
    },
    /// Ours: the runner is gone.
    Runner(Error),
}

/// A call with its times, in microseconds on the runner's clock.
#[derive(Debug, Clone)]
pub struct Timed {
    pub start_us: u64,
    /// `None`: it never returned.
    pub end_us: Option<u64>,
    pub ended: Ended,
}

/// Starts processes of the learner's program at once. A program that cannot be loaded is a finding.
pub async fn spawn(scene: &Scene<'_>, count: usize) -> Result<Result<Vec<Process>, Finding>> {
    spawn_with(scene, count, false).await
}

/// As [`spawn`], processes whose clocks can be moved. They take longer to start.
pub async fn spawn_with_movable_clocks(
    scene: &Scene<'_>,
    count: usize,
) -> Result<Result<Vec<Process>, Finding>> {
    spawn_with(scene, count, true).await
}

async fn spawn_with(
    scene: &Scene<'_>,
    count: usize,
    movable_clock: bool,
) -> Result<Result<Vec<Process>, Finding>> {
    let (stand, program) = (scene.stand()?, scene.program()?);
    if let Some(why) = stand.left_out.get(program) {
        let summary = format!("{program} cannot be loaded: {why}");
        return Ok(Err(Evidence::new(summary).fail("load")));
    }
    let start = || stand.runner.spawn_with(program, &[], movable_clock);
    let spawned = futures_util::future::join_all((0..count).map(|_| start())).await;
    let mut processes = Vec::new();
    for spawned in spawned {
        match spawned? {
            Spawned::Ready(process) => processes.push(process),
            Spawned::Failed(failure) => return Ok(Err(not_loaded(program, failure))),
        }
    }
    Ok(Ok(processes))
}

fn not_loaded(program: &str, failure: LoadFailure) -> Finding {
    let (why, detail) = match failure.reason {
        LoadReason::Raised(raised) => (raised.summary(), raised.traceback),
        LoadReason::Ended(end) => (format!("it {end}"), failure.output),
        LoadReason::TimedOut => {
            (format!("it is not imported after {} s", LOAD_LIMIT.as_secs()), failure.output)
        }
        LoadReason::NotStarted(why) => (why, failure.output),
    };
    Evidence::new(format!("{program} cannot be loaded: {why}")).output(detail).fail("load")
}

/// What it means that a call has returned no iterator.
pub fn not_opened(process: &Process, line: &str, stream: Stream) -> Result<Finding> {
    let call = stream.finish()?;
    if let Outcome::Returned(value) = &call.outcome {
        let mut evidence = Evidence::new(format!("{line} did not return an iterator"));
        evidence.expected = Some("an iterator".to_owned());
        evidence.observed = Some(brief(value));
        return Ok(evidence.fail("result"));
    }
    Trouble::Call { outcome: call.outcome, output: process.output() }.finding(line, &[])
}

/// Makes one call and waits for its end.
pub async fn call(process: &Process, call: &Call, timeout: Duration) -> Ended {
    timed(process, call, timeout).await.ended
}

/// As [`call`], with the times.
pub async fn timed(process: &Process, call: &Call, timeout: Duration) -> Timed {
    let start_us = process.clock().now_us();
    match process.call(&call.call, call.args.clone(), timeout).await {
        Ok(made) => {
            let ended = match made.outcome {
                Outcome::Returned(value) => Ended::Returned(value),
                outcome => Ended::Trouble(Trouble::Call { outcome, output: process.output() }),
            };
            Timed { start_us: made.start_us, end_us: made.end_us, ended }
        }
        Err(error) => {
            Timed { start_us, end_us: None, ended: Ended::Trouble(Trouble::Runner(error)) }
        }
    }
}

impl Trouble {
    /// The failure that the learner reads; an error of ours stays one.
    pub fn finding(self, line: &str, before: &[String]) -> Result<Finding> {
        let (outcome, output) = match self {
            Self::Runner(error) => return Err(error),
            Self::Call { outcome, output } => (outcome, output),
        };
        let function = line.split('(').next().unwrap_or(line);
        let (code, summary, detail) = match outcome {
            Outcome::Returned(_) => {
                // Of an iterator the line asks for one item.
                let iterator = line.strip_prefix("next(").and_then(|line| line.strip_suffix(')'));
                let what = iterator.unwrap_or(line);
                ("ended", format!("what {what} returned came to its end while it was read"), None)
            }
            Outcome::Raised(raised) if raised.kind == "NotImplementedError" => {
                ("unwritten", format!("{function} is still to be written"), None)
            }
            Outcome::Raised(raised) => {
                ("raised", format!("{line} raised {}", raised.summary()), Some(raised.traceback))
            }
            Outcome::Missing { functions } => {
                let there = if functions.is_empty() {
                    "no functions".to_owned()
                } else {
                    functions.join(", ")
                };
                (
                    "missing",
                    format!("the program has no function {function} (it has: {there})"),
                    None,
                )
            }
            Outcome::Unusable(what) => ("result", format!("{line} {what}"), None),
            Outcome::Died { end, output } => {
                ("died", format!("during {line} the program {end}"), Some(output))
            }
            Outcome::TimedOut => ("timeout", format!("{line} did not return in time"), None),
            Outcome::Flooded => (
                "flooded",
                format!("the program printed without end during {line} and was stopped"),
                None,
            ),
            Outcome::Protocol(how) => (
                "protocol",
                format!("the program broke the call protocol during {line}: {how}"),
                None,
            ),
        };
        let output = detail.unwrap_or(output);
        Ok(Evidence::new(summary).sent(before.iter().cloned()).output(output).fail(code))
    }
}

/// A call as a person writes it.
pub fn line(function: &str, args: &[Value]) -> String {
    let args: Vec<String> = args.iter().map(Value::to_string).collect();
    format!("{function}({})", args.join(", "))
}

/// A value short enough to stand in a list of calls.
pub fn brief(value: &Value) -> String {
    match value {
        Value::Null => "None".to_owned(),
        Value::Array(items) if items.len() > 5 => format!("{} items", items.len()),
        other => other.to_string(),
    }
}
