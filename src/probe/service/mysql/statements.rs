//! The book of statements that MySQL's performance schema keeps, where it is on. See "Performance Schema Statement Event
//! Tables" in MySQL's reference manual.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Mysql;
use crate::error::Result;
use crate::probe::fresh;

/// Statements about the performance schema that begin otherwise change it.
const READS: [&str; 5] = ["SELECT", "SHOW", "WITH", "TABLE", "EXPLAIN"];
/// How long a statement that goes on is waited for, and how often it is looked at.
const BOOKED_WITHIN: Duration = Duration::from_secs(1);
const LOOK_EVERY: Duration = Duration::from_millis(5);
/// Events that prepare a statement, or forget it.
const UNSENT: [&str; 4] = [
    "statement/sql/prepare_sql",
    "statement/sql/dealloc_sql",
    "statement/com/Prepare",
    "statement/com/Close stmt",
];
/// Where statements are booked one by one, and where by their kind.
const HISTORY: &str = "performance_schema.events_statements_history_long";
const KINDS: &str = "performance_schema.events_statements_summary_by_digest";

/// Marks what this checker sends to have nothing booked.
static MARK: LazyLock<String> = LazyLock::new(|| fresh::random("labs").replace('-', "_"));
/// Before the mark of a checker.
const MARKED: &str = "DO 0 -- ";

/// What has no further statement of a connection booked or counted, the first thing last, as the library does them. It is
/// not booked itself: the one before it tells whose the connection is. The mark is a name in it, by which its kind is the
/// checker's alone.
pub fn unbooked() -> Vec<String> {
    let mark = &*MARK;
    let unbooked = format!(
        "UPDATE performance_schema.threads AS {mark} SET INSTRUMENTED = 'NO', HISTORY = 'NO' \
         WHERE PROCESSLIST_ID = CONNECTION_ID()"
    );
    vec![unbooked, format!("{MARKED}{mark}")]
}

/// A statement as the performance schema books it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Booked {
    pub text: String,
    /// A procedure or trigger did it, and no client sent it.
    pub nested: bool,
    pub rows_examined: u64,
    /// It read a table from end to end because it found no index for it. The server says so of reading statements alone.
    pub without_index: bool,
}

impl Booked {
    /// Its first word, in capitals.
    pub fn word(&self) -> String {
        first_word(&self.text)
    }
}

/// Whose statements are not meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Clients {
    /// Those of this checker: of a twin, whose other clients are the program's, whatever they say they are.
    AllBut,
    /// Those of any checker.
    Learners,
}

/// The statements that a server has booked last, in their order.
#[derive(Debug, Default)]
pub struct Book {
    pub statements: Vec<Booked>,
    /// There may have been others before them.
    pub is_full: bool,
}

impl Mysql {
    /// The statements of clients that have been executed. One that was just answered is waited for: it is booked a
    /// moment later.
    pub async fn statements(&self, of: Clients) -> Result<Book> {
        let goes_on = "SELECT COUNT(*) FROM performance_schema.events_statements_current \
                       JOIN performance_schema.threads USING (THREAD_ID) \
                       WHERE END_EVENT_ID IS NULL AND TYPE = 'FOREGROUND' AND HISTORY = 'YES'";
        let deadline = Instant::now() + BOOKED_WITHIN;
        // One that waits for another may go on for ever.
        while self.texts(goes_on).await? != ["0"] && Instant::now() < deadline {
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let keeps = self.global("performance_schema_events_statements_history_long_size").await?;
        let keeps: usize = keeps.and_then(|size| size.parse().ok()).unwrap_or_default();
        let all = format!(
            "SELECT CONVERT(SQL_TEXT USING utf8mb4), EVENT_NAME, NESTING_EVENT_LEVEL, ROWS_EXAMINED, \
                   NO_INDEX_USED + NO_GOOD_INDEX_USED, THREAD_ID \
                   FROM {HISTORY} ORDER BY TIMER_START"
        );
        let rows = self.all(&all).await?;
        let became_quiet = |row: &&Value| match (row[0].as_str(), of) {
            (Some(text), Clients::AllBut) => text.strip_prefix(MARKED) == Some(&MARK),
            (Some(text), Clients::Learners) => text.starts_with(MARKED),
            (None, _) => false,
        };
        let quiet: Vec<&Value> = rows.iter().filter(became_quiet).map(|row| &row[5]).collect();
        let statements = rows.iter().filter_map(|row| {
            let text = row[0].as_str()?;
            if quiet.contains(&&row[5]) || UNSENT.iter().any(|name| row[1] == *name) {
                return None;
            }
            Some(Booked {
                text: text.to_owned(),
                nested: row[2] != "0",
                rows_examined: row[3]
                    .as_str()
                    .and_then(|rows| rows.parse().ok())
                    .unwrap_or_default(),
                without_index: row[4] != "0",
            })
        });
        Ok(Book { statements: statements.collect(), is_full: rows.len() >= keeps })
    }

    /// Begins the book anew.
    pub async fn forget_statements(&self) -> Result<()> {
        self.do_all([HISTORY, KINDS].map(|table| format!("TRUNCATE {table}"))).await
    }

    /// A statement that changed what is booked, since it was begun; none of this checker. What stops the booking is itself
    /// not in the book, but counted.
    pub async fn tampered(&self) -> Result<Option<String>> {
        let kinds = format!(
            "SELECT DIGEST_TEXT FROM {KINDS} WHERE DIGEST_TEXT LIKE '%performance_schema%' OR SCHEMA_NAME = 'performance_schema'"
        );
        let changes =
            |kind: &String| !kind.contains(&*MARK) && !READS.contains(&first_word(kind).as_str());
        Ok(self.texts(&kinds).await?.into_iter().find(changes))
    }
}

/// The first word of a statement, in capitals.
fn first_word(text: &str) -> String {
    let blank = ['(', ' ', '\t', '\r', '\n'];
    let mut text = text.trim_start_matches(blank);
    while let Some((_, after)) = text.strip_prefix("/*").and_then(|rest| rest.split_once("*/")) {
        text = after.trim_start_matches(blank);
    }
    text.chars().take_while(char::is_ascii_alphabetic).collect::<String>().to_uppercase()
}
