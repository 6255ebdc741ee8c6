use clap_complete::ArgValueCompleter;
use console::style;
use serde_json::json;

use super::completions;
use super::keyed::Keyed;
use super::{output, target};
use crate::catalog::Catalog;
use crate::catalog::lab::Lab;
use crate::error::Result;
use crate::image::{self, Images};
use crate::store::Store;
use crate::term::{self, markdown};

/// Show what a lab teaches, its tasks and what it needs, or the prompt of one task
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The lab, as 'labs list' names it
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    lab: String,
    /// A task of it, whose prompt is shown
    #[arg(add = ArgValueCompleter::new(completions::labs_and_tasks))]
    task: Option<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    /// As the learner's seat has it, or would have it.
    fn lab(&self, catalog: &Catalog) -> Result<Lab> {
        let store = Store::open()?;
        match store.seat_of(&self.lab)? {
            Some(seat) => catalog.lab_of_seat(&seat.lab, &seat.seed, &seat.variables),
            None => catalog.lab_with(&self.lab, &Keyed::default().seed(&store, &self.lab)?),
        }
    }

    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        let lab = self.lab(catalog)?;
        let task = self.task.as_deref().map(|id| target::find(&lab, id, &[])).transpose()?;
        if let Some(task) = task.filter(|_| !self.json) {
            output::print_text(&markdown::render(&task.prompt, term::width()));
            return Ok(0);
        }
        let images = Images::new(catalog.clone()).of_lab(&lab)?;
        let megabytes = image::megabytes(&images, &[]);
        let bank = catalog.questions()?;
        let asks = |id: &str| bank.iter().find(|q| q.id == id).map_or("", |q| q.ask.as_str());
        if self.json {
            let tasks: Vec<_> = lab
                .tasks
                .iter()
                .filter(|t| task.is_none_or(|task| task.id.value == t.id.value))
                .map(|t| json!({
                    "id": t.id.value, "title": t.title, "points": t.points, "prompt": t.prompt, "hints": t.hints.len(),
                    "needs": t.needs.iter().map(|need| &need.value).collect::<Vec<_>>(),
                    "checks": t.checks.iter().map(|c| json!({"id": c.id.value, "claim": c.claim})).collect::<Vec<_>>(),
                }))
                .collect();
            let questions: Vec<_> = lab
                .questions
                .iter()
                .map(|q| json!({"id": q.value, "ask": asks(&q.value)}))
                .collect();
            output::json(&json!({
                "lab": lab.slug, "title": lab.title, "topic": lab.topic, "level": lab.level,
                "minutes": lab.minutes, "points": lab.points(), "summary": lab.summary,
                "services": lab.services.keys().collect::<Vec<_>>(), "images_mb": megabytes, "packages": lab.packages.pins(),
                "questions": questions, "tasks": tasks,
            }));
            return Ok(0);
        }
        let width = term::width();
        let mut text = format!(
            "{}\n{}\n\n{}, about {} minutes, {} points\n",
            style(&lab.title).bold(),
            term::wrapped(&lab.summary, 0, width),
            lab.level,
            lab.minutes,
            lab.points()
        );
        text.push_str(&format!(
            "services: {}\n",
            lab.services.keys().cloned().collect::<Vec<_>>().join(", ")
        ));
        text.push_str(&format!("images: about {megabytes} MB on disk, shared with other labs\n"));
        if !lab.packages.python.is_empty() {
            let packages = format!(
                "packages: {} from PyPI, with which the solutions are tried (--json names them)",
                lab.packages.pins().len()
            );
            text.push_str(&format!("{}\n", term::wrapped(&packages, 0, width)));
        }
        text.push('\n');
        text.push_str(&format!("{}\n", style("Tasks").bold()));
        for task in &lab.tasks {
            text.push_str(&format!(
                "  {:<12} {:>3} points  {}\n",
                task.id.value, task.points, task.title
            ));
        }
        text.push_str(&format!("\n{}\n", style("Interview questions it answers").bold()));
        for question in &lab.questions {
            let ask = term::wrapped(asks(&question.value), 10, width);
            text.push_str(&format!("  {:<6}  {}\n", question.value, ask.trim_start()));
        }
        text.push_str(&format!("\nStart it with: labs run {}\n", lab.slug));
        output::print_text(&text);
        Ok(0)
    }
}
