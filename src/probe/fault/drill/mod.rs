//! A drill: twins are killed, frozen and brought back as the lab says; the learner's program, or what the learner has set, must
//! stand it.

mod load;
mod play;
mod question;

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::probe::Sent;
use crate::probe::expect::Matcher;
use crate::probe::step::Returns;
use crate::template::{Span, Var, Variables};

pub use play::observe;

use load::Load;

/// The codes that an expectation of a drill can have.
pub const CODES: &[&str] = &[
    "dropped",
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
    /// A call into the program that goes on while other steps are done.
    Begin(Begin),
    /// Time passes.
    Watch(Var<Span>),
    /// A command that the checker sends to a twin itself.
    Ask(Ask),
    /// Gives a twin the learner's files for the service, and starts it with them.
    Deploy(Deploy),
    /// Gives a twin that runs more files, or others of the same name; it is not told.
    Put(Put),
    /// Runs a file of the learner's as a script in a twin's container.
    Run(Run),
    /// Cuts the program's connections to a service, and refuses new ones.
    Cut(String),
    /// Lets the program connect again.
    Heal(String),
    /// Lets each command of the program to a service wait.
    Delay(Delay),
    /// Clients begin to ask the same again and again.
    Load(Load),
    /// Ends a load, or waits for a call that was begun: each answer must have been as expected.
    End(String),
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

/// A call that goes on, and what it must return.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillBegin")]
pub struct Begin {
    /// By what name a later step waits for its end.
    #[serde(rename = "as")]
    pub name: String,
    pub call: String,
    #[serde(default)]
    pub args: Vec<Value>,
    pub expect: Option<Matcher>,
    /// It must return within so long from its begin, where less than usual is to be enough.
    pub within: Option<Var<Span>>,
}

impl Begin {
    fn returns(&self) -> Returns {
        let Self { call, args, expect, within, .. } = self.clone();
        Returns { call, args, expect, within }
    }
}

/// Files for a twin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillDeploy")]
pub struct Deploy {
    pub on: String,
    /// Those that the check is about, by their names in the service's folder of the workspace; it gets no others.
    pub files: Vec<String>,
    /// Files of the checker's own, with what they hold.
    #[serde(default)]
    pub texts: BTreeMap<String, String>,
}

/// Files of the checker's own for a twin.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillPut")]
pub struct Put {
    pub on: String,
    /// By their names in the service's folder, what they hold.
    pub texts: BTreeMap<String, String>,
}

/// A script of the learner's.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillRun")]
pub struct Run {
    pub on: String,
    /// One that a `deploy` has put there; `sh` runs it, as the service's user.
    pub file: String,
    /// It must end with an exit code other than 0.
    #[serde(default)]
    pub fails: bool,
}

/// A slow way between the program and a service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillDelay")]
pub struct Delay {
    pub on: String,
    /// How long each command waits; `0s` ends it.
    pub by: Var<Span>,
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
    /// Asked over a connection as any client has it, so that it is in the server's books and logs.
    #[serde(default)]
    pub as_client: bool,
    /// Of an answer in names and values, the value of this name.
    pub field: Option<String>,
    pub expect: Option<Matcher>,
    /// It must be refused with an error that begins so.
    pub refused: Option<String>,
    /// Asked again and again for so long, until the answer is as expected.
    pub within: Option<Var<Span>>,
    /// It must be answered within so long, each time, and is given up then.
    pub answered: Option<Var<Span>>,
    /// It must not be answered for so long, and is given up then.
    pub unanswered: Option<Var<Span>>,
    /// Asked so many times; what is matched is the list of the different answers.
    pub times: Option<NonZeroU16>,
    /// With `times`: what is matched is how often each of the different answers came.
    #[serde(default)]
    pub counted: bool,
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
    /// A client was turned away, or cut off.
    Dropped,
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
            Self::Dropped => "dropped",
        }
    }
}

impl Step {
    fn calls_program(&self) -> bool {
        matches!(self, Self::Call(_) | Self::Begin(_))
    }

    /// The services that are named, each with the key that names it.
    fn named(&self) -> Vec<(&str, String)> {
        let (service, key) = match self {
            Self::Call(_) | Self::Begin(_) | Self::Watch(_) | Self::End(_) => return Vec::new(),
            Self::Ask(Ask { on: Some(service), .. }) => (service, "ask/on"),
            Self::Ask(ask) => {
                let key = |(n, service)| (String::as_str(service), format!("ask/each/{n}"));
                return ask.each.iter().enumerate().map(key).collect();
            }
            Self::Deploy(deploy) => (&deploy.on, "deploy/on"),
            Self::Put(put) => (&put.on, "put/on"),
            Self::Run(run) => (&run.on, "run/on"),
            Self::Load(load) => (&load.on, "load/on"),
            Self::Delay(delay) => (&delay.on, "delay/on"),
            Self::Cut(service) => (service, "cut"),
            Self::Heal(service) => (service, "heal"),
            Self::Kill(service) => (service, "kill"),
            Self::Start(service) => (service, "start"),
            Self::Restart(service) => (service, "restart"),
            Self::Pause(service) => (service, "pause"),
            Self::Unpause(service) => (service, "unpause"),
        };
        vec![(service, key.to_owned())]
    }

    /// The condition in which it meets its service, and the one in which it leaves it.
    fn conditions(&self) -> (Condition, Condition) {
        use Condition::{Dead, Frozen, Well};
        match self {
            Self::Kill(_) => (Well, Dead),
            Self::Start(_) => (Dead, Well),
            Self::Pause(_) => (Well, Frozen),
            Self::Unpause(_) => (Frozen, Well),
            _ => (Well, Well),
        }
    }

    fn lint(&self, variables: &Variables) -> Result<()> {
        match self {
            Self::Call(returns) => returns.lint(variables),
            Self::Begin(begin) => begin.returns().lint(variables),
            Self::Watch(span) => span.get(variables).map(drop),
            Self::Ask(ask) => {
                ask.send.iter().try_for_each(|word| variables.render(word).map(drop))?;
                ask.expect.iter().try_for_each(|m| m.lint_without_service(variables))?;
                ask.within.iter().try_for_each(|within| within.get(variables).map(drop))?;
                if !ask.each.is_empty() && (ask.on.is_some() || ask.times.is_some()) {
                    return Err(Error::usage("A question goes to each of several services once")
                        .help("leave on and times out"));
                }
                if ask.counted && ask.times.is_none() {
                    return Err(Error::usage("The answers to one question are to be counted")
                        .help("add times, how often it is asked"));
                }
                // Whoever gives up waiting leaves a connection that is no good any more.
                if !ask.as_client && (ask.answered.is_some() || ask.unanswered.is_some()) {
                    return Err(Error::usage(
                        "A question is given up, on the checker's own connection",
                    )
                    .help("add as_client: true"));
                }
                let again = ask.within.is_some() || !ask.each.is_empty();
                if again && ask.answered.is_some() {
                    return Err(Error::usage("What is to be answered in time is asked of one")
                        .help("leave each and within out"));
                }
                if (again || ask.times.is_some()) && ask.unanswered.is_some() {
                    return Err(Error::usage("What is not to be answered is asked once")
                        .help("leave each, times and within out"));
                }
                let matched = ask.expect.is_some() || ask.refused.is_some();
                if ask.unanswered.is_some() && (matched || ask.answered.is_some()) {
                    return Err(Error::usage("What must not be answered has no answer")
                        .help("leave expect, refused and answered out"));
                }
                let spans = ask.answered.iter().chain(&ask.unanswered);
                spans.into_iter().try_for_each(|span| span.get(variables).map(drop))?;
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
            Self::Deploy(Deploy { texts, .. }) | Self::Put(Put { texts, .. }) => {
                texts.values().try_for_each(|text| variables.render(text).map(drop))
            }
            Self::Load(load) => load.lint(variables),
            Self::Delay(delay) => delay.by.get(variables).map(drop),
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
        self.all().any(Step::calls_program)
    }

    /// Whether it takes as long as what the learner has written.
    fn is_the_learners(&self) -> bool {
        self.drives_program() || self.all().any(|s| matches!(s, Step::Deploy(_) | Step::Run(_)))
    }

    /// The steps, each with its place.
    fn placed(&self) -> impl Iterator<Item = (String, &Step)> {
        let lists = [("given", &self.given), ("steps", &self.steps)];
        lists.into_iter().flat_map(|(list, steps)| {
            let place = move |(n, step)| (format!("drill/{list}/{n}"), step);
            steps.iter().enumerate().map(place)
        })
    }

    pub fn sends(&self) -> Vec<Sent<'_>> {
        let sends = self.placed().flat_map(|(at, step)| {
            let (key, words, services) = match step {
                Step::Ask(ask) if ask.each.is_empty() => {
                    ("ask", &ask.send, vec![ask.on.as_deref()])
                }
                Step::Ask(ask) => {
                    ("ask", &ask.send, ask.each.iter().map(|on| Some(on.as_str())).collect())
                }
                Step::Load(load) => ("load", &load.send, vec![Some(&*load.on)]),
                _ => return Vec::new(),
            };
            let pointer = format!("fault/{at}/{key}/send");
            let sent = |on| Sent { on, words, pointer: pointer.clone() };
            services.into_iter().map(sent).collect()
        });
        sends.collect()
    }

    pub fn named(&self) -> Vec<(String, String)> {
        let steps = self.placed().flat_map(|(at, step)| {
            let place =
                |(service, key): (&str, String)| (service.to_owned(), format!("{at}/{key}"));
            step.named().into_iter().map(place).collect::<Vec<_>>()
        });
        let like = self.like.keys().map(|service| (service.clone(), "drill/like".to_owned()));
        like.chain(steps).collect()
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        if self.steps.is_empty() {
            return Err(Error::usage("A drill has no steps").help("add steps: [...]"));
        }
        if self.given.iter().any(Step::calls_program) {
            return Err(
                Error::usage("What is given calls the program").help("move the call to the steps")
            );
        }
        self.lint_loads()?;
        self.lint_scripts()?;
        let mut now: BTreeMap<&str, Condition> = BTreeMap::new();
        for step in self.all() {
            step.lint(variables)?;
            let (before, after) = step.conditions();
            for (service, _) in step.named() {
                let found = now.insert(service, after).unwrap_or(Condition::Well);
                if found != before {
                    let what =
                        format!("A step of the drill wants {service} to be {}", before.name());
                    return Err(Error::usage(what)
                        .because(format!("after the steps before it {service} is {}", found.name()))
                        .help("kill what runs and start what was killed; pause, unpause"));
                }
            }
        }
        Ok(())
    }

    /// What is run has been put there.
    fn lint_scripts(&self) -> Result<()> {
        let mut there: Vec<(&str, &str)> = Vec::new();
        for step in self.all() {
            match step {
                Step::Deploy(Deploy { on, files, texts }) => {
                    there.extend(files.iter().chain(texts.keys()).map(|file| (&**on, &**file)));
                }
                Step::Run(Run { on, file, .. }) if !there.contains(&(on, file)) => {
                    return Err(Error::usage(format!("No step gives {on} the file {file:?}"))
                        .help("deploy it before it is run"));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// What goes on is begun once and ended once, one call at a time.
    fn lint_loads(&self) -> Result<()> {
        let mut going: Vec<&str> = Vec::new();
        let mut called: Option<&str> = None;
        for step in self.all() {
            match step {
                Step::Call(_) | Step::Begin(_) if called.is_some() => {
                    let called = called.unwrap_or_default();
                    return Err(Error::usage(format!("The call {called:?} goes on already"))
                        .help(format!("end it before the next: end: {called}")));
                }
                Step::Load(Load { name, .. }) | Step::Begin(Begin { name, .. }) => {
                    if going.contains(&name.as_str()) {
                        return Err(Error::usage(format!("{name:?} goes on already")));
                    }
                    going.push(name);
                    if step.calls_program() {
                        called = Some(name);
                    }
                }
                Step::End(name) => {
                    let Some(at) = going.iter().position(|going| going == name) else {
                        return Err(Error::usage(format!(
                            "Nothing goes on as {name:?} that could be ended"
                        )));
                    };
                    going.remove(at);
                    called = called.filter(|called| called != name);
                }
                _ => {}
            }
        }
        match going.first() {
            None => Ok(()),
            Some(name) => Err(Error::usage(format!("Nothing ends {name:?}, which goes on"))
                .help(format!("add a step: end: {name}"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

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
            (
                r#"{"kill": "b"}, {"ask": {"each": ["a", "b"], "send": ["PING"]}}"#,
                "b to be running",
            ),
        ] {
            let found = problem(&format!(r#"{{"steps": [{steps}]}}"#)).unwrap();
            assert!(found.ends_with(wanted), "{steps}: {found}");
        }
    }

    #[test]
    fn what_is_given_up_is_asked_as_a_client() {
        let ask = |more: &str| {
            problem(&format!(
                r#"{{"steps": [{{"ask": {{"on": "a", "send": ["PING"], {more}}}}}]}}"#
            ))
        };
        assert_eq!(ask(r#""as_client": true, "answered": "1s", "expect": {"eq": 1}"#), None);
        assert_eq!(ask(r#""as_client": true, "unanswered": "1s", "code": "late""#), None);
        assert!(ask(r#""answered": "1s""#).unwrap().contains("own connection"));
        assert_eq!(ask(r#""as_client": true, "answered": "1s", "times": 3"#), None);
        assert_eq!(ask(r#""times": 3, "counted": true"#), None);
        assert!(ask(r#""counted": true"#).unwrap().contains("counted"));
        for (more, said) in [
            (r#""answered": "1s", "within": "3s""#, "asked of one"),
            (r#""unanswered": "1s", "times": 3"#, "once"),
        ] {
            let found = ask(&format!(r#""as_client": true, {more}"#)).unwrap();
            assert!(found.contains(said), "{found}");
        }
        assert!(
            ask(r#""as_client": true, "unanswered": "1s", "refused": "NO""#)
                .unwrap()
                .contains("no answer")
        );
    }

    #[test]
    fn a_load_is_begun_once_and_ended_once() {
        let load = r#"{"load": {"as": "l", "on": "a", "send": ["GET", "/"], "clients": 2, "expect": {"eq": 1}}}"#;
        let found = |steps: &str| problem(&format!(r#"{{"steps": [{steps}]}}"#));
        assert_eq!(found(&format!(r#"{load}, {{"end": "l"}}"#)), None);
        assert_eq!(found(&format!(r#"{load}, {{"end": "l"}}, {load}, {{"end": "l"}}"#)), None);
        let begin = r#"{"begin": {"as": "c", "call": "f"}}"#;
        assert_eq!(found(&format!(r#"{begin}, {{"watch": "1s"}}, {{"end": "c"}}"#)), None);
        assert!(found(begin).unwrap().contains("Nothing ends"));
        let called = format!(r#"{begin}, {{"call": {{"call": "g"}}}}, {{"end": "c"}}"#);
        assert!(found(&called).unwrap().contains("goes on"));
        assert!(found(load).unwrap().contains("Nothing ends"));
        assert!(found(&format!(r#"{load}, {load}, {{"end": "l"}}"#)).unwrap().contains("goes on"));
        assert!(found(r#"{"end": "l"}"#).unwrap().contains("Nothing goes on"));
        let crowd = load.replace(r#""clients": 2"#, r#""clients": 17"#);
        assert!(found(&format!(r#"{crowd}, {{"end": "l"}}"#)).unwrap().contains("17 clients"));
    }

    #[test]
    fn a_script_is_put_there_before_it_is_run() {
        let run = r#"{"run": {"on": "a", "file": "x.sh"}}"#;
        let deploy = r#"{"deploy": {"on": "a", "files": ["x.sh"]}}"#;
        assert_eq!(problem(&format!(r#"{{"steps": [{deploy}, {run}]}}"#)), None);
        let found = problem(&format!(r#"{{"steps": [{run}, {deploy}]}}"#)).unwrap();
        assert!(found.contains("x.sh"), "{found}");
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
}
