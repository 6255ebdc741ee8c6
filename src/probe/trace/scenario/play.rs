//! The steps of a scenario, one after the other.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::cast::Cast;
use super::opened::Opened;
use super::{Finish, Made, Next, Outlast, Spec, Start, Step};
use crate::error::{Error, Result};
use crate::probe::Call;
use crate::probe::call::{self, CALL_TIMEOUT, Ended};
use crate::probe::expect::{Expectation, Matcher};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::relay::{Fate, Mark, Record};
use crate::probe::runner::Process;
use crate::probe::scene::{Scene, Stand};
use crate::probe::step::{self, Ask};
use crate::probe::trace::seen::{self, LOOK_EVERY, Seen, Watched};
use crate::probe::trace::statements::Meter;
use crate::template::Span;

const SENT_WITHIN: Duration = Duration::from_secs(3);
/// A command that waits and has not been answered so long, in microseconds, is not refused.
const SETTLED_AFTER_US: u64 = 50_000;
/// A program may send so many commands before the one that waits, and take so long over them.
const PREPARES_WITH: usize = 6;
const SETTLES_WITHIN: Duration = Duration::from_millis(1500);
const RESTS_WITHIN: Duration = Duration::from_secs(5);
/// What was started and is not waited for ends with the check.
const STARTED_FOR: Duration = Duration::from_secs(55);
const MEGABYTE: u64 = 1_000_000;
/// How long it may take to be seen that a limit has passed.
const SEEN_AFTER: Duration = Duration::from_millis(300);

pub struct Play<'a> {
    spec: &'a Spec,
    /// Where the records of this scenario begin.
    pub mark: Mark,
    scene: &'a Scene<'a>,
    cast: Cast,
    fresh: Fresh,
    pub watched: Watched,
    /// What statements cost, where that is to be judged.
    pub meter: Option<Meter>,
    /// The services whose clocks are not right.
    pub moved: BTreeSet<&'a str>,
    /// A call that took too much memory: told when nothing else is wrong, which says more.
    pub grown: Option<Finding>,
    /// The calls so far, for the evidence.
    said: Vec<String>,
    opened: BTreeMap<String, Opened>,
    running: BTreeMap<String, Running>,
}

/// What was started and is not finished.
struct Running {
    line: String,
    process: Process,
    task: JoinHandle<Came>,
}

/// How it ended.
struct Came {
    ended: Ended,
    took: Option<Duration>,
    /// The iterator that was asked, by its name, where it goes on.
    iterator: Option<(String, Opened)>,
}

impl<'a> Play<'a> {
    pub fn new(spec: &'a Spec, scene: &'a Scene<'a>, cast: Cast, fresh: Fresh, mark: Mark) -> Self {
        Self {
            spec,
            mark,
            scene,
            cast,
            fresh,
            watched: Watched::default(),
            meter: None,
            moved: BTreeSet::new(),
            grown: None,
            said: Vec::new(),
            opened: BTreeMap::new(),
            running: BTreeMap::new(),
        }
    }

    /// Plays a step; a finding when the scenario ends with it.
    pub async fn step(&mut self, step: &'a Step) -> Result<Option<Finding>> {
        match step {
            Step::Call(made) => self.call(made).await,
            Step::Ask(ask) => self.ask(ask).await,
            Step::Open(open) => {
                let process = self.cast.process(open.process.as_deref())?.clone();
                let call = self.ready(&open.call, &open.args)?;
                Ok(match Opened::open(&process, call).await? {
                    Ok(opened) => {
                        self.said.push(opened.line.clone());
                        self.opened.insert(open.name.clone(), opened);
                        None
                    }
                    Err(finding) => Some(finding),
                })
            }
            Step::Next(next) => self.next(next).await,
            Step::Start(start) => self.start(start).map(|()| None),
            Step::Watch(span) => {
                self.under_way().await?;
                let Stand { runner, waits, .. } = self.scene.stand()?;
                let clock = runner.clock();
                let begin = clock.now_us();
                waits.wait(tokio::time::sleep(span.get(self.scene.variables)?.0)).await;
                self.watched.watches.push((begin, clock.now_us()));
                Ok(None)
            }
            Step::Quiet(span) => self.quiet(span.get(self.scene.variables)?.0).await.map(|()| None),
            Step::Finish(finish) => self.finish(finish).await,
            Step::Outlast(outlast) => self.outlast(outlast).await,
            Step::Clock(clock) => {
                let ahead = clock.ahead.get(self.scene.variables)?.0;
                if let Some(service) = &clock.on {
                    self.moved.insert(service);
                    self.scene.stand()?.hands.set_clock(service, ahead).await?;
                } else {
                    self.cast.process(clock.of.as_deref())?.set_clock(ahead).await?;
                }
                Ok(None)
            }
        }
    }

    async fn call(&mut self, made: &Made) -> Result<Option<Finding>> {
        let call = self.ready(&made.call, &made.args)?;
        let line = call::line(&call.call, &call.args);
        // Fetched before the program can change it, from the copy: the learner's service keeps no trace.
        let expected = self.expected(made.expect.as_ref()).await?;
        let within =
            made.within.as_ref().map(|within| within.get(self.scene.variables)).transpose()?;
        let process = self.cast.process(made.process.as_deref())?;
        let before = match made.memory_mb {
            Some(_) => process.memory().await?,
            None => None,
        };
        let ended = call::call(process, &call, within.map_or(CALL_TIMEOUT, |span| span.0)).await;
        if let (Some(most), Some(before)) = (&made.memory_mb, before)
            && let Some(after) = process.memory().await?
        {
            let most = most.get(self.scene.variables)?;
            let grown = after.most.saturating_sub(before.now) / MEGABYTE;
            if grown > most && after.most > before.most && self.grown.is_none() {
                self.grown = Some(self.too_much(&line, grown, most));
            }
        }
        self.judge(&line, ended, &expected)
    }

    async fn ask(&mut self, ask: &Ask) -> Result<Option<Finding>> {
        let (twin, _) = self.scene.stand()?.twin(self.spec.on.as_deref())?;
        let question = ask.ready(self.scene.variables, &mut self.fresh)?;
        if let Some(meter) = &mut self.meter {
            meter.pause(twin).await?;
        }
        let asked = question.ask(twin).await?;
        if let Some(meter) = &mut self.meter {
            meter.go_on(twin).await?;
        }
        self.said.push(asked.line);
        Ok(asked.mismatch.map(|mismatch| {
            let summary = format!("{} answers something else to {}", twin.name(), question.line());
            let evidence = Evidence::new(summary).sent(self.said.clone());
            evidence.mismatch(mismatch).fail("value")
        }))
    }

    async fn next(&mut self, next: &Next) -> Result<Option<Finding>> {
        let opened = self.iterator(&next.of)?;
        let line = format!("next({})", opened.line);
        let within =
            next.within.as_ref().map(|within| within.get(self.scene.variables)).transpose()?;
        let (opened, ended) = opened.next(within.map_or(CALL_TIMEOUT, |span| span.0)).await;
        self.opened.extend(opened.map(|opened| (next.of.clone(), opened)));
        let expected = self.expected(next.expect.as_ref()).await?;
        self.judge(&line, ended, &expected)
    }

    fn start(&mut self, start: &Start) -> Result<()> {
        let running = match (&start.call, &start.next) {
            (Some(function), _) => {
                let call = self.ready(function, &start.args)?;
                let line = call::line(&call.call, &call.args);
                let process = self.cast.process(Some(&start.name))?.clone();
                let task = tokio::spawn(made(process.clone(), call));
                Running { line, process, task }
            }
            (None, Some(name)) => {
                let (name, opened) = (name.clone(), self.iterator(name)?);
                Running {
                    line: format!("next({})", opened.line),
                    process: opened.process.clone(),
                    task: tokio::spawn(asked(name, opened)),
                }
            }
            (None, None) => return Ok(()),
        };
        self.running.insert(start.name.clone(), running);
        Ok(())
    }

    /// Waits until a call has ended, or the limits have passed under which it waits. It must not give up on a command
    /// that the service would still answer: libraries do that by themselves, and send another.
    async fn outlast(&mut self, outlast: &Outlast) -> Result<Option<Finding>> {
        let Some(Running { line, process, task }) = self.running.get(&outlast.of) else {
            return Ok(None);
        };
        let (twin, relay) = self.scene.stand()?.twin(self.spec.on.as_deref())?;
        let waits = |r: &Record| r.blocks && r.process.as_deref() == Some(process.name());
        let asked = relay.in_flight().into_iter().filter(waits).filter_map(|r| r.patience_ms);
        let own = process.patience().await?.into_iter();
        let most = outlast.at_most.get(self.scene.variables)?.0;
        let limits = own.chain(asked.map(Duration::from_millis));
        let passed = limits.filter_map(|limit| limit.checked_add(limit / 10 + SEEN_AFTER));
        let Some(limit) = passed.filter(|passed| *passed <= most).max() else { return Ok(None) };
        let passed = Instant::now() + limit;
        let begin = self.scene.stand()?.runner.clock().now_us();
        while Instant::now() < passed && !task.is_finished() {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        self.watched.outlasted.push((begin, self.scene.stand()?.runner.clock().now_us()));
        let sent = relay.records_since(self.mark);
        let given_up = sent.iter().find(|r| waits(r) && r.fate == Fate::Lost);
        // One that has ended says how when it is finished.
        let Some(given_up) = given_up.filter(|_| !task.is_finished()) else { return Ok(None) };
        let (service, command) = (twin.name(), given_up.line());
        let summary = format!("{line} closed the connection on which {service} was to answer");
        let mut evidence = Evidence::new(summary).sent(self.said.clone());
        evidence.expected = Some(format!("the answer to {command} is waited for"));
        evidence.history = seen::lines(&sent.iter().filter(|r| !r.handshake).collect::<Vec<_>>());
        Ok(Some(evidence.fail("abandoned")))
    }

    async fn finish(&mut self, finish: &Finish) -> Result<Option<Finding>> {
        let Some(Running { line, task, .. }) = self.running.remove(&finish.of) else {
            return Ok(None);
        };
        let within = finish.within.get(self.scene.variables)?.0;
        let abort = task.abort_handle();
        let Ok(came) = tokio::time::timeout(within, task).await else {
            abort.abort();
            return Ok(Some(self.too_late(&line, within)));
        };
        let came = came.map_err(|e| Error::infrastructure("A call was lost").because(e))?;
        self.opened.extend(came.iterator);
        let expected = self.expected(finish.expect.as_ref()).await?;
        if let Some(finding) = self.judge(&line, came.ended, &expected)? {
            return Ok(Some(finding));
        }
        let least = finish.not_before.as_ref().map(|v| v.get(self.scene.variables)).transpose()?;
        Ok(match (came.took, least) {
            (Some(took), Some(Span(least))) if took < least => {
                Some(self.too_soon(&line, took, least))
            }
            _ => None,
        })
    }

    fn iterator(&mut self, name: &str) -> Result<Opened> {
        self.opened.remove(name).ok_or_else(|| {
            Error::usage(format!(
                "The iterator {name:?} is asked while an item of it is still awaited"
            ))
        })
    }

    /// Waits until what was started has sent a command or ended, and at first, where it is to wait inside the service,
    /// until it does: how long a busy machine takes to get there proves nothing.
    async fn under_way(&self) -> Result<()> {
        let stand = self.scene.stand()?;
        let (_, relay) = stand.twin(self.spec.on.as_deref())?;
        let goes_on = || self.running.values().any(|running| !running.task.is_finished());
        let count = || relay.count_since(self.mark, |record| !record.handshake);
        let sent = async {
            while goes_on() && count() == 0 {
                tokio::time::sleep(LOOK_EVERY).await;
            }
        };
        // Nothing sent by then shows in what was expected.
        let _ = tokio::time::timeout(SENT_WITHIN, sent).await;
        let waits = |seen: &Seen| seen.waiting.is_some() || seen.gap.is_some();
        if self.watched.watches.is_empty() && self.spec.expect.iter().any(waits) {
            let settles = async {
                let since = || stand.runner.clock().now_us().saturating_sub(SETTLED_AFTER_US);
                let waits = |r: &Record| r.blocks && r.start_us < since();
                // Who sends ever more is not waited for.
                let most = count() + PREPARES_WITH;
                while goes_on() && count() < most && !relay.in_flight().iter().any(waits) {
                    tokio::time::sleep(LOOK_EVERY).await;
                }
            };
            let _ = tokio::time::timeout(SETTLES_WITHIN, settles).await;
        }
        Ok(())
    }

    /// Waits until nothing has been sent for so long; a program that never rests is not waited for.
    async fn quiet(&self, span: Duration) -> Result<()> {
        let (_, relay) = self.scene.stand()?.twin(self.spec.on.as_deref())?;
        let rests = async {
            let mut before = None;
            while before != Some(relay.sent()) {
                before = Some(relay.sent());
                tokio::time::sleep(span).await;
            }
        };
        let _ = tokio::time::timeout(RESTS_WITHIN, rests).await;
        Ok(())
    }

    /// A call with its values in place.
    fn ready(&mut self, function: &str, args: &[Value]) -> Result<Call> {
        let arg = |a| Ok(self.fresh.fill(&self.scene.variables.resolve(a)?));
        Ok(Call { call: function.to_owned(), args: args.iter().map(arg).collect::<Result<_>>()? })
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
    async fn expected(&mut self, matcher: Option<&Matcher>) -> Result<Expectation> {
        let mut expectation = step::expectation(matcher, self.scene.variables, &mut self.fresh)?;
        if let Some(key) = matcher.and_then(|m| m.same_as.as_ref()) {
            let (twin, _) = self.scene.stand()?.twin(self.spec.on.as_deref())?;
            let key = self.scene.variables.render(key)?;
            expectation.eq = Some(twin.demand(&["LRANGE", &key, "0", "-1"]).await?);
        }
        Ok(expectation)
    }

    fn too_much(&self, line: &str, grown: u64, most: u64) -> Finding {
        let mut evidence = Evidence::new(format!("{line} took {grown} MB of memory"));
        evidence.expected = Some(format!("at most {most} MB more than before the call"));
        evidence.observed = Some(format!("{grown} MB more at its fullest"));
        evidence.sent(self.said.clone()).fail("memory")
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

/// A call, made in a process.
async fn made(process: Process, call: Call) -> Came {
    let timed = call::timed(&process, &call, STARTED_FOR).await;
    let took = timed.end_us.map(|end| Duration::from_micros(end - timed.start_us));
    Came { ended: timed.ended, took, iterator: None }
}

/// An iterator of that name, asked for its next item.
async fn asked(name: String, opened: Opened) -> Came {
    let began = Instant::now();
    let (opened, ended) = opened.next(STARTED_FOR).await;
    Came { ended, took: Some(began.elapsed()), iterator: opened.map(|opened| (name, opened)) }
}
