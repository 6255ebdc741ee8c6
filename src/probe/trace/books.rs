//! What a Redis server has counted itself: `INFO commandstats`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::scene::Scene;
use crate::probe::service::{Answer, commandstats};
use crate::template::Variables;

/// How often commands have been called since the server's data is there.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Books {
    pub on: String,
    /// Commands that count, in lower case; their calls are added up.
    pub commands: Vec<String>,
    pub calls: Matcher,
}

impl Books {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.calls.lint(variables)
    }

    pub async fn observe(&self, scene: &Scene<'_>) -> Result<Finding> {
        let service = scene.service(&self.on).await?;
        let info = match service.ask(&["INFO", "commandstats"]).await? {
            Answer::Value(info) => info,
            Answer::Refused(message) => {
                let mut evidence = self.evidence(format!("{} refuses to show its books", self.on));
                evidence.observed = Some(message);
                return Ok(evidence.fail("service-broken"));
            }
        };
        // What it had counted before it was restarted counts as well.
        let (counted, kept) = (commandstats(&info), scene.services.kept_books(&self.on));
        let both = kept.into_iter().flatten().chain(&counted);
        let calls: u64 = both.filter(|(command, _)| self.counts(command)).map(|(_, n)| n).sum();
        let Some(mismatch) = self.calls.resolve(scene.variables)?.compare(&Value::from(calls))
        else {
            return Ok(Finding::PASS);
        };
        let summary =
            format!("{} has counted {calls} calls of {}", self.on, self.commands.join(", "));
        Ok(self.evidence(summary).mismatch(mismatch).fail("commands"))
    }

    fn evidence(&self, summary: String) -> Evidence {
        let mut evidence = Evidence::new(summary).sent(["INFO commandstats".to_owned()]);
        evidence.reproduce =
            Some(format!("labs exec workbench -- redis-cli -h {} INFO commandstats", self.on));
        evidence
    }

    fn counts(&self, command: &str) -> bool {
        self.commands.iter().any(|c| c.eq_ignore_ascii_case(command))
    }
}
