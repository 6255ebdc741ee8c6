use console::style;
use serde_json::json;

use super::output;
use super::target::Target;
use crate::catalog::Catalog;
use crate::error::Result;
use crate::store::Store;
use crate::term;

/// Show the tasks of a lab with your progress, or the prompt of one
#[derive(Debug, clap::Args)]
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
        let lab = &resolved.lab;
        let progress = store.progress(&lab.slug)?;
        let of = |id: &str| progress.get(id).cloned().unwrap_or_default();
        if self.json {
            let tasks: Vec<_> = lab
                .tasks
                .iter()
                .filter(|t| resolved.task.as_ref().is_none_or(|id| *id == t.id.value))
                .map(|t| json!({
                    "id": t.id.value, "title": t.title, "max_points": t.points, "prompt": t.prompt,
                    "program": t.program.as_ref().map(|p| &p.value), "hints": t.hints.len(), "progress": of(&t.id.value),
                }))
                .collect();
            output::json(&json!({ "lab": lab.slug, "seat": resolved.seat.id, "tasks": tasks }));
            return Ok(0);
        }
        if let Some(task) = resolved.task.as_deref().and_then(|id| lab.task(id)) {
            output::print_text(&term::markdown::render(&task.prompt, term::width()));
            return Ok(0);
        }
        let next = resolved.task_or_next(&store)?.id.value.clone();
        for task in &lab.tasks {
            let mark = match of(&task.id.value).passed_at {
                Some(_) => style("✓").green(),
                None if task.id.value == next => style("›").bold(),
                None => style(" "),
            };
            output::print_text(&format!(
                "{mark} {:<12} {:>3} points  {}\n",
                task.id.value, task.points, task.title
            ));
        }
        Ok(0)
    }
}
