//! MySQL. The session's statements are not in the binary log and never in the slow-query log.

mod asked;
mod statements;

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use mysql_async::prelude::Queryable;
use mysql_async::{Conn, OptsBuilder, Pool, PoolConstraints, PoolOpts, Row};
use serde_json::Value;

use super::bounded::{MAX_ANSWER, TOO_LONG};
use super::{Answer, Service, down, gone};
use crate::digest;
use crate::error::Result;
use crate::probe::fresh;
use crate::term::shell_line;

pub use asked::{Logged, Scope};
pub use statements::{Booked, KINDS, Tally};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER_TIMEOUT: Duration = Duration::from_secs(30);
/// A connection that nobody asks over is closed then.
const IDLE_FOR: Duration = Duration::from_secs(60);
/// In seconds: after so long without a question a connection may have been closed.
const WAIT_TIMEOUT: usize = 28800;
/// Askers at the same time.
const CONNECTIONS: usize = 4;

/// The checker's own account, which the image makes: the learner's may change.
const ACCOUNT: &str = "labs";
const PASSWORD: &str = "labs";
/// What makes a connection quiet: it is in no binary or general log, and the rows it examines are never enough for the
/// slow-query log.
const QUIET: &str = "SET SESSION sql_log_bin = 0, sql_log_off = 1, min_examined_row_limit = 4294967295, time_zone = '+00:00', \
                     explain_json_format_version = 2";

/// Schemas of the server itself.
const OWN_SCHEMAS: &str = "('mysql', 'sys', 'information_schema', 'performance_schema')";
/// Those that the image makes.
const OWN_ACCOUNTS: &str = "('root', 'labs', 'mysql.infoschema', 'mysql.session', 'mysql.sys')";
/// Who may do what.
const RIGHTS: &str = "CHECKSUM TABLE mysql.user, mysql.db, mysql.tables_priv, mysql.columns_priv, mysql.procs_priv, \
                      mysql.global_grants, mysql.role_edges, mysql.default_roles";

/// Whom it follows.
const REPLICATION: &str =
    "SELECT * FROM performance_schema.replication_connection_configuration ORDER BY channel_name";
/// What of statements is booked, where anything is.
const BOOKED: &str = "SELECT NAME, ENABLED FROM performance_schema.setup_consumers \
                      UNION ALL SELECT NAME, ENABLED FROM performance_schema.setup_instruments WHERE NAME LIKE 'statement/%' \
                      UNION ALL SELECT CONCAT_WS('@', USER, HOST, ROLE), CONCAT(ENABLED, HISTORY) FROM performance_schema.setup_actors \
                      ORDER BY 1, 2";
/// Variables that change by themselves: they count transactions, which the digest has and a wipe need not undo.
const MOVING: &str = "('gtid_executed', 'gtid_purged')";
/// What the server has logged. A throttled slow-query log counts statements without an index also of quiet sessions,
/// and says in a line of its own how many it left out: not the learner's.
const LOGS: [&str; 2] = [
    "SELECT COUNT(*) FROM mysql.slow_log WHERE sql_text NOT LIKE 'throttle:%'",
    "SELECT COUNT(*) FROM mysql.general_log",
];
/// Definitions that are no tables.
const PROGRAMS: [&str; 4] = [
    "SELECT routine_schema, routine_name, routine_definition FROM information_schema.routines \
     WHERE routine_schema <> 'sys' ORDER BY 1, 2",
    "SELECT trigger_schema, trigger_name, action_statement FROM information_schema.triggers \
     WHERE trigger_schema <> 'sys' ORDER BY 1, 2",
    "SELECT event_schema, event_name, event_definition, status FROM information_schema.events ORDER BY 1, 2",
    "SELECT table_schema, table_name, view_definition FROM information_schema.views \
     WHERE table_schema <> 'sys' ORDER BY 1, 2",
];

/// A few connections that several askers share.
pub struct Mysql {
    name: String,
    pool: Pool,
    options: OptsBuilder,
    /// The numbers of its connections, since the server was started.
    own: Mutex<BTreeSet<u32>>,
}

impl Mysql {
    /// # Errors
    /// Nothing answers at the address within five seconds, or the checker's account is gone.
    pub async fn connect(name: &str, address: SocketAddr) -> Result<Self> {
        let constraints = PoolConstraints::new(0, CONNECTIONS).unwrap_or_default();
        let options = OptsBuilder::default()
            .ip_or_hostname(address.ip().to_string())
            .tcp_port(address.port())
            .user(Some(ACCOUNT))
            .pass(Some(PASSWORD))
            // Nothing larger is taken in one piece.
            .max_allowed_packet(Some(MAX_ANSWER))
            // Said, so that nobody has to ask the server for it.
            .wait_timeout(Some(WAIT_TIMEOUT))
            .prefer_socket(false);
        let quiet = options.clone().setup(vec![QUIET]).pool_opts(
            PoolOpts::default()
                .with_constraints(constraints)
                // See `rows`.
                .with_reset_connection(false)
                // Without it none is kept.
                .with_inactive_connection_ttl(IDLE_FOR),
        );
        let session =
            Self { name: name.to_owned(), pool: Pool::new(quiet), options, own: Mutex::default() };
        match tokio::time::timeout(CONNECT_TIMEOUT, session.pool.get_conn()).await {
            Ok(Ok(_)) => Ok(session),
            Ok(Err(error)) => Err(down(name, address, error)),
            Err(_) => {
                let why = format!("no connection within {} s", CONNECT_TIMEOUT.as_secs());
                Err(down(name, address, why))
            }
        }
    }

    /// The rows of the first result, or why the server refused.
    async fn rows(&self, statement: &str) -> Result<std::result::Result<Vec<Row>, String>> {
        self.answered(async {
            let mut connection: Conn = self.pool.get_conn().await?;
            self.own.lock().unwrap_or_else(PoisonError::into_inner).insert(connection.id());
            let read = self.read(&mut connection, statement).await;
            // The pool would do it at a time of its own, and what it sends for it counts.
            let reset = connection.reset().await;
            let rows = read?;
            reset.map(|_| rows)
        })
        .await
    }

    /// The rows of the first result.
    async fn read(
        &self,
        connection: &mut Conn,
        statement: &str,
    ) -> std::result::Result<Vec<Row>, mysql_async::Error> {
        let id = connection.id();
        let mut answer = connection.query_iter(statement).await?;
        let (mut rows, mut bytes) = (Vec::new(), 0);
        while let Some(row) = answer.next().await? {
            bytes += size(&row);
            if bytes > MAX_ANSWER {
                // The library would read the rest before it lets go of the connection.
                let mut other = Conn::new(self.options.clone()).await?;
                other.query_drop(format!("KILL CONNECTION {id}")).await?;
                return Err(mysql_async::Error::Other(Box::new(TooLong)));
            }
            rows.push(row);
        }
        answer.drop_result().await?;
        Ok(rows)
    }

    /// What comes of a statement in time, or why the server refused.
    async fn answered<T>(
        &self,
        work: impl Future<Output = std::result::Result<T, mysql_async::Error>>,
    ) -> Result<std::result::Result<T, String>> {
        match tokio::time::timeout(ANSWER_TIMEOUT, work).await {
            Ok(Ok(rows)) => Ok(Ok(rows)),
            Ok(Err(mysql_async::Error::Server(refused))) => Ok(Err(refused.to_string())),
            Ok(Err(mysql_async::Error::Other(why))) if why.is::<TooLong>() => {
                Ok(Err(why.to_string()))
            }
            Ok(Err(error)) => Err(gone(&self.name, error)),
            Err(_) => {
                Err(gone(&self.name, format!("no answer within {} s", ANSWER_TIMEOUT.as_secs())))
            }
        }
    }

    /// What a statement that must succeed answers, as rows of values.
    async fn all(&self, statement: &str) -> Result<Vec<Value>> {
        match (self as &dyn Service).demand(&[statement]).await? {
            Value::Array(rows) => Ok(rows),
            _ => Ok(Vec::new()),
        }
    }

    /// The first column of an answer.
    async fn texts(&self, statement: &str) -> Result<Vec<String>> {
        let text = |row: Value| row[0].as_str().map_or_else(|| row[0].to_string(), str::to_owned);
        Ok(self.all(statement).await?.into_iter().map(text).collect())
    }

    async fn do_all(&self, statements: impl IntoIterator<Item = String>) -> Result<()> {
        for statement in statements {
            self.all(&statement).await?;
        }
        Ok(())
    }

    /// The tables that are not the server's own, as they are written in a statement.
    async fn tables(&self) -> Result<Vec<String>> {
        let statement = format!(
            "SELECT CONCAT('`', REPLACE(table_schema, '`', '``'), '`.`', REPLACE(table_name, '`', '``'), '`') \
             FROM information_schema.tables \
             WHERE table_type = 'BASE TABLE' AND table_schema NOT IN {OWN_SCHEMAS} ORDER BY 1"
        );
        self.texts(&statement).await
    }
}

#[async_trait]
impl Service for Mysql {
    fn name(&self) -> &str {
        &self.name
    }

    /// One statement; the answer is a list of rows, each a list of values.
    async fn ask(&self, words: &[&str]) -> Result<Answer> {
        Ok(answer(self.rows(&words.join(" ")).await?))
    }

    async fn ask_as_client(&self, words: &[&str]) -> Result<Answer> {
        let mut client = self.client().await?;
        let statement = words.join(" ");
        Ok(answer(self.answered(self.read(&mut client, &statement)).await?))
    }

    /// Closed connections are replaced when one is needed.
    async fn is_open(&self) -> bool {
        true
    }

    /// As [`Service::is_open`]. A server that was started numbers its connections anew.
    async fn renew(&self) -> Result<()> {
        self.own.lock().unwrap_or_else(PoisonError::into_inner).clear();
        Ok(())
    }

    fn reproduce(&self, words: &[String]) -> String {
        format!("mysql -h {} -u root -plabs -e {}", self.name, shell_line(&[words.join(" ")]))
    }

    async fn is_genuine(&self) -> Result<bool> {
        let nonce = fresh::random("nonce");
        let backwards: String = nonce.chars().rev().collect();
        // MariaDB, which has MySQL's protocol, has no such function.
        let ask = format!("SELECT REVERSE('{nonce}'), UUID_TO_BIN(UUID()) IS NOT NULL");
        Ok(match self.ask(&[&ask]).await? {
            Answer::Value(rows) => rows[0][0] == backwards,
            Answer::Refused(_) => false,
        })
    }

    /// Definitions (with the next `AUTO_INCREMENT`), rows, transactions that were logged, and configuration.
    async fn digest(&self) -> Result<String> {
        let mut parts = vec![self.fingerprint().await?];
        parts.extend(self.texts("SELECT @@GLOBAL.gtid_executed").await?);
        for programs in PROGRAMS {
            parts.extend(self.texts_of(programs).await?);
        }
        for table in self.tables().await? {
            parts.extend(self.texts_of(&format!("SHOW CREATE TABLE {table}")).await?);
            parts.extend(self.texts_of(&format!("CHECKSUM TABLE {table}")).await?);
        }
        for counted in LOGS {
            parts.extend(self.texts_of(counted).await?);
        }
        Ok(digest::sha256(parts.join("\n")))
    }

    async fn forget_books(&self) -> Result<()> {
        self.forget_statements(&mut self.quiet().await?).await
    }

    async fn wipe(&self) -> Result<()> {
        self.stop_replicating().await?;
        self.kill_others().await?;
        self.set_back().await?;
        let schemas = format!(
            "SELECT CONCAT('DROP DATABASE `', REPLACE(schema_name, '`', '``'), '`') \
             FROM information_schema.schemata WHERE schema_name NOT IN {OWN_SCHEMAS}"
        );
        self.do_all(self.texts(&schemas).await?).await?;
        // Slow, and without any transaction there is nothing to forget.
        if self.texts("SELECT @@GLOBAL.gtid_executed").await? != [""] {
            self.demanded("RESET BINARY LOGS AND GTIDS").await?;
        }
        let logs = ["TRUNCATE mysql.slow_log", "TRUNCATE mysql.general_log"];
        self.do_all(logs.map(str::to_owned)).await?;
        self.forget_books().await
    }

    /// Global variables, what is kept of them, who may do what, and whom it follows.
    async fn fingerprint(&self) -> Result<String> {
        let mut parts = Vec::new();
        let variables = format!("SHOW GLOBAL VARIABLES WHERE variable_name NOT IN {MOVING}");
        let persisted = "SELECT * FROM performance_schema.persisted_variables ORDER BY 1";
        for statement in [&variables, persisted, RIGHTS, REPLICATION, BOOKED] {
            parts.extend(self.texts_of(statement).await?);
        }
        Ok(parts.join("\n"))
    }

    async fn writes(&self) -> Result<i64> {
        let status = self.all("SHOW GLOBAL STATUS LIKE 'Innodb_rows_%'").await?;
        let counts = |row: &&Value| {
            ["inserted", "updated", "deleted"]
                .iter()
                .any(|what| row[0].as_str().is_some_and(|name| name.to_lowercase().ends_with(what)))
        };
        Ok(status
            .iter()
            .filter(counts)
            .filter_map(|row| row[1].as_str()?.parse::<i64>().ok())
            .sum())
    }

    async fn setting(&self, name: &str) -> Result<Option<String>> {
        self.global(name).await
    }

    async fn configure(&self, name: &str, value: &str) -> Result<()> {
        self.set(Scope::Global, name, value).await
    }

    /// A global variable.
    async fn copy(&self, variable: &str, to: &dyn Service) -> Result<()> {
        let to = to.of::<Self>()?;
        if let Some(value) = self.global(variable).await? {
            to.set(Scope::Global, variable, &value).await?;
        }
        Ok(())
    }
}

impl Mysql {
    /// Ends the connections of others, whatever account they are of: one that goes on would write into what was emptied.
    async fn kill_others(&self) -> Result<()> {
        for row in self.all("SHOW PROCESSLIST").await? {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let (id, user) = (text(&row[0]), text(&row[1]));
            let is_own = id.parse().is_ok_and(|id| {
                self.own.lock().unwrap_or_else(PoisonError::into_inner).contains(&id)
            });
            if !is_own && !["system user", "event_scheduler"].contains(&user.as_str()) {
                // It may have ended by itself meanwhile.
                self.rows(&format!("KILL {id}")).await?.ok();
            }
        }
        Ok(())
    }

    /// Makes a replica a server of its own, which takes writes.
    async fn stop_replicating(&self) -> Result<()> {
        // The second is turned off with the first only in that order.
        self.demanded("SET GLOBAL super_read_only = OFF, GLOBAL read_only = OFF").await?;
        if self.all(REPLICATION).await?.is_empty() {
            return Ok(());
        }
        self.do_all(["STOP REPLICA", "RESET REPLICA ALL"].map(str::to_owned)).await
    }

    /// Takes back what was set in the running server and for its next start, and the accounts that are not the image's. What
    /// cannot be taken back so, the fingerprint shows.
    async fn set_back(&self) -> Result<()> {
        let changed = "SELECT CONCAT('SET GLOBAL `', VARIABLE_NAME, '` = DEFAULT') FROM performance_schema.variables_info \
                       WHERE VARIABLE_SOURCE = 'DYNAMIC'";
        for statement in self.texts(changed).await? {
            // Some are set as long as the server runs.
            self.rows(&statement).await?.ok();
        }
        self.unpersist().await?;
        let strangers = format!(
            "SELECT CONCAT('DROP USER ', QUOTE(user), '@', QUOTE(host)) FROM mysql.user WHERE user NOT IN {OWN_ACCOUNTS}"
        );
        self.do_all(self.texts(&strangers).await?).await
    }

    /// Each row of an answer as one text.
    async fn texts_of(&self, statement: &str) -> Result<Vec<String>> {
        Ok(self.all(statement).await?.iter().map(Value::to_string).collect())
    }
}

/// More than is read of one answer.
#[derive(Debug, thiserror::Error)]
#[error("{TOO_LONG}")]
struct TooLong;

/// How much memory a row takes, about.
fn size(row: &Row) -> usize {
    let values = (0..row.len()).filter_map(|n| row.as_ref(n));
    let bytes = |value: &mysql_async::Value| match value {
        mysql_async::Value::Bytes(bytes) => bytes.len(),
        _ => 0,
    };
    values.map(|value| size_of_val(value) + bytes(value)).sum()
}

fn answer(answered: std::result::Result<Vec<Row>, String>) -> Answer {
    match answered {
        Ok(rows) => Answer::Value(rows.into_iter().map(row).collect()),
        Err(refused) => Answer::Refused(refused),
    }
}

fn row(row: Row) -> Value {
    row.unwrap_raw().into_iter().map(|value| value.map_or(Value::Null, to_json)).collect()
}

/// A value of the text protocol: everything but NULL comes as text.
fn to_json(value: mysql_async::Value) -> Value {
    use mysql_async::Value as M;
    match value {
        M::NULL => Value::Null,
        M::Bytes(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
        M::Int(n) => n.into(),
        M::UInt(n) => n.into(),
        M::Float(n) => n.into(),
        M::Double(n) => n.into(),
        other => other.as_sql(true).into(),
    }
}
