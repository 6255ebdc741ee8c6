//! The learner's folder: made from the lab's starter files, never overwritten, sent to runners.

use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::catalog::files::Files;
use crate::catalog::lab::Lab;
use crate::error::{Error, Result};

/// Where the mount proves itself; the workbench prints it at its start.
pub const NONCE: &str = ".labs/seat";

/// A check sends the workspace to a runner: no larger than this, in bytes.
const MAX_BYTES: u64 = 16 << 20;
const MAX_FILES: usize = 2_000;

/// The workspace that a lab gets when the learner names none: `~/labs/<slug>`.
///
/// # Errors
/// The home directory is not known.
pub fn default_path(slug: &str) -> Result<PathBuf> {
    let home = etcetera::home_dir().map_err(|e| {
        Error::infrastructure("The home directory is not known").because(e).help("set HOME")
    })?;
    Ok(home.join("labs").join(slug))
}

/// Makes the folder and adds the starter files that are not there yet.
pub fn prepare(
    lab: &Lab,
    files: &Files,
    workspace: &Path,
    seat: &str,
    owner: (u32, u32),
) -> Result<()> {
    let failed = |path: &Path| {
        let place = path.display().to_string();
        move |e: io::Error| {
            Error::infrastructure("The workspace cannot be written")
                .at(&place)
                .because(e)
                .help("name another with --workspace DIR")
        }
    };
    create_owned(workspace, owner).map_err(failed(workspace))?;
    let folder = format!("{}/starter", lab.slug);
    for name in files.below(&folder) {
        let content = files.read(&format!("{folder}/{name}"))?;
        let (name, content) = match name.strip_suffix(".tmpl") {
            Some(name) => (
                name.to_owned(),
                lab.variables.render(&String::from_utf8_lossy(&content))?.into_bytes(),
            ),
            None => (name, content.into_owned()),
        };
        let path = workspace.join(name);
        write_new(&path, &content, owner).map_err(failed(&path))?;
    }
    let nonce = workspace.join(NONCE);
    create_owned(&workspace.join(".labs"), owner).map_err(failed(&nonce))?;
    fs::write(&nonce, format!("{seat}\n")).map_err(failed(&nonce))?;
    give(&nonce, owner).map_err(failed(&nonce))
}

/// Writes a file of a solution, over what is there.
pub fn write(workspace: &Path, name: &str, content: &[u8], owner: (u32, u32)) -> Result<()> {
    let path = workspace.join(name);
    let failed = |e: io::Error| {
        Error::infrastructure("The workspace cannot be written")
            .at(path.display().to_string())
            .because(e)
    };
    fs::write(&path, content).map_err(failed)?;
    give(&path, owner).map_err(failed)
}

/// Moves a workspace out of the way; answers where it is now.
pub fn set_aside(workspace: &Path) -> Result<Option<PathBuf>> {
    if !workspace.exists() {
        return Ok(None);
    }
    let stamp = jiff::Zoned::now().strftime("%Y%m%d-%H%M%S").to_string();
    let name = workspace.file_name().unwrap_or_default().to_string_lossy();
    let mut aside = workspace.with_file_name(format!("{name}.{stamp}"));
    let mut number = 1;
    while aside.exists() {
        aside = workspace.with_file_name(format!("{name}.{stamp}-{number}"));
        number += 1;
    }
    fs::rename(workspace, &aside).map_err(|e| {
        Error::infrastructure("The workspace cannot be moved aside")
            .at(workspace.display().to_string())
            .because(e)
    })?;
    Ok(Some(aside))
}

/// The learner's files as a check sees them: regular files only, no links, nothing hidden.
///
/// # Errors
/// They are too many or too large: the learner's to mend, so the caller makes it a failure.
pub fn collect(workspace: &Path) -> Result<Vec<(String, Vec<u8>)>, String> {
    let mut files = Vec::new();
    let mut total = 0;
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let entries = fs::read_dir(workspace.join(&folder)).map_err(|e| {
            format!("the folder {} cannot be read: {e}", workspace.join(&folder).display())
        })?;
        for entry in entries.flatten() {
            let name = entry.file_name();
            let path = folder.join(&name);
            let Ok(kind) = entry.file_type() else { continue };
            if name.to_string_lossy().starts_with('.') || name == "__pycache__" {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
                continue;
            }
            if !kind.is_file() {
                continue;
            }
            let Some(relative) = path.to_str() else { continue };
            let content = read_bounded(&workspace.join(&path), MAX_BYTES - total)
                .map_err(|e| format!("{relative} cannot be read: {e}"))?;
            total += content.len() as u64;
            files.push((relative.to_owned(), content));
            if files.len() > MAX_FILES {
                return Err(format!("the workspace holds more than {MAX_FILES} files"));
            }
        }
    }
    Ok(files)
}

/// Who the workspace belongs to: the owner of the folder, else the person who called.
pub fn owner(workspace: &Path) -> (u32, u32) {
    if let Ok(metadata) = fs::metadata(workspace)
        && metadata.uid() != 0
    {
        return (metadata.uid(), metadata.gid());
    }
    let number = |name| std::env::var(name).ok().and_then(|v| v.parse::<u32>().ok());
    let uid = rustix::process::getuid().as_raw();
    if uid != 0 {
        return (uid, rustix::process::getgid().as_raw());
    }
    // Containers do not run as root, so neither can their files belong to it.
    let uid = number("SUDO_UID").filter(|&uid| uid != 0).unwrap_or(1000);
    (uid, number("SUDO_GID").filter(|&gid| gid != 0).unwrap_or(uid))
}

fn create_owned(folder: &Path, owner: (u32, u32)) -> io::Result<()> {
    if !folder.is_dir() {
        fs::create_dir_all(folder)?;
        give(folder, owner)?;
    } else if fs::metadata(folder)?.uid() == 0 {
        give(folder, owner)?;
    }
    Ok(())
}

fn write_new(path: &Path, content: &[u8], owner: (u32, u32)) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        create_owned(folder, owner)?;
    }
    match fs::OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => {
            io::Write::write_all(&mut file, content)?;
            give(path, owner)
        }
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// Only root can give files away; anybody else owns them already.
fn give(path: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

fn read_bounded(path: &Path, limit: u64) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    fs::File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if content.len() as u64 > limit {
        return Err(io::Error::other(format!(
            "a check takes a workspace of at most {} MiB",
            MAX_BYTES >> 20
        )));
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_and_hidden_files_are_not_collected() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.py"), "x").unwrap();
        fs::write(folder.path().join(".secret"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.path().join("b.py")).unwrap();
        let files = collect(folder.path()).unwrap();
        assert_eq!(files, [("a.py".to_owned(), b"x".to_vec())]);
    }

    #[test]
    fn a_huge_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::create(folder.path().join("dump.rdb")).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        assert!(collect(folder.path()).unwrap_err().contains("dump.rdb"));
    }
}
