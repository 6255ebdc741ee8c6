//! What a submission writes is bounded: its workspace lies on the disk of this machine.

use std::path::Path;
use std::time::Duration;

use rustix::fd::{AsFd, BorrowedFd};
use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags};

use crate::error::Result;
use crate::session::disk;

/// No file may grow larger, in bytes.
pub const FILE: u64 = 32 << 20;
/// All together may take no more of the disk, in bytes.
const SPACE: u64 = 64 << 20;
const ENTRIES: usize = 20_000;
const DEPTH: usize = 64;
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// What `st_blocks` counts, in bytes.
const BLOCK: u64 = 512;

/// Returns when a workspace holds too much, and says how much.
///
/// # Errors
/// The disk is nearly full. Not all that takes room can be seen: a file that is removed while it is open, others' files.
pub async fn overgrown(workspace: &Path) -> Result<String> {
    let before = disk::room(workspace);
    loop {
        let folder = workspace.to_owned();
        let measured = tokio::task::spawn_blocking(move || Measured::of(&folder)).await;
        if let Ok(Err(why)) = measured {
            return Ok(why);
        }
        if let Some(error) = disk::filled(workspace, before) {
            return Err(error.help("free some disk"));
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

#[derive(Default)]
struct Measured {
    bytes: u64,
    entries: usize,
}

impl Measured {
    /// # Errors
    /// It is too much.
    fn of(workspace: &Path) -> Result<(), String> {
        let mut measured = Self::default();
        if let Ok(root) = open(CWD, workspace) {
            measured.folder(root, 0)?;
        }
        if measured.bytes <= SPACE {
            return Ok(());
        }
        let (grown, limit) = (measured.bytes >> 20, SPACE >> 20);
        Err(format!("the workspace grew to {grown} MiB; a submission may use {limit} MiB"))
    }

    /// Counts what is in a folder. What vanishes meanwhile takes no room.
    fn folder(&mut self, folder: Dir, depth: usize) -> Result<(), String> {
        if depth > DEPTH {
            return Err(format!("the workspace is nested deeper than {DEPTH} folders"));
        }
        let mut folder = folder;
        while let Some(Ok(entry)) = folder.next() {
            if matches!(entry.file_name().to_bytes(), b"." | b"..") {
                continue;
            }
            self.entries += 1;
            if self.entries > ENTRIES {
                return Err(format!("the workspace grew to more than {ENTRIES} files and folders"));
            }
            let Ok(at) = folder.fd() else { continue };
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            let Ok(stat) = rustix::fs::statat(at, entry.file_name(), flags) else { continue };
            self.bytes += u64::try_from(stat.st_blocks).unwrap_or(0) * BLOCK;
            if FileType::from_raw_mode(stat.st_mode) == FileType::Directory
                && let Ok(inner) = open(at.as_fd(), entry.file_name())
            {
                self.folder(inner, depth + 1)?;
            }
        }
        Ok(())
    }
}

fn open(at: BorrowedFd<'_>, name: impl rustix::path::Arg) -> rustix::io::Result<Dir> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    Dir::new(rustix::fs::openat(at, name, flags, Mode::empty())?)
}
