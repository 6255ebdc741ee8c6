//! The learner's folder: made from the lab's starter files, never overwritten, sent to runners.

use std::borrow::Cow;
use std::fs;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Dir, FileType, Mode, OFlags};

use super::link::Bounds;
use super::nofollow;
use crate::catalog::files::Files;
use crate::catalog::lab::Lab;
use crate::catalog::rendered;
use crate::error::{Error, Result};

/// Where the mount proves itself; the workbench prints it at its start.
pub const NONCE: &str = ".labs/seat";

/// What the workspace is called in the workbench and in runners.
pub const IN_CONTAINERS: &str = "/workspace";
/// A check sends the workspace to a runner: no larger than this, in bytes.
const MAX_BYTES: u64 = 16 << 20;
const MAX_FILES: usize = 2_000;
const MAX_DEPTH: usize = 16;
/// Those that are left out count too.
const MAX_ENTRIES: usize = 20_000;

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

/// Makes the folder and adds the starter files that are not there yet; answers which.
pub fn prepare(
    lab: &Lab,
    files: &Files,
    workspace: &Path,
    seat: &str,
    owner: (u32, u32),
) -> Result<Vec<String>> {
    let unwritten = |path: &Path| {
        Error::infrastructure("The workspace cannot be written")
            .at(path.display().to_string())
            .help("name another with --workspace DIR")
    };
    let below = |name: &str| {
        let error = unwritten(&workspace.join(name));
        move |e: io::Error| nofollow::explained(error, &e)
    };
    make(workspace, owner).map_err(|e| unwritten(workspace).because(e))?;
    refuse_foreign(workspace, owner)?;
    let folder = format!("{}/starter", lab.slug);
    let mut added = Vec::new();
    for name in files.below(&folder) {
        let content = rendered::file(files, &format!("{folder}/{name}"), &lab.variables)?;
        let name = rendered::name(&name);
        if add(workspace, name, &content, owner).map_err(below(name))? {
            added.push(name.to_owned());
        }
    }
    write_nonce(workspace, seat, owner).map_err(below(NONCE))?;
    Ok(added)
}

/// Empties a workspace that nobody else uses, and puts the starter files there again.
pub fn renew(
    lab: &Lab,
    files: &Files,
    workspace: &Path,
    seat: &str,
    owner: (u32, u32),
) -> Result<()> {
    let empty = || {
        for entry in fs::read_dir(workspace)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                fs::remove_dir_all(entry.path())?;
            } else {
                fs::remove_file(entry.path())?;
            }
        }
        Ok(())
    };
    empty().map_err(|e: io::Error| {
        Error::infrastructure("The workspace cannot be emptied")
            .at(workspace.display().to_string())
            .because(e)
    })?;
    prepare(lab, files, workspace, seat, owner).map(drop)
}

/// What a starter file holds; nothing where the lab has none of that name.
///
/// # Errors
/// The lab's file cannot be read.
pub fn starter(lab: &Lab, files: &Files, name: &str) -> Result<Option<Vec<u8>>> {
    let folder = format!("{}/starter", lab.slug);
    let found = files.below(&folder).into_iter().find(|file| rendered::name(file) == name);
    let content = |file| rendered::file(files, &format!("{folder}/{file}"), &lab.variables);
    found.map(content).transpose().map(|content| content.map(Cow::into_owned))
}

fn write_nonce(workspace: &Path, seat: &str, owner: (u32, u32)) -> io::Result<()> {
    let (folder, name) = NONCE.split_once('/').unwrap_or((".", NONCE));
    let folder = nofollow::folder_in(&nofollow::top(workspace)?, folder, owner)?;
    let temporary = format!("{name}.new");
    let _ = rustix::fs::unlinkat(&folder, &temporary, AtFlags::empty());
    nofollow::create(&folder, &temporary, format!("{seat}\n").as_bytes(), owner)?;
    Ok(rustix::fs::renameat(&folder, &temporary, &folder, name)?)
}

/// A folder with somebody else's files is no workspace: containers could not write there, and giving it away
/// is not ours to do.
fn refuse_foreign(workspace: &Path, owner: (u32, u32)) -> Result<()> {
    let Ok(metadata) = fs::metadata(workspace) else { return Ok(()) };
    if metadata.uid() == owner.0 {
        return Ok(());
    }
    let is_empty = fs::read_dir(workspace).is_ok_and(|mut entries| entries.next().is_none());
    if is_empty && give(workspace, owner).is_ok() {
        return Ok(());
    }
    // Root's own folder stays root's: the shell can read there, and root writes from outside.
    if metadata.uid() == rustix::process::getuid().as_raw() {
        return Ok(());
    }
    Err(Error::usage("The workspace belongs to another user")
        .at(workspace.display().to_string())
        .because(format!("its owner is user {}, yours would be user {}", metadata.uid(), owner.0))
        .help("name another folder with --workspace DIR"))
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

/// A file of the learner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collected {
    /// Below the folder, with `/` between names.
    pub path: String,
    pub content: Vec<u8>,
    pub executable: bool,
}

/// What a folder holds: regular files only, nothing hidden.
#[derive(Debug, Default)]
pub struct Collection {
    /// In the order of their paths.
    pub files: Vec<Collected>,
    /// What is neither a file nor a folder, or cannot be read, and why it was left out.
    pub left_out: Vec<LeftOut>,
    /// What is to be followed, or left out.
    links: Vec<String>,
    bytes: u64,
    entries: usize,
}

/// Something that was not collected.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    pub path: String,
    /// In words that go on from its name.
    pub why: String,
}

/// The learner's files as a check sees them. A link to a file of the workspace is that file.
///
/// # Errors
/// As [`Collection::of`].
pub fn collect(workspace: &Path) -> Result<Collection, String> {
    let root = rustix::fs::open(workspace, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|e| format!("the folder {} cannot be read: {e}", workspace.display()))?;
    let mut names = vec![workspace.to_owned(), PathBuf::from(IN_CONTAINERS)];
    names.extend(workspace.canonicalize());
    let bounds = Bounds { root: &root, names: &names };
    Collection::read(&root, |link| bounds.follow(link))
}

/// Files are opened beneath descriptors, never by path: what is swapped for a link meanwhile is not followed.
impl Collection {
    /// Reads what an open folder holds, without what links lead to.
    ///
    /// # Errors
    /// It is too much or too large: the learner's to mend, so the caller makes it a failure.
    pub fn of(root: &OwnedFd) -> Result<Self, String> {
        Self::read(root, |_| Err("a symbolic link".to_owned()))
    }

    fn read(
        root: &OwnedFd,
        follow: impl Fn(&str) -> Result<OwnedFd, String>,
    ) -> Result<Self, String> {
        let mut collection = Self::default();
        collection.folder(root, "", 0)?;
        for link in std::mem::take(&mut collection.links) {
            match follow(&link) {
                Ok(opened) => collection.file(link, opened)?,
                Err(why) => collection.leave_out(link, why),
            }
        }
        collection.files.sort_by(|a, b| a.path.cmp(&b.path));
        collection.left_out.sort();
        Ok(collection)
    }

    fn folder(&mut self, folder: &OwnedFd, prefix: &str, depth: usize) -> Result<(), String> {
        if depth > MAX_DEPTH {
            return Err(format!("{prefix} is nested too deeply"));
        }
        let unreadable = |e: rustix::io::Errno| format!("the folder {prefix} cannot be read: {e}");
        for entry in Dir::read_from(folder).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                return Err(format!(
                    "the workspace holds more than {MAX_ENTRIES} files, folders and links"
                ));
            }
            let name = entry.file_name().to_bytes();
            if name.starts_with(b".") || name == b"__pycache__" {
                continue;
            }
            let Ok(name) = std::str::from_utf8(name) else {
                let name = String::from_utf8_lossy(name);
                self.leave_out(format!("{prefix}{name}"), "its name is not UTF-8");
                continue;
            };
            let path = format!("{prefix}{name}");
            let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let opened = match rustix::fs::openat(folder, name, flags, Mode::empty()) {
                Ok(opened) => opened,
                Err(rustix::io::Errno::LOOP) => {
                    self.links.push(path);
                    continue;
                }
                Err(e) => {
                    self.leave_out(path, format!("cannot be opened: {e}"));
                    continue;
                }
            };
            let Ok(stat) = rustix::fs::fstat(&opened) else { continue };
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::Directory => self.folder(&opened, &format!("{path}/"), depth + 1)?,
                FileType::RegularFile => self.file(path, opened)?,
                _ => self.leave_out(path, "neither a file nor a folder"),
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, path: String, why: impl Into<String>) {
        self.left_out.push(LeftOut { path, why: why.into() });
    }

    fn file(&mut self, path: String, opened: OwnedFd) -> Result<(), String> {
        let left = MAX_BYTES - self.bytes;
        let mut content = Vec::new();
        let file = fs::File::from(opened);
        let unreadable = |e: io::Error| format!("{path} cannot be read: {e}");
        let executable = file.metadata().map_err(unreadable)?.mode() & 0o100 != 0;
        file.take(left + 1).read_to_end(&mut content).map_err(unreadable)?;
        self.bytes += content.len() as u64;
        if content.len() as u64 > left {
            return Err(format!(
                "with {path} the workspace is larger than the {} MiB a check takes",
                MAX_BYTES >> 20
            ));
        }
        self.files.push(Collected { path, content, executable });
        if self.files.len() > MAX_FILES {
            return Err(format!("the workspace holds more than {MAX_FILES} files"));
        }
        Ok(())
    }
}

/// Puts files into a workspace, in the place of what is there. Nobody else may have written to it yet.
///
/// # Errors
/// The folder cannot be written.
pub fn put(workspace: &Path, files: &[Collected], owner: (u32, u32)) -> Result<()> {
    for file in files {
        let path = workspace.join(&file.path);
        put_one(workspace, &path, file, owner).map_err(|e| {
            Error::infrastructure("A file cannot be put into the workspace")
                .at(path.display().to_string())
                .because(e)
        })?;
    }
    Ok(())
}

fn put_one(workspace: &Path, path: &Path, file: &Collected, owner: (u32, u32)) -> io::Result<()> {
    // A folder may stand where a file of the lab was, and a file where a folder was.
    for above in path.ancestors().skip(1).take_while(|above| *above != workspace) {
        if above.is_file() {
            fs::remove_file(above)?;
        }
    }
    if path.is_dir() {
        fs::remove_dir_all(path)?;
    } else if path.exists() {
        fs::remove_file(path)?;
    }
    let below = path.strip_prefix(workspace).ok().and_then(Path::to_str).unwrap_or(&file.path);
    add(workspace, below, &file.content, owner)?;
    let mode = if file.executable { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
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

/// Makes the workspace, for its owner alone: what a container leaves in it, a set-uid program for one, is nobody else's.
fn make(workspace: &Path, owner: (u32, u32)) -> io::Result<()> {
    let is_new = !workspace.exists();
    create_owned(workspace, owner)?;
    if is_new {
        fs::set_permissions(workspace, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

/// Makes a folder and what is missing above it; what is made belongs to the owner.
fn create_owned(folder: &Path, owner: (u32, u32)) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        create_owned(parent, owner)?;
    }
    match fs::create_dir(folder) {
        Ok(()) => give(folder, owner),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(e) => Err(e),
    }
}

/// Writes a file unless something of its name is there; answers whether it was written.
fn add(workspace: &Path, name: &str, content: &[u8], owner: (u32, u32)) -> io::Result<bool> {
    let (folder, file) = nofollow::folder_of(workspace, name, owner)?;
    match nofollow::create(&folder, file, content, owner) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(e),
    }
}

/// Makes sure of a folder in the workspace that a service gets: the engine follows a link, so there must be none.
///
/// # Errors
/// A link or a file stands in its place.
pub fn own_folder(workspace: &Path, name: &str, owner: (u32, u32)) -> Result<()> {
    let opened = nofollow::top(workspace).and_then(|top| nofollow::folder_in(&top, name, owner));
    opened.map(drop).map_err(|e| {
        let error = Error::infrastructure("A service cannot be given its folder of the workspace")
            .at(workspace.join(name).display().to_string());
        nofollow::explained(error, &e)
    })
}

/// Only root can give files away; anybody else owns them already.
fn give(path: &Path, (uid, gid): (u32, u32)) -> io::Result<()> {
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::lchown(path, Some(uid), Some(gid))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_that_lead_out_and_hidden_files_are_not_collected() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a.py"), "x").unwrap();
        fs::write(folder.path().join(".secret"), "x").unwrap();
        for (link, target) in [("b.py", "/etc/passwd"), ("c.py", "a.py")] {
            std::os::unix::fs::symlink(target, folder.path().join(link)).unwrap();
        }
        let paths =
            |found: &Collection| found.files.iter().map(|f| f.path.clone()).collect::<Vec<_>>();
        let found = collect(folder.path()).unwrap();
        assert_eq!(paths(&found), ["a.py", "c.py"]);
        assert_eq!(found.files[1].content, b"x");
        let left_out: Vec<&str> = found.left_out.iter().map(|l| l.path.as_str()).collect();
        assert_eq!(left_out, ["b.py"]);

        let root = rustix::fs::open(folder.path(), OFlags::DIRECTORY, Mode::empty()).unwrap();
        let handed_in = Collection::of(&root).unwrap();
        assert_eq!((paths(&handed_in), handed_in.left_out.len()), (vec!["a.py".to_owned()], 2));
    }

    #[test]
    fn a_huge_file_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = fs::File::create(folder.path().join("dump.rdb")).unwrap();
        file.set_len(MAX_BYTES + 1).unwrap();
        assert!(collect(folder.path()).unwrap_err().contains("dump.rdb"));
    }
}
