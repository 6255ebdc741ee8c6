//! The disk that a seat lies on. What a learner writes has no quota, and yet must not fill the machine.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Session;
use super::plan::SEAT_LABEL;
use super::stand::STAND_LABEL;
use crate::error::{Error, Result};
use crate::store::SeatRow;

/// A disk with less room, in bytes, is as good as full.
pub const ROOM: u64 = 512 << 20;
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a service may take to end well when the disk is nearly full.
const STOPS_WITHIN: Duration = Duration::from_secs(5);

/// With room for fewer files no more can be made soon.
const FILES: u64 = 10_000;

/// What is free on a disk.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    pub bytes: u64,
    /// How many more files there can be.
    pub files: u64,
}

impl Room {
    /// Whether a seat would be stopped that comes to have so little.
    pub fn is_used_up(self) -> bool {
        self.bytes < ROOM || self.files < FILES
    }
}

/// What is free on a folder's disk. One that cannot say has room.
pub fn room(folder: &Path) -> Room {
    let Ok(disk) = rustix::fs::statvfs(folder) else {
        return Room { bytes: u64::MAX, files: u64::MAX };
    };
    // Some file systems do not count files.
    let files = if disk.f_files == 0 { u64::MAX } else { disk.f_favail };
    Room { bytes: disk.f_bavail.saturating_mul(disk.f_frsize), files }
}

/// Why to stop, when a disk that had room `before` has hardly any left. One that was nearly full already says nothing of those
/// who write now.
pub fn filled(folder: &Path, before: Room) -> Option<Error> {
    let now = room(folder);
    let left = if now.bytes < ROOM && before.bytes >= 2 * ROOM {
        format!("of {} MiB there are {} left", before.bytes >> 20, now.bytes >> 20)
    } else if now.files < FILES && before.files >= 2 * FILES {
        format!("of {} files that could be made there are {} left", before.files, now.files)
    } else {
        return None;
    };
    let error = Error::infrastructure("The disk is nearly full");
    Some(error.at(folder.display().to_string()).because(left))
}

impl Session {
    /// Does something while the disks that a seat lies on are looked at. When one of them is nearly full, the seat's containers
    /// are stopped; their data stays.
    ///
    /// # Errors
    /// Those of the work; the disk was nearly full.
    pub async fn mindful_of_disk<T>(
        &self,
        seat: &SeatRow,
        work: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        let workspace = (seat.workspace.clone(), room(&seat.workspace));
        let error = tokio::select! {
            done = work => return done,
            error = self.disk_is_filled(workspace) => error,
        };
        let lab = &seat.lab;
        Err(error.help(match self.halt(seat).await {
            Ok(()) => format!(
                "the seat was stopped before it is full: free some disk, then 'labs run {lab}' goes on"
            ),
            Err(why) => format!(
                "the seat could not be stopped ({}): free some disk, or end it with 'labs stop {lab}'",
                why.what
            ),
        }))
    }

    /// Stops a seat's containers, whose data stays; what checks have made for themselves goes.
    async fn halt(&self, seat: &SeatRow) -> Result<()> {
        let label = format!("{SEAT_LABEL}={}", seat.id);
        let containers = self.engine.list(&[&label]).await?;
        let halts = containers.iter().map(|container| async {
            if container.labels.contains_key(STAND_LABEL) {
                self.drop_container(&container.name).await
            } else {
                self.engine.stop(&container.name, STOPS_WITHIN).await
            }
        });
        futures_util::future::join_all(halts).await.into_iter().collect()
    }

    /// Returns when one of the disks is nearly full: the workspace's, or the engine's where that is on this machine.
    async fn disk_is_filled(&self, workspace: (PathBuf, Room)) -> Error {
        let root = self.engine.info().await.ok().and_then(|info| info.root);
        let root = root.map(|root| {
            let before = room(&root);
            (root, before)
        });
        let folders: Vec<(PathBuf, Room)> = [workspace].into_iter().chain(root).collect();
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(error) = folders.iter().find_map(|(folder, before)| filled(folder, *before))
            {
                return error;
            }
        }
    }
}
