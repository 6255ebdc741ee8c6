//! A submission: a folder of files that somebody else made.

use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};

use super::apply::SCRIPT;
use crate::catalog::files::Files;
use crate::catalog::lab::{Lab, Solution};
use crate::catalog::solution;
use crate::digest;
use crate::error::{Error, Result};
use crate::session::workspace::{Collected, Collection, LeftOut};

/// The files of one submission, as they were when it was read.
pub struct Submission {
    pub name: String,
    /// What was not taken over, and why.
    pub left_out: Vec<String>,
    files: Result<Vec<Collected>, String>,
}

impl Submission {
    /// Reads a folder that the caller names.
    ///
    /// # Errors
    /// There is no such folder, or it cannot be read.
    pub fn open(folder: &Path) -> Result<Self> {
        let opened = rustix::fs::open(folder, READ_FOLDER, Mode::empty());
        let name = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
        let name = name.file_name().unwrap_or(name.as_os_str()).to_string_lossy().into_owned();
        Self::read(name, folder, opened)
    }

    /// Reads a folder of a batch. What stands there is the submitters' choice, so no link is followed.
    ///
    /// # Errors
    /// As [`Submission::open`].
    pub fn open_in(batch: &Path, name: &str) -> Result<Self> {
        let folder = batch.join(name);
        let opened = rustix::fs::open(&folder, READ_FOLDER | OFlags::NOFOLLOW, Mode::empty());
        Self::read(name.to_owned(), &folder, opened)
    }

    /// One whose files cannot be had.
    pub(super) fn absent(name: &str) -> Self {
        Self { name: name.to_owned(), left_out: Vec::new(), files: Ok(Vec::new()) }
    }

    /// A right solution as somebody would hand it in.
    ///
    /// # Errors
    /// A file of the solution cannot be read or rendered.
    pub(super) fn of_solution(lab: &Lab, right: &Solution, files: &Files) -> Result<Self> {
        let mut collected = Vec::new();
        let mut script = "set -e\n".to_owned();
        for placed in solution::steps(lab, right)? {
            if let (Some(name), Some(content)) = (placed.name(), placed.content(files, lab)?) {
                let path = name.to_owned();
                collected.push(Collected { path, content, executable: false });
            }
            if let Some(command) = placed.command(lab)? {
                script.push_str(&format!("{command}\n"));
            }
        }
        let (path, content) = (SCRIPT.to_owned(), script.into_bytes());
        collected.push(Collected { path, content, executable: false });
        Ok(Self { name: right.id.value.clone(), left_out: Vec::new(), files: Ok(collected) })
    }

    fn read(name: String, folder: &Path, opened: rustix::io::Result<OwnedFd>) -> Result<Self> {
        let opened = opened.map_err(|e| {
            Error::usage("The submission cannot be read")
                .at(folder.display().to_string())
                .because(e)
                .help("name a folder with the files that were handed in")
        })?;
        Ok(match Collection::of(&opened) {
            Ok(Collection { files, left_out, .. }) => {
                Self { name, left_out: shortened(left_out), files: Ok(files) }
            }
            Err(why) => Self { name, left_out: Vec::new(), files: Err(why) },
        })
    }

    pub fn files(&self) -> &[Collected] {
        self.files.as_deref().unwrap_or_default()
    }

    /// Why its files cannot be checked: they are too many or too large.
    pub fn refused(&self) -> Option<&str> {
        self.files.as_ref().err().map(String::as_str)
    }

    pub fn has_script(&self) -> bool {
        self.files().iter().any(|f| f.path == SCRIPT)
    }

    /// Equal for equal files.
    pub fn digest(&self) -> String {
        let mut text = self.refused().unwrap_or_default().to_owned();
        for Collected { path, content, executable } in self.files() {
            text.push_str(&format!("{path}\0{executable} {}\n", digest::sha256(content)));
        }
        digest::sha256(text)
    }
}

const READ_FOLDER: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);
/// How many of the files that were left out are named.
const NAMED: usize = 20;

fn shortened(left_out: Vec<LeftOut>) -> Vec<String> {
    let mut names: Vec<String> =
        left_out.into_iter().map(|LeftOut { path, why }| format!("{path}: {why}")).collect();
    if names.len() > NAMED {
        let more = names.len() - NAMED;
        names.truncate(NAMED);
        names.push(format!("{more} more"));
    }
    names
}
