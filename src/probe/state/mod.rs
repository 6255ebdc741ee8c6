//! State probes: ask the live service, match the answer. They only read.

pub mod reads;

use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::Sent;
use super::finding::{Evidence, Finding};
use super::scene::Scene;
use super::service::Answer;
use super::step;
use crate::error::{Error, Result};
use crate::probe::expect::{Matcher, same, show};
use crate::template::{Span, Var, Variables};
use crate::term::shell_line;

const ASK_EVERY: Duration = Duration::from_millis(50);

/// One question to a service of the seat: one of `send`, `value`, `column` and `rows`.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "State")]
pub struct Spec {
    /// The name of the service.
    pub on: String,
    /// A command of Redis and its arguments.
    pub send: Option<Vec<String>>,
    /// An SQL statement whose answer is the first value of its first row; null without rows.
    pub value: Option<String>,
    /// An SQL statement whose answer is the list of its first column.
    pub column: Option<String>,
    /// An SQL statement whose answer is the list of its rows, each a list.
    pub rows: Option<String>,
    #[serde(default)]
    pub expect: Matcher,
    /// Of an answer in names and values, as `INFO` and `CONFIG GET` give, the value of this name.
    pub field: Option<String>,
    /// Another service that must give the same answer.
    pub same_on: Option<String>,
    /// Asked again and again for so long, until the answer is as expected.
    pub within: Option<Var<Span>>,
    /// An SQL statement that must have the same answer. It is not shown: it may be what the learner is to find out.
    pub equals: Option<String>,
}

/// What is asked, with the variables in place.
struct Question {
    words: Vec<String>,
    shape: Shape,
    field: Option<String>,
}

/// What of an answer is matched.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// All of it.
    Whole,
    Value,
    Column,
}

impl Spec {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let Question { words, .. } = self.question(variables)?;
        self.within.iter().try_for_each(|within| within.get(variables).map(drop))?;
        if self.same_on.as_deref() == Some(&*self.on) {
            return Err(Error::usage("A state probe compares a service with itself")
                .help("name another service in same_on"));
        }
        if let Some(truth) = &self.equals {
            let truth = variables.render(truth)?;
            if self.send.is_some() || !reads::statement(&truth) {
                return Err(Error::usage("equals takes an SQL statement that only reads")
                    .help("use it with value, column or rows"));
            }
        }
        if (self.equals.is_none() && self.same_on.is_none()) || !self.expect.is_nothing() {
            self.expect.lint(variables)?;
        }
        if self.expect.same_as.is_some() {
            return Err(Error::usage(
                "same_as compares what the program returns; a state probe has no such thing",
            ));
        }
        let reads =
            if self.send.is_some() { reads::command(&words) } else { reads::statement(&words[0]) };
        if reads {
            return Ok(());
        }
        let command = words.first().map_or("nothing", String::as_str);
        Err(Error::usage(format!("A state probe sends {command}, which is not known to only read"))
            .help("state probes observe the learner's service; act on a twin with a trace or workload probe"))
    }

    /// What is sent, word by word.
    pub fn sends(&self) -> Vec<Sent<'_>> {
        let Some(words) = &self.send else { return Vec::new() };
        let services = [Some(&self.on), self.same_on.as_ref()].into_iter().flatten();
        let sent = |on| Sent { on: Some(on), words, pointer: "state/send".to_owned() };
        services.map(|on| sent(on)).collect()
    }

    fn question(&self, variables: &Variables) -> Result<Question> {
        let statement = |text: &String| variables.render(text).map(|text| vec![text]);
        let (words, shape) = match (&self.send, &self.value, &self.column, &self.rows) {
            (Some(words), None, None, None) => {
                let words = words.iter().map(|word| variables.render(word));
                (words.collect::<Result<Vec<_>>>()?, Shape::Whole)
            }
            (None, Some(text), None, None) => (statement(text)?, Shape::Value),
            (None, None, Some(text), None) => (statement(text)?, Shape::Column),
            (None, None, None, Some(text)) => (statement(text)?, Shape::Whole),
            _ => {
                return Err(Error::usage("A state probe asks one question")
                    .help("give it one of send, value, column and rows"));
            }
        };
        let field = self.field.as_ref().map(|name| variables.render(name)).transpose()?;
        Ok(Question { words, shape, field })
    }
}

impl Question {
    /// What of an answer is matched.
    fn part(&self, answer: Value) -> Value {
        let answer = self.shape.of(answer);
        match &self.field {
            Some(name) => step::field(&answer, name),
            None => answer,
        }
    }
}

impl Shape {
    fn of(self, answer: Value) -> Value {
        let first = |row: Value| match row {
            Value::Array(values) => values.into_iter().next().unwrap_or_default(),
            other => other,
        };
        match (self, answer) {
            (Self::Value, Value::Array(rows)) => {
                rows.into_iter().next().map(first).unwrap_or_default()
            }
            (Self::Column, Value::Array(rows)) => rows.into_iter().map(first).collect(),
            (_, answer) => answer,
        }
    }
}

/// Asks, and compares the answer; again for as long as it has time to become what is expected.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    let Some(within) = &spec.within else { return once(spec, scene).await };
    let deadline = Instant::now() + within.get(scene.variables)?.0;
    loop {
        let finding = once(spec, scene).await?;
        if !matches!(finding, Finding::Fail(_)) || Instant::now() >= deadline {
            return Ok(finding);
        }
        tokio::time::sleep(ASK_EVERY).await;
    }
}

async fn once(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    let question = spec.question(scene.variables)?;
    let words = &question.words;
    let service = scene.service(&spec.on).await?;
    let line = service.reproduce(words);
    let evidence = |summary: &str| {
        let brief: Vec<String> = words.iter().map(|word| step::first_line(word)).collect();
        let sent = if spec.send.is_some() { shell_line(&brief) } else { words.join(" ") };
        let mut evidence = Evidence::new(summary).sent([sent]);
        evidence.reproduce = Some(format!("labs exec workbench -- {line}"));
        evidence
    };
    let asked: Vec<&str> = words.iter().map(String::as_str).collect();
    let refused = |by: &str, message: String| {
        let mut evidence = evidence(&format!("{by} refused the question"));
        evidence.observed = Some(message);
        evidence.fail("value")
    };
    Ok(match service.ask(&asked).await? {
        Answer::Refused(message) => refused(&spec.on, message),
        Answer::Value(observed) => {
            let observed = question.part(observed);
            if let Some(other) = &spec.same_on {
                let other = scene.service(other).await?;
                let expected = match other.ask(&asked).await? {
                    Answer::Value(answer) => question.part(answer),
                    Answer::Refused(message) => return Ok(refused(other.name(), message)),
                };
                if !same(&expected, &observed) {
                    let (on, other) = (&spec.on, other.name());
                    let mut evidence =
                        evidence(&format!("{on} answers something else than {other}"));
                    evidence.expected = Some(format!("{} as on {other}", show(&expected)));
                    evidence.observed = Some(show(&observed));
                    return Ok(evidence.fail("value"));
                }
            }
            if let Some(truth) = &spec.equals {
                let truth = scene.variables.render(truth)?;
                let truth = question.part(service.demand(&[truth]).await?);
                if !same(&truth, &observed) {
                    let mut evidence = evidence(&format!("{} answers something else", spec.on));
                    evidence.expected = Some("what the checker finds by itself".to_owned());
                    evidence.observed = Some(show(&observed));
                    let empty = observed.as_array().is_some_and(Vec::is_empty);
                    let code = if empty || observed.is_null() { "nothing" } else { "value" };
                    return Ok(evidence.fail(code));
                }
            }
            match spec.expect.resolve(scene.variables)?.compare(&observed) {
                None => Finding::PASS,
                Some(mismatch) => {
                    let nothing =
                        observed.is_null() || observed.as_array().is_some_and(Vec::is_empty);
                    let (code, what) =
                        if nothing { ("nothing", "nothing") } else { ("value", "something else") };
                    evidence(&format!("{} answers {what}", spec.on)).mismatch(mismatch).fail(code)
                }
            }
        }
    })
}
