//! What MySQL has counted and booked of the statements that it was sent.
//!
//! The counters of its status count in any case; see "Server Status Variables" in MySQL's reference manual. The book, which
//! names each statement, is the performance schema's, where that is on: whoever is root of the server can keep
//! statements out of it. See "The events_statements_history_long Table" there.

use std::collections::BTreeMap;

use mysql_async::Conn;
use serde_json::Value;

use super::{ACCOUNT, Mysql, row};
use crate::error::Result;
use crate::probe::service::gone;

/// Kinds of statements that work on data, with the status variables that count them (`Com_…`).
pub const KINDS: [(&str, &[&str]); 11] = [
    ("SELECT", &["select"]),
    ("INSERT", &["insert", "insert_select"]),
    ("UPDATE", &["update", "update_multi"]),
    ("DELETE", &["delete", "delete_multi"]),
    ("REPLACE", &["replace", "replace_select"]),
    ("CALL", &["call_procedure"]),
    ("DO", &["do"]),
    ("HANDLER", &["ha_read"]),
    ("LOAD", &["load"]),
    ("CREATE", &["create_table"]),
    ("SET", &["set_option"]),
];

const HISTORY: &str = "performance_schema.events_statements_history_long";
/// Of a digest that is as long the end may be missing: 1024 bytes of it are kept, two or more of each word or sign.
const LONGEST: usize = 512;

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
    /// Its words as the server has read them, without comments and values; nothing of what is nested.
    pub digest: String,
    /// The event's name, behind `statement/`.
    pub event: String,
    pub connection: String,
    /// A procedure or trigger did it, and no client sent it. Its rows are all those of its procedure so far.
    pub nested: bool,
    pub failed: bool,
    pub rows_examined: u64,
    /// It read a table from end to end because it found no index for it. The server says so of reading statements alone.
    pub without_index: bool,
}

impl Booked {
    /// Which of the kinds it is.
    pub fn kind(&self) -> Option<&'static str> {
        let counted = self.event.strip_prefix("sql/").unwrap_or_default();
        let known = |(_, names): &&(&str, &[&str])| names.contains(&counted);
        if let Some((kind, _)) = KINDS.iter().find(known) {
            return Some(kind);
        }
        if !matches!(self.event.as_str(), "sql/execute_sql" | "com/Execute" | "sp/stmt") {
            return None;
        }
        let read = if self.nested { &self.text } else { &self.digest };
        let word = words(read).find(|word| *word != "EXECUTE")?.to_ascii_uppercase();
        let word = match word.as_str() {
            "WITH" | "TABLE" | "VALUES" => "SELECT",
            word => word,
        };
        KINDS.iter().map(|(kind, _)| *kind).find(|kind| *kind == word)
    }

    /// What libraries send of their own accord, such as `SELECT @@version` or `SET NAMES utf8mb4`: it names no table, and
    /// reads none in a function.
    pub fn asks_for_nothing(&self) -> bool {
        // A SELECT without a table has examined one row.
        let least = match self.kind() {
            Some("SELECT") => 1,
            Some("SET") => 0,
            _ => return false,
        };
        // What is refused may not be counted.
        !self.failed
            && self.rows_examined <= least
            && (1..LONGEST).contains(&self.digest.len())
            && !words(&self.digest).any(|word| matches!(word, "FROM" | "TABLE"))
    }
}

fn words(text: &str) -> impl Iterator<Item = &str> {
    let apart = |c: char| !c.is_ascii_alphanumeric() && c != '_';
    text.split(apart).filter(|word| !word.is_empty())
}

impl Mysql {
    /// What the server has counted of everybody's statements since its start. Asking counts too.
    pub async fn tally(&self, over: &mut Conn) -> Result<Tally> {
        let status = self.all_over(over, "SHOW GLOBAL STATUS WHERE Variable_name LIKE 'Com\\_%' OR Variable_name IN ('Innodb_rows_read', 'Select_scan', 'Select_full_join')").await?;
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
    pub async fn forget_statements(&self, over: &mut Conn) -> Result<()> {
        self.send(over, &format!("TRUNCATE {HISTORY}")).await
    }

    /// Whether a statement goes on, none of the checker's account: it is booked at its end.
    pub async fn is_asked(&self, over: &mut Conn) -> Result<bool> {
        let goes_on = format!(
            "SELECT COUNT(*) FROM performance_schema.events_statements_current \
             JOIN performance_schema.threads USING (THREAD_ID) \
             WHERE END_EVENT_ID IS NULL AND TYPE = 'FOREGROUND' AND PROCESSLIST_USER <> '{ACCOUNT}' \
             AND EVENT_NAME NOT LIKE 'statement/com/Binlog%'"
        );
        Ok(self.all_over(over, &goes_on).await?.first().is_some_and(|row| row[0] != "0"))
    }

    /// The last statements, a thousand at most, in their order; none of the checker's account.
    pub async fn book(&self, over: &mut Conn) -> Result<Vec<Booked>> {
        let all = format!(
            "SELECT CONVERT(SQL_TEXT USING utf8mb4), DIGEST_TEXT, SUBSTRING_INDEX(EVENT_NAME, '/', -2), THREAD_ID, \
             NESTING_EVENT_LEVEL, ERRORS, ROWS_EXAMINED, NO_INDEX_USED + NO_GOOD_INDEX_USED \
             FROM {HISTORY} ORDER BY TIMER_START"
        );
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = self.all_over(over, &all).await?;
        Ok(rows
            .iter()
            .map(|row| Booked {
                text: text(&row[0]),
                digest: text(&row[1]),
                event: text(&row[2]),
                connection: text(&row[3]),
                nested: row[4] != "0",
                failed: row[5] != "0",
                rows_examined: text(&row[6]).parse().unwrap_or_default(),
                without_index: row[7] != "0",
            })
            .collect())
    }

    async fn all_over(&self, over: &mut Conn, statement: &str) -> Result<Vec<Value>> {
        let rows = self.answered(self.read(over, statement)).await?;
        rows.map(|rows| rows.into_iter().map(row).collect()).map_err(|why| gone(&self.name, why))
    }
}
