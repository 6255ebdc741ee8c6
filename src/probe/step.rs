//! What a check does itself: prepare a twin, ask it something, call the program.

use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use super::expect::{Expectation, Matcher, Mismatch};
use super::fresh::Fresh;
use super::scene::Scene;
use super::service::{Answer, Service};
use super::{Call, Sent};
use crate::error::Result;
use crate::template::{Span, Var, Variables};
use crate::term::escape::in_one_line;
use crate::term::shell_line;

/// What the twin holds before anything is called.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// A command that the checker sends to the twin itself.
    Send(Vec<String>),
    /// A key copied from the learner's service.
    Copy(String),
}

/// A call into the program, and what it must return.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Returns {
    pub call: String,
    #[serde(default)]
    pub args: Vec<Value>,
    pub expect: Option<Matcher>,
    /// It must return within so long, where less than usual is to be enough.
    pub within: Option<Var<Span>>,
}

/// A call with its values in place.
pub struct Expected {
    pub call: Call,
    pub value: Expectation,
    pub within: Duration,
}

/// A command that the checker sends to the twin itself, and what it must answer.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Ask {
    pub send: Vec<String>,
    pub expect: Option<Matcher>,
}

impl Given {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        match self {
            Self::Send(words) => words.iter().try_for_each(|w| variables.render(w).map(drop)),
            Self::Copy(key) => variables.render(key).map(drop),
        }
    }

    /// What is sent of it, which stands at this place.
    pub fn sends<'a>(&'a self, on: Option<&'a str>, at: &str) -> Option<Sent<'a>> {
        let Self::Send(words) = self else { return None };
        Some(Sent { on, words, pointer: format!("{at}/send") })
    }

    pub async fn apply(
        &self,
        scene: &Scene<'_>,
        twin: &dyn Service,
        fresh: &mut Fresh,
    ) -> Result<()> {
        match self {
            Self::Send(words) => {
                twin.demand(&filled(words, scene.variables, fresh)?).await.map(drop)
            }
            Self::Copy(key) => {
                let service = scene.service(twin.name()).await?;
                service.copy(&scene.variables.render(key)?, twin).await
            }
        }
    }
}

impl Returns {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.args.iter().try_for_each(|a| variables.resolve(a).map(drop))?;
        self.within.iter().try_for_each(|within| within.get(variables).map(drop))?;
        self.expect.iter().try_for_each(|m| m.lint(variables))
    }

    /// The call and what it must return, within `usual` unless it says another time.
    pub fn ready(
        &self,
        variables: &Variables,
        fresh: &mut Fresh,
        usual: Duration,
    ) -> Result<Expected> {
        Ok(Expected {
            call: self.call(variables, fresh)?,
            value: expectation(self.expect.as_ref(), variables, fresh)?,
            within: self.within(variables, usual)?,
        })
    }

    /// How long it may take.
    pub fn within(&self, variables: &Variables, usual: Duration) -> Result<Duration> {
        self.within.as_ref().map_or(Ok(usual), |within| Ok(within.get(variables)?.0))
    }

    /// The call with its values in place.
    pub fn call(&self, variables: &Variables, fresh: &mut Fresh) -> Result<Call> {
        let arg = |a| Ok(fresh.fill(&variables.resolve(a)?));
        Ok(Call {
            call: self.call.clone(),
            args: self.args.iter().map(arg).collect::<Result<_>>()?,
        })
    }
}

impl Ask {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.send.iter().try_for_each(|w| variables.render(w).map(drop))?;
        self.expect.iter().try_for_each(|m| m.lint_without_service(variables))
    }

    /// What is sent by it, which stands at this place.
    pub fn sends<'a>(&'a self, on: Option<&'a str>, at: &str) -> Sent<'a> {
        Sent { on, words: &self.send, pointer: format!("{at}/send") }
    }

    /// The question with its values in place.
    pub fn ready(&self, variables: &Variables, fresh: &mut Fresh) -> Result<Question> {
        Ok(Question {
            words: filled(&self.send, variables, fresh)?,
            expected: expectation(self.expect.as_ref(), variables, fresh)?,
        })
    }
}

/// A matcher with variables and fresh values in place; without one nothing is expected.
pub fn expectation(
    matcher: Option<&Matcher>,
    variables: &Variables,
    fresh: &mut Fresh,
) -> Result<Expectation> {
    let Some(matcher) = matcher else { return Ok(Expectation::default()) };
    let mut expectation = matcher.resolve(variables)?;
    for value in expectation.values() {
        *value = fresh.fill(value);
    }
    Ok(expectation)
}

/// Words with variables and fresh values in place.
pub fn filled(words: &[String], variables: &Variables, fresh: &mut Fresh) -> Result<Vec<String>> {
    words.iter().map(|word| Ok(fresh.fill_text(&variables.render(word)?))).collect()
}

/// Of names and values the value of one name: of lines `name:value`, as `INFO` answers, or of a list in which they take turns, as
/// `CONFIG GET` does.
pub fn field(answer: &Value, name: &str) -> Value {
    let of_line = |line: &str| Some(line.split_once(':').filter(|(n, _)| *n == name)?.1.to_owned());
    if name.starts_with('/') {
        return answer.pointer(name).cloned().unwrap_or_default();
    }
    match answer {
        Value::String(text) => text.lines().find_map(of_line).map_or(Value::Null, Value::from),
        Value::Array(items) => {
            let pair = items.chunks_exact(2).find(|pair| pair[0] == name);
            pair.map_or(Value::Null, |pair| pair[1].clone())
        }
        _ => Value::Null,
    }
}

/// A command for a twin, ready to be sent.
pub struct Question {
    words: Vec<String>,
    expected: Expectation,
}

impl Question {
    /// Sends it. A refusal is never what is expected: what the program made of a key decides what can be
    /// asked of it.
    pub async fn ask(&self, twin: &dyn Service) -> Result<Asked> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let (answer, mismatch) = match twin.ask(&words).await? {
            Answer::Value(value) => {
                let mismatch = self.expected.compare(&value);
                (value, mismatch)
            }
            Answer::Refused(message) => {
                let expected = "an answer".to_owned();
                let mismatch = Mismatch { expected, observed: message.clone(), difference: None };
                (message.into(), Some(mismatch))
            }
        };
        let line = format!("{} → {}", self.line(), super::call::brief(&answer));
        Ok(Asked { line, answer, mismatch })
    }

    /// As a person would type it; a script only by its first line.
    pub fn line(&self) -> String {
        let words = self.words.iter().map(|word| first_line(word));
        shell_line(&words.collect::<Vec<_>>())
    }
}

/// What is sent with its own ends of lines is shown up to here.
const SHOWN: usize = 400;

/// A word of a command as evidence shows it: of a script only the first line; with the ends of lines where it says them itself.
pub fn first_line(word: &str) -> String {
    if word.contains('\r') {
        let (mut word, long) = (in_one_line(word), word.len());
        if long > SHOWN {
            word = format!("{}…", word.chars().take(SHOWN).collect::<String>());
        }
        return word;
    }
    match word.trim().split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => word.to_owned(),
    }
}

/// What the twin said.
pub struct Asked {
    /// Question and answer, for the evidence.
    pub line: String,
    pub answer: Value,
    /// How the answer differs from what is expected.
    pub mismatch: Option<Mismatch>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_field_is_the_value_of_a_name() {
        let info = json!("# Replication\r\nrole:master\r\nslave0:ip=10.0.0.1,port=6379\r\n");
        assert_eq!(field(&info, "role"), "master");
        assert_eq!(field(&info, "slave0"), "ip=10.0.0.1,port=6379");
        assert_eq!(field(&info, "rol"), Value::Null);
        let pairs = json!(["save", "", "maxmemory", "100"]);
        assert_eq!(field(&pairs, "maxmemory"), "100");
        assert_eq!(field(&pairs, "100"), Value::Null);
        assert_eq!(field(&Value::Null, "role"), Value::Null);
    }

    #[test]
    fn evidence_shows_the_first_line_or_all_that_is_sent_as_it_is() {
        assert_eq!(first_line("return 1\nend"), "return 1 …");
        assert_eq!(first_line("GET / HTTP/1.1\r\n\r\n"), r"GET / HTTP/1.1\r\n\r\n");
        assert_eq!(first_line(&"a\r".repeat(1000)).chars().count(), SHOWN + 1);
    }
}
