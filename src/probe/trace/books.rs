//! What a Redis server has counted itself: `INFO commandstats`.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::Result;
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::scene::Scene;
use crate::probe::service::Answer;
use crate::template::Variables;

/// How often commands have been called since the server started.
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
        let stats = info.as_str().unwrap_or_default();
        let calls: u64 =
            stats.lines().filter_map(counted).filter(|(c, _)| self.counts(c)).map(|(_, n)| n).sum();
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

/// `cmdstat_lmove:calls=2,usec=…` → (`lmove`, 2). Rejected calls did nothing and are not counted as calls.
fn counted(line: &str) -> Option<(&str, u64)> {
    let (command, fields) = line.strip_prefix("cmdstat_")?.split_once(':')?;
    let field = |name: &str| {
        fields
            .split(',')
            .find_map(|f| f.strip_prefix(name)?.strip_prefix('=')?.trim().parse::<u64>().ok())
    };
    Some((command, field("calls")?.saturating_sub(field("failed_calls").unwrap_or(0))))
}

#[cfg(test)]
mod tests {
    use super::counted;

    #[test]
    fn failed_calls_do_not_count() {
        let line =
            "cmdstat_lmove:calls=3,usec=9,usec_per_call=3.00,rejected_calls=1,failed_calls=1";
        assert_eq!(counted(line), Some(("lmove", 2)));
        assert_eq!(counted("# Commandstats"), None);
    }
}
