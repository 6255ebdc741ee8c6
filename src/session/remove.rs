//! Removing a folder that somebody else filled: however deep it is, whatever its modes are.

use std::ffi::{CStr, CString};
use std::path::{Path, PathBuf};

use rustix::fd::OwnedFd;
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;

use crate::error::{Error, Result};
use crate::probe::fresh;

const FOLDER: OFlags =
    OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Removes a folder with all that is in it. Nobody may be writing there any more.
///
/// # Errors
/// Something stays, with the path where it is now.
pub fn folder(path: &Path) -> Result<()> {
    remove(path).map_err(|(place, why)| {
        Error::infrastructure("A folder cannot be removed")
            .at(place.display().to_string())
            .because(why)
            .help("remove it by hand, as a user who may")
    })
}

type Failed = (PathBuf, Errno);

/// Folders inside others are moved to the top, one level at a time: no path becomes long, and two are open at once.
fn remove(path: &Path) -> Result<(), Failed> {
    let failed = |e| (path.to_owned(), e);
    let _ = rustix::fs::chmod(path, Mode::RWXU);
    let top = rustix::fs::openat(CWD, path, FOLDER, Mode::empty()).map_err(failed)?;
    let mut waiting = empty(path, &top, |_, name| Ok(name.to_owned()))?;
    let mark = fresh::random("gone");
    let mut moved = 0_u64;
    while let Some(name) = waiting.pop() {
        let place = path.join(name.to_string_lossy().as_ref());
        let failed = |e| (place.clone(), e);
        let inner = rustix::fs::openat(&top, &name, FOLDER, Mode::empty()).map_err(failed)?;
        waiting.extend(empty(&place, &inner, |inner, name| {
            moved += 1;
            let new = CString::new(format!("{mark}-{moved}")).unwrap_or_default();
            rustix::fs::renameat(inner, name, &top, &new).map(|()| new)
        })?);
        rustix::fs::unlinkat(&top, &name, AtFlags::REMOVEDIR).map_err(failed)?;
    }
    rustix::fs::unlinkat(CWD, path, AtFlags::REMOVEDIR).map_err(failed)
}

/// Removes what is in a folder but for the folders in it: those are opened to us and go to `take`, which answers their
/// names from then on.
fn empty(
    place: &Path,
    folder: &OwnedFd,
    mut take: impl FnMut(&OwnedFd, &CStr) -> rustix::io::Result<CString>,
) -> Result<Vec<CString>, Failed> {
    let failed = |name: &CStr, e| (place.join(name.to_string_lossy().as_ref()), e);
    let entries = Dir::read_from(folder).map_err(|e| (place.to_owned(), e))?;
    let names = entries.map(|entry| entry.map(|e| e.file_name().to_owned()));
    let names: Vec<CString> =
        names.collect::<rustix::io::Result<_>>().map_err(|e| (place.to_owned(), e))?;
    let mut folders = Vec::new();
    for name in names.iter().filter(|name| !matches!(name.to_bytes(), b"." | b"..")) {
        let stat = rustix::fs::statat(folder, name, AtFlags::SYMLINK_NOFOLLOW);
        let stat = stat.map_err(|e| failed(name, e))?;
        if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
            // Where this is refused, so is what comes next.
            let _ = rustix::fs::chmodat(folder, name, Mode::RWXU, AtFlags::empty());
            folders.push(take(folder, name).map_err(|e| failed(name, e))?);
        } else {
            rustix::fs::unlinkat(folder, name, AtFlags::empty()).map_err(|e| failed(name, e))?;
        }
    }
    Ok(folders)
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_folder_deeper_than_any_path_goes_without_its_surroundings() {
        let home = tempfile::tempdir().unwrap();
        let kept = home.path().join("kept");
        fs::write(&kept, "").unwrap();
        let path = home.path().join("deep");
        fs::create_dir(&path).unwrap();
        let mut at = rustix::fs::openat(CWD, &path, FOLDER, Mode::empty()).unwrap();
        // More than a path has room for, and than there usually are descriptors.
        for _ in 0..2_500 {
            rustix::fs::mkdirat(&at, "a", Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "a", FOLDER, Mode::empty()).unwrap();
        }
        rustix::fs::symlinkat(&kept, &at, "link").unwrap();
        folder(&path).unwrap();
        assert!(!path.exists() && kept.exists());
    }

    /// To root no mode is an obstacle.
    #[test]
    fn no_mode_of_what_is_in_it_keeps_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("locked");
        for (n, mode) in [0o000, 0o500, 0o300, 0o100].into_iter().enumerate() {
            let inner = path.join(format!("{n}/inner"));
            fs::create_dir_all(&inner).unwrap();
            fs::write(inner.join("file"), "").unwrap();
            symlink("/", inner.join("link")).unwrap();
            for folder in [&inner, inner.parent().unwrap()] {
                fs::set_permissions(folder, fs::Permissions::from_mode(mode)).unwrap();
            }
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        folder(&path).unwrap();
        assert!(!path.exists());
    }

    #[test]
    fn what_stays_is_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("file");
        fs::write(&path, "").unwrap();
        let error = folder(&path).unwrap_err();
        assert_eq!(error.place.as_deref(), path.to_str());
    }
}
