//! Symbolic links in a workspace, followed as far as they stay in it.

use std::collections::VecDeque;
use std::ffi::{CString, OsString};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::ffi::OsStringExt;
use std::path::{Component, Path, PathBuf};

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;

/// As many as systems follow.
const MOST: usize = 40;
const OPENED: OFlags =
    OFlags::RDONLY.union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK).union(OFlags::CLOEXEC);

/// An open folder that links must not lead out of.
pub struct Bounds<'a> {
    pub root: &'a OwnedFd,
    /// What an absolute path into it begins with: the folder's own, and what containers call it.
    pub names: &'a [PathBuf],
}

impl Bounds<'_> {
    /// Opens the file that a link leads to. Each step is opened beneath the last one, never by path: what is swapped for a
    /// link meanwhile leads no further out than one that was there before.
    ///
    /// # Errors
    /// It leads to no file in the folder; in words that go on from the link's name.
    pub fn follow(&self, path: &str) -> Result<OwnedFd, String> {
        let mut ahead = steps(Path::new(path));
        let mut above: Vec<OwnedFd> = Vec::new();
        let mut followed = 0;
        while let Some(step) = ahead.pop_front() {
            if step == ".." {
                above.pop().ok_or_else(outside)?;
                continue;
            }
            let here = above.last().map_or(self.root.as_fd(), AsFd::as_fd);
            match rustix::fs::openat(here, step.as_os_str(), OPENED, Mode::empty()) {
                Ok(opened) if ahead.is_empty() => return file(opened),
                Ok(opened) => above.push(opened),
                Err(Errno::LOOP) if followed == MOST => {
                    return Err("a symbolic link that leads round in a circle".to_owned());
                }
                Err(Errno::LOOP) => {
                    followed += 1;
                    let mut target = target(here, &step)?;
                    if target.is_absolute() {
                        target = self.inside(&target).ok_or_else(outside)?.to_owned();
                        above.clear();
                    }
                    let mut steps = steps(&target);
                    steps.append(&mut ahead);
                    ahead = steps;
                }
                Err(Errno::NOENT | Errno::NOTDIR) => {
                    return Err("a symbolic link to what is not there".to_owned());
                }
                Err(e) => return Err(format!("a symbolic link to what cannot be opened: {e}")),
            }
        }
        Err(no_file())
    }

    fn inside<'p>(&self, target: &'p Path) -> Option<&'p Path> {
        self.names.iter().find_map(|name| target.strip_prefix(name).ok())
    }
}

fn steps(path: &Path) -> VecDeque<OsString> {
    let parts = path.components().filter_map(|part| match part {
        Component::Normal(name) => Some(name.to_owned()),
        Component::ParentDir => Some("..".into()),
        _ => None,
    });
    parts.collect()
}

fn target(folder: BorrowedFd<'_>, name: &OsString) -> Result<PathBuf, String> {
    rustix::fs::readlinkat(folder, name, Vec::new())
        .map(|target: CString| OsString::from_vec(target.into_bytes()).into())
        .map_err(|e| format!("a symbolic link that cannot be read: {e}"))
}

fn file(opened: OwnedFd) -> Result<OwnedFd, String> {
    let stat = rustix::fs::fstat(&opened).map_err(|e| e.to_string())?;
    let is_file = FileType::from_raw_mode(stat.st_mode) == FileType::RegularFile;
    if is_file { Ok(opened) } else { Err(no_file()) }
}

fn outside() -> String {
    "a symbolic link that leads out of the workspace; put the file itself there".to_owned()
}

fn no_file() -> String {
    "a symbolic link to what is no file".to_owned()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Read;
    use std::os::unix::fs::symlink;

    use super::*;

    /// What a workspace with these links gives for one of them.
    fn followed(links: &[(&str, &str)], which: &str) -> Result<String, String> {
        let around = tempfile::tempdir().unwrap();
        fs::write(around.path().join("secret.py"), "secret").unwrap();
        let folder = around.path().join("workspace");
        fs::create_dir_all(folder.join("parts")).unwrap();
        fs::write(folder.join("other.py"), "other").unwrap();
        fs::write(folder.join("parts/deep.py"), "deep").unwrap();
        for (link, target) in links {
            let target = target.replace("HERE", folder.to_str().unwrap());
            symlink(target, folder.join(link)).unwrap();
        }
        let root = rustix::fs::open(&folder, OFlags::DIRECTORY, Mode::empty()).unwrap();
        let names = [folder.clone(), PathBuf::from("/workspace")];
        let opened = Bounds { root: &root, names: &names }.follow(which)?;
        let mut text = String::new();
        fs::File::from(opened).read_to_string(&mut text).unwrap();
        Ok(text)
    }

    #[test]
    fn a_link_that_stays_inside_is_the_file() {
        for (target, content) in [
            ("other.py", "other"),
            ("./parts/../other.py", "other"),
            ("parts/deep.py", "deep"),
            ("HERE/other.py", "other"),
            ("/workspace/parts/deep.py", "deep"),
        ] {
            assert_eq!(followed(&[("fifo.py", target)], "fifo.py").unwrap(), content, "{target}");
        }
        let chain = [("fifo.py", "lib/deep.py"), ("lib", "parts"), ("parts/up.py", "../other.py")];
        assert_eq!(followed(&chain, "fifo.py").unwrap(), "deep");
        assert_eq!(followed(&chain, "parts/up.py").unwrap(), "other");
    }

    #[test]
    fn a_link_that_leads_out_is_said_to() {
        for target in
            ["/etc/passwd", "../secret.py", "../workspace/other.py", "/workspace/../x", "up"]
        {
            let why = followed(&[("fifo.py", target), ("up", "..")], "fifo.py").unwrap_err();
            assert!(why.contains("leads out of the workspace"), "{target}: {why}");
        }
    }

    #[test]
    fn a_link_that_leads_to_no_file_says_so() {
        for (target, said) in [
            ("fifo.py", "in a circle"),
            ("parts", "no file"),
            (".", "no file"),
            ("nothing.py", "not there"),
            ("other.py/x", "not there"),
        ] {
            let why = followed(&[("fifo.py", target)], "fifo.py").unwrap_err();
            assert!(why.contains(said), "{target}: {why}");
        }
    }
}
