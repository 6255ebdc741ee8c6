//! What is wrong with a lab: where, what, what was expected, what to do.

use serde::Serialize;

use crate::error::Error;
use crate::suggest::did_you_mean;

/// More than anyone reads at once; what a file has beyond them is not looked for.
pub const MAX_PROBLEMS: usize = 200;

/// A place in a file of the catalog. Lines and columns count from 1; columns are characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    pub file: String,
    /// Absent when the file as a whole is meant, or is not there.
    #[serde(flatten)]
    pub position: Option<Position>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Position {
    pub line: usize,
    pub column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.file)?;
        match self.position {
            Some(Position { line, column }) => write!(f, ":{line}:{column}"),
            None => Ok(()),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Problem {
    /// In one sentence without a final stop.
    pub what: String,
    #[serde(flatten)]
    pub place: Place,
    /// The line of the file at that place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub excerpt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub help: Option<String>,
    /// The value of `lab.yaml` it is about, as a JSON pointer; empty when it is about none.
    #[serde(skip)]
    pub pointer: String,
}

impl Problem {
    pub fn new(what: impl Into<String>, place: Place, excerpt: Option<String>) -> Self {
        let (expected, why, help, pointer) = (None, None, None, String::new());
        Self { what: what.into(), place, excerpt, expected, why, help, pointer }
    }

    #[must_use]
    pub fn expected(mut self, expected: impl Into<String>) -> Self {
        self.expected = Some(expected.into());
        self
    }

    #[must_use]
    pub fn because(mut self, why: impl Into<String>) -> Self {
        self.why = Some(why.into());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Names the candidates that may have been meant, or says something else.
    #[must_use]
    pub fn nearest<'a>(
        self,
        name: &str,
        candidates: impl IntoIterator<Item = &'a str>,
        otherwise: &str,
    ) -> Self {
        self.help(did_you_mean(name, candidates).unwrap_or_else(|| otherwise.to_owned()))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        let mut why: Vec<String> = problem.why.into_iter().collect();
        why.extend(problem.expected.map(|expected| format!("expected {expected}")));
        if let (Some(line), Some(at)) = (&problem.excerpt, problem.place.position) {
            why.push(caret(line, at));
        }
        let mut error = Self::usage(problem.what).at(problem.place.to_string());
        error.why = (!why.is_empty()).then(|| why.join("\n"));
        error.help = problem.help;
        error
    }
}

impl From<Box<Problem>> for Error {
    fn from(problem: Box<Problem>) -> Self {
        (*problem).into()
    }
}

impl From<Error> for Box<Problem> {
    fn from(error: Error) -> Self {
        Self::new(error.into())
    }
}

impl From<Error> for Problem {
    /// For a file that cannot be read at all.
    fn from(error: Error) -> Self {
        let place = Place { file: error.place.unwrap_or_default(), position: None };
        let mut problem = Self::new(error.what, place, None);
        (problem.why, problem.help) = (error.why, error.help);
        problem
    }
}

/// The most of a long line that is shown, in characters.
const SHOWN: usize = 100;

/// A line of a file with a caret under the place.
pub fn caret(line: &str, at: Position) -> String {
    let number = at.line.to_string();
    // The place must be in what is shown.
    let skip = if at.column > SHOWN { at.column - SHOWN / 2 } else { 0 };
    let (begin, width) = if skip > 0 { ("…", SHOWN - 1) } else { ("", SHOWN) };
    let mut shown: String = begin.to_owned();
    shown.extend(line.chars().skip(skip).take(width).map(|c| if c == '\t' { ' ' } else { c }));
    if line.chars().count() > skip + width {
        shown.push('…');
    }
    let margin = " ".repeat(number.len());
    let under = " ".repeat((at.column - 1).saturating_sub(skip) + begin.chars().count());
    format!("{number} | {shown}\n{margin} | {under}^")
}
