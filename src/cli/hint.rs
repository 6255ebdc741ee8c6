use serde_json::json;

use super::output;
use super::target::Target;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::store::Store;
use crate::term;

/// Show the next hint of a task; each call shows one more
///
/// From a nudge to nearly the solution. How many you have seen is recorded.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        let store = Store::open()?;
        let resolved = self.target.resolve(catalog, &store)?;
        let task = resolved.task_or_next(&store)?;
        let available = u32::try_from(task.hints.len()).unwrap_or(u32::MAX);
        if available == 0 {
            return Err(Error::usage(format!("The task {} has no hints", task.id.value)));
        }
        let shown = store.show_hint(&resolved.lab.slug, &task.id.value, available)?;
        let hints = &task.hints[..shown as usize];
        if self.json {
            output::json(&json!({
                "lab": resolved.lab.slug, "task": task.id.value, "shown": shown, "available": available, "hints": hints,
            }));
            return Ok(0);
        }
        let last = hints.last().map_or("", String::as_str);
        output::print_text(&format!("Hint {shown} of {available} for {}\n\n", task.id.value));
        output::print_text(&term::markdown::render(last, term::width()));
        Ok(0)
    }
}
