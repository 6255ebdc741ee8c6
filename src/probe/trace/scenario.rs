//! A small scenario: calls into the learner's program, and what the relay saw meanwhile.

use std::collections::BTreeMap;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Spec;
use super::seen::{self, LOOK_EVERY};
use crate::error::{Error, Result};
use crate::probe::Call;
use crate::probe::call::{self, CALL_TIMEOUT};
use crate::probe::expect::{Expectation, Matcher};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::relay::{Mark, Record};
use crate::probe::runner::Process;
use crate::probe::scene::Scene;
use crate::probe::step::{self, Ask, Returns};
use crate::template::{Span, Var, Variables};

const SENT_WITHIN: Duration = Duration::from_secs(3);

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    /// A call that returns before the next step.
    Call(Returns),
    /// A command that the checker sends to the twin itself.
    Ask(Ask),
    /// A call that goes on, in a process of its own.
    Start(Start),
    /// Time that passes, watched.
    Watch(Var<Span>),
    /// The end of a started call.
    Finish(Finish),
}

impl Step {
    pub fn calls_program(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Start(_))
    }
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Start {
    pub call: String,
    #[serde(default)]
    pub args: Vec<Value>,
    #[serde(rename = "as")]
    pub name: String,
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

pub fn lint(spec: &Spec, variables: &Variables) -> Result<()> {
    let resolved = |args: &[Value]| args.iter().try_for_each(|a| variables.resolve(a).map(drop));
    spec.given.iter().try_for_each(|given| given.lint(variables))?;
    let mut started = Vec::new();
    for step in &spec.steps {
        match step {
            Step::Call(returns) => returns.lint(variables)?,
            Step::Ask(ask) => ask.lint(variables)?,
            Step::Start(start) => {
                resolved(&start.args)?;
                started.push(&start.name);
            }
            Step::Watch(span) => drop(span.get(variables)?),
            Step::Finish(finish) => {
                if !started.contains(&&finish.of) {
                    return Err(Error::usage(format!(
                        "The step finishes {:?}, which no step before it starts",
                        finish.of
                    )));
                }
                finish.within.get(variables)?;
                finish.expect.iter().try_for_each(|m| m.lint(variables))?;
            }
        }
    }
    spec.expect.iter().try_for_each(|seen| seen.lint(variables))?;
    Ok(())
}

/// Plays the scenario.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    let stand = scene.stand()?;
    let (twin, relay) = stand.twin(spec.on.as_deref())?;
    let mut fresh = Fresh::default();
    for given in &spec.given {
        given.apply(scene, twin, &mut fresh).await?;
    }
    let cast = match Cast::spawn(spec, scene).await? {
        Ok(cast) => cast,
        Err(finding) => return Ok(finding),
    };
    let mark = relay.mark();
    let writes = twin.writes().await?;
    let mut play = Play {
        mark,
        scene,
        cast,
        fresh,
        watched: Vec::new(),
        said: Vec::new(),
        running: BTreeMap::new(),
    };
    let limits = seen::limits(&spec.expect, scene.variables)?;
    let mut cut_short = false;
    for step in &spec.steps {
        let finding = tokio::select! {
            finding = play.step(step, spec) => finding?,
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
    let written = twin.writes().await? - writes;
    if spec.reads_only && written > 0 {
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
    Ok(Finding::PASS)
}

/// The processes of the learner's program: one for the calls, one for each started call; none where no step calls it.
struct Cast {
    main: Option<Process>,
    started: BTreeMap<String, Process>,
}

impl Cast {
    async fn spawn(spec: &Spec, scene: &Scene<'_>) -> Result<Result<Self, Finding>> {
        let names: Vec<&String> = spec
            .steps
            .iter()
            .filter_map(|s| if let Step::Start(start) = s { Some(&start.name) } else { None })
            .collect();
        if !spec.calls_program() {
            return Ok(Ok(Self { main: None, started: BTreeMap::new() }));
        }
        let processes = match call::spawn(scene, names.len() + 1).await? {
            Ok(processes) => processes,
            Err(finding) => return Ok(Err(finding)),
        };
        let mut processes = processes.into_iter();
        let main = processes.next();
        Ok(Ok(Self { main, started: names.into_iter().cloned().zip(processes).collect() }))
    }
}

struct Play<'a> {
    /// Where the records of this scenario begin.
    mark: Mark,
    scene: &'a Scene<'a>,
    cast: Cast,
    fresh: Fresh,
    /// Begin and end of each `watch`, in microseconds on the relay's clock.
    watched: Vec<(u64, u64)>,
    /// The calls so far, for the evidence.
    said: Vec<String>,
    running: BTreeMap<String, (String, tokio::task::JoinHandle<call::Timed>)>,
}

impl Play<'_> {
    async fn step(&mut self, step: &Step, spec: &Spec) -> Result<Option<Finding>> {
        match step {
            Step::Call(returns) => {
                let call = returns.call(self.scene.variables, &mut self.fresh)?;
                let line = call::line(&call.call, &call.args);
                let process = self.cast.main.clone();
                let process = process
                    .ok_or_else(|| Error::infrastructure("The runner started no process"))?;
                // Fetched before the program can change it, from the copy: the learner's service keeps no trace.
                let expected = self.expected(returns.expect.as_ref(), spec).await?;
                let within = returns.within(self.scene.variables, CALL_TIMEOUT)?;
                let ended = call::call(&process, &call, within).await;
                self.judge(&line, ended, &expected)
            }
            Step::Ask(ask) => {
                let (twin, _) = self.scene.stand()?.twin(spec.on.as_deref())?;
                let question = ask.ready(self.scene.variables, &mut self.fresh)?;
                let asked = question.ask(twin).await?;
                self.said.push(asked.line);
                Ok(asked.mismatch.map(|mismatch| {
                    let summary =
                        format!("{} answers something else to {}", twin.name(), question.line());
                    let evidence = Evidence::new(summary).sent(self.said.clone());
                    evidence.mismatch(mismatch).fail("value")
                }))
            }
            Step::Start(start) => {
                let args = self.args(&start.args)?;
                let line = call::line(&start.call, &args);
                let Some(process) = self.cast.started.get(&start.name).cloned() else {
                    return Ok(None);
                };
                let call = Call { call: start.call.clone(), args };
                let task =
                    tokio::spawn(async move { call::timed(&process, &call, CALL_TIMEOUT).await });
                self.running.insert(start.name.clone(), (line, task));
                Ok(None)
            }
            Step::Watch(span) => {
                let stand = self.scene.stand()?;
                self.something_sent(spec).await?;
                let begin = stand.runner.clock().now_us();
                tokio::time::sleep(span.get(self.scene.variables)?.0).await;
                self.watched.push((begin, stand.runner.clock().now_us()));
                Ok(None)
            }
            Step::Finish(finish) => {
                let Some((line, task)) = self.running.remove(&finish.of) else { return Ok(None) };
                let within = finish.within.get(self.scene.variables)?.0;
                let abort = task.abort_handle();
                match tokio::time::timeout(within, task).await {
                    Ok(Ok(timed)) => {
                        let expected = self.expected(finish.expect.as_ref(), spec).await?;
                        let took =
                            timed.end_us.map(|end| Duration::from_micros(end - timed.start_us));
                        if let Some(finding) = self.judge(&line, timed.ended, &expected)? {
                            return Ok(Some(finding));
                        }
                        let least = finish
                            .not_before
                            .as_ref()
                            .map(|v| v.get(self.scene.variables))
                            .transpose()?;
                        Ok(match (took, least) {
                            (Some(took), Some(Span(least))) if took < least => {
                                Some(self.too_soon(&line, took, least))
                            }
                            _ => None,
                        })
                    }
                    Ok(Err(e)) => Err(Error::infrastructure("A call was lost").because(e)),
                    Err(_) => {
                        abort.abort();
                        Ok(Some(self.too_late(&line, within)))
                    }
                }
            }
        }
    }

    /// Waits until what was started has sent a command: how long a busy machine takes to get there proves nothing.
    async fn something_sent(&self, spec: &Spec) -> Result<()> {
        let (_, relay) = self.scene.stand()?.twin(spec.on.as_deref())?;
        let sent = async {
            while relay.count_since(self.mark, |record| !record.handshake) == 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Nothing sent by then shows in what was expected.
        let _ = tokio::time::timeout(SENT_WITHIN, sent).await;
        Ok(())
    }

    fn args(&mut self, args: &[Value]) -> Result<Vec<Value>> {
        args.iter().map(|a| Ok(self.fresh.fill(&self.scene.variables.resolve(a)?))).collect()
    }

    fn judge(
        &mut self,
        line: &str,
        ended: call::Ended,
        expected: &Expectation,
    ) -> Result<Option<Finding>> {
        let value = match ended {
            call::Ended::Returned(value) => value,
            call::Ended::Trouble(trouble) => return trouble.finding(line, &self.said).map(Some),
        };
        self.said.push(format!("{line} → {}", call::brief(&value)));
        let Some(mismatch) = expected.compare(&value) else { return Ok(None) };
        let evidence =
            Evidence::new(format!("{line} returned something else")).sent(self.said.clone());
        Ok(Some(evidence.mismatch(mismatch).fail("result")))
    }

    /// What is expected, with fresh values in place, and `same_as` replaced by the items.
    async fn expected(&mut self, matcher: Option<&Matcher>, spec: &Spec) -> Result<Expectation> {
        let mut expectation = step::expectation(matcher, self.scene.variables, &mut self.fresh)?;
        if let Some(key) = matcher.and_then(|m| m.same_as.as_ref()) {
            let (twin, _) = self.scene.stand()?.twin(spec.on.as_deref())?;
            let key = self.scene.variables.render(key)?;
            expectation.eq = Some(twin.demand(&["LRANGE", &key, "0", "-1"]).await?);
        }
        Ok(expectation)
    }

    fn too_soon(&self, line: &str, took: Duration, least: Duration) -> Finding {
        let mut evidence = Evidence::new(format!("{line} returned after {} ms", took.as_millis()));
        evidence.expected = Some(format!("no answer before {} ms", least.as_millis()));
        evidence.observed = Some(format!("it took {} ms", took.as_millis()));
        evidence.sent(self.said.clone()).fail("too-soon")
    }

    fn too_late(&self, line: &str, within: Duration) -> Finding {
        let mut evidence =
            Evidence::new(format!("{line} had not returned after {} ms", within.as_millis()));
        evidence.expected = Some(format!("an answer within {} ms", within.as_millis()));
        evidence.observed = Some("the call still goes on".to_owned());
        evidence.sent(self.said.clone()).fail("timeout")
    }
}
