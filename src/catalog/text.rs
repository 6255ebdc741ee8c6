//! A text file of the catalog, and places in it.

use super::files::Files;
use super::problem::{Place, Position, Problem};

/// Longer lines are not shown, in bytes.
const LONGEST_EXCERPT: usize = 4096;

pub type Built<T> = Result<T, Box<Problem>>;

/// A text file of the catalog, to point into.
#[derive(Debug, Clone)]
pub struct Text {
    /// How the file is named in messages.
    file: String,
    content: String,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

impl Text {
    /// # Errors
    /// The file cannot be read, or is not UTF-8.
    pub fn read(files: &Files, path: &str) -> Built<Self> {
        let bytes = files.read(path)?.into_owned();
        let file = files.place(path);
        String::from_utf8(bytes).map(|text| Self::new(file.clone(), text)).map_err(|error| {
            let end = error.utf8_error().valid_up_to();
            let valid = String::from_utf8_lossy(&error.as_bytes()[..end]).into_owned();
            let problem = Self::new(file, valid).problem(end, "A file is not UTF-8 text");
            Box::new(problem.because("the byte there belongs to no character"))
        })
    }

    fn new(file: String, content: String) -> Self {
        let lines =
            std::iter::once(0).chain(content.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, content, lines }
    }

    pub fn as_str(&self) -> &str {
        &self.content
    }

    pub fn into_string(self) -> String {
        self.content
    }

    /// A problem at a byte of the file.
    pub fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        let mut offset = offset.min(self.content.len());
        while !self.content.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line(offset);
        let begin = self.lines[line - 1];
        let column = self.content[begin..offset].chars().count() + 1;
        let end = self.lines.get(line).map_or(self.content.len(), |next| next - 1);
        let excerpt = self.content[begin..end].trim_end_matches('\r');
        let excerpt = (excerpt.len() <= LONGEST_EXCERPT).then(|| excerpt.to_owned());
        let place = Place { file: self.file.clone(), position: Some(Position { line, column }) };
        Problem::new(what, place, excerpt)
    }

    /// The line of a byte, from 1.
    pub fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= offset)
    }
}
