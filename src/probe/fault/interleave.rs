//! Others act before each command of a call in turn: whatever comes between, both effects must be there.

use std::ops::RangeInclusive;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::boundary;
use crate::error::{Error, Result};
use crate::probe::Sent;
use crate::probe::call::{self, CALL_TIMEOUT, Ended};
use crate::probe::expect::{Expectation, Matcher};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::relay::{Mark, Record, Relay};
use crate::probe::runner::Process;
use crate::probe::scene::Scene;
use crate::probe::service::Service;
use crate::probe::step::{self, Ask, Expected, Given, Question, Returns};
use crate::template::{Var, Variables};

/// A call that sends more commands than this is not swept to its end.
const MAX_COMMANDS: usize = 40;
/// A call between whose commands others act takes its time.
const WITHIN: Duration = Duration::from_secs(30);
/// Lines of the evidence.
const SHOWN: usize = 60;

/// Lets others act before the 1st, 2nd, … command of a call, at last after it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interleave {
    /// The service whose twin is meant; the only one when left out.
    pub on: Option<String>,
    /// What the twin holds before each time.
    #[serde(default)]
    pub given: Vec<Given>,
    /// The call that others come between.
    pub into: Returns,
    /// What the others do.
    #[serde(rename = "do")]
    pub others: Vec<Act>,
    /// Instead of one boundary after the other: once, with the others before each of the first so many commands.
    pub before_first: Option<Var<usize>>,
    /// The list of what `into` returned and what `do` came to, in that order.
    pub returned: Option<Matcher>,
    /// What must hold when all is over.
    #[serde(default)]
    pub then: Vec<Act>,
}

/// Something that the checker, or another process of the program, does.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Act {
    /// A command that the checker sends to the twin itself.
    Ask(Ask),
    /// A call by a second process of the program.
    Call(Returns),
}

impl Interleave {
    /// What is sent, word by word.
    pub fn sends(&self) -> Vec<Sent<'_>> {
        let on = self.on.as_deref();
        let given =
            self.given.iter().enumerate().filter_map(move |(n, given)| {
                given.sends(on, &format!("fault/interleave/given/{n}"))
            });
        let acts = [("do", &self.others), ("then", &self.then)].into_iter();
        let asks = acts.flat_map(move |(list, acts)| {
            acts.iter().enumerate().filter_map(move |(n, act)| match act {
                Act::Ask(ask) => Some(ask.sends(on, &format!("fault/interleave/{list}/{n}/ask"))),
                Act::Call(_) => None,
            })
        });
        given.chain(asks).collect()
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.given.iter().try_for_each(|given| given.lint(variables))?;
        if self.others.is_empty() {
            return Err(Error::usage("Nobody comes between").help("give it do: [...]"));
        }
        let returns = |r: &Returns| {
            r.expect.iter().try_for_each(|m| m.lint_without_service(variables))?;
            r.lint(variables)
        };
        returns(&self.into)?;
        self.before_first.iter().try_for_each(|n| n.get(variables).map(drop))?;
        for act in self.others.iter().chain(&self.then) {
            match act {
                Act::Ask(ask) => ask.lint(variables)?,
                Act::Call(call) => returns(call)?,
            }
        }
        self.returned.iter().try_for_each(|m| m.lint_without_service(variables))
    }
}

/// Repeats it for every boundary of the call, until it sends no further command.
pub async fn observe(spec: &Interleave, scene: &Scene<'_>) -> Result<Finding> {
    let (twin, relay) = scene.stand()?.twin(spec.on.as_deref())?;
    let mut processes = match call::spawn(scene, 2).await? {
        Ok(processes) => processes.into_iter(),
        Err(finding) => return Ok(finding),
    };
    let (Some(caller), Some(other)) = (processes.next(), processes.next()) else {
        return Err(Error::infrastructure("The runner started too few processes"));
    };
    let many = spec.before_first.as_ref().map(|n| n.get(scene.variables)).transpose()?;
    for number in 1..=MAX_COMMANDS {
        // Connections stay: what a call leaves behind on its own is part of what is tried.
        twin.demand(&["FLUSHALL", "SYNC"]).await?;
        let trial = Trial::new(spec, scene, twin, relay, [&caller, &other]).await?;
        let which = if many.is_some() { 1 } else { number }..=many.unwrap_or(number);
        let (struck, finding) = trial.run(which).await?;
        if !struck || many.is_some() || !matches!(finding, Finding::Pass(_)) {
            return Ok(finding);
        }
    }
    let summary = format!(
        "The call sends more than {MAX_COMMANDS} commands; before each of them others can come between"
    );
    Ok(Evidence::new(summary).fail("commands"))
}

/// An [`Act`] with every value in place.
enum Ready {
    Ask(Question),
    Call(Expected),
}

struct Trial<'a> {
    twin: &'a dyn Service,
    relay: &'a Relay,
    caller: &'a Process,
    other: &'a Process,
    into: Expected,
    others: Vec<Ready>,
    returned: Expectation,
    then: Vec<Ready>,
    mark: Mark,
}

/// What acting came to.
#[derive(Default)]
struct Done {
    /// For the evidence, line by line.
    said: Vec<String>,
    returned: Vec<Value>,
    /// What ended it early.
    finding: Option<Finding>,
}

impl<'a> Trial<'a> {
    async fn new(
        spec: &Interleave,
        scene: &Scene<'_>,
        twin: &'a dyn Service,
        relay: &'a Relay,
        [caller, other]: [&'a Process; 2],
    ) -> Result<Self> {
        let (variables, mut fresh) = (scene.variables, Fresh::default());
        for given in &spec.given {
            given.apply(scene, twin, &mut fresh).await?;
        }
        let into = spec.into.ready(variables, &mut fresh, WITHIN)?;
        let mut ready = |acts: &[Act]| {
            let one = |act: &Act| match act {
                Act::Ask(ask) => ask.ready(variables, &mut fresh).map(Ready::Ask),
                Act::Call(returns) => {
                    returns.ready(variables, &mut fresh, CALL_TIMEOUT).map(Ready::Call)
                }
            };
            acts.iter().map(one).collect::<Result<Vec<_>>>()
        };
        let (others, then) = (ready(&spec.others)?, ready(&spec.then)?);
        let returned = step::expectation(spec.returned.as_ref(), variables, &mut fresh)?;
        let mark = relay.mark();
        Ok(Self { twin, relay, caller, other, into, others, returned, then, mark })
    }

    /// Answers whether the call sent so many commands.
    async fn run(&self, which: RangeInclusive<usize>) -> Result<(bool, Finding)> {
        let Expected { call: into, value: expected, within } = &self.into;
        let (number, last) = (*which.start(), *which.end());
        let (ended, mut others) = boundary::disturbed(
            self.relay,
            self.caller.name(),
            which,
            call::call(self.caller, into, *within),
            async || self.act(&self.others, "half").await,
        )
        .await?;
        let struck = !others.is_empty();
        if !struck && matches!(ended, Ended::Returned(_)) {
            // What others do after the call is a boundary too.
            others.push(self.act(&self.others, "half").await?);
        }
        let said = others.iter().map(|done| done.said.clone()).collect();
        let place = Place { trial: self, number, struck, said };
        if let Some(finding) = others.iter_mut().find_map(|done| done.finding.take()) {
            return Ok((struck, place.show(finding)));
        }
        let line = call::line(&into.call, &into.args);
        let value = match ended {
            Ended::Returned(value) => value,
            Ended::Trouble(trouble) => {
                return Ok((struck, place.show(trouble.finding(&line, &[])?)));
            }
        };
        let said = format!("{line} → {}", call::brief(&value));
        if let Some(mismatch) = expected.compare(&value) {
            let evidence = Evidence::new(format!("{line} returned something else")).sent([said]);
            return Ok((struck, place.show(evidence.mismatch(mismatch).fail("result"))));
        }
        let mut returned = vec![value];
        returned.extend(others.into_iter().flat_map(|done| done.returned));
        if let Some(mismatch) = self.returned.compare(&Value::from(returned)) {
            let summary = format!("{line} and the others together returned something else");
            let evidence = Evidence::new(summary).sent([said]).mismatch(mismatch);
            return Ok((struck, place.show(evidence.fail("result"))));
        }
        // Wrong even when nobody came between is another mistake than to be disturbed.
        let code = if struck && last > 1 { "conflict" } else { "value" };
        let then = self.act(&self.then, code).await?;
        Ok((struck, then.finding.map_or(Finding::PASS, |finding| place.show(finding))))
    }

    /// Does one after the other; an answer of the service that does not fit is a failure of this code.
    async fn act(&self, acts: &[Ready], code: &str) -> Result<Done> {
        let mut done = Done::default();
        for act in acts {
            match act {
                Ready::Ask(question) => {
                    let asked = question.ask(self.twin).await?;
                    done.said.push(asked.line);
                    done.returned.push(asked.answer);
                    if let Some(mismatch) = asked.mismatch {
                        let asked = question.line();
                        let summary =
                            format!("{} answers something else to {asked}", self.twin.name());
                        let evidence = Evidence::new(summary).mismatch(mismatch);
                        done.finding = Some(evidence.fail(code));
                        break;
                    }
                }
                Ready::Call(Expected { call, value: expected, within }) => {
                    let line = call::line(&call.call, &call.args);
                    let value = match call::call(self.other, call, *within).await {
                        Ended::Returned(value) => value,
                        Ended::Trouble(trouble) => {
                            done.finding = Some(trouble.finding(&line, &[])?);
                            break;
                        }
                    };
                    done.said.push(format!("{line} → {}", call::brief(&value)));
                    if let Some(mismatch) = expected.compare(&value) {
                        let summary = format!("{line} returned something else");
                        let evidence = Evidence::new(summary).mismatch(mismatch);
                        done.finding = Some(evidence.fail("result"));
                        break;
                    }
                    done.returned.push(value);
                }
            }
        }
        Ok(done)
    }
}

/// Where others came between, for the evidence.
struct Place<'a> {
    trial: &'a Trial<'a>,
    number: usize,
    struck: bool,
    /// What the others did, each time.
    said: Vec<Vec<String>>,
}

impl Place<'_> {
    /// Adds to a failure the commands of the call, with what the others did among them.
    fn show(&self, finding: Finding) -> Finding {
        let Finding::Fail(mut failure) = finding else { return finding };
        let records = self.trial.relay.records_since(self.trial.mark);
        let name = self.trial.caller.name();
        let own = |r: &&Record| {
            !r.handshake && r.process.as_ref().is_some_and(|process| **process == *name)
        };
        let mut lines: Vec<String> =
            records.iter().filter(own).map(|r| format!("it      {}", r.line())).collect();
        let first = if self.struck { self.number - 1 } else { lines.len() };
        for (nth, said) in self.said.iter().enumerate().rev() {
            let at = (first + nth).min(lines.len());
            lines.splice(at..at, said.iter().map(|line| format!("others  {line}")));
        }
        if lines.len() > SHOWN {
            let more = lines.len() - SHOWN;
            lines.truncate(SHOWN);
            lines.push(format!("… and {more} more"));
        }
        failure.evidence.history = lines;
        Finding::Fail(failure)
    }
}
