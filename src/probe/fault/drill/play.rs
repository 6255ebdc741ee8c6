//! Playing a drill, and mending what it has broken.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::task::JoinHandle;

use super::load::{Going, Load};
use super::question::{NONE, Question};
use super::{Ask, Begin, Code, Delay, Deploy, Drill, Put, Run, Step};
use crate::error::{Error, Result};
use crate::probe::call::{self, Ended};
use crate::probe::expect::{Expectation, Mismatch};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::relay::{After, Gatekeeper, Moment, Verdict};
use crate::probe::runner::Process;
use crate::probe::scene::{Scene, Stand};
use crate::probe::service::{Answer, Service};
use crate::probe::step::{self, Returns};
use crate::template::Span;

/// No drill goes on longer: what it has broken must be mended before the check is cut short.
const WITHIN: Duration = Duration::from_secs(40);
/// A call may find a service dead, and client libraries try for a while before they give up.
const CALL_WITHIN: Duration = Duration::from_secs(25);
/// How often something is asked that has time to become what is expected.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// A value that is shown has no more bytes.
const BRIEF: usize = 200;
/// Lines of the evidence.
const SHOWN: usize = 60;

/// Plays the drill on the twins and mends what it has broken, whatever came of it.
pub async fn observe(drill: &Drill, scene: &Scene<'_>) -> Result<Finding> {
    let stand = scene.stand()?;
    let process = if drill.drives_program() {
        match call::spawn(scene, 1).await? {
            Ok(mut processes) => processes.pop(),
            Err(finding) => return Ok(finding),
        }
    } else {
        None
    };
    let mut harm = Harm {
        stand,
        frozen: BTreeSet::new(),
        dead: BTreeSet::new(),
        strained: BTreeSet::new(),
        settings: Vec::new(),
    };
    let mut play = Play {
        scene,
        process,
        fresh: Fresh::default(),
        said: Vec::new(),
        loads: BTreeMap::new(),
        begun: BTreeMap::new(),
        ran: None,
        harm: &mut harm,
    };
    let mut played = tokio::time::timeout(WITHIN, play.all(drill)).await;
    if !matches!(played, Ok(Ok(Finding::Pass(_)))) {
        // What is wrong with it is told once all is mended.
        match play.ended().await {
            Ok(None) => {}
            Ok(Some(ended)) => played = Ok(Ok(ended)),
            Err(error) => played = Ok(Err(error)),
        }
    }
    play.loads.clear();
    play.begun.values().for_each(|begun| begun.task.abort());
    let said = std::mem::take(&mut play.said);
    let mended = harm.undo().await;
    let finding = match played {
        Ok(finding) => finding?,
        Err(_) if drill.is_the_learners() => {
            let what = format!("What was to be done took more than {} s", WITHIN.as_secs());
            let code = if drill.drives_program() { "timeout" } else { Code::Late.name() };
            Evidence::new(what).sent(said).fail(code)
        }
        Err(_) => {
            let what = format!("A drill had not ended after {} s", WITHIN.as_secs());
            return Err(Error::infrastructure(what).help("check again"));
        }
    };
    mended.map(|()| finding)
}

/// Lets each command wait.
struct Slow(Duration);

impl Gatekeeper for Slow {
    fn before(&self, _: &Moment<'_>) -> Verdict {
        let by = self.0;
        Verdict::After(Box::pin(async move {
            tokio::time::sleep(by).await;
            After::Forward
        }))
    }
}

/// What a drill has done to the twins and is undone in the end.
struct Harm<'a> {
    stand: &'a Stand,
    frozen: BTreeSet<String>,
    dead: BTreeSet<String>,
    /// Those to which the program's way is cut or slow.
    strained: BTreeSet<String>,
    /// Service, name and value of what was set otherwise.
    settings: Vec<(String, String, String)>,
}

impl Harm<'_> {
    async fn undo(self) -> Result<()> {
        for service in &self.strained {
            let (_, relay) = self.stand.twin(Some(service))?;
            relay.refuse(false);
            relay.set_gatekeeper(None);
        }
        for service in &self.frozen {
            self.stand.hands.unpause(service).await?;
        }
        try_join_all(self.dead.iter().map(|service| self.stand.start(service))).await?;
        for (service, name, value) in self.settings.iter().rev() {
            self.stand.twin(Some(service))?.0.configure(name, value).await?;
        }
        Ok(())
    }
}

/// A call that goes on, and what it must return.
struct Begun {
    line: String,
    value: Expectation,
    task: JoinHandle<Ended>,
}

struct Play<'a, 'h> {
    scene: &'a Scene<'a>,
    process: Option<Process>,
    fresh: Fresh,
    /// The steps so far, for the evidence.
    said: Vec<String>,
    /// Those that go on.
    loads: BTreeMap<String, Going>,
    begun: BTreeMap<String, Begun>,
    /// Where the learner's script was run last, and its name.
    ran: Option<(String, String)>,
    harm: &'h mut Harm<'a>,
}

impl Play<'_, '_> {
    async fn all(&mut self, drill: &Drill) -> Result<Finding> {
        for (service, names) in &drill.like {
            for name in names {
                self.liken(service, name).await?;
            }
        }
        for step in &drill.given {
            if let Some(Finding::Fail(failure)) = self.step(step).await? {
                let mut error =
                    Error::infrastructure("What a drill begins with does not come about");
                error.why = Some(failure.evidence.summary);
                return Err(error.help("check again"));
            }
        }
        for step in &drill.steps {
            if let Some(finding) = self.step(step).await? {
                return Ok(finding);
            }
        }
        Ok(Finding::PASS)
    }

    /// Gives a twin a setting of the learner's service.
    async fn liken(&mut self, service: &str, name: &str) -> Result<()> {
        let (twin, _) = self.harm.stand.twin(Some(service))?;
        let theirs = self.scene.service(service).await?.setting(name).await?;
        let (Some(theirs), Some(own)) = (theirs, twin.setting(name).await?) else {
            return Err(Error::usage(format!("{service} has no setting {name:?}")));
        };
        // A whole configuration is too much to read.
        let brief = if theirs.len() > BRIEF { String::new() } else { format!(" = {theirs}") };
        self.said.push(format!("{service}: {name}{brief}, as on yours"));
        self.harm.settings.push((service.to_owned(), name.to_owned(), own));
        twin.configure(name, &theirs).await
    }

    /// Does one step; a finding ends the drill.
    async fn step(&mut self, step: &Step) -> Result<Option<Finding>> {
        let harm = &mut *self.harm;
        match step {
            Step::Call(returns) => return self.call(returns).await,
            Step::Begin(begin) => self.begin(begin)?,
            Step::Watch(span) => {
                let span = span.get(self.scene.variables)?.0;
                harm.stand.waits.wait(tokio::time::sleep(span)).await;
            }
            Step::Ask(ask) => return self.ask(ask).await,
            Step::Deploy(deploy) => return self.deploy(deploy).await,
            Step::Put(put) => return self.put(put).await,
            Step::Run(run) => return self.run(run).await,
            Step::Load(load) => self.load(load)?,
            Step::End(name) => return self.end(name).await,
            Step::Kill(service) => {
                self.said.push(format!("kill -9 {service}"));
                harm.dead.insert(service.clone());
                harm.stand.kill(service).await?;
            }
            Step::Start(service) => {
                self.said.push(format!("start {service}"));
                harm.stand.start(service).await?;
                harm.dead.remove(service);
            }
            Step::Restart(service) => {
                self.said.push(format!("restart {service}"));
                harm.stand.restart(service).await?;
            }
            Step::Pause(service) => {
                self.said.push(format!("freeze {service}"));
                harm.frozen.insert(service.clone());
                harm.stand.hands.pause(service).await?;
            }
            Step::Unpause(service) => {
                self.said.push(format!("{service} goes on"));
                harm.stand.hands.unpause(service).await?;
                harm.frozen.remove(service);
            }
            Step::Cut(service) => {
                self.said.push(format!("the way to {service} is cut"));
                let (_, relay) = harm.stand.twin(Some(service))?;
                harm.strained.insert(service.clone());
                relay.refuse(true);
                relay.cut_all();
            }
            Step::Heal(service) => {
                self.said.push(format!("the way to {service} is open again"));
                harm.stand.twin(Some(service))?.1.refuse(false);
            }
            Step::Delay(delay) => return self.delay(delay).map(|()| None),
        }
        Ok(None)
    }

    fn delay(&mut self, delay: &Delay) -> Result<()> {
        let Delay { on, by } = delay;
        let by = by.get(self.scene.variables)?.0;
        let (_, relay) = self.harm.stand.twin(Some(on))?;
        relay.must_tell_commands()?;
        self.said.push(format!("each command to {on} takes {} ms more", by.as_millis()));
        self.harm.strained.insert(on.clone());
        let slow: Option<Arc<dyn Gatekeeper>> =
            if by.is_zero() { None } else { Some(Arc::new(Slow(by))) };
        relay.set_gatekeeper(slow);
        Ok(())
    }

    async fn call(&mut self, returns: &Returns) -> Result<Option<Finding>> {
        let Some(process) = &self.process else { return Ok(None) };
        let expected = returns.ready(self.scene.variables, &mut self.fresh, CALL_WITHIN)?;
        let line = call::line(&expected.call.call, &expected.call.args);
        let ended = call::call(process, &expected.call, expected.within).await;
        self.came(&line, ended, &expected.value)
    }

    /// What a call came to.
    fn came(
        &mut self,
        line: &str,
        ended: Ended,
        expected: &Expectation,
    ) -> Result<Option<Finding>> {
        let value = match ended {
            Ended::Returned(value) => value,
            Ended::Trouble(trouble) => return trouble.finding(line, &self.said).map(Some),
        };
        self.said.push(format!("{line} → {}", call::brief(&value)));
        let mismatch = expected.compare(&value);
        Ok(mismatch.map(|m| self.fail(format!("{line} returned something else"), m, "result")))
    }

    fn begin(&mut self, begin: &Begin) -> Result<()> {
        let Some(process) = self.process.clone() else { return Ok(()) };
        let expected = begin.returns().ready(self.scene.variables, &mut self.fresh, CALL_WITHIN)?;
        let line = call::line(&expected.call.call, &expected.call.args);
        self.said.push(format!("{line} begins"));
        let task =
            tokio::spawn(
                async move { call::call(&process, &expected.call, expected.within).await },
            );
        self.begun.insert(begin.name.clone(), Begun { line, value: expected.value, task });
        Ok(())
    }

    async fn deploy(&mut self, deploy: &Deploy) -> Result<Option<Finding>> {
        let stand = self.harm.stand;
        let (service, folder) = (&deploy.on, stand.hands.folder(&deploy.on)?);
        let mut files = Vec::new();
        for name in &deploy.files {
            let path = format!("{folder}/{name}");
            let Some((_, content)) = stand.files.iter().find(|(p, _)| *p == path) else {
                let mut evidence =
                    Evidence::new(format!("The workspace has no file {path} that can be taken"));
                evidence.expected = Some(format!(
                    "a file of the workspace, with which {service} is started for this check"
                ));
                evidence.observed = stand.left_out.get(&path).cloned();
                return Ok(Some(evidence.fail(Code::Missing.name())));
            };
            files.push((name.clone(), content.clone()));
        }
        files.extend(self.texts(&deploy.texts)?);
        let names = deploy.files.join(", ");
        self.said.push(format!("{service} is started with your {names}"));
        let Err(why) = stand.hands.deploy(service, &files).await? else { return Ok(None) };
        let mut evidence = Evidence::new(format!("{service} does not start with your {names}"));
        evidence.observed = Some(why);
        Ok(Some(evidence.fail(Code::Refused.name())))
    }

    /// Files of the checker's own with their values in place.
    fn texts(&mut self, texts: &BTreeMap<String, String>) -> Result<Vec<(String, Vec<u8>)>> {
        let mut files = Vec::new();
        for (name, text) in texts {
            let text = self.fresh.fill_text(&self.scene.variables.render(text)?);
            files.push((name.clone(), text.into_bytes()));
        }
        Ok(files)
    }

    async fn put(&mut self, put: &Put) -> Result<Option<Finding>> {
        let files = self.texts(&put.texts)?;
        for (name, text) in &files {
            self.said.push(format!("{} gets another {name}:", put.on));
            let text = String::from_utf8_lossy(text);
            self.said.extend(text.lines().map(|line| format!("    {line}")));
        }
        self.harm.stand.hands.put(&put.on, &files).await?;
        Ok(None)
    }

    /// Runs the learner's script.
    async fn run(&mut self, run: &Run) -> Result<Option<Finding>> {
        let Run { on, file, fails } = run;
        self.ran = Some((on.clone(), file.clone()));
        let ran = self.harm.stand.hands.run(on, file).await?;
        let exit = ran.exit_code.map_or("no end".to_owned(), |code| format!("exit code {code}"));
        self.said.push(format!("sh {file} → {exit}"));
        let (summary, expected, code) = match ran.exit_code {
            None => (format!("{file} does not end"), "an end within 10 s", Code::Late),
            Some(0) if *fails => {
                let summary = format!("{file} ends as if it had worked");
                (summary, "another exit code than 0", Code::Refused)
            }
            Some(1.. | ..0) if !fails => (format!("{file} fails"), "exit code 0", Code::Refused),
            Some(_) => return Ok(None),
        };
        let expected = expected.to_owned();
        let mismatch = Mismatch { expected, observed: exit, difference: None };
        let mut finding = self.fail(summary, mismatch, code.name());
        if let Finding::Fail(failure) = &mut finding {
            failure.evidence.output = Some(ran.said).filter(|said| !said.is_empty());
        }
        Ok(Some(finding))
    }

    /// What a failure comes from when the service has ended with the learner's script.
    async fn ended(&self) -> Result<Option<Finding>> {
        let Some((service, file)) = &self.ran else { return Ok(None) };
        if self.harm.dead.contains(service) {
            return Ok(None);
        }
        if !self.harm.stand.hands.has_ended(service).await? {
            return Ok(None);
        }
        let expected = format!("{service} goes on");
        let observed = format!("{service} has ended");
        let mismatch = Mismatch { expected, observed, difference: None };
        let summary = format!("{service} has ended with {file}");
        Ok(Some(self.fail(summary, mismatch, Code::Dropped.name())))
    }

    fn load(&mut self, load: &Load) -> Result<()> {
        let stand = self.harm.stand;
        let twin = stand
            .twins
            .get(&load.on)
            .ok_or_else(|| Error::usage(format!("The lab has no service {:?}", load.on)))?;
        let going = Going::begin(load, twin, self.scene.variables, &mut self.fresh)?;
        self.said.push(format!(
            "{}> {}, again and again, {} at a time",
            load.on, going.line, load.clients
        ));
        self.loads.insert(load.name.clone(), going);
        Ok(())
    }

    async fn end(&mut self, name: &str) -> Result<Option<Finding>> {
        if let Some(Begun { line, value, task }) = self.begun.remove(name) {
            let ended = task.await;
            let ended = ended.map_err(|e| Error::infrastructure("A call was lost").because(e))?;
            return self.came(&line, ended, &value);
        }
        let Some(going) = self.loads.remove(name) else { return Ok(None) };
        let (code, line) = (going.code, going.line.clone());
        let heard = going.end().await?;
        self.said.push(format!(
            "{line} was asked {} times meanwhile, and waited for {} ms at most",
            heard.times,
            heard.longest.as_millis()
        ));
        Ok(heard.mismatch.map(|mismatch| {
            self.fail(format!("{line} was not always answered as it should"), mismatch, code.name())
        }))
    }

    async fn ask(&mut self, ask: &Ask) -> Result<Option<Finding>> {
        let variables = self.scene.variables;
        let asked: Vec<Option<&str>> = match &ask.each[..] {
            [] => vec![ask.on.as_deref()],
            each => each.iter().map(|service| Some(service.as_str())).collect(),
        };
        let twins = asked.into_iter().map(|name| Ok(self.harm.stand.twin(name)?.0));
        let twins: Vec<&dyn Service> = twins.collect::<Result<_>>()?;
        let question = Question {
            words: step::filled(&ask.send, variables, &mut self.fresh)?,
            as_client: ask.as_client,
            field: ask.field.as_deref(),
            expected: step::expectation(ask.expect.as_ref(), variables, &mut self.fresh)?,
            refused: ask.refused.as_deref(),
            patience: ask.answered.as_ref().map(|v| v.get(variables)).transpose()?,
        };
        let within = ask.within.as_ref().map(|v| v.get(variables)).transpose()?.unwrap_or_default();
        let deadline = Instant::now() + within.0;
        if let ([twin], Some(silence)) = (&twins[..], &ask.unanswered) {
            return self.unanswered(*twin, &question, silence.get(variables)?, ask.code).await;
        }
        let (answer, mismatch) = loop {
            let (answer, mismatch) = match (&twins[..], ask.times) {
                ([twin], Some(times)) => question.often(*twin, times, ask.counted).await?,
                ([twin], None) if ask.each.is_empty() => question.once(*twin).await?,
                (twins, _) => question.of_each(twins).await?,
            };
            if mismatch.is_none() || Instant::now() >= deadline {
                break (answer, mismatch);
            }
            tokio::time::sleep(ASK_EVERY).await;
        };
        let names: Vec<&str> = twins.iter().map(|twin| twin.name()).collect();
        let (name, line) = (names.join(" and "), question.line());
        let often = ask.times.map(|times| format!(", {times} times")).unwrap_or_default();
        self.said.push(format!("{name}> {line}{often} → {}", call::brief(&answer)));
        Ok(mismatch.map(|mismatch| {
            let summary = match mismatch.observed.as_str() {
                NONE => format!("{name} does not answer {line} in time"),
                _ => format!("{name} answers something else to {line}"),
            };
            self.fail(summary, mismatch, ask.code.name())
        }))
    }

    /// A question that must stay without an answer for a while.
    async fn unanswered(
        &mut self,
        twin: &dyn Service,
        question: &Question<'_>,
        silence: Span,
        code: Code,
    ) -> Result<Option<Finding>> {
        let (name, line, ms) = (twin.name(), question.line(), silence.0.as_millis());
        let silent = tokio::time::timeout(silence.0, question.send(twin));
        let Ok(answer) = self.harm.stand.waits.wait(silent).await else {
            self.said.push(format!("{name}> {line} → no answer for {ms} ms"));
            return Ok(None);
        };
        let observed = match answer? {
            Answer::Value(value) => call::brief(&value),
            Answer::Refused(said) => said,
        };
        self.said.push(format!("{name}> {line} → {observed}"));
        let expected = format!("no answer for {ms} ms");
        let mismatch = Mismatch { expected, observed, difference: None };
        Ok(Some(self.fail(format!("{name} answers {line}"), mismatch, code.name())))
    }

    fn fail(&self, summary: String, mismatch: Mismatch, code: &str) -> Finding {
        let from = self.said.len().saturating_sub(SHOWN);
        let mut evidence = Evidence::new(summary).mismatch(mismatch);
        evidence.history = self.said[from..].to_vec();
        evidence.fail(code)
    }
}
