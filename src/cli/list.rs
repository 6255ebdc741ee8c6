use std::collections::BTreeMap;

use console::style;
use serde::{Deserialize, Serialize};

use super::output;
use crate::catalog::Catalog;
use crate::catalog::lab::Level;
use crate::catalog::summary::{Known, Summary};
use crate::digest;
use crate::error::{Error, Result};
use crate::store::{Store, TaskProgress};
use crate::term::{self, escape::visible};

/// List the labs by topic, with your progress
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
        // Labs can be listed all the same; that their progress is unknown is said.
        let (mut unread, store) = match Store::glance() {
            Ok(store) => (None, Some(store)),
            Err(error) => (Some(error), None),
        };
        let (mut labs, mut faulty): (Vec<Summary>, Option<Error>) = (Vec::new(), None);
        for (_, lab) in summaries(catalog, store.as_ref()) {
            match lab {
                Ok(lab) => labs.push(lab),
                Err(error) => {
                    output::error(&error, false);
                    faulty = Some(error);
                }
            }
        }
        let code = faulty.map_or(0, |error| error.exit_code());
        let mut entries = Vec::new();
        for lab in labs {
            let progress = store.as_ref().map(|store| store.progress(&lab.lab)).transpose();
            let progress = progress.unwrap_or_else(|error| {
                unread.get_or_insert(error);
                None
            });
            entries.push(entry(lab, &progress.unwrap_or_default()));
        }
        if let Some(error) = unread {
            output::error(&error, false);
        }
        if self.json {
            output::json(&serde_json::json!({ "labs": entries }));
            return code;
        }
        let widest = entries.iter().map(|e| e.lab.len()).max().unwrap_or(0);
        let (wide, narrow) = (term::columns() >= 100, term::columns() < 80);
        let mut text = String::new();
        for topic in topics(&entries) {
            text.push_str(&format!("{}\n", style(visible(topic)).bold()));
            for e in entries.iter().filter(|e| e.topic == topic) {
                let mut line = format!(
                    "  {:<widest$}  {} {:>2}/{:<2}  ",
                    e.lab,
                    term::bar(e.passed, e.tasks, 6),
                    e.passed,
                    e.tasks
                );
                // Where there is little room its first letters are enough.
                let level = e.level.to_string();
                line.push_str(&if wide { format!("{level:<12} ") } else { format!("{level:.3} ") });
                line.push_str(&format!("{:>3} min", e.minutes));
                if wide {
                    line.push_str(&format!(" {:>3} points", e.points));
                }
                if !narrow {
                    line.push_str(&format!("  {}", visible(&e.title)));
                }
                text.push_str(&format!("{}\n", term::cut(&line)));
            }
        }
        output::print_text(&text);
        code
    }
}

/// What was known of labs when they were last listed, and which binary knew it.
#[derive(Default, Serialize, Deserialize)]
struct Listed {
    by: String,
    known: Known,
}

/// The labs in short; what was found out about them is kept for the next time.
pub(super) fn summaries(
    catalog: &Catalog,
    store: Option<&Store>,
) -> Vec<(String, Result<Summary>)> {
    let path = store.map(|store| store.folder().join("listed.json"));
    let kept = path.as_ref().and_then(|path| std::fs::read(path).ok());
    let kept = kept.and_then(|kept| serde_json::from_slice::<Listed>(&kept).ok());
    let by = digest::this_binary();
    let mut known = kept.filter(|kept| kept.by == by).map(|kept| kept.known).unwrap_or_default();
    let before: Vec<String> = known.keys().cloned().collect();
    let found = catalog.summaries(&mut known);
    if let Some(path) = path.filter(|_| !known.keys().eq(&before)) {
        // That it cannot be kept costs no more than time.
        let _ = serde_json::to_vec(&Listed { by, known }).map(|kept| std::fs::write(path, kept));
    }
    found
}

fn entry(lab: Summary, progress: &BTreeMap<String, TaskProgress>) -> Entry {
    let passed = |id: &&String| progress.get(*id).is_some_and(|p| p.passed_at.is_some());
    Entry {
        passed: lab.tasks.iter().filter(passed).count(),
        tasks: lab.tasks.len(),
        lab: lab.lab,
        title: lab.title,
        topic: lab.topic,
        level: lab.level,
        minutes: lab.minutes,
        points: lab.points,
        summary: lab.summary,
    }
}

fn topics(entries: &[Entry]) -> Vec<&str> {
    let mut topics: Vec<&str> = entries.iter().map(|e| e.topic.as_str()).collect();
    topics.sort_unstable();
    topics.dedup();
    topics
}
