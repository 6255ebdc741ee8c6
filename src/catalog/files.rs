//! Where the catalog's files come from: the binary itself, or a folder.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use rust_embed::RustEmbed;

use crate::error::{Error, Result};

#[derive(RustEmbed)]
#[folder = "labs"]
#[exclude = "*/__pycache__/*"]
struct EmbeddedLabs;

#[derive(RustEmbed)]
#[folder = "docker"]
#[exclude = "*/__pycache__/*"]
struct EmbeddedDocker;

#[derive(RustEmbed)]
#[folder = "questions"]
struct EmbeddedQuestions;

/// No file of a catalog is larger: a lab is text.
const MAX_FILE_BYTES: u64 = 1 << 20;

/// A tree of files, read only.
#[derive(Debug, Clone)]
pub enum Files {
    /// `labs/` as built into the binary.
    Labs,
    /// `docker/` as built into the binary.
    Docker,
    /// `questions/` as built into the binary.
    Questions,
    Folder(PathBuf),
}

impl Files {
    /// The content of a file.
    ///
    /// # Errors
    /// It does not exist, cannot be read, or is larger than 1 MiB.
    pub fn read(&self, path: &str) -> Result<Cow<'static, [u8]>> {
        let embedded = match self {
            Self::Labs => EmbeddedLabs::get(path),
            Self::Docker => EmbeddedDocker::get(path),
            Self::Questions => EmbeddedQuestions::get(path),
            Self::Folder(root) => return read_bounded(&root.join(path)).map(Cow::Owned),
        };
        embedded.map(|file| file.data).ok_or_else(|| missing(path))
    }

    /// The content of a text file.
    ///
    /// # Errors
    /// As [`Files::read`], and when it is not UTF-8.
    pub fn read_text(&self, path: &str) -> Result<String> {
        String::from_utf8(self.read(path)?.into_owned()).map_err(|e| {
            let valid =
                String::from_utf8_lossy(&e.as_bytes()[..e.utf8_error().valid_up_to()]).into_owned();
            let line = valid.matches('\n').count() + 1;
            let column = valid.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            Error::usage("A file is not UTF-8 text")
                .at(format!("{}:{line}:{column}", self.place(path)))
                .because("the byte there belongs to no character")
        })
    }

    pub fn exists(&self, path: &str) -> bool {
        match self {
            Self::Folder(root) => root.join(path).is_file(),
            _ => self.all().any(|file| file == path),
        }
    }

    /// All files below a folder (`""` is the whole tree), as paths relative to it, sorted.
    pub fn below(&self, folder: &str) -> Vec<String> {
        let mut files: Vec<String> = if let Self::Folder(root) = self {
            walk(&root.join(folder))
        } else {
            let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
            self.all().filter_map(|f| f.strip_prefix(&prefix).map(str::to_owned)).collect()
        };
        files.sort();
        files
    }

    /// The folders at the top that hold a file of the given name, sorted.
    pub fn folders_with(&self, file: &str) -> Vec<String> {
        let mut folders: Vec<String> = match self {
            Self::Folder(root) => std::fs::read_dir(root)
                .into_iter()
                .flatten()
                .flatten()
                .filter(|entry| entry.path().join(file).is_file())
                .filter_map(|entry| entry.file_name().into_string().ok())
                .collect(),
            _ => self
                .all()
                .filter_map(|f| {
                    f.split_once('/')
                        .filter(|(_, f)| *f == file)
                        .map(|(folder, _)| folder.to_owned())
                })
                .collect(),
        };
        folders.sort();
        folders
    }

    /// How a file is named in messages.
    pub fn place(&self, path: &str) -> String {
        match self {
            Self::Labs => format!("labs/{path}"),
            Self::Docker => format!("docker/{path}"),
            Self::Questions => format!("questions/{path}"),
            Self::Folder(root) => root.join(path).display().to_string(),
        }
    }

    fn all(&self) -> Box<dyn Iterator<Item = Cow<'static, str>>> {
        match self {
            Self::Labs => Box::new(EmbeddedLabs::iter()),
            Self::Docker => Box::new(EmbeddedDocker::iter()),
            Self::Questions => Box::new(EmbeddedQuestions::iter()),
            Self::Folder(_) => Box::new(std::iter::empty()),
        }
    }
}

fn missing(path: &str) -> Error {
    Error::usage("A file of the catalog does not exist").at(path)
}

fn read_bounded(path: &Path) -> Result<Vec<u8>> {
    let place = path.display().to_string();
    let size = std::fs::metadata(path)
        .map_err(|e| Error::usage("A file of the catalog cannot be read").at(&place).because(e))?
        .len();
    if size > MAX_FILE_BYTES {
        return Err(Error::usage("A file of the catalog is too large")
            .at(place)
            .because(format!("it has {size} bytes, at most {MAX_FILE_BYTES} are read")));
    }
    std::fs::read(path)
        .map_err(|e| Error::usage("A file of the catalog cannot be read").at(place).because(e))
}

/// Files only: links are not followed, so a catalog cannot reach out of its folder.
fn walk(root: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(root.join(&folder)).into_iter().flatten().flatten() {
            let path = folder.join(entry.file_name());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && entry.file_name() != "__pycache__" => {
                    folders.push(path);
                }
                Ok(kind) if kind.is_file() => files.extend(path.to_str().map(str::to_owned)),
                _ => {}
            }
        }
    }
    files
}
