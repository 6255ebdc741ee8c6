//! What probes of MySQL ask beyond what every service can be asked: settings, connections of clients, its log, plans.

use mysql_async::Conn;
use mysql_async::prelude::Queryable;
use serde_json::Value;

use super::{ANSWER_TIMEOUT, CONNECT_TIMEOUT, Mysql, QUIET, row};
use crate::error::{Error, Result};
use crate::probe::service::gone;

/// The server refuses a value because numbers and texts are written in another way.
const WRONG_TYPE: u16 = 1232;

/// A variable and its value.
pub type Setting = (String, String);

/// Where a variable is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// In the running server.
    Global,
    /// In what the server starts with.
    Persisted,
}

/// A row of the slow-query log.
#[derive(Debug, Clone, PartialEq)]
pub struct Logged {
    pub statement: String,
    /// As the server measured it.
    pub seconds: f64,
}

impl Mysql {
    /// A connection as any client has it: with the settings that the server gives to new ones.
    ///
    /// # Errors
    /// The server does not take it.
    pub async fn client(&self) -> Result<Conn> {
        let opened = tokio::time::timeout(CONNECT_TIMEOUT, Conn::new(self.options.clone())).await;
        let opened = opened.map_err(|_| gone(&self.name, "it takes no new connection"))?;
        opened.map_err(|error| gone(&self.name, error))
    }

    /// A connection of its own that is quiet as the others are.
    ///
    /// # Errors
    /// As [`Mysql::client`].
    pub async fn quiet(&self) -> Result<Conn> {
        let mut client = self.client().await?;
        self.send(&mut client, QUIET).await?;
        Ok(client)
    }

    /// Sends a statement over a connection of a client.
    ///
    /// # Errors
    /// The server refuses, or does not answer in time.
    pub async fn send(&self, client: &mut Conn, statement: &str) -> Result<()> {
        match tokio::time::timeout(ANSWER_TIMEOUT, client.query_drop(statement)).await {
            Ok(sent) => sent.map_err(|error| gone(&self.name, error)),
            Err(_) => Err(gone(&self.name, format!("no answer to {statement}"))),
        }
    }

    /// One statement that must succeed.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn demanded(&self, statement: &str) -> Result<()> {
        self.all(statement).await.map(drop)
    }

    /// The value of a global variable; `None` if there is none of that name.
    pub async fn global(&self, variable: &str) -> Result<Option<String>> {
        let shown = self.all(&format!("SHOW GLOBAL VARIABLES LIKE '{variable}'")).await?;
        Ok(shown.first().and_then(|row| row[1].as_str()).map(str::to_owned))
    }

    /// What the server starts with beyond its configuration.
    pub async fn persisted(&self) -> Result<Vec<Setting>> {
        let rows = self.all("SELECT * FROM performance_schema.persisted_variables").await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        Ok(rows.iter().map(|row| (text(&row[0]), text(&row[1]))).collect())
    }

    /// Sets a variable to a value as the server shows it.
    ///
    /// # Errors
    /// The server refuses.
    pub async fn set(&self, scope: Scope, variable: &str, value: &str) -> Result<()> {
        let scope = match scope {
            Scope::Global => "GLOBAL",
            Scope::Persisted => "PERSIST_ONLY",
        };
        let quoted = value.replace('\\', "\\\\").replace('\'', "''");
        let statement = format!("SET {scope} `{variable}` = '{quoted}'");
        match self.rows(&statement).await? {
            // Numbers are not taken as text.
            Err(refused) if refused.contains(&WRONG_TYPE.to_string()) => {
                self.all(&format!("SET {scope} `{variable}` = {value}")).await.map(drop)
            }
            Err(refused) => {
                Err(Error::infrastructure(format!("{} refused {statement}", self.name))
                    .because(refused))
            }
            Ok(_) => Ok(()),
        }
    }

    /// Forgets everything that was persisted.
    pub async fn unpersist(&self) -> Result<()> {
        self.all("RESET PERSIST").await.map(drop)
    }

    /// What a connection has in the slow-query log, the table.
    pub async fn slow_log(&self, connection: u32) -> Result<Vec<Logged>> {
        let statement = format!(
            "SELECT CONVERT(sql_text USING utf8mb4), TIME_TO_SEC(query_time) + MICROSECOND(query_time) / 1e6 \
             FROM mysql.slow_log WHERE thread_id = {connection}"
        );
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let rows = self.all(&statement).await?;
        Ok(rows
            .iter()
            .map(|row| Logged {
                statement: text(&row[0]),
                seconds: text(&row[1]).parse().unwrap_or_default(),
            })
            .collect())
    }

    /// The plan of a statement that reads, with what each step of it really read.
    pub async fn plan(&self, statement: &str) -> Result<std::result::Result<Value, String>> {
        let rows = match self.rows(&format!("EXPLAIN ANALYZE FORMAT=JSON {statement}")).await? {
            Ok(rows) => rows,
            Err(refused) => return Ok(Err(refused)),
        };
        let text = rows.into_iter().next().map(row).unwrap_or_default();
        let plan = serde_json::from_str(text[0].as_str().unwrap_or_default());
        plan.map(Ok).map_err(|error| gone(&self.name, error))
    }
}
