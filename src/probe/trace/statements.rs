//! What the statements of a program cost MySQL: how many, how many rows they read, whether they found an index.
//!
//! The server's counters decide, since a program that is root can keep its statements out of the book. The book
//! says which they were, and excuses those that no program sends by itself: who stays out of it gains nothing.

use std::time::{Duration, Instant};

use mysql_async::Conn;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::service::{Booked, KINDS, Mysql, Service, Tally};
use crate::template::Variables;

/// So many statements are shown.
const SHOWN: usize = 12;
/// Characters of each.
const WIDTH: usize = 160;
/// How long statements that go on are waited for, and how often they are looked at.
const BOOKED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What must hold of the statements that were executed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Statements {
    /// The kinds that are counted; left out, all that work on data.
    #[serde(default)]
    pub commands: Vec<String>,
    /// How many of them.
    pub count: Option<Matcher>,
    /// How many rows all statements have read from tables and indexes.
    pub rows_examined: Option<Matcher>,
    /// How often a statement has read a table or an index from end to end in search of rows.
    pub without_index: Option<Matcher>,
}

impl Statements {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let known =
            |command: &&String| !KINDS.iter().any(|(kind, _)| kind.eq_ignore_ascii_case(command));
        if let Some(unknown) = self.commands.iter().find(known) {
            let kinds: Vec<&str> = KINDS.iter().map(|(kind, _)| *kind).collect();
            return Err(Error::usage(format!("Statements {unknown:?} are not counted"))
                .help(format!("one of {}", kinds.join(", "))));
        }
        let mut matchers = [&self.count, &self.rows_examined, &self.without_index];
        matchers.sort_by_key(|matcher| matcher.is_none());
        if matchers[0].is_none() {
            return Err(Error::usage("Nothing is expected of the statements")
                .help("give count, rows_examined or without_index"));
        }
        matchers.into_iter().flatten().try_for_each(|matcher| matcher.lint(variables))
    }

    /// What is not as it must be.
    fn judge(
        &self,
        service: &str,
        tally: &Tally,
        book: &[Booked],
        variables: &Variables,
    ) -> Result<Option<Finding>> {
        let meant = |kind: &str| {
            self.commands.is_empty() || self.commands.iter().any(|c| c.eq_ignore_ascii_case(kind))
        };
        let count: u64 = tally.kinds.iter().filter(|(kind, _)| meant(kind)).map(|(_, n)| n).sum();
        let what = match (self.commands.as_slice(), count) {
            ([], 1) => "statement".to_owned(),
            ([], _) => "statements".to_owned(),
            (commands, _) => commands.join(", ").to_uppercase(),
        };
        let Tally { rows, scans, .. } = tally;
        let told = [
            (&self.count, count, "commands", format!("{service} executed {count} {what}")),
            (&self.rows_examined, *rows, "rows", format!("{service} read {rows} rows")),
            (
                &self.without_index,
                *scans,
                "full-scan",
                format!("{service} read a table or an index from end to end, {scans} times in all"),
            ),
        ];
        for (matcher, value, code, summary) in told {
            let Some(matcher) = matcher else { continue };
            if let Some(mismatch) = matcher.resolve(variables)?.compare(&Value::from(value)) {
                let mut evidence = Evidence::new(summary).mismatch(mismatch);
                evidence.history = lines(book);
                return Ok(Some(evidence.fail(code)));
            }
        }
        Ok(None)
    }
}

/// What is counted of a twin while a program is at work.
pub struct Meter {
    /// Its own: the pool's are set anew after each question, which counts.
    connection: Conn,
    /// What one look adds to the counters by itself.
    own: Tally,
    /// Where the counters stood when they were last looked at.
    from: Tally,
    so_far: Tally,
    book: Vec<Booked>,
    /// Whether all that is in the twin's book was counted since its beginning.
    excuses: bool,
}

impl Meter {
    /// Begins to count, and the book of the twin anew.
    ///
    /// # Errors
    /// The twin keeps no book, or does not answer.
    pub async fn begin(twin: &dyn Service) -> Result<Self> {
        let connection = keeper(twin).await?.quiet().await?;
        let nothing = Tally::default;
        let (own, from, so_far) = (nothing(), nothing(), nothing());
        let mut meter = Self { connection, own, from, so_far, book: Vec::new(), excuses: false };
        meter.look(twin).await?;
        let first = meter.from.clone();
        meter.look(twin).await?;
        meter.own = meter.from.since(&first);
        meter.go_on(twin).await?;
        Ok(meter)
    }

    /// The program's turn begins again, in a moment in which nothing is sent: else the book would tell of statements that
    /// were counted before, and nothing in it is excused.
    pub async fn go_on(&mut self, twin: &dyn Service) -> Result<()> {
        let deadline = Instant::now() + BOOKED_WITHIN;
        loop {
            twin.of::<Mysql>()?.forget_statements(&mut self.connection).await?;
            self.look(twin).await?;
            let Look { goes_on, book, more } = self.look(twin).await?;
            let sent = more.kinds.values().any(|count| *count > 0);
            self.excuses = !goes_on && book.is_empty() && !sent;
            if self.excuses || Instant::now() > deadline {
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// What comes now is not the program's.
    pub async fn pause(&mut self, twin: &dyn Service) -> Result<()> {
        let deadline = Instant::now() + BOOKED_WITHIN;
        let mut turn = Tally::default();
        loop {
            let Look { book, more, .. } = self.look(twin).await?;
            turn = turn.and(&more);
            // A statement is booked a moment after it was counted; one that is kept out of the book never is.
            let known = book.iter().filter(|booked| booked.kind().is_some()).count() as u64;
            if known >= turn.kinds.values().sum() || Instant::now() > deadline {
                if self.excuses {
                    excuse(&mut turn, &book);
                }
                self.so_far = self.so_far.and(&turn);
                self.book.extend(book);
                return Ok(());
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn look(&mut self, twin: &dyn Service) -> Result<Look> {
        let (mysql, over) = (twin.of::<Mysql>()?, &mut self.connection);
        let goes_on = mysql.is_asked(over).await?;
        let book = mysql.book(over).await?;
        // The last: whatever is in the book is counted by then, so that nothing is excused that is not.
        let now = mysql.tally(over).await?;
        let more = now.since(&self.from).since(&self.own);
        self.from = now;
        Ok(Look { goes_on, book, more })
    }

    /// Holds what was counted against what is expected.
    ///
    /// # Errors
    /// The twin does not answer.
    pub async fn judge(
        mut self,
        expected: &[Statements],
        twin: &dyn Service,
        variables: &Variables,
    ) -> Result<Option<Finding>> {
        self.pause(twin).await?;
        judge(expected, twin.name(), &self.so_far, &self.book, variables)
    }
}

/// What the server says of a moment.
struct Look {
    goes_on: bool,
    /// Since it was begun.
    book: Vec<Booked>,
    /// What was counted since the last look.
    more: Tally,
}

/// Holds the last statements of a learner against what is expected: nothing but the book tells them from others.
///
/// # Errors
/// The service keeps no book, or does not answer.
pub async fn judge_learners(
    expected: &[Statements],
    service: &dyn Service,
    variables: &Variables,
) -> Result<Option<Finding>> {
    let mysql = keeper(service).await?;
    let mut over = mysql.quiet().await?;
    let deadline = Instant::now() + BOOKED_WITHIN;
    // One that waits for another may go on for ever.
    while mysql.is_asked(&mut over).await? && Instant::now() < deadline {
        tokio::time::sleep(LOOK_EVERY).await;
    }
    let book = mysql.book(&mut over).await?;
    judge(expected, service.name(), &booked(&book), &book, variables)
}

fn judge(
    expected: &[Statements],
    service: &str,
    tally: &Tally,
    book: &[Booked],
    variables: &Variables,
) -> Result<Option<Finding>> {
    for statements in expected {
        if let Some(finding) = statements.judge(service, tally, book, variables)? {
            return Ok(Some(finding));
        }
    }
    Ok(None)
}

/// Takes away what libraries send of their own accord.
fn excuse(tally: &mut Tally, book: &[Booked]) {
    for kind in book.iter().filter(|b| b.asks_for_nothing()).filter_map(Booked::kind) {
        if let Some(count) = tally.kinds.get_mut(kind) {
            *count = count.saturating_sub(1);
        }
    }
}

/// What statements have done, by the book alone.
fn booked(book: &[Booked]) -> Tally {
    let mut tally = Tally::default();
    for statement in book {
        if let Some(kind) = statement.kind() {
            *tally.kinds.entry(kind).or_default() += 1;
        }
        tally.scans += u64::from(statement.without_index);
    }
    // What is nested has counted its procedure's rows so far: the most of them are all.
    let mut within = 0;
    for (at, statement) in book.iter().enumerate().filter(|(_, statement)| !statement.nested) {
        let of_it = |b: &&Booked| b.connection == statement.connection;
        let after = book[at + 1..].iter().filter(of_it).take_while(|b| b.nested);
        within += after.map(|b| b.rows_examined).max().unwrap_or(0).max(statement.rows_examined);
    }
    tally.rows = within;
    excuse(&mut tally, book);
    tally
}

async fn keeper(service: &dyn Service) -> Result<&Mysql> {
    let mysql = service.of::<Mysql>()?;
    if mysql.keeps_book().await? {
        return Ok(mysql);
    }
    Err(Error::usage(format!("{} keeps no book of statements", service.name()))
        .because("its performance schema is off")
        .help("start it with it: options: [--performance-schema=ON]"))
}

/// The statements that work on data, the last ones where there are many.
fn lines(book: &[Booked]) -> Vec<String> {
    let told = |b: &&Booked| b.kind().is_some() && !b.asks_for_nothing();
    let line = |b: &Booked| {
        let index = if b.without_index { ", no index" } else { "" };
        let within = if b.nested { "  within: " } else { "" };
        format!("{:>7} rows{index}  {within}{}", b.rows_examined, brief(&b.text))
    };
    let told: Vec<&Booked> = book.iter().filter(told).collect();
    let mut lines: Vec<String> = told.iter().take(SHOWN).map(|b| line(b)).collect();
    if told.len() > SHOWN {
        lines.push(format!("… and {} more", told.len() - SHOWN));
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

    fn statement(event: &str, text: &str, rows: u64) -> Booked {
        let prepared =
            if matches!(event, "sql/execute_sql" | "com/Execute") { "EXECUTE " } else { "" };
        Booked {
            text: text.to_owned(),
            digest: format!("{prepared}{text}"),
            event: event.to_owned(),
            rows_examined: rows,
            ..Booked::default()
        }
    }

    fn select(text: &str, rows: u64) -> Booked {
        statement("sql/select", text, rows)
    }

    fn judged(expected: serde_json::Value, book: &[Booked]) -> Option<String> {
        let spec: Statements = serde_json::from_value(expected).unwrap();
        spec.lint(&Variables::default()).unwrap();
        match spec.judge("mysql", &booked(book), book, &Variables::default()).unwrap() {
            Some(Finding::Fail(failure)) => Some(failure.evidence.summary),
            _ => None,
        }
    }

    #[test]
    fn what_a_library_asks_by_itself_does_not_count_and_what_hides_behind_it_does() {
        let asked = [
            statement("sql/set_option", "SET NAMES utf8mb4", 0),
            select("SELECT @@version , SCHEMA ( )", 1),
            statement("com/Execute", "SELECT @@version", 1),
            statement("sql/error", "", 0),
            statement("sql/begin", "BEGIN", 0),
        ];
        assert_eq!(judged(json!({ "count": { "eq": 0 } }), &asked), None);
        let one = |statement| Booked { text: "SELECT ?".to_owned(), ..statement };
        for hidden in [
            select("SELECT @@version , ( SELECT SUM ( a ) FROM t )", 1),
            select("SELECT @@version , ( TABLE t )", 1),
            select("SELECT f ( ? )", 2),
            // No more is kept of it.
            select(&"SELECT @@version , ".repeat(30), 1),
            select("", 1),
            // Refused before it was counted.
            Booked { failed: true, ..select("SELECT ?", 0) },
            one(select("SELECT a , ? FROM t", 1)),
            statement("sql/set_option", "SET @? = ( SELECT SUM ( a ) FROM t )", 500),
            statement("sql/set_option", "SET @? = ( TABLE t )", 0),
            statement("sql/set_option", "SET @? = f ( ? )", 1),
            statement("sql/do", "DO ( SELECT ? )", 0),
            statement("sql/create_table", "CREATE TEMPORARY TABLE t SELECT SUM ( a ) FROM s", 500),
            one(statement("com/Execute", "SELECT a FROM t WHERE id = ?", 1)),
            one(statement("sql/execute_sql", "DO f ( ? )", 1)),
        ] {
            let found = judged(json!({ "count": { "eq": 0 } }), std::slice::from_ref(&hidden));
            assert_eq!(found.as_deref(), Some("mysql executed 1 statement"), "{hidden:?}");
        }
    }

    #[test]
    fn the_rows_of_a_procedure_count_once() {
        let nested = |rows| Booked {
            nested: true,
            digest: String::new(),
            ..statement("sp/stmt", "SELECT a FROM t", rows)
        };
        let call = [
            statement("sql/call_procedure", "CALL p()", 0),
            nested(10),
            nested(20),
            select("SELECT f(1)", 11),
            nested(10),
        ];
        assert_eq!(judged(json!({ "rows_examined": { "eq": 31 } }), &call), None);
        let selects = judged(json!({ "commands": ["select"], "count": { "at_most": 1 } }), &call);
        assert_eq!(selects.as_deref(), Some("mysql executed 4 SELECT"));
    }

    #[test]
    fn what_is_expected_can_be_counted() {
        for (faulty, said) in [
            (json!({ "commands": ["SELECT"] }), "Nothing is expected"),
            (json!({ "commands": ["SHOW"], "count": { "eq": 1 } }), "\"SHOW\" are not counted"),
        ] {
            let faulty: Statements = serde_json::from_value(faulty).unwrap();
            let found = faulty.lint(&Variables::default()).unwrap_err();
            assert!(found.what.contains(said), "{found}");
        }
    }
}
