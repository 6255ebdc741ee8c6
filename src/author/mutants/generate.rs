//! The generator: Python of the workbench, which knows the syntax trees of programs.

use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::subject::Subject;
use crate::engine::{Engine, ExecSpec};
use crate::error::{Error, Result};

/// Half a second is usual; a busy machine takes longer.
const LIMIT: Duration = Duration::from_secs(60);

/// A module imports those before it.
const MODULES: [(&str, &str); 8] = [
    ("words", include_str!("generator/words.py")),
    ("change", include_str!("generator/change.py")),
    ("lua", include_str!("generator/lua.py")),
    ("shell", include_str!("generator/shell.py")),
    ("tree", include_str!("generator/tree.py")),
    ("splits", include_str!("generator/splits.py")),
    ("python", include_str!("generator/python.py")),
    ("generate", include_str!("generator/generate.py")),
];

/// Makes the modules out of the input, so that the container needs no file of ours.
const BOOT: &str = "\
import json, sys, types
job = json.load(sys.stdin)
for name, source in job['modules']:
    module = sys.modules[name] = types.ModuleType(name)
    exec(compile(source, name + '.py', 'exec'), module.__dict__)
sys.modules['generate'].main(job)
";

/// What a text is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Language {
    Python,
    Shell,
}

impl Language {
    /// `None`: nothing that we mutate.
    pub fn of_file(name: &Path) -> Option<Self> {
        match name.extension()?.to_str()? {
            "py" => Some(Self::Python),
            "sh" => Some(Self::Shell),
            _ => None,
        }
    }
}

/// The mutants of one text.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Found {
    pub changes: Vec<Change>,
    pub left_out: usize,
}

/// One mutant: what stands from `start` to `end` (bytes) becomes `new`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    pub operator: String,
    pub description: String,
    /// Of the function or statement it lies in, before and after, without layout.
    pub digest: String,
    start: usize,
    end: usize,
    new: String,
}

impl Change {
    pub fn apply(&self, text: &str) -> String {
        let mut mutated = text.to_owned();
        mutated.replace_range(self.start..self.end, &self.new);
        mutated
    }

    fn fits(&self, text: &str) -> bool {
        text.get(self.start..self.end).is_some()
    }
}

#[derive(Serialize)]
struct Job<'a> {
    modules: &'a [(&'a str, &'a str)],
    most: usize,
    texts: Vec<Text<'a>>,
}

#[derive(Serialize)]
struct Text<'a> {
    language: Language,
    text: &'a str,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Answer {
    Found(Found),
    /// The text is not what it should be.
    Fault {
        line: usize,
        column: usize,
        why: String,
    },
}

/// At most `most` mutants of each text, in its order; equal texts have equal mutants.
///
/// # Errors
/// A text that does not parse; a container that does not run Python; more than a minute, or than 4 MiB.
pub async fn generate(
    engine: &Engine,
    container: &str,
    subjects: &[Subject],
    most: usize,
) -> Result<Vec<Found>> {
    let texts = subjects.iter().map(|s| Text { language: s.language, text: &s.text }).collect();
    let job = serde_json::to_vec(&Job { modules: &MODULES, most, texts })
        .map_err(|e| Error::infrastructure("The texts to mutate cannot be sent").because(e))?;
    let python = ExecSpec::new(["python3", "-I", "-c", BOOT]);
    let done = engine.exec_capture(container, &python, &job, LIMIT).await?;
    let failed = || Error::infrastructure("The mutants could not be made").at(container);
    match done.exit_code {
        Some(0) => {}
        Some(_) => return Err(failed().because(last_lines(&done.stderr))),
        None => return Err(failed().because(format!("it took more than {} s", LIMIT.as_secs()))),
    }
    let answers: Vec<Answer> =
        serde_json::from_slice(&done.stdout).map_err(|e| failed().because(e))?;
    if answers.len() != subjects.len() {
        return Err(failed().because("not every text was answered"));
    }
    subjects.iter().zip(answers).map(|(subject, answer)| read(subject, answer)).collect()
}

fn read(subject: &Subject, answer: Answer) -> Result<Found> {
    match answer {
        Answer::Found(found) if found.changes.iter().all(|c| c.fits(&subject.text)) => Ok(found),
        Answer::Found(_) => {
            Err(Error::infrastructure("A mutant does not fit its text").at(&subject.place))
        }
        Answer::Fault { line, column, why } => {
            Err(Error::usage("A program of a right solution cannot be read")
                .at(format!("{}:{line}:{column}", subject.place))
                .because(why))
        }
    }
}

fn last_lines(output: &[u8]) -> String {
    let text = String::from_utf8_lossy(output);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(8)..].join("\n")
}
