use console::style;

use super::output;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::term;

/// Search the question bank
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Words that the entry must contain
    search: Vec<String>,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        let words: Vec<String> = self.search.iter().map(|w| w.to_lowercase()).collect();
        let mut questions = catalog.questions()?;
        questions.retain(|q| {
            let text = format!("{} {} {} {}", q.id, q.topic, q.ask, q.answer).to_lowercase();
            words.iter().all(|w| text.contains(w))
        });
        if questions.is_empty() {
            return Err(Error::usage(format!("No question contains {:?}", self.search.join(" ")))
                .help("'labs questions' lists them all"));
        }
        if self.json {
            output::json(&serde_json::json!({ "questions": questions }));
            return Ok(0);
        }
        let width = term::width();
        for q in questions {
            output::print_text(&format!("{}  {}\n", style(&q.id).bold(), style(&q.topic).dim()));
            let mut body = q.ask.clone();
            for (n, proof) in q.labs.iter().enumerate() {
                body.push_str(if n == 0 { "\n\nProve it: " } else { ", then " });
                body.push_str(&format!("`labs run {}` ({})", proof.lab, proof.tasks.join(", ")));
            }
            output::print_text(&format!("{}\n", term::markdown::render(&body, width)));
        }
        Ok(0)
    }
}
