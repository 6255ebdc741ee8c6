//! A file into a workspace, in place of one of that name. The learner can put links there: none is followed.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use super::nofollow;
use crate::error::{Error, Result};
use crate::failpoint;

/// What becomes of the file that is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Old<'a> {
    Removed,
    /// It gets another name, unless it holds what is put there, or this.
    Kept {
        unless: Option<&'a [u8]>,
    },
}

/// Puts a file there; answers the name under which the old one was kept, relative to the workspace.
///
/// # Errors
/// The workspace cannot be written, or a link or a folder is in the way.
pub fn put(
    workspace: &Path,
    name: &str,
    content: &[u8],
    old: Old<'_>,
    owner: (u32, u32),
) -> Result<Option<String>> {
    place(workspace, name, content, old, owner).map_err(|e| {
        let error = Error::infrastructure("A file cannot be put into the workspace")
            .at(workspace.join(name).display().to_string());
        nofollow::explained(error, &e)
    })
}

fn place(
    workspace: &Path,
    name: &str,
    content: &[u8],
    old: Old<'_>,
    owner: (u32, u32),
) -> io::Result<Option<String>> {
    let (folder, file) = nofollow::folder_of(workspace, name, owner)?;
    let kept = match old {
        Old::Removed => {
            match rustix::fs::unlinkat(&folder, file, AtFlags::empty()) {
                Ok(()) | Err(Errno::NOENT) => {}
                Err(e) => return Err(e.into()),
            }
            None
        }
        Old::Kept { .. } if holds(&folder, file, content)? => return Ok(None),
        Old::Kept { unless: Some(known) } if holds(&folder, file, known)? => {
            rustix::fs::unlinkat(&folder, file, AtFlags::empty())?;
            None
        }
        Old::Kept { .. } => keep(&folder, file)?,
    };
    failpoint::step();
    nofollow::create(&folder, file, content, owner)?;
    Ok(kept.map(|kept| match name.rsplit_once('/') {
        Some((folders, _)) => format!("{folders}/{kept}"),
        None => kept,
    }))
}

/// Whether a plain file holds just this.
fn holds(folder: &OwnedFd, file: &str, content: &[u8]) -> io::Result<bool> {
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match rustix::fs::openat(folder, file, flags, Mode::empty()) {
        Ok(file) => File::from(file),
        Err(Errno::NOENT | Errno::LOOP) => return Ok(false),
        Err(e) => return Err(e.into()),
    };
    if !file.metadata()?.is_file() {
        return Ok(false);
    }
    let mut found = Vec::new();
    file.take(content.len() as u64 + 1).read_to_end(&mut found)?;
    Ok(found == content)
}

/// Gives what is there the first name that is free; nothing when nothing is there.
fn keep(folder: &OwnedFd, file: &str) -> io::Result<Option<String>> {
    for nth in 1..u32::MAX {
        let name = match nth {
            1 => format!("{file}.before"),
            _ => format!("{file}.before-{nth}"),
        };
        let flags = rustix::fs::RenameFlags::NOREPLACE;
        match rustix::fs::renameat_with(folder, file, folder, &name, flags) {
            Ok(()) => return Ok(Some(name)),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::EXIST) => {}
            Err(e) => return Err(e.into()),
        }
    }
    Err(Errno::EXIST.into())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn us() -> (u32, u32) {
        (rustix::process::getuid().as_raw(), rustix::process::getgid().as_raw())
    }

    #[test]
    fn the_learners_file_is_kept_unless_it_is_the_starter_or_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let put = |content: &str| {
            let old = Old::Kept { unless: Some(b"starter") };
            put(folder.path(), "conf/a.py", content.as_bytes(), old, us()).unwrap()
        };
        let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
        assert_eq!(put("starter"), None);
        assert_eq!(put("mine"), None);
        assert_eq!(put("mine"), None);
        assert_eq!(put("theirs").as_deref(), Some("conf/a.py.before"));
        assert_eq!(put("another").as_deref(), Some("conf/a.py.before-2"));
        assert_eq!(
            [read("conf/a.py"), read("conf/a.py.before"), read("conf/a.py.before-2")],
            ["another", "mine", "theirs"]
        );
    }

    #[test]
    fn no_link_is_followed() {
        let (folder, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let target = outside.path().join("a.py");
        fs::write(&target, "outside").unwrap();
        std::os::unix::fs::symlink(&target, folder.path().join("a.py")).unwrap();
        std::os::unix::fs::symlink(outside.path(), folder.path().join("conf")).unwrap();
        for old in [Old::Kept { unless: None }, Old::Removed] {
            put(folder.path(), "a.py", b"new", old, us()).unwrap();
            assert_eq!(fs::read_to_string(&target).unwrap(), "outside");
            let refused = put(folder.path(), "conf/a.py", b"new", old, us()).unwrap_err();
            assert!(refused.to_string().contains("a link or a file stands"), "{refused}");
        }
        assert_eq!(fs::read_to_string(folder.path().join("a.py")).unwrap(), "new");
    }
}
