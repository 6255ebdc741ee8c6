//! The folders of a batch: what was handed in, and the results.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::event::Events;
use crate::report::csv;
use crate::report::format::Format;
use crate::verdict::{Basis, Grade, Row, Verdict};

/// The names of the submissions, sorted.
///
/// # Errors
/// The folder cannot be read, or holds no folder.
pub fn submissions(folder: &Path, events: &Events) -> Result<Vec<String>> {
    let failed = |why: &dyn std::fmt::Display| {
        Error::usage("The submissions cannot be read")
            .at(folder.display().to_string())
            .because(why)
            .help("name a folder with a folder for each submission")
    };
    let mut names = Vec::new();
    let mut others = Vec::new();
    for entry in fs::read_dir(folder).map_err(|e| failed(&e))? {
        let entry = entry.map_err(|e| failed(&e))?;
        let name = entry.file_name();
        if name.as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link could lead anywhere, so it is no submission.
        let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
        match name.to_str() {
            Some(name) if is_folder => names.push(name.to_owned()),
            _ => others.push(name.to_string_lossy().into_owned()),
        }
    }
    names.sort();
    others.sort();
    if !others.is_empty() {
        events.note(format!(
            "Not graded, being no folders with names in UTF-8: {}",
            others.join(", ")
        ));
    }
    if names.is_empty() {
        return Err(failed(&"there is no folder in it"));
    }
    Ok(names)
}

/// Results must not be taken for submissions by the next run.
///
/// # Errors
/// They would be.
pub fn refuse_overlap(submissions: &Path, output: &Path) -> Result<()> {
    let real = |path: &Path| fs::canonicalize(path).ok();
    let absolute = std::path::absolute(output).unwrap_or_else(|_| output.to_owned());
    let submissions = real(submissions);
    let overlaps =
        |path: Option<&Path>| submissions.is_some() && path.and_then(real) == submissions;
    if !overlaps(Some(&absolute)) && !overlaps(absolute.parent()) {
        return Ok(());
    }
    Err(Error::usage("The results would stand among the submissions")
        .at(output.display().to_string())
        .help("name another folder with --output DIR"))
}

/// The folder of the results: a folder for each format, and a table.
pub struct Output {
    folder: PathBuf,
    formats: Vec<Format>,
}

impl Output {
    /// # Errors
    /// The folder cannot be made or written.
    pub fn open(folder: &Path, format: Format) -> Result<Self> {
        let mut formats = vec![Format::Json];
        if format != Format::Json {
            formats.push(format);
        }
        for format in &formats {
            let folder = folder.join(format.folder());
            fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, e))?;
        }
        Ok(Self { folder: folder.to_owned(), formats })
    }

    /// The grade that an earlier run has written, if it rests on the same. What was not decided is tried again.
    pub fn earlier(&self, name: &str, basis: &Basis) -> Option<Grade> {
        let text = fs::read(self.path(Format::Json, name)).ok()?;
        let grade: Grade = serde_json::from_slice(&text).ok()?;
        let stands = grade.verdict != Verdict::Error && !grade.timed_out;
        (stands && grade.basis == *basis && grade.submission == name).then_some(grade)
    }

    /// Writes a grade in each format; answers its row in the table.
    pub fn keep(&self, grade: &Grade, kept: bool) -> Row {
        let mut row = Row::new(grade, kept);
        // What is there in JSON is kept by the next run, so it comes last.
        for format in self.formats.iter().rev() {
            if kept && *format == Format::Json {
                continue;
            }
            let path = self.path(*format, &grade.submission);
            if let Err(error) = write(&path, format.file(grade).as_bytes()) {
                row.verdict = Verdict::Error;
                row.error = Some(error.to_string());
            }
        }
        row
    }

    /// Writes the table of all that is graded.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn table(&self, rows: &[Row]) -> Result<()> {
        write(&self.folder.join("grades.csv"), csv::table(rows).as_bytes())
    }

    fn path(&self, format: Format, name: &str) -> PathBuf {
        self.folder.join(format.folder()).join(format!("{name}.{}", format.extension()))
    }
}

/// Writes a file whole or not at all.
///
/// # Errors
/// Its folder cannot be written.
pub fn write(path: &Path, content: &[u8]) -> Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = || -> io::Result<()> {
        let mut file = tempfile::Builder::new().prefix(".labs-").tempfile_in(folder)?;
        file.write_all(content)?;
        // A temporary file is for its owner alone; a result is for whoever may read the folder.
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
        file.as_file().set_permissions(mode)?;
        file.persist(path)?;
        Ok(())
    };
    written().map_err(|e| unwritten(path, e))
}

fn unwritten(path: &Path, why: io::Error) -> Error {
    Error::infrastructure("A result cannot be written").at(path.display().to_string()).because(why)
}
