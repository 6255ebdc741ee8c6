//! A drill: twins are killed, frozen and brought back as the lab says; the learner's program, or what the learner has set, must
//! stand it.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU16;
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::probe::call::{self, Ended};
use crate::probe::expect::{Expectation, Matcher, Mismatch, same};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::fresh::Fresh;
use crate::probe::runner::Process;
use crate::probe::scene::{Scene, Stand};
use crate::probe::service::{Answer, Service};
use crate::probe::step::{self, Returns};
use crate::template::{Span, Var, Variables};
use crate::term::shell_line;

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

/// The codes that an expectation of a drill can have.
pub const CODES: &[&str] = &[
    "full-copy",
    "kept",
    "late",
    "lost",
    "missing",
    "refused",
    "retried",
    "split",
    "spoofed",
    "stale",
    "value",
];

/// Faults and calls, in order, on twins of several services.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Drill {
    /// Settings that the twin of a service gets from the learner's.
    #[serde(default)]
    pub like: BTreeMap<String, Vec<String>>,
    /// What is done beforehand, and cannot fail for anything that the learner did.
    #[serde(default)]
    pub given: Vec<Step>,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DrillStep")]
pub enum Step {
    /// A call into the program.
    Call(Returns),
    /// A command that the checker sends to a twin itself.
    Ask(Ask),
    /// Gives a twin the learner's files for the service, and starts it with them.
    Deploy(Deploy),
    /// Ends a twin without warning, as `kill -9` does.
    Kill(String),
    /// Starts one that was killed.
    Start(String),
    /// Restarts one in good order.
    Restart(String),
    /// Freezes one: its connections stay, and nobody answers.
    Pause(String),
    /// Lets a frozen one go on.
    Unpause(String),
}

/// Files for a twin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillDeploy")]
pub struct Deploy {
    pub on: String,
    /// Those that the check is about, by their names in the service's folder of the workspace; it gets no others.
    pub files: Vec<String>,
}

/// A command for a twin, and what it must answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillAsk")]
pub struct Ask {
    /// The service whose twin is meant; the only one when left out.
    pub on: Option<String>,
    /// Several services that are asked the same; what is matched is the list of their answers.
    #[serde(default)]
    pub each: Vec<String>,
    pub send: Vec<String>,
    /// Of an answer in names and values, the value of this name.
    pub field: Option<String>,
    pub expect: Option<Matcher>,
    /// It must be refused with an error that begins so.
    pub refused: Option<String>,
    /// Asked again and again for so long, until the answer is as expected.
    pub within: Option<Var<Span>>,
    /// Asked so many times; what is matched is the list of the different answers.
    pub times: Option<NonZeroU16>,
    /// What it is called when the answer is another.
    #[serde(default)]
    pub code: Code,
}

/// What it means when a twin answers something else.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "DrillCode")]
pub enum Code {
    #[default]
    Value,
    /// What was acknowledged is gone.
    Lost,
    /// What should be gone is there.
    Kept,
    /// A copy does not follow.
    Stale,
    /// Several take themselves for the one that leads.
    Split,
    /// Everything was copied where a part had been enough.
    FullCopy,
    /// What is to be there is not.
    Missing,
    /// What must be done once was done again.
    Retried,
    /// It took too long.
    Late,
    /// What somebody claimed was taken for true.
    Spoofed,
    /// Something was refused that is to be taken, or taken that is to be refused.
    Refused,
}

impl Code {
    fn name(self) -> &'static str {
        match self {
            Self::Value => "value",
            Self::Lost => "lost",
            Self::Kept => "kept",
            Self::Stale => "stale",
            Self::Split => "split",
            Self::FullCopy => "full-copy",
            Self::Missing => "missing",
            Self::Retried => "retried",
            Self::Late => "late",
            Self::Spoofed => "spoofed",
            Self::Refused => "refused",
        }
    }
}

impl Step {
    /// The service that is named, and the key that names it.
    fn named(&self) -> Option<(&str, &'static str)> {
        match self {
            Self::Call(_) => None,
            Self::Ask(ask) => Some((ask.on.as_deref()?, "ask/on")),
            Self::Deploy(deploy) => Some((&deploy.on, "deploy/on")),
            Self::Kill(service) => Some((service, "kill")),
            Self::Start(service) => Some((service, "start")),
            Self::Restart(service) => Some((service, "restart")),
            Self::Pause(service) => Some((service, "pause")),
            Self::Unpause(service) => Some((service, "unpause")),
        }
    }

    /// The condition in which it meets its service, and the one in which it leaves it.
    fn conditions(&self) -> (Condition, Condition) {
        use Condition::{Dead, Frozen, Well};
        match self {
            Self::Call(_) | Self::Ask(_) | Self::Deploy(_) | Self::Restart(_) => (Well, Well),
            Self::Kill(_) => (Well, Dead),
            Self::Start(_) => (Dead, Well),
            Self::Pause(_) => (Well, Frozen),
            Self::Unpause(_) => (Frozen, Well),
        }
    }

    fn lint(&self, variables: &Variables) -> Result<()> {
        match self {
            Self::Call(returns) => returns.lint(variables),
            Self::Ask(ask) => {
                ask.send.iter().try_for_each(|word| variables.render(word).map(drop))?;
                ask.expect.iter().try_for_each(|m| m.lint_without_service(variables))?;
                ask.within.iter().try_for_each(|within| within.get(variables).map(drop))?;
                if !ask.each.is_empty() && (ask.on.is_some() || ask.times.is_some()) {
                    return Err(Error::usage("A question goes to each of several services once")
                        .help("leave on and times out"));
                }
                if ask.within.is_some() && ask.times.is_some() {
                    return Err(Error::usage(
                        "A question is asked some times, and for some time too",
                    )
                    .help("keep one of times and within"));
                }
                if ask.expect.is_some() && ask.refused.is_some() {
                    return Err(Error::usage("An answer is expected, and a refusal too")
                        .help("keep one of expect and refused"));
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

/// How a twin is while a drill goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Condition {
    Well,
    Frozen,
    Dead,
}

impl Condition {
    fn name(self) -> &'static str {
        match self {
            Self::Well => "running",
            Self::Frozen => "paused",
            Self::Dead => "killed",
        }
    }
}

impl Drill {
    fn all(&self) -> impl Iterator<Item = &Step> {
        self.given.iter().chain(&self.steps)
    }

    pub fn drives_program(&self) -> bool {
        self.all().any(|step| matches!(step, Step::Call(_)))
    }

    /// Whether it takes as long as what the learner has written.
    fn is_the_learners(&self) -> bool {
        self.drives_program() || self.all().any(|step| matches!(step, Step::Deploy(_)))
    }

    pub fn named(&self) -> Vec<(String, String)> {
        let each = [("given", &self.given), ("steps", &self.steps)].into_iter().flat_map(
            |(list, steps)| {
                steps.iter().enumerate().flat_map(move |(n, step)| {
                    let names = if let Step::Ask(ask) = step { &ask.each[..] } else { &[] };
                    let place = move |(k, name): (usize, &String)| {
                        (name.clone(), format!("drill/{list}/{n}/ask/each/{k}"))
                    };
                    names.iter().enumerate().map(place)
                })
            },
        );
        let lists = [("given", &self.given), ("steps", &self.steps)];
        let steps = lists.into_iter().flat_map(|(list, steps)| {
            let place = move |(n, step): (usize, &Step)| {
                let (service, key) = step.named()?;
                Some((service.to_owned(), format!("drill/{list}/{n}/{key}")))
            };
            steps.iter().enumerate().filter_map(place).collect::<Vec<_>>()
        });
        let like = self.like.keys().map(|service| (service.clone(), "drill/like".to_owned()));
        like.chain(steps).chain(each).collect()
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        if self.steps.is_empty() {
            return Err(Error::usage("A drill has no steps").help("add steps: [...]"));
        }
        if self.given.iter().any(|step| matches!(step, Step::Call(_))) {
            return Err(
                Error::usage("What is given calls the program").help("move the call to the steps")
            );
        }
        let mut now: BTreeMap<&str, Condition> = BTreeMap::new();
        for step in self.all() {
            step.lint(variables)?;
            let Some((service, _)) = step.named() else { continue };
            let (before, after) = step.conditions();
            let found = now.insert(service, after).unwrap_or(Condition::Well);
            if found != before {
                let what = format!("A step of the drill wants {service} to be {}", before.name());
                return Err(Error::usage(what)
                    .because(format!("after the steps before it {service} is {}", found.name()))
                    .help("kill what runs and start what was killed; pause, unpause"));
            }
        }
        Ok(())
    }
}

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
    let mut harm =
        Harm { stand, frozen: BTreeSet::new(), dead: BTreeSet::new(), settings: Vec::new() };
    let mut play =
        Play { scene, process, fresh: Fresh::default(), said: Vec::new(), harm: &mut harm };
    let played = tokio::time::timeout(WITHIN, play.all(drill)).await;
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

/// What a drill has done to the twins and is undone in the end.
struct Harm<'a> {
    stand: &'a Stand,
    frozen: BTreeSet<String>,
    dead: BTreeSet<String>,
    /// Service, name and value of what was set otherwise.
    settings: Vec<(String, String, String)>,
}

impl Harm<'_> {
    async fn undo(self) -> Result<()> {
        for service in &self.frozen {
            self.stand.hands.unpause(service).await?;
        }
        for service in &self.dead {
            self.stand.start(service).await?;
        }
        for (service, name, value) in self.settings.iter().rev() {
            self.stand.twin(Some(service))?.0.configure(name, value).await?;
        }
        Ok(())
    }
}

struct Play<'a, 'h> {
    scene: &'a Scene<'a>,
    process: Option<Process>,
    fresh: Fresh,
    /// The steps so far, for the evidence.
    said: Vec<String>,
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
            Step::Ask(ask) => return self.ask(ask).await,
            Step::Deploy(deploy) => return self.deploy(deploy).await,
            Step::Kill(service) => {
                self.said.push(format!("kill -9 {service}"));
                harm.dead.insert(service.clone());
                harm.stand.hands.kill(service).await?;
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
        }
        Ok(None)
    }

    async fn call(&mut self, returns: &Returns) -> Result<Option<Finding>> {
        let Some(process) = &self.process else { return Ok(None) };
        let call = returns.call(self.scene.variables, &mut self.fresh)?;
        let line = call::line(&call.call, &call.args);
        let expected =
            step::expectation(returns.expect.as_ref(), self.scene.variables, &mut self.fresh)?;
        let value = match call::call(process, &call, CALL_WITHIN).await {
            Ended::Returned(value) => value,
            Ended::Trouble(trouble) => return trouble.finding(&line, &self.said).map(Some),
        };
        self.said.push(format!("{line} → {}", call::brief(&value)));
        let mismatch = expected.compare(&value);
        Ok(mismatch.map(|m| self.fail(format!("{line} returned something else"), m, "result")))
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
                    "an ordinary file (no link), with which {service} is started for this check"
                ));
                return Ok(Some(evidence.fail(Code::Missing.name())));
            };
            files.push((name.clone(), content.clone()));
        }
        let names = deploy.files.join(", ");
        self.said.push(format!("{service} is started with your {names}"));
        let Err(why) = stand.hands.deploy(service, &files).await? else { return Ok(None) };
        let mut evidence = Evidence::new(format!("{service} does not start with your {names}"));
        evidence.observed = Some(why);
        Ok(Some(evidence.fail(Code::Refused.name())))
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
            field: ask.field.as_deref(),
            expected: step::expectation(ask.expect.as_ref(), variables, &mut self.fresh)?,
            refused: ask.refused.as_deref(),
        };
        let within = ask.within.as_ref().map(|v| v.get(variables)).transpose()?.unwrap_or_default();
        let deadline = Instant::now() + within.0;
        let words: Vec<&str> = question.words.iter().map(String::as_str).collect();
        let (answer, mismatch) = loop {
            let (answer, mismatch) = match (&twins[..], ask.times) {
                ([twin], Some(times)) => question.often(*twin, &words, times).await?,
                ([twin], None) if ask.each.is_empty() => question.judge(twin.ask(&words).await?),
                (twins, _) => question.of_each(twins, &words).await?,
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
            let summary = format!("{name} answers something else to {line}");
            self.fail(summary, mismatch, ask.code.name())
        }))
    }

    fn fail(&self, summary: String, mismatch: Mismatch, code: &str) -> Finding {
        let from = self.said.len().saturating_sub(SHOWN);
        let mut evidence = Evidence::new(summary).mismatch(mismatch);
        evidence.history = self.said[from..].to_vec();
        evidence.fail(code)
    }
}

/// A command for a twin with its values in place.
struct Question<'a> {
    words: Vec<String>,
    field: Option<&'a str>,
    expected: Expectation,
    refused: Option<&'a str>,
}

impl Question<'_> {
    /// What of the answer is looked at, and how it differs from what is expected.
    fn judge(&self, answer: Answer) -> (Value, Option<Mismatch>) {
        let differs = |expected: String, observed: &str| {
            Some(Mismatch { expected, observed: observed.to_owned(), difference: None })
        };
        match (answer, self.refused) {
            (Answer::Value(value), None) => {
                let value = self.field.map_or_else(|| value.clone(), |f| step::field(&value, f));
                let mismatch = self.expected.compare(&value);
                (value, mismatch)
            }
            (Answer::Refused(said), None) => {
                let mismatch = differs("an answer".to_owned(), &said);
                (said.into(), mismatch)
            }
            (Answer::Refused(said), Some(begin)) => {
                let mismatch = if said.starts_with(begin) {
                    None
                } else {
                    differs(format!("the error {begin}"), &said)
                };
                (said.into(), mismatch)
            }
            (Answer::Value(value), Some(begin)) => {
                let mismatch = differs(format!("the error {begin}"), &call::brief(&value));
                (value, mismatch)
            }
        }
    }

    /// The different answers to one question that is asked many times, and how they differ from what is expected.
    async fn often(
        &self,
        twin: &dyn Service,
        words: &[&str],
        times: NonZeroU16,
    ) -> Result<(Value, Option<Mismatch>)> {
        let one = Self { words: Vec::new(), expected: Expectation::default(), ..*self };
        let mut answers = BTreeMap::new();
        for _ in 0..times.get() {
            let (answer, refusal) = one.judge(twin.ask(words).await?);
            if refusal.is_some() {
                return Ok((answer, refusal));
            }
            let settled = self.expected.eq.as_ref().and_then(Value::as_array);
            let settled = settled.is_some_and(|all| !all.iter().any(|one| same(one, &answer)));
            answers.insert(answer.to_string(), answer);
            if settled {
                break;
            }
        }
        let answers: Value = answers.into_values().collect();
        let mismatch = self.expected.compare(&answers);
        Ok((answers, mismatch))
    }

    /// What several answer, in their order, and how the list differs from what is expected.
    async fn of_each(
        &self,
        twins: &[&dyn Service],
        words: &[&str],
    ) -> Result<(Value, Option<Mismatch>)> {
        let one = Self { words: Vec::new(), expected: Expectation::default(), ..*self };
        let mut answers = Vec::new();
        for twin in twins {
            let (answer, refusal) = one.judge(twin.ask(words).await?);
            if refusal.is_some() {
                return Ok((answer, refusal));
            }
            answers.push(answer);
        }
        let answers = Value::from(answers);
        let mismatch = self.expected.compare(&answers);
        Ok((answers, mismatch))
    }

    /// As a person would type it, with what of the answer is meant.
    fn line(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| step::first_line(word)).collect();
        let line = shell_line(&words);
        self.field.map_or(line.clone(), |field| format!("{line}, {field}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(drill: &str) -> Option<String> {
        let drill: Drill = yaml(drill);
        drill.lint(&Variables::default()).err().map(|error| error.what)
    }

    fn yaml(text: &str) -> Drill {
        let value: Value = serde_json::from_str(text).unwrap();
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn a_step_must_find_its_service_as_it_wants_it() {
        let well = r#"{"steps": [{"pause": "a"}, {"kill": "b"}, {"unpause": "a"}, {"start": "b"}, {"kill": "a"}]}"#;
        assert_eq!(problem(well), None);
        for (steps, wanted) in [
            (r#"{"unpause": "a"}"#, "a to be paused"),
            (r#"{"start": "a"}"#, "a to be killed"),
            (r#"{"kill": "a"}, {"kill": "a"}"#, "a to be running"),
            (r#"{"pause": "a"}, {"ask": {"on": "a", "send": ["PING"]}}"#, "a to be running"),
            (r#"{"pause": "a"}, {"restart": "a"}"#, "a to be running"),
        ] {
            let found = problem(&format!(r#"{{"steps": [{steps}]}}"#)).unwrap();
            assert!(found.ends_with(wanted), "{steps}: {found}");
        }
    }

    #[test]
    fn what_is_given_goes_on_into_the_steps() {
        assert_eq!(problem(r#"{"given": [{"kill": "a"}], "steps": [{"start": "a"}]}"#), None);
        assert!(problem(r#"{"given": [{"kill": "a"}], "steps": [{"pause": "a"}]}"#).is_some());
        assert!(
            problem(r#"{"given": [{"call": {"call": "f"}}], "steps": [{"kill": "a"}]}"#).is_some()
        );
        assert!(problem(r#"{"steps": []}"#).is_some());
    }

    #[test]
    fn it_runs_the_program_only_where_it_calls_it() {
        assert!(!yaml(r#"{"steps": [{"kill": "a"}]}"#).drives_program());
        assert!(yaml(r#"{"steps": [{"call": {"call": "f"}}]}"#).drives_program());
    }

    #[test]
    fn every_code_can_be_named() {
        for code in CODES {
            let code: Code = serde_json::from_value((*code).into()).unwrap();
            assert!(CODES.contains(&code.name()));
        }
    }

    #[test]
    fn a_refusal_is_an_answer_only_where_one_is_expected() {
        let question = |refused| Question {
            words: vec!["GET".to_owned()],
            field: None,
            expected: Expectation::default(),
            refused,
        };
        let refusal = || Answer::Refused("READONLY You can't write".to_owned());
        assert!(question(Some("READONLY")).judge(refusal()).1.is_none());
        assert!(question(Some("NOREPLICAS")).judge(refusal()).1.is_some());
        assert!(question(Some("READONLY")).judge(Answer::Value("OK".into())).1.is_some());
        assert!(question(None).judge(refusal()).1.is_some());
        assert!(question(None).judge(Answer::Value("OK".into())).1.is_none());
    }
}
