//! The one error type: what happened, where, why, and what to do about it.

use std::fmt;

/// Whose fault an error is, and so the exit code of the process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A wrong command line, an unknown name, a faulty lab definition: exit code 2.
    Usage,
    /// The engine, an image, the disk, the network: exit code 3.
    Infrastructure,
}

/// An error as a person wants to read it.
#[derive(Debug, Clone)]
pub struct Error {
    pub kind: Kind,
    /// What could not be done, in one sentence without a final stop.
    pub what: String,
    /// `file:line:column`, a command, an address: where it happened.
    pub place: Option<String>,
    /// The cause, as told by the system it came from.
    pub why: Option<String>,
    /// What the reader can do now.
    pub help: Option<String>,
}

pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    pub fn usage(what: impl Into<String>) -> Self {
        Self::new(Kind::Usage, what)
    }

    pub fn infrastructure(what: impl Into<String>) -> Self {
        Self::new(Kind::Infrastructure, what)
    }

    fn new(kind: Kind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), place: None, why: None, help: None }
    }

    #[must_use]
    pub fn at(mut self, place: impl Into<String>) -> Self {
        self.place = Some(place.into());
        self
    }

    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        self
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    pub fn exit_code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Infrastructure => 3,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.what)?;
        if let Some(place) = &self.place {
            write!(f, "\n  where: {place}")?;
        }
        if let Some(why) = &self.why {
            write!(f, "\n  why:   {}", indent(why))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  help:  {}", indent(help))?;
        }
        Ok(())
    }
}

/// Keeps continuation lines under the first one.
fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n         ")
}

impl std::error::Error for Error {}
