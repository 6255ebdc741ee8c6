//! The question bank.

use serde::{Deserialize, Serialize};

use super::files::Files;
use super::load;
use crate::error::Result;

/// One entry: what an interviewer asks, and how a person proves the answer.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    pub id: String,
    pub topic: String,
    /// What is asked, in our words.
    pub ask: String,
    pub lab: Option<String>,
    #[serde(default)]
    pub tasks: Vec<String>,
    /// An outline of a good answer.
    pub answer: String,
}

/// Reads every file of the bank.
///
/// # Errors
/// A faulty file.
pub fn load(files: &Files) -> Result<Vec<Question>> {
    let mut questions = Vec::new();
    for path in files.below("") {
        let page: Vec<Question> = load::yaml(files, &path)?;
        questions.extend(page);
    }
    questions.sort_by(|a: &Question, b| a.id.cmp(&b.id));
    Ok(questions)
}
