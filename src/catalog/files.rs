//! Where the catalog's files come from: the binary itself, or a folder.

use std::borrow::Cow;
use std::io::Read;
use std::path::{Path, PathBuf};

use rust_embed::{EmbeddedFile, RustEmbed};

use super::text::Text;
use crate::error::{Error, Result};

#[derive(RustEmbed)]
#[folder = "labs"]
#[exclude = "*/__pycache__/*"]
#[exclude = "lab.schema.json"]
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
        if let Self::Folder(root) = self {
            return read_bounded(root, path).map(Cow::Owned);
        }
        self.embedded(path).map(|file| file.data).ok_or_else(|| missing(path))
    }

    /// The content of a text file.
    ///
    /// # Errors
    /// As [`Files::read`], and when it is not UTF-8.
    pub fn read_text(&self, path: &str) -> Result<String> {
        Ok(Text::read(self, path)?.into_string())
    }

    pub fn exists(&self, path: &str) -> bool {
        match self {
            Self::Folder(root) => inside(root, path).is_ok_and(|path| path.is_file()),
            _ => self.embedded(path).is_some(),
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
                // Whatever it is: reading says what is wrong with it.
                .filter(|entry| entry.path().join(file).symlink_metadata().is_ok())
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

    fn embedded(&self, path: &str) -> Option<EmbeddedFile> {
        match self {
            Self::Labs => EmbeddedLabs::get(path),
            Self::Docker => EmbeddedDocker::get(path),
            Self::Questions => EmbeddedQuestions::get(path),
            Self::Folder(_) => None,
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

fn read_bounded(root: &Path, path: &str) -> Result<Vec<u8>> {
    let place = root.join(path).display().to_string();
    let unreadable = |why: &dyn std::fmt::Display| {
        Error::usage("A file of the catalog cannot be read").at(&place).because(why)
    };
    let path = inside(root, path).map_err(|e| e.at(&place))?;
    let metadata = std::fs::metadata(&path).map_err(|e| unreadable(&e))?;
    if metadata.is_dir() {
        return Err(unreadable(&"it is a folder"));
    }
    // Reading a pipe or a device might never end.
    if !metadata.is_file() {
        return Err(unreadable(&"it is no ordinary file"));
    }
    let too_large = |size: u64| {
        Error::usage("A file of the catalog is too large")
            .at(&place)
            .because(format!("it has {size} bytes, at most {MAX_FILE_BYTES} are read"))
    };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large(metadata.len()));
    }
    let mut content = Vec::new();
    let file = std::fs::File::open(&path).map_err(|e| unreadable(&e))?;
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut content).map_err(|e| unreadable(&e))?;
    if content.len() as u64 > MAX_FILE_BYTES {
        return Err(too_large(content.len() as u64));
    }
    Ok(content)
}

/// The path with every link followed, if that stays in the folder of its lab.
///
/// # Errors
/// It leads out, or nowhere.
fn inside(root: &Path, path: &str) -> Result<PathBuf> {
    let cannot = || Error::usage("A file of the catalog cannot be read");
    let lab = root.join(path.split('/').next().unwrap_or_default());
    let real = |path: &Path| path.canonicalize().map_err(|e| cannot().because(e));
    let (lab, path) = (real(&lab)?, real(&root.join(path))?);
    if path.starts_with(&lab) {
        return Ok(path);
    }
    Err(cannot()
        .because(format!("it leads out of the lab's folder, to {}", path.display()))
        .help("put the file itself there instead of a link"))
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
