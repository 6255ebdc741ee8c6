//! How MySQL executes a statement: what `EXPLAIN ANALYZE` says it really read.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::scene::Scene;
use crate::probe::service::Mysql;
use crate::probe::state::reads;
use crate::template::Variables;

/// A statement that reads, executed once on the learner's service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    pub on: String,
    pub statement: String,
    /// Whether a table or an index may be read from end to end.
    #[serde(default)]
    pub full_scan: bool,
    /// How many rows it reads from tables and indexes, all together.
    pub rows_examined: Option<Matcher>,
    /// The names of the indexes it reads, in the order of the plan; a primary key is `PRIMARY`.
    pub indexes: Option<Matcher>,
    /// Whether all that it needs stands in the indexes it reads, so that no row is fetched.
    pub covering: Option<bool>,
}

/// One step of a plan that reads a table.
#[derive(Debug, PartialEq)]
struct Read {
    operation: String,
    rows: f64,
    full: bool,
    index: Option<String>,
    covering: bool,
}

impl Plan {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let statement = variables.render(&self.statement)?;
        if !reads::statement(&statement) {
            return Err(Error::usage(format!("A plan executes {statement}"))
                .because("it is not known to only read"));
        }
        let matchers = self.rows_examined.iter().chain(&self.indexes);
        matchers.into_iter().try_for_each(|matcher| matcher.lint_without_service(variables))
    }

    pub async fn observe(&self, scene: &Scene<'_>) -> Result<Finding> {
        let statement = scene.variables.render(&self.statement)?;
        let service = scene.service(&self.on).await?;
        let mysql = service.of::<Mysql>()?;
        let evidence = |summary: String| {
            let mut evidence = Evidence::new(summary).sent([statement.clone()]);
            let ask = [format!("EXPLAIN ANALYZE FORMAT=TREE {statement}")];
            let line = service.reproduce(&ask);
            evidence.reproduce = Some(format!("labs exec workbench -- {line}"));
            evidence
        };
        let plan = match mysql.plan(&statement).await? {
            Ok(plan) => plan,
            Err(refused) => {
                let mut evidence = evidence(format!("{} refuses the statement", self.on));
                evidence.observed = Some(refused);
                return Ok(evidence.fail("refused"));
            }
        };
        let mut steps = Vec::new();
        collect(&plan, &mut steps);
        let history = || steps.iter().map(|s| format!("{} rows  {}", s.rows, s.operation));
        if let Some(step) = steps.iter().find(|step| step.full).filter(|_| !self.full_scan) {
            let mut evidence =
                evidence(format!("The statement reads all there is: {}", step.operation));
            evidence.history = history().collect();
            return Ok(evidence.fail("full-scan"));
        }
        let rows: f64 = steps.iter().map(|step| step.rows).sum();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
        let rows = rows.round() as u64;
        if let Some(matcher) = &self.rows_examined
            && let Some(mismatch) = matcher.resolve(scene.variables)?.compare(&Value::from(rows))
        {
            let mut evidence =
                evidence(format!("The statement reads {rows} rows")).mismatch(mismatch);
            evidence.history = history().collect();
            return Ok(evidence.fail("rows"));
        }
        let indexes: Vec<&str> = steps.iter().filter_map(|step| step.index.as_deref()).collect();
        if let Some(matcher) = &self.indexes
            && let Some(mismatch) =
                matcher.resolve(scene.variables)?.compare(&Value::from(indexes.clone()))
        {
            let mut evidence = evidence(match indexes[..] {
                [] => "The statement reads no index".to_owned(),
                _ => format!("The statement reads the indexes {}", indexes.join(", ")),
            });
            evidence.history = history().collect();
            return Ok(evidence.mismatch(mismatch).fail("index"));
        }
        let fetching = steps.iter().find(|step| !step.covering);
        if self.covering.is_some_and(|covering| covering == fetching.is_some()) {
            let summary = match fetching {
                Some(step) => format!("The rows themselves are fetched: {}", step.operation),
                None => "No row is fetched: all that it needs is in the indexes".to_owned(),
            };
            let mut evidence = evidence(summary);
            evidence.history = history().collect();
            return Ok(evidence.fail("index"));
        }
        Ok(Finding::PASS)
    }
}

/// The steps that read tables, wherever they are in the plan. A temporary table is none.
fn collect(plan: &Value, steps: &mut Vec<Read>) {
    match plan {
        Value::Array(items) => items.iter().for_each(|item| collect(item, steps)),
        Value::Object(map) => {
            if map.contains_key("schema_name") && map.contains_key("table_name") {
                let text = |key: &str| map.get(key).and_then(Value::as_str).unwrap_or_default();
                let number = |key: &str| map.get(key).and_then(Value::as_f64).unwrap_or_default();
                steps.push(Read {
                    operation: text("operation").to_owned(),
                    rows: number("actual_rows") * number("actual_loops"),
                    full: ["table", "count_rows"].contains(&text("access_type"))
                        || text("index_access_type") == "index_scan",
                    index: map.get("index_name").and_then(Value::as_str).map(str::to_owned),
                    covering: map.get("covering").and_then(Value::as_bool).unwrap_or_default(),
                });
            }
            map.values().for_each(|value| collect(value, steps));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Read, collect};

    fn step(
        access: &str,
        index_access: &str,
        rows: f64,
        loops: u64,
        schema: Option<&str>,
    ) -> serde_json::Value {
        json!({"operation": access, "access_type": access, "index_access_type": index_access, "table_name": "t",
               "actual_rows": rows, "actual_loops": loops, "schema_name": schema})
    }

    #[test]
    fn steps_that_read_tables_are_found_wherever_they_are() {
        let mut temporary = step("table", "", 3.0, 1, None);
        temporary.as_object_mut().unwrap().remove("schema_name");
        temporary["inputs"] = json!([
            {"access_type": "filter", "actual_rows": 1.0, "inputs": [step("index", "index_lookup", 2.5, 4, Some("s"))]},
            step("index", "index_scan", 7.0, 1, Some("s")),
            step("count_rows", "", 1.0, 1, Some("s")),
            step("table", "", 9.0, 1, Some("s")),
        ]);
        let mut steps = Vec::new();
        collect(&json!({"query_plan": temporary}), &mut steps);
        let read = |operation: &str, rows, full| Read {
            operation: operation.to_owned(),
            rows,
            full,
            index: None,
            covering: false,
        };
        assert_eq!(
            steps,
            [
                read("index", 10.0, false),
                read("index", 7.0, true),
                read("count_rows", 1.0, true),
                read("table", 9.0, true)
            ]
        );
    }
}
