//! What MySQL has counted and booked of the statements that it was sent.
//!
//! The counters of its status count in any case; see "Server Status Variables" in MySQL's reference manual. The book, which
//! names each statement, is the performance schema's, where that is on: whoever is root of the server can keep
//! statements out of it. See "The events_statements_history_long Table" there.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{ACCOUNT, Mysql};
use crate::error::Result;

/// Kinds of statements that work on data, with the status variables that count them (`Com_…`).
pub const KINDS: [(&str, &[&str]); 9] = [
    ("SELECT", &["select"]),
    ("INSERT", &["insert", "insert_select"]),
    ("UPDATE", &["update", "update_multi"]),
    ("DELETE", &["delete", "delete_multi"]),
    ("REPLACE", &["replace", "replace_select"]),
    ("CALL", &["call_procedure"]),
    ("DO", &["do"]),
    ("HANDLER", &["ha_read"]),
    ("LOAD", &["load"]),
];
/// A `SET` with a query in it, which only the book tells from others.
pub const SET: &str = "SET";

/// How long a statement that goes on is waited for, and how often it is looked at.
const BOOKED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);
const HISTORY: &str = "performance_schema.events_statements_history_long";
const DIGESTS: &str = "performance_schema.events_statements_summary_by_digest";
/// Of a text that is as long the end may be missing.
const LONGEST: usize = 1024;

/// How much statements have done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Tally {
    /// How many were executed, of each kind; in procedures too.
    pub kinds: BTreeMap<&'static str, u64>,
    /// Rows that were read from tables and indexes.
    pub rows: u64,
    /// How often a table or an index was read from end to end in search of rows.
    pub scans: u64,
}

impl Tally {
    /// What has come on top of an earlier one.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let kind = |(kind, count): (&&'static str, &u64)| {
            (*kind, count.saturating_sub(earlier.kinds.get(kind).copied().unwrap_or_default()))
        };
        Self {
            kinds: self.kinds.iter().map(kind).collect(),
            rows: self.rows.saturating_sub(earlier.rows),
            scans: self.scans.saturating_sub(earlier.scans),
        }
    }

    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        let mut kinds = self.kinds.clone();
        for (kind, count) in &other.kinds {
            *kinds.entry(kind).or_default() += count;
        }
        Self { kinds, rows: self.rows + other.rows, scans: self.scans + other.scans }
    }
}

/// A statement as the performance schema books it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Booked {
    pub text: String,
    /// The event's name, behind `statement/`.
    pub event: String,
    pub connection: String,
    /// A procedure or trigger did it, and no client sent it. Its rows are all those of its procedure so far.
    pub nested: bool,
    pub rows_examined: u64,
    /// It read a table from end to end because it found no index for it. The server says so of reading statements alone.
    pub without_index: bool,
}

impl Booked {
    /// Which of the kinds it is.
    pub fn kind(&self) -> Option<&'static str> {
        let counted = self.event.strip_prefix("sql/").unwrap_or_default();
        if counted == "set_option" {
            return self.has_word("SELECT").then_some(SET);
        }
        let known = |(_, names): &&(&str, &[&str])| names.contains(&counted);
        if let Some((kind, _)) = KINDS.iter().find(known) {
            return Some(kind);
        }
        if !matches!(self.event.as_str(), "sql/execute_sql" | "com/Execute" | "sp/stmt") {
            return None;
        }
        let word = self.words().next().unwrap_or_default().to_ascii_uppercase();
        let word = if word == "WITH" || word == "TABLE" { "SELECT" } else { &word };
        KINDS.iter().map(|(kind, _)| *kind).find(|kind| *kind == word)
    }

    /// A question that libraries ask of their own accord, such as `SELECT @@version`: it names no table.
    pub fn asks_for_nothing(&self) -> bool {
        let named = ["FROM", "TABLE"].iter().any(|word| self.has_word(word));
        let read = self.rows_examined > 1 || self.without_index;
        !self.nested
            && self.kind() == Some("SELECT")
            && !named
            && !read
            && self.text.len() < LONGEST
    }

    fn words(&self) -> impl Iterator<Item = &str> {
        let apart = |c: char| !c.is_ascii_alphanumeric() && c != '_';
        self.text.split(apart).filter(|word| !word.is_empty())
    }

    fn has_word(&self, word: &str) -> bool {
        self.words().any(|w| w.eq_ignore_ascii_case(word))
    }
}

impl Mysql {
    /// What the server has counted of everybody's statements since its start. Asking counts too.
    pub async fn tally(&self) -> Result<Tally> {
        let status = self.all("SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' OR Variable_name IN ('Innodb_rows_read', 'Select_scan', 'Select_full_join')").await?;
        let counts: BTreeMap<String, u64> = status
            .iter()
            .filter_map(|row| {
                Some((row[0].as_str()?.to_lowercase(), row[1].as_str()?.parse().ok()?))
            })
            .collect();
        let count = |name: &str| counts.get(name).copied().unwrap_or_default();
        let kind = |(kind, names): &(&'static str, &[&str])| {
            (*kind, names.iter().map(|name| count(&format!("com_{name}"))).sum())
        };
        Ok(Tally {
            kinds: KINDS.iter().map(kind).collect(),
            rows: count("innodb_rows_read"),
            scans: count("select_scan") + count("select_full_join"),
        })
    }

    /// Whether it keeps a book of statements.
    pub async fn keeps_book(&self) -> Result<bool> {
        Ok(self.global("performance_schema").await?.as_deref() == Some("ON"))
    }

    /// Begins the book anew.
    pub async fn forget_statements(&self) -> Result<()> {
        self.do_all([HISTORY, DIGESTS].map(|table| format!("TRUNCATE {table}"))).await
    }

    /// The last statements, a thousand at most, in their order; none of the checker's account. One that was just answered is
    /// waited for: it is booked a moment later.
    pub async fn statements(&self) -> Result<Vec<Booked>> {
        let goes_on = format!(
            "SELECT COUNT(*) FROM performance_schema.events_statements_current \
             JOIN performance_schema.threads USING (THREAD_ID) \
             WHERE END_EVENT_ID IS NULL AND TYPE = 'FOREGROUND' AND PROCESSLIST_USER <> '{ACCOUNT}' \
             AND EVENT_NAME NOT LIKE 'statement/com/Binlog%'"
        );
        let deadline = Instant::now() + BOOKED_WITHIN;
        // One that waits for another may go on for ever.
        while self.texts(&goes_on).await? != ["0"] && Instant::now() < deadline {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let all = format!(
            "SELECT CONVERT(SQL_TEXT USING utf8mb4), SUBSTRING_INDEX(EVENT_NAME, '/', -2), THREAD_ID, \
             NESTING_EVENT_LEVEL, ROWS_EXAMINED, NO_INDEX_USED + NO_GOOD_INDEX_USED \
             FROM {HISTORY} ORDER BY TIMER_START"
        );
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = self.all(&all).await?;
        Ok(rows
            .iter()
            .map(|row| Booked {
                text: text(&row[0]),
                event: text(&row[1]),
                connection: text(&row[2]),
                nested: row[3] != "0",
                rows_examined: text(&row[4]).parse().unwrap_or_default(),
                without_index: row[5] != "0",
            })
            .collect())
    }

    /// A statement about the book itself, since it was begun: no program needs one.
    pub async fn meddled(&self) -> Result<Option<String>> {
        let about = format!(
            "SELECT COALESCE(DIGEST_TEXT, 'more kinds of statements than are booked') FROM {DIGESTS} \
             WHERE DIGEST_TEXT LIKE '%performance_schema%' OR DIGEST_TEXT LIKE '%`ps\\_%' \
             OR SCHEMA_NAME = 'performance_schema' OR DIGEST IS NULL"
        );
        Ok(self.texts(&about).await?.into_iter().next())
    }
}
