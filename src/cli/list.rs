use console::style;
use serde::Serialize;

use super::output;
use crate::catalog::Catalog;
use crate::catalog::lab::{Lab, Level};
use crate::error::Error;
use crate::store::Store;

/// List the labs
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

#[derive(Serialize)]
struct Entry {
    lab: String,
    title: String,
    topic: String,
    level: Level,
    minutes: u32,
    points: u32,
    tasks: usize,
    passed: usize,
    summary: String,
}

impl Args {
    pub fn run(self, catalog: &Catalog) -> u8 {
        let (mut labs, mut faulty): (Vec<Lab>, Option<Error>) = (Vec::new(), None);
        for (_, lab) in catalog.labs() {
            match lab {
                Ok(lab) => labs.push(lab),
                Err(error) => {
                    output::error(&error, false);
                    faulty = Some(error);
                }
            }
        }
        let code = faulty.map_or(0, |error| error.exit_code());
        let store = Store::open().ok();
        let entries: Vec<Entry> = labs.iter().map(|lab| entry(lab, store.as_ref())).collect();
        if self.json {
            output::json(&serde_json::json!({ "labs": entries }));
            return code;
        }
        let widest = entries.iter().map(|e| e.lab.len()).max().unwrap_or(0);
        let mut text = String::new();
        for topic in topics(&entries) {
            text.push_str(&format!("{}\n", style(topic).bold()));
            for e in entries.iter().filter(|e| e.topic == topic) {
                let minutes = format!("{} min", e.minutes);
                let progress = format!("{}/{} tasks", e.passed, e.tasks);
                text.push_str(&format!(
                    "  {:<widest$}  {:<13} {minutes:>7}  {progress:>11}  {}\n",
                    e.lab,
                    e.level.to_string(),
                    e.title
                ));
            }
        }
        output::print_text(&text);
        code
    }
}

fn entry(lab: &Lab, store: Option<&Store>) -> Entry {
    let progress = store.and_then(|s| s.progress(&lab.slug).ok()).unwrap_or_default();
    let passed = lab
        .tasks
        .iter()
        .filter(|t| progress.get(&t.id.value).is_some_and(|p| p.passed_at.is_some()))
        .count();
    Entry {
        lab: lab.slug.clone(),
        title: lab.title.clone(),
        topic: lab.topic.clone(),
        level: lab.level,
        minutes: lab.minutes,
        points: lab.points(),
        tasks: lab.tasks.len(),
        passed,
        summary: lab.summary.clone(),
    }
}

fn topics(entries: &[Entry]) -> Vec<&str> {
    let mut topics: Vec<&str> = entries.iter().map(|e| e.topic.as_str()).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}
