//! The formats of a grade. A new one is a variant here and a file beside this one.

use clap::ValueEnum;

use super::text::Detail;
use super::{gradescope, json, junit, text};
use crate::verdict::Grade;

/// What a grade can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    Text,
    /// In full, as docs/json.md describes it
    Json,
    /// JUnit's XML, which CI systems read
    Junit,
    /// A results.json for Gradescope
    Gradescope,
}

impl Format {
    /// A grade in this format; text is styled where stdout is.
    pub fn export(self, grade: &Grade) -> String {
        match self {
            Self::Text => text::grade(grade, Detail { verbose: true, ..Detail::brief() }),
            Self::Json => json::grade(grade),
            Self::Junit => junit::grade(grade),
            Self::Gradescope => gradescope::grade(grade),
        }
    }

    /// As [`Format::export`], for a file.
    pub fn file(self, grade: &Grade) -> String {
        match self {
            Self::Text => console::strip_ansi_codes(&self.export(grade)).into_owned(),
            _ => self.export(grade),
        }
    }

    /// The folder that a batch keeps files of this format in.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
            Self::Junit => "junit",
            Self::Gradescope => "gradescope",
        }
    }

    /// How its files' names end.
    pub fn extension(self) -> &'static str {
        match self {
            Self::Text => "txt",
            Self::Json | Self::Gradescope => "json",
            Self::Junit => "xml",
        }
    }
}

#[cfg(test)]
mod tests;
