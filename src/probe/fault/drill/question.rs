//! What a drill asks a twin, and how the answers differ from what is expected.

use std::collections::BTreeMap;
use std::num::NonZeroU16;

use serde_json::Value;

use crate::error::Result;
use crate::probe::call;
use crate::probe::expect::{Expectation, Mismatch, same};
use crate::probe::service::{Answer, Service};
use crate::probe::step;
use crate::template::Span;
use crate::term::shell_line;

/// What is observed where no answer has come in time.
pub(super) const NONE: &str = "none";

/// A command for a twin with its values in place.
pub(super) struct Question<'a> {
    pub words: Vec<String>,
    pub as_client: bool,
    pub field: Option<&'a str>,
    pub expected: Expectation,
    pub refused: Option<&'a str>,
    /// Each answer must be there in this time.
    pub patience: Option<Span>,
}

impl Question<'_> {
    pub async fn send(&self, twin: &dyn Service) -> Result<Answer> {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        if self.as_client { twin.ask_as_client(&words).await } else { twin.ask(&words).await }
    }

    /// What of the answer is looked at, and how it differs from what is expected.
    pub fn judge(&self, answer: Answer) -> (Value, Option<Mismatch>) {
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

    /// The same question, of whose answers not each alone is matched.
    fn one_of_many(&self) -> Self {
        Self { words: self.words.clone(), expected: Expectation::default(), ..*self }
    }

    /// The answer to a question that is asked once, and how it differs from what is expected.
    pub async fn once(&self, twin: &dyn Service) -> Result<(Value, Option<Mismatch>)> {
        let Some(Span(patience)) = self.patience else {
            return Ok(self.judge(self.send(twin).await?));
        };
        let Ok(answer) = tokio::time::timeout(patience, self.send(twin)).await else {
            let expected = format!("an answer within {} ms", patience.as_millis());
            let mismatch = Mismatch { expected, observed: NONE.to_owned(), difference: None };
            return Ok((Value::Null, Some(mismatch)));
        };
        Ok(self.judge(answer?))
    }

    /// The different answers to one question that is asked many times, or how often each came where they are `counted`,
    /// and how they differ from what is expected.
    pub async fn often(
        &self,
        twin: &dyn Service,
        times: NonZeroU16,
        counted: bool,
    ) -> Result<(Value, Option<Mismatch>)> {
        let one = self.one_of_many();
        let mut answers: BTreeMap<String, (Value, u64)> = BTreeMap::new();
        for _ in 0..times.get() {
            let (answer, refusal) = one.once(twin).await?;
            if refusal.is_some() {
                return Ok((answer, refusal));
            }
            let settled = self.expected.eq.as_ref().and_then(Value::as_array);
            let settled = settled.is_some_and(|all| !all.iter().any(|one| same(one, &answer)));
            answers.entry(answer.to_string()).or_insert((answer, 0)).1 += 1;
            if settled && !counted {
                break;
            }
        }
        let answers: Value = if counted {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            for (text, (answer, times)) in answers {
                // A number and its text are the same.
                let name = answer.as_str().map_or(text, str::to_owned);
                *counts.entry(name).or_default() += times;
            }
            counts.into_iter().map(|(name, times)| (name, Value::from(times))).collect()
        } else {
            answers.into_values().map(|(answer, _)| answer).collect()
        };
        let mismatch = self.expected.compare(&answers);
        Ok((answers, mismatch))
    }

    /// What several answer, in their order, and how the list differs from what is expected.
    pub async fn of_each(&self, twins: &[&dyn Service]) -> Result<(Value, Option<Mismatch>)> {
        let one = self.one_of_many();
        let mut answers = Vec::new();
        for twin in twins {
            let (answer, refusal) = one.once(*twin).await?;
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
    pub fn line(&self) -> String {
        let words: Vec<String> = self.words.iter().map(|word| step::first_line(word)).collect();
        // A statement of SQL is one word.
        let line = if let [one] = &words[..] { one.clone() } else { shell_line(&words) };
        self.field.map_or(line.clone(), |field| format!("{line}, {field}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_an_answer_only_where_one_is_expected() {
        let question = |refused| Question {
            words: vec!["GET".to_owned()],
            as_client: false,
            field: None,
            expected: Expectation::default(),
            refused,
            patience: None,
        };
        let refusal = || Answer::Refused("READONLY You can't write".to_owned());
        assert!(question(Some("READONLY")).judge(refusal()).1.is_none());
        assert!(question(Some("NOREPLICAS")).judge(refusal()).1.is_some());
        assert!(question(Some("READONLY")).judge(Answer::Value("OK".into())).1.is_some());
        assert!(question(None).judge(refusal()).1.is_some());
        assert!(question(None).judge(Answer::Value("OK".into())).1.is_none());
    }
}
