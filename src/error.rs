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

/// How systems say that a disk is full, in lower case.
const FULL: [&str; 4] =
    ["no space left on device", "disk is full", "disk quota exceeded", "enough free space"];
/// What helps then.
const FREE_SPACE: &str = "free some space: 'df -h' shows which disk is full; 'labs gc' and 'labs images prune' remove \
     what labs no longer needs, 'docker system df' shows what else the engine keeps";

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

    /// A full disk is nobody's wrong usage, whatever it kept from being done, and has a help of its own.
    #[must_use]
    pub fn because(mut self, why: impl fmt::Display) -> Self {
        self.why = Some(why.to_string());
        if self.is_full_disk() {
            self.kind = Kind::Infrastructure;
            self.help = Some(FREE_SPACE.to_owned());
        }
        self
    }

    /// What to do; against a full disk nothing else helps.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        if !self.is_full_disk() {
            self.help = Some(help.into());
        }
        self
    }

    /// Whether the cause is said to be a full disk.
    pub fn is_full_disk(&self) -> bool {
        self.why.as_deref().is_some_and(says_full_disk)
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

/// Whether a system says so that a disk is full.
pub fn says_full_disk(words: &str) -> bool {
    let words = words.to_lowercase();
    FULL.iter().any(|said| words.contains(said))
}

/// Keeps continuation lines under the first one.
fn indent(text: &str) -> String {
    text.trim_end().replace('\n', "\n         ")
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_infrastructure_and_says_what_helps_against_it() {
        let full = std::io::Error::from_raw_os_error(rustix::io::Errno::NOSPC.raw_os_error());
        let said = [
            full.to_string(),
            std::io::Error::from_raw_os_error(rustix::io::Errno::DQUOT.raw_os_error()).to_string(),
            "database or disk is full".to_owned(),
            "E: You don't have enough free space in /var/cache/apt/archives/.".to_owned(),
        ];
        for why in said {
            let before = Error::usage("It cannot be written").help("name another").because(&why);
            let after = Error::usage("It cannot be written").because(&why).help("name another");
            for error in [before, after] {
                assert_eq!(error.exit_code(), 3, "{error}");
                assert!(error.help.as_deref().unwrap().contains("df -h"), "{error}");
            }
        }
    }

    #[test]
    fn another_cause_keeps_its_kind_and_its_help() {
        let error = Error::usage("It cannot be written").because("it is read-only").help("move");
        assert_eq!((error.exit_code(), error.help.as_deref()), (2, Some("move")));
    }
}
