//! A small scenario: calls into the learner's program, and what the relay saw meanwhile.

mod cast;
mod opened;
mod play;

use std::collections::BTreeSet;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Spec;
use super::seen;
use super::statements::Meter;
use crate::error::{Error, Result};
use crate::probe::call::CALL_TIMEOUT;
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::relay::Record;
use crate::probe::scene::Scene;
use crate::probe::step::Ask;
use crate::template::{Span, Var, Variables};
use cast::Cast;
use play::Play;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A call that returns before the next step.
    Call(Made),
    /// A command that the checker sends to the twin itself.
    Ask(Ask),
    /// A call that returns an iterator, of which nothing is asked yet.
    Open(Open),
    /// The next item of an iterator.
    Next(Next),
    /// A call that goes on, in a process of its own; or an iterator that is asked for its next item.
    Start(Start),
    /// Time that passes, watched.
    Watch(Var<Span>),
    /// Until the program has sent nothing for so long.
    Quiet(Var<Span>),
    /// Until the time limits have passed under which a started call waits.
    Outlast(Outlast),
    /// The end of what was started.
    Finish(Finish),
    /// The clock of a process or a service is moved.
    Clock(Clock),
}

impl Step {
    pub fn calls_program(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Open(_) | Self::Start(Start { call: Some(_), .. }))
    }

    /// The time that passes in it even where nothing is slow.
    pub fn passes(&self, variables: &Variables) -> Duration {
        let span = match self {
            Self::Watch(span) | Self::Quiet(span) => Some(span),
            Self::Finish(finish) => finish.not_before.as_ref(),
            _ => None,
        };
        span.and_then(|span| span.get(variables).ok()).map_or(Duration::ZERO, |span| span.0)
    }
}

/// A call, in which process, and what it must return.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScenarioCall")]
pub struct Made {
    pub call: String,
    #[serde(default)]
    pub args: Vec<Value>,
    /// A process of its own, which other steps may name; left out, the one that all such calls share.
    #[serde(rename = "in")]
    pub process: Option<String>,
    pub expect: Option<Matcher>,
    /// It must return within so long, where less than usual is to be enough.
    pub within: Option<Var<Span>>,
    /// Its process may take so many megabytes more meanwhile than before.
    pub memory_mb: Option<Var<u64>>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Open {
    pub call: String,
    #[serde(default)]
    pub args: Vec<Value>,
    /// As in a call.
    #[serde(rename = "in")]
    pub process: Option<String>,
    #[serde(rename = "as")]
    pub name: String,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Next {
    /// The iterator, by its name.
    pub of: String,
    pub within: Option<Var<Span>>,
    pub expect: Option<Matcher>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    pub call: Option<String>,
    #[serde(default)]
    pub args: Vec<Value>,
    /// In the place of a call: the iterator whose next item is asked for.
    pub next: Option<String>,
    #[serde(rename = "as")]
    pub name: String,
}

/// Waits until a started call must have given up, where it waits under limits that are short enough.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outlast {
    pub of: String,
    /// Limits that would take longer to pass are left alone.
    pub at_most: Var<Span>,
}

/// Moves the clock of a process, as its program reads it, or of a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "ScenarioClock")]
pub struct Clock {
    /// The process, or the call that is started later; left out, the one that calls share.
    pub of: Option<String>,
    /// In the place of a process: the service.
    pub on: Option<String>,
    /// So long has passed at once.
    pub ahead: Var<Span>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Finish {
    pub of: String,
    pub within: Var<Span>,
    /// It must not return sooner, counted from its start.
    pub not_before: Option<Var<Span>>,
    pub expect: Option<Matcher>,
}

/// A clock that is so far ahead is seen to be wrong.
const SEEN_AHEAD: Duration = Duration::from_secs(2 * 3600);

pub fn lint(spec: &Spec, variables: &Variables) -> Result<()> {
    let resolved = |args: &[Value]| args.iter().try_for_each(|a| variables.resolve(a).map(drop));
    let unknown = |what: &str, name: &str| {
        Err(Error::usage(format!("The step names {what} {name:?}, which no step before it makes")))
    };
    spec.given.iter().try_for_each(|given| given.lint(variables))?;
    let (mut started, mut opened) = (BTreeSet::new(), BTreeSet::new());
    let mut going_on = BTreeSet::new();
    for step in &spec.steps {
        match step {
            Step::Call(made) => made.lint(variables)?,
            Step::Ask(ask) => {
                ask.lint(variables)?;
                if !spec.statements.is_empty() && !going_on.is_empty() {
                    return Err(Error::usage("The checker asks while a started call goes on")
                        .because("what the program sends meanwhile is not told from it")
                        .help("let the call finish before, or leave statements out"));
                }
            }
            Step::Open(open) => {
                resolved(&open.args)?;
                opened.insert(&open.name);
            }
            Step::Next(next) => {
                if !opened.contains(&next.of) {
                    return unknown("the iterator", &next.of);
                }
                next.within.iter().try_for_each(|within| within.get(variables).map(drop))?;
                next.expect.iter().try_for_each(|m| m.lint(variables))?;
            }
            Step::Start(start) => {
                resolved(&start.args)?;
                match (&start.call, &start.next) {
                    (Some(_), None) => {}
                    (None, Some(next)) if opened.contains(next) => {}
                    (None, Some(next)) => return unknown("the iterator", next),
                    _ => {
                        return Err(Error::usage("A start begins one thing")
                            .help("give it call: FUNCTION, or next: ITERATOR"));
                    }
                }
                started.insert(&start.name);
                going_on.insert(&start.name);
            }
            Step::Watch(span) | Step::Quiet(span) => drop(span.get(variables)?),
            Step::Outlast(outlast) => {
                if !started.contains(&outlast.of) {
                    return unknown("the started call", &outlast.of);
                }
                outlast.at_most.get(variables)?;
            }
            Step::Finish(finish) => {
                if !started.contains(&finish.of) {
                    return unknown("the started call", &finish.of);
                }
                going_on.remove(&finish.of);
                finish.within.get(variables)?;
                finish.expect.iter().try_for_each(|m| m.lint(variables))?;
            }
            Step::Clock(clock) => {
                let ahead = clock.ahead.get(variables)?.0;
                if clock.on.is_some() && ahead < SEEN_AHEAD {
                    return Err(Error::usage("A service's clock is moved by too little")
                        .help("so little could stay unseen afterwards: move it by 2 h or more"));
                }
                if clock.of.is_some() && clock.on.is_some() {
                    return Err(Error::usage("A step moves one clock").help("make two steps of it"));
                }
                if clock.on.is_none()
                    && !cast::names(spec).contains(clock.of.as_deref().unwrap_or_default())
                {
                    return Err(Error::usage(
                        "The clock of a process is moved in which nothing runs",
                    )
                    .help("name what a step has as its `in`, or a started call"));
                }
            }
        }
    }
    spec.expect.iter().try_for_each(|seen| seen.lint(variables))?;
    Ok(())
}

impl Made {
    fn lint(&self, variables: &Variables) -> Result<()> {
        self.args.iter().try_for_each(|a| variables.resolve(a).map(drop))?;
        self.within.iter().try_for_each(|within| within.get(variables).map(drop))?;
        self.memory_mb.iter().try_for_each(|most| most.get(variables).map(drop))?;
        self.expect.iter().try_for_each(|m| m.lint(variables))
    }
}

/// Plays the scenario.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    let stand = scene.stand()?;
    let (twin, relay) = stand.twin(spec.on.as_deref())?;
    let mut fresh = Fresh::default();
    for given in &spec.given {
        given.apply(scene, twin, &mut fresh).await?;
    }
    // What the program asks while it is imported counts too.
    let meter = if spec.statements.is_empty() { None } else { Some(Meter::begin(twin).await?) };
    let cast = match Cast::spawn(spec, scene).await? {
        Ok(cast) => cast,
        Err(finding) => return Ok(finding),
    };
    let mark = relay.mark();
    let mut play = Play::new(spec, scene, cast, fresh, mark);
    play.meter = meter;
    let finding = played(spec, scene, &mut play).await;
    for service in play.moved {
        // A twin whose clock stays wrong does not come clean, and is replaced.
        let _ = stand.hands.set_clock(service, Duration::ZERO).await;
    }
    finding
}

async fn played<'a>(spec: &'a Spec, scene: &Scene<'_>, play: &mut Play<'a>) -> Result<Finding> {
    let (twin, relay) = scene.stand()?.twin(spec.on.as_deref())?;
    let mark = play.mark;
    let writes = if spec.reads_only { twin.writes().await? } else { 0 };
    let limits = seen::limits(&spec.expect, scene.variables)?;
    let mut cut_short = false;
    for step in &spec.steps {
        let finding = tokio::select! {
            finding = play.step(step) => finding?,
            () = seen::broken(&limits, relay, mark) => {
                cut_short = true;
                break;
            }
        };
        if finding.is_some() {
            return Ok(finding.unwrap_or(Finding::PASS));
        }
    }
    if !cut_short {
        // What is not answered by then counts as it stands.
        let _ = relay.settled(CALL_TIMEOUT).await;
    }
    let records: Vec<Record> =
        relay.records_since(mark).into_iter().filter(|r| !r.handshake).collect();
    if let Some(problem) = relay.connections().into_iter().find_map(|c| c.problem) {
        return Ok(Evidence::new(format!("A connection to {} was ended: {problem}", twin.name()))
            .fail("protocol"));
    }
    let written = if spec.reads_only { twin.writes().await? - writes } else { 0 };
    if written > 0 {
        let mut evidence =
            Evidence::new(format!("The program changed {written} times what it should only read"));
        evidence.history = seen::lines(&records.iter().collect::<Vec<_>>());
        return Ok(evidence.fail("changed"));
    }
    if relay.unrecorded() > 0 {
        let summary = format!("{} saw more commands than a check records", twin.name());
        return Ok(Evidence::new(summary).fail("commands"));
    }
    for expected in &spec.expect {
        if let Some(evidence) = seen::judge(expected, &records, &play.watched, scene.variables)? {
            return Ok(evidence);
        }
    }
    if let Some(meter) = play.meter.take()
        && let Some(finding) = meter.judge(&spec.statements, twin, scene.variables).await?
    {
        return Ok(finding);
    }
    Ok(play.grown.take().unwrap_or(Finding::PASS))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::Spec;
    use crate::template::Variables;

    fn fault(steps: &Value) -> String {
        let spec: Spec = serde_json::from_value(json!({ "steps": steps })).unwrap();
        spec.lint(&Variables::default()).map_or_else(|e| e.to_string(), |()| String::new())
    }

    #[test]
    fn what_a_step_names_is_made_before_it() {
        let open = json!({ "open": { "call": "walk", "as": "items" } });
        let next = json!({ "next": { "of": "items" } });
        assert_eq!(fault(&json!([open, next])), "");
        assert!(fault(&json!([next, open])).contains("the iterator \"items\""));
        let start = json!({ "start": { "next": "items", "as": "asked" } });
        let finish = json!({ "finish": { "of": "asked", "within": "1s" } });
        assert_eq!(fault(&json!([open, start, finish])), "");
        assert!(fault(&json!([start, finish])).contains("the iterator \"items\""));
        assert!(fault(&json!([open, finish])).contains("the started call \"asked\""));
        let outlast = json!({ "outlast": { "of": "asked", "at_most": "9s" } });
        assert_eq!(fault(&json!([open, start, outlast, finish])), "");
        assert!(fault(&json!([open, outlast])).contains("the started call \"asked\""));
        let both = json!({ "start": { "call": "walk", "next": "items", "as": "asked" } });
        assert!(fault(&json!([open, both])).contains("begins one thing"));
    }

    #[test]
    fn what_the_checker_asks_is_told_from_what_the_program_does() {
        let start = json!({ "start": { "call": "take", "as": "taken" } });
        let finish = json!({ "finish": { "of": "taken", "within": "1s" } });
        let ask = json!({ "ask": { "send": ["SELECT 1"] } });
        let fault = |steps: Value| {
            let statements = json!([{ "count": { "eq": 1 } }]);
            let spec = json!({ "steps": steps, "statements": statements });
            let spec: Spec = serde_json::from_value(spec).unwrap();
            spec.lint(&Variables::default()).map_or_else(|e| e.to_string(), |()| String::new())
        };
        assert_eq!(fault(json!([ask, start, finish, ask])), "");
        assert!(fault(json!([start, ask, finish])).contains("while a started call goes on"));
    }

    #[test]
    fn a_clock_is_that_of_a_process_or_a_service() {
        let call = json!({ "call": { "call": "take", "in": "later" } });
        let clock = |clock: Value| fault(&json!([{ "clock": clock }, call]));
        assert_eq!(clock(json!({ "of": "later", "ahead": "180m" })), "");
        assert!(clock(json!({ "ahead": "180m" })).contains("in which nothing runs"));
        assert_eq!(clock(json!({ "on": "redis", "ahead": "180m" })), "");
        let little = json!({ "on": "redis", "ahead": "30m" });
        assert!(clock(little).contains("by too little"));
        let both = json!({ "of": "later", "on": "redis", "ahead": "180m" });
        assert!(clock(both).contains("moves one clock"));
        assert!(clock(json!({ "of": "never", "ahead": "180m" })).contains("in which nothing runs"));
    }
}
