//! Files and folders below one that a learner can put links into: none is followed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{AtFlags, Mode, OFlags};
use rustix::io::Errno;

use crate::error::Error;

/// How a folder below another is opened.
pub const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens the folder that all else is below of; that one may be reached by a link.
pub fn top(folder: &Path) -> io::Result<OwnedFd> {
    Ok(rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())?)
}

/// Opens a folder in another, and makes it if it is not there.
pub fn folder_in(folder: &OwnedFd, name: &str, owner: (u32, u32)) -> io::Result<OwnedFd> {
    let made = rustix::fs::mkdirat(folder, name, Mode::from_raw_mode(0o755));
    let below = match made {
        Ok(()) | Err(Errno::EXIST) => rustix::fs::openat(folder, name, FOLDER, Mode::empty())?,
        Err(e) => return Err(e.into()),
    };
    if made.is_ok() {
        chown(&below, owner)?;
    }
    Ok(below)
}

/// Opens the folder that a file is to be in, and makes what is missing above it; answers the file's own name too.
pub fn folder_of<'p>(
    top: &Path,
    path: &'p str,
    owner: (u32, u32),
) -> io::Result<(OwnedFd, &'p str)> {
    let (folders, file) = path.rsplit_once('/').unwrap_or(("", path));
    let mut folder = self::top(top)?;
    for name in folders.split('/').filter(|name| !name.is_empty()) {
        folder = folder_in(&folder, name, owner)?;
    }
    Ok((folder, file))
}

/// Writes a file that is not there yet; whole, or not at all.
pub fn create(folder: &OwnedFd, name: &str, content: &[u8], owner: (u32, u32)) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
    let written = chown(&file, owner).and_then(|()| File::from(file).write_all(content));
    // Half a file would pass for the learner's own the next time.
    written.inspect_err(|_| {
        let _ = rustix::fs::unlinkat(folder, name, AtFlags::empty());
    })
}

/// An error with what it means here: that a link, or a file, stands where a folder is expected.
pub fn explained(error: Error, why: &io::Error) -> Error {
    match Errno::from_io_error(why) {
        Some(Errno::LOOP | Errno::NOTDIR) => {
            error.because("a link or a file stands where a folder has to be").help("move that away")
        }
        _ => error.because(why),
    }
}

/// Only root can give files away; anybody else owns them already.
pub fn chown(file: &OwnedFd, (uid, gid): (u32, u32)) -> io::Result<()> {
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    Ok(())
}
