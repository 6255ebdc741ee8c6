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
    /// Where it is proved.
    #[serde(default)]
    pub labs: Vec<Proof>,
    /// An outline of a good answer.
    pub answer: String,
}

/// What of a lab proves an answer.
#[derive(Debug, Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    pub lab: String,
    pub tasks: Vec<String>,
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
