//! What MySQL's slow-query log takes down, on a twin with the learner's settings: the log of the learner stays as it is.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::scene::Scene;
use crate::probe::service::{Logged, Mysql, Scope};
use crate::template::Variables;

/// Variables that say what is logged, and where.
const SETTINGS: [&str; 7] = [
    "log_output",
    "log_queries_not_using_indexes",
    "log_slow_admin_statements",
    "long_query_time",
    "min_examined_row_limit",
    "slow_query_log",
    "log_throttle_queries_not_using_indexes",
];
/// How often statements are sent again because one that is to be fast was held up.
const ATTEMPTS: usize = 5;

/// Statements that a new client sends, and how often each is found in the slow-query log.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SlowLog {
    pub on: String,
    /// Whose settings the twin gets.
    pub settings: Settings,
    /// In seconds: what takes longer is to be logged for that alone.
    pub threshold: Value,
    /// Where the log is to be written, in any order: `FILE`, `TABLE`.
    #[serde(default)]
    pub to: Vec<String>,
    /// SQL that the twin gets beforehand, such as a table.
    #[serde(default)]
    pub given: Vec<String>,
    pub statements: Vec<Statement>,
}

/// A moment in the life of the learner's service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Settings {
    /// As it runs now.
    Running,
    /// As it would run after a restart: the twin is restarted with what was persisted.
    Restarted,
}

/// One statement, sent over and over.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    pub sql: String,
    /// How often it is sent.
    #[serde(default = "one")]
    pub times: u32,
    /// It takes longer than the threshold.
    #[serde(default)]
    pub slow: bool,
    /// How often it is found in the log.
    pub logged: Matcher,
}

fn one() -> u32 {
    1
}

/// What became of the statements.
enum Played {
    Found(Finding),
    /// A statement that is to be fast took longer than the threshold.
    HeldUp,
}

impl SlowLog {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.seconds(variables)?;
        for text in &self.given {
            variables.render(text)?;
        }
        for statement in &self.statements {
            variables.render(&statement.sql)?;
            statement.logged.lint(variables)?;
        }
        if self.statements.is_empty() && self.to.is_empty() {
            return Err(Error::usage("A slow_log sends no statements").help("add statements"));
        }
        Ok(())
    }

    fn seconds(&self, variables: &Variables) -> Result<f64> {
        let value = variables.resolve(&self.threshold)?;
        value
            .as_f64()
            .ok_or_else(|| Error::usage(format!("The threshold {value} is no number of seconds")))
    }

    pub async fn observe(&self, scene: &Scene<'_>) -> Result<Finding> {
        let learner = scene.service(&self.on).await?;
        let (learner, stand) = (learner.of::<Mysql>()?, scene.stand()?);
        let (twin, _) = stand.twin(Some(&self.on))?;
        let twin = twin.of::<Mysql>()?;
        let mut before = Vec::new();
        for name in SETTINGS {
            before.extend(twin.global(name).await?.map(|value| (name, value)));
        }
        match self.settings {
            Settings::Running => {
                for name in SETTINGS {
                    if let Some(value) = learner.global(name).await? {
                        twin.set(Scope::Global, name, &value).await?;
                    }
                }
            }
            Settings::Restarted => {
                for (name, value) in learner.persisted().await? {
                    twin.set(Scope::Persisted, &name, &value).await?;
                }
                stand.waits.wait(stand.hands.restart(&self.on)).await?;
            }
        }
        let finding = self.with_settings(twin, scene.variables).await?;
        // As it was: a twin with other settings would have to be made anew.
        if self.settings == Settings::Restarted {
            twin.unpersist().await?;
        }
        for (name, value) in before {
            twin.set(Scope::Global, name, &value).await?;
        }
        Ok(finding)
    }

    async fn with_settings(&self, twin: &Mysql, variables: &Variables) -> Result<Finding> {
        let output = twin.global("log_output").await?.unwrap_or_default();
        let goes_to = |place: &str| output.split(',').any(|o| o.eq_ignore_ascii_case(place));
        if let Some(missing) = self.to.iter().find(|place| !goes_to(place)) {
            let mut evidence =
                Evidence::new(format!("{} does not log to a {}", self.on, missing.to_lowercase()));
            evidence.expected = Some(format!("log_output with {}", self.to.join(" and ")));
            evidence.observed = Some(format!("log_output = {output}"));
            return Ok(self.settings.told(evidence).fail("output"));
        }
        // What goes to the file goes to the table alike, where it can be read.
        if goes_to("FILE") {
            twin.set(Scope::Global, "log_output", "FILE,TABLE").await?;
        }
        for text in &self.given {
            let text = variables.render(text)?;
            twin.demanded(&text).await?;
        }
        for _ in 0..ATTEMPTS {
            if let Played::Found(finding) = self.play(twin, variables).await? {
                return Ok(finding);
            }
        }
        Err(Error::infrastructure("Statements that take no time took longer than the threshold")
            .because(format!("in each of {ATTEMPTS} attempts: the machine is too busy"))
            .help("check again"))
    }

    async fn play(&self, twin: &Mysql, variables: &Variables) -> Result<Played> {
        let threshold = self.seconds(variables)?;
        // To set it, even to what it is, begins a new window of what is let through.
        let name = "log_throttle_queries_not_using_indexes";
        if let Some(value) = twin.global(name).await? {
            twin.set(Scope::Global, name, &value).await?;
        }
        let mut client = twin.client().await?;
        let mut sent = Vec::new();
        for statement in &self.statements {
            let sql = variables.render(&statement.sql)?;
            for _ in 0..statement.times {
                twin.send(&mut client, &sql).await?;
            }
            sent.push(sql);
        }
        // A statement is logged after it is answered, and before the next one of its connection begins.
        twin.send(&mut client, "DO 0").await?;
        let log = twin.slow_log(client.id()).await?;
        drop(client.disconnect().await);
        let held_up = |row: &Logged| {
            let of = |(s, sql): (&Statement, &String)| !s.slow && row.statement == *sql;
            row.seconds >= threshold && self.statements.iter().zip(&sent).any(of)
        };
        if log.iter().any(held_up) {
            return Ok(Played::HeldUp);
        }
        for (statement, sql) in self.statements.iter().zip(&sent) {
            let count = log.iter().filter(|row| row.statement == *sql).count();
            let expected = statement.logged.resolve(variables)?;
            let Some(mismatch) = expected.compare(&Value::from(count)) else { continue };
            let most = expected.eq.as_ref().and_then(Value::as_u64).or(expected.at_most);
            let too_many = most.is_some_and(|most| u64::try_from(count).is_ok_and(|n| n > most));
            let code = if too_many { "logged" } else { "unlogged" };
            let summary = format!("{} logged {count} of {} {sql}", self.on, times(statement.times));
            let mut evidence = Evidence::new(summary).mismatch(mismatch).sent(sent.clone());
            evidence.history =
                log.iter().map(|row| format!("{:.3} s  {}", row.seconds, row.statement)).collect();
            return Ok(Played::Found(self.settings.told(evidence).fail(code)));
        }
        Ok(Played::Found(Finding::PASS))
    }
}

impl Settings {
    /// Says where it was tried.
    fn told(self, mut evidence: Evidence) -> Evidence {
        let how = match self {
            Self::Running => "with the settings of your server",
            Self::Restarted => "restarted with what your server has persisted",
        };
        evidence.summary = format!("A copy {how}: {}", evidence.summary);
        evidence
    }
}

fn times(n: u32) -> String {
    if n == 1 { "1 statement".to_owned() } else { format!("{n} statements") }
}
