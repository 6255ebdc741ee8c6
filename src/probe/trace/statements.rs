//! What MySQL's performance schema has booked: the statements themselves, the rows that each examined, and whether it
//! found an index. See "The events_statements_history_long Table" in MySQL's reference manual.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::service::{Booked, Clients, Mysql, Service};
use crate::template::Variables;

/// So many statements are shown.
const SHOWN: usize = 12;
/// Characters of each.
const WIDTH: usize = 160;
/// What must hold of the statements that were sent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statements {
    /// Those that begin with one of these words; left out, all but what client libraries send of their own accord.
    #[serde(default)]
    pub commands: Vec<String>,
    /// How many.
    pub count: Option<Matcher>,
    /// How many rows they have examined, all together.
    pub rows_examined: Option<Matcher>,
    /// How many of them have read a table from end to end for want of an index.
    pub without_index: Option<Matcher>,
}

impl Statements {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let mut matchers = self.matchers().peekable();
        if matchers.peek().is_none() {
            return Err(Error::usage("Nothing is expected of the statements")
                .help("give count, rows_examined or without_index"));
        }
        matchers.try_for_each(|matcher| matcher.lint(variables))
    }

    fn matchers(&self) -> impl Iterator<Item = &Matcher> {
        [&self.count, &self.rows_examined, &self.without_index].into_iter().flatten()
    }

    fn includes(&self, booked: &Booked) -> bool {
        let word = booked.word();
        if asks_the_server(booked, &word) {
            return false;
        }
        if self.commands.is_empty() {
            return word != "SET";
        }
        self.commands.iter().any(|command| command.eq_ignore_ascii_case(&word))
    }

    /// So many of them, in words.
    fn counted(&self, count: usize) -> String {
        match (self.commands.as_slice(), count) {
            ([], 1) => "1 statement".to_owned(),
            ([], _) => format!("{count} statements"),
            (commands, _) => format!("{count} {}", commands.join(", ").to_uppercase()),
        }
    }

    /// What is not as it must be.
    fn judge(
        &self,
        service: &str,
        all: &[Booked],
        variables: &Variables,
    ) -> Result<Option<Finding>> {
        let meant: Vec<&Booked> = all.iter().filter(|booked| self.includes(booked)).collect();
        // What a procedure does was not sent, but it costs.
        let sent = meant.iter().filter(|booked| !booked.nested).count();
        let rows = all
            .iter()
            .filter(|booked| booked.nested || self.includes(booked))
            .map(|booked| booked.rows_examined)
            .fold(0, u64::saturating_add);
        let scans = meant.iter().filter(|booked| booked.without_index).count();
        let named = self.counted(sent);
        let told = [
            (&self.count, Value::from(sent), "commands", format!("{service} was sent {named}")),
            (
                &self.rows_examined,
                Value::from(rows),
                "rows",
                format!("{service} examined {rows} rows for {named}"),
            ),
            (
                &self.without_index,
                Value::from(scans),
                "full-scan",
                format!("{scans} of {named} found no index and read a table from end to end"),
            ),
        ];
        for (matcher, value, code, summary) in told {
            let Some(matcher) = matcher else { continue };
            if let Some(mismatch) = matcher.resolve(variables)?.compare(&value) {
                let mut evidence = Evidence::new(summary).mismatch(mismatch);
                let shown: Vec<&Booked> =
                    if meant.is_empty() { all.iter().collect() } else { meant };
                evidence.history = lines(&shown);
                return Ok(Some(evidence.fail(code)));
            }
        }
        Ok(None)
    }
}

/// Begins the book of a server anew.
///
/// # Errors
/// It keeps none, or does not answer.
pub async fn begin(service: &dyn Service) -> Result<()> {
    let mysql = service.of::<Mysql>()?;
    must_keep(mysql).await?;
    mysql.forget_statements().await
}

/// Holds the book of a server against what is expected of it.
///
/// # Errors
/// It keeps none, or does not answer.
pub async fn judge(
    expected: &[Statements],
    service: &dyn Service,
    of: Clients,
    variables: &Variables,
) -> Result<Option<Finding>> {
    let mysql = service.of::<Mysql>()?;
    must_keep(mysql).await?;
    let book = mysql.statements(of).await?;
    // On a learner's own server nothing is gained by it.
    if of == Clients::AllBut
        && let Some(changed) = mysql.tampered().await?
    {
        let mut evidence = Evidence::new(format!(
            "What {} books of statements was changed, so they cannot be judged",
            service.name()
        ));
        evidence.observed = Some(brief(&changed));
        return Ok(Some(evidence.fail("changed")));
    }
    for statements in expected {
        if let Some(finding) = statements.judge(service.name(), &book.statements, variables)? {
            return Ok(Some(finding));
        }
    }
    if book.is_full {
        let count = book.statements.len();
        let mut evidence = Evidence::new(format!(
            "{} was sent more statements than the last {count} that it books",
            service.name()
        ));
        evidence.history = lines(&book.statements.iter().collect::<Vec<_>>());
        return Ok(Some(evidence.fail("commands")));
    }
    Ok(None)
}

async fn must_keep(mysql: &Mysql) -> Result<()> {
    if mysql.global("performance_schema").await?.as_deref() == Some("ON") {
        return Ok(());
    }
    Err(Error::usage(format!("{} keeps no book of statements", mysql.name()))
        .because("its performance schema is off")
        .help("start it with it: options: [--performance-schema=ON]"))
}

/// Whether it is about the server, which libraries ask before their first statement.
fn asks_the_server(booked: &Booked, word: &str) -> bool {
    let rest = booked.text.trim_start().get(word.len()..).unwrap_or_default();
    word == "SELECT" && rest.trim_start().starts_with("@@")
}

fn lines(booked: &[&Booked]) -> Vec<String> {
    let line = |b: &&Booked| {
        let index = if b.without_index { ", no index" } else { "" };
        let within = if b.nested { "  within: " } else { "" };
        format!("{:>7} rows{index}  {within}{}", b.rows_examined, brief(&b.text))
    };
    let mut lines: Vec<String> = booked.iter().take(SHOWN).map(line).collect();
    if booked.len() > SHOWN {
        lines.push(format!("… and {} more", booked.len() - SHOWN));
    }
    lines
}

fn brief(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.chars().count() <= WIDTH {
        return text;
    }
    text.chars().take(WIDTH).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn booked(text: &str) -> Booked {
        Booked { text: text.to_owned(), rows_examined: 1, ..Booked::default() }
    }

    fn judged(expected: serde_json::Value, all: &[Booked]) -> Option<String> {
        let spec: Statements = serde_json::from_value(expected).unwrap();
        match spec.judge("mysql", all, &Variables::default()).unwrap() {
            Some(Finding::Fail(failure)) => Some(failure.evidence.summary),
            _ => None,
        }
    }

    #[test]
    fn what_a_library_sends_by_itself_does_not_count() {
        let all = ["SET NAMES utf8mb4", "select @@version", "SELECT 1", "/* x */ (select 2)"];
        let all = all.map(booked);
        assert_eq!(judged(json!({ "count": { "eq": 2 } }), &all), None);
        assert_eq!(judged(json!({ "commands": ["set"], "count": { "eq": 1 } }), &all), None);
        let summary = judged(json!({ "count": { "at_most": 1 } }), &all);
        assert_eq!(summary.as_deref(), Some("mysql was sent 2 statements"));
    }

    #[test]
    fn what_a_procedure_does_costs_but_was_not_sent() {
        let inner =
            Booked { nested: true, without_index: true, rows_examined: 500, ..booked("SELECT 3") };
        let all = [booked("CALL p()"), inner];
        assert_eq!(judged(json!({ "count": { "eq": 1 } }), &all), None);
        let summary = judged(json!({ "rows_examined": { "at_most": 100 } }), &all);
        assert_eq!(summary.as_deref(), Some("mysql examined 501 rows for 1 statement"));
        let calls = json!({ "commands": ["CALL"], "rows_examined": { "eq": 501 } });
        assert_eq!(judged(calls, &all), None);
        assert!(judged(json!({ "without_index": { "eq": 0 } }), &all).is_some());
    }

    #[test]
    fn something_is_expected() {
        let none: Statements = serde_json::from_value(json!({ "commands": ["SELECT"] })).unwrap();
        assert!(none.lint(&Variables::default()).is_err());
    }
}
