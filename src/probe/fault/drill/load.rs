//! Clients that ask the same again and again while other steps go on.

use std::num::NonZeroU16;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use schemars::JsonSchema;
use serde::Deserialize;
use tokio::task::JoinSet;

use super::Code;
use super::question::Question;
use crate::error::{Error, Result};
use crate::probe::expect::{Expectation, Matcher, Mismatch};
use crate::probe::fresh::Fresh;
use crate::probe::service::Session;
use crate::probe::step;
use crate::template::{Span, Var, Variables};

/// More clients say no more about whether somebody is turned away.
const MAX_CLIENTS: u16 = 16;
/// Others must get their turn.
const BREATH: Duration = Duration::from_millis(2);

/// What is asked again and again, and what each answer must be.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "DrillLoad")]
pub struct Load {
    pub on: String,
    /// By what name a later step ends it.
    #[serde(rename = "as")]
    pub name: String,
    pub send: Vec<String>,
    /// Of an answer in names and values, the value of this name.
    pub field: Option<String>,
    pub expect: Matcher,
    /// How many ask at the same time, each one question after the other.
    pub clients: NonZeroU16,
    /// Nobody may have to wait longer for an answer.
    pub answered: Option<Var<Span>>,
    /// What it is called when an answer is another, or too late.
    #[serde(default)]
    pub code: Code,
}

impl Load {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        if self.clients.get() > MAX_CLIENTS {
            return Err(Error::usage(format!("A load of {} clients", self.clients))
                .help(format!("at most {MAX_CLIENTS}")));
        }
        self.send.iter().try_for_each(|word| variables.render(word).map(drop))?;
        self.answered.iter().try_for_each(|span| span.get(variables).map(drop))?;
        self.expect.lint_without_service(variables)
    }
}

/// A load that goes on; it is over when this is dropped.
pub struct Going {
    pub code: Code,
    /// As a person would type what is asked.
    pub line: String,
    over: Arc<AtomicBool>,
    clients: JoinSet<Heard>,
}

/// What every client asks.
struct Asked {
    words: Vec<String>,
    field: Option<String>,
    expected: Expectation,
    patience: Option<Span>,
}

impl Asked {
    fn question(&self) -> Question<'_> {
        Question {
            words: self.words.clone(),
            as_client: true,
            field: self.field.as_deref(),
            expected: self.expected.clone(),
            refused: None,
            patience: self.patience,
        }
    }
}

/// What a client sees that is turned away.
fn unanswered(error: Error) -> Mismatch {
    let observed = error.why.unwrap_or(error.what);
    Mismatch { expected: "an answer".to_owned(), observed, difference: None }
}

/// What clients were answered: how often, how long one had to wait at most, and the first answer that was wrong.
#[derive(Default)]
pub struct Heard {
    pub times: usize,
    pub longest: Duration,
    pub mismatch: Option<Mismatch>,
}

impl Going {
    /// # Errors
    /// A variable is not defined.
    pub fn begin(
        load: &Load,
        twin: &Session,
        variables: &Variables,
        fresh: &mut Fresh,
    ) -> Result<Self> {
        let asked = Arc::new(Asked {
            words: step::filled(&load.send, variables, fresh)?,
            field: load.field.clone(),
            expected: step::expectation(Some(&load.expect), variables, fresh)?,
            patience: load.answered.as_ref().map(|span| span.get(variables)).transpose()?,
        });
        let over = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        for _ in 0..load.clients.get() {
            let (twin, over, asked) = (Arc::clone(twin), Arc::clone(&over), Arc::clone(&asked));
            clients.spawn(async move {
                let question = asked.question();
                let mut heard = Heard::default();
                while heard.mismatch.is_none() && !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    heard.mismatch = match question.once(&*twin).await {
                        Ok((_, mismatch)) => mismatch,
                        Err(error) => Some(unanswered(error)),
                    };
                    heard.longest = heard.longest.max(asked.elapsed());
                    heard.times += 1;
                    tokio::time::sleep(BREATH).await;
                }
                heard
            });
        }
        let line = asked.question().line();
        Ok(Self { code: load.code, line, over, clients })
    }

    /// Lets each client hear the answer to its last question; what they were told together.
    ///
    /// # Errors
    /// The service could not be asked.
    pub async fn end(mut self) -> Result<Heard> {
        self.over.store(true, Ordering::Relaxed);
        let mut all = Heard::default();
        while let Some(client) = self.clients.join_next().await {
            let heard = client
                .map_err(|e| Error::infrastructure("A client of a load has ended").because(e))?;
            all.times += heard.times;
            all.longest = all.longest.max(heard.longest);
            all.mismatch = all.mismatch.or(heard.mismatch);
        }
        if all.times == 0 {
            return Err(
                Error::infrastructure("Nobody was asked while a load went on").help("check again")
            );
        }
        Ok(all)
    }
}
