use console::style;
use dialoguer::Confirm;
use serde_json::json;

use super::output;
use super::target::Target;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::report::solution;
use crate::store::Store;
use crate::term;

/// Show a right solution of a task; that you looked is recorded
///
/// It asks first. A lab may have several styles; --style names another one.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Show this style instead of the first
    #[arg(long)]
    style: Option<String>,
    /// Do not ask
    #[arg(short, long)]
    yes: bool,
    /// Print one JSON document (implies --yes)
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        let store = Store::open()?;
        let resolved = self.target.resolve(catalog, &store)?;
        let task = resolved.task_or_next(&store)?;
        let lab = &resolved.lab;
        let styles: Vec<String> = lab.solutions.iter().map(|s| s.id.value.clone()).collect();
        let chosen = match &self.style {
            None => lab.solutions.first(),
            Some(style) => lab.solutions.iter().find(|s| s.id.value == *style),
        };
        let chosen = chosen.ok_or_else(|| match &self.style {
            Some(style) => crate::catalog::unknown(
                "style",
                style,
                &styles,
                &format!("there are: {}", styles.join(", ")),
            ),
            None => Error::usage(format!("The lab {} ships no solution", lab.slug)),
        })?;
        let seen = store
            .progress(&lab.slug)?
            .get(&task.id.value)
            .is_some_and(|p| p.solution_seen || p.passed_at.is_some());
        if !seen && !self.yes && !self.json && !confirmed(&task.id.value)? {
            return Ok(0);
        }
        store.show_solution(&lab.slug, &task.id.value)?;
        let steps = solution::of_task(catalog, lab, chosen, &task.id.value)?;
        if self.json {
            output::json(
                &json!({"lab": lab.slug, "task": task.id.value, "style": chosen.id.value, "styles": styles, "steps": steps}),
            );
            return Ok(0);
        }
        output::print_text(&format!("{} ({})\n\n", style(&chosen.title).bold(), chosen.id.value));
        output::print_text(&solution::text(&steps));
        if styles.len() > 1 {
            output::print_text(&format!("Other styles: --style {}\n", styles.join("|")));
        }
        if !task.explanation.is_empty() {
            output::print_text(&format!(
                "\n{}",
                term::markdown::render(&task.explanation, term::width())
            ));
        }
        Ok(0)
    }
}

/// # Errors
/// There is nobody to ask.
fn confirmed(task: &str) -> Result<bool> {
    if !console::user_attended() {
        return Err(Error::usage("Looking at a solution is recorded, so it is confirmed first")
            .help("add --yes"));
    }
    Confirm::new()
        .with_prompt(format!("Show the solution of {task}? That you looked is recorded"))
        .default(false)
        .interact()
        .map_err(|e| Error::usage("The question was not answered").because(e))
}
