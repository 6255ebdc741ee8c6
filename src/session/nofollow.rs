//! Files and folders below one that a learner can put links into: none is followed.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;

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

/// Writes a file that is not there yet.
pub fn create(folder: &OwnedFd, name: &str, content: &[u8], owner: (u32, u32)) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = rustix::fs::openat(folder, name, flags, Mode::from_raw_mode(0o644))?;
    chown(&file, owner)?;
    File::from(file).write_all(content)
}

/// Only root can give files away; anybody else owns them already.
pub fn chown(file: &OwnedFd, (uid, gid): (u32, u32)) -> io::Result<()> {
    if rustix::process::getuid().is_root() {
        std::os::unix::fs::fchown(file, Some(uid), Some(gid))?;
    }
    Ok(())
}
