//! Throw-away seats: each with a ledger and files of its own, in a folder that goes with it.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::stop::Removed;
use super::{Session, remove};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::probe::fresh;
use crate::store::{self, Store};

/// The folder of all of them, in the data directory.
const FOLDER: &str = "scratch";
/// The lock of all of them; no lab has such a name.
const FOLDERS: &str = "scratch.folders";
/// Locked as long as its process lives: what is not is garbage.
const ALIVE: &str = "alive.lock";
const WORKSPACE: &str = "workspace";

/// The folder of throw-away seats whose process is gone, and the lock that keeps it so.
type Dead = (PathBuf, File);

/// A place for seats of which nothing stays: neither progress nor files.
pub struct Scratch {
    pub session: Session,
    /// Where is told what stays after all.
    tells: Events,
    folder: PathBuf,
    _alive: File,
}

impl Session {
    /// A session beside this one, whose seats nobody else sees. Its events go where the caller says.
    ///
    /// # Errors
    /// The data directory cannot be written.
    pub fn scratch(&self, events: Events) -> Result<Scratch> {
        let folder = self.store.folder().join(FOLDER).join(fresh::random("seat"));
        let alive = {
            let _coming = self.coming_and_going()?;
            std::fs::create_dir_all(&folder).map_err(|e| {
                Error::infrastructure("The folder of a throw-away seat cannot be made")
                    .at(folder.display().to_string())
                    .because(e)
            })?;
            store::try_lock(&folder.join(ALIVE))?.ok_or_else(|| {
                Error::infrastructure("The folder of a throw-away seat is taken")
                    .at(folder.display().to_string())
            })?
        };
        let (session, tells) = (self.beside(&folder, events)?, self.events.clone());
        Ok(Scratch { session, tells, folder, _alive: alive })
    }

    fn beside(&self, folder: &Path, events: Events) -> Result<Self> {
        Ok(Self {
            catalog: self.catalog.clone(),
            images: self.images.clone(),
            engine: self.engine.clone(),
            store: self.store.open_beside(folder)?,
            events,
        })
    }

    /// Held while a folder comes or goes, so that it is seen either with its lock or not at all.
    fn coming_and_going(&self) -> Result<File> {
        self.store.lock_briefly(FOLDERS)
    }

    fn scratch_folders(&self) -> Vec<PathBuf> {
        folders(&self.store).collect()
    }

    /// The throw-away seats that are recorded, whoever's they are.
    pub(super) fn scratch_seats(&self) -> Vec<String> {
        self.scratch_folders().iter().flat_map(|folder| store::seats_in(folder)).collect()
    }

    /// The throw-away seats whose process lives.
    pub(super) fn living_scratch(&self) -> Result<Vec<String>> {
        let (living, _) = self.scratch_by_life()?;
        Ok(living.iter().flat_map(|folder| store::seats_in(folder)).collect())
    }

    /// The folders of throw-away seats: those whose process lives, and the others.
    fn scratch_by_life(&self) -> Result<(Vec<PathBuf>, Vec<Dead>)> {
        let (mut living, mut dead) = (Vec::new(), Vec::new());
        let _coming = self.coming_and_going()?;
        for folder in self.scratch_folders() {
            match store::try_lock(&folder.join(ALIVE)) {
                Ok(Some(alive)) => dead.push((folder, alive)),
                Ok(None) => living.push(folder),
                Err(error) => self.events.note(error.to_string()),
            }
        }
        Ok((living, dead))
    }

    /// Removes the throw-away seats whose process is gone; answers what was removed, and the seats that live.
    pub async fn collect_scratch(&self) -> Result<(Removed, Vec<String>)> {
        let (living, dead) = self.scratch_by_life()?;
        let mut removed = Removed::default();
        for (folder, alive) in dead {
            // One that was killed early has no ledger yet.
            if folder.join(store::FILE).exists() {
                match self.beside(&folder, Events::nowhere()) {
                    Ok(session) => removed.add(session.remove_seats().await?),
                    // What it had on the engine carries labels, and is found by them.
                    Err(error) => self.events.note(error.to_string()),
                }
            }
            // One folder that stays must not keep the rest.
            if let Err(error) = self.remove_scratch(&folder) {
                self.events.note(error.to_string());
            }
            drop(alive);
        }
        Ok((removed, living.iter().flat_map(|folder| store::seats_in(folder)).collect()))
    }

    /// Removes the folder of seats that are gone; the lock in it goes last.
    fn remove_scratch(&self, folder: &Path) -> Result<()> {
        let workspace = folder.join(WORKSPACE);
        if workspace.exists() {
            remove::folder(&workspace)?;
        }
        let _going = self.coming_and_going()?;
        remove::folder(folder)
    }

    /// Removes every seat of this session.
    async fn remove_seats(&self) -> Result<Removed> {
        let mut removed = Removed::default();
        for seat in self.store.seats()? {
            removed.add(self.stop(&seat).await?);
        }
        Ok(removed)
    }
}

fn folders(store: &Store) -> impl Iterator<Item = PathBuf> {
    let entries = std::fs::read_dir(store.folder().join(FOLDER)).into_iter().flatten();
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir())
}

/// Whether there are throw-away seats, living or not.
pub fn is_any(store: &Store) -> bool {
    folders(store).next().is_some()
}

impl Scratch {
    /// Where the workspace of its seat goes.
    pub fn workspace(&self) -> PathBuf {
        self.folder.join(WORKSPACE)
    }

    /// Removes its seats and its folder.
    ///
    /// # Errors
    /// The engine refuses; `labs gc` finds what is left.
    pub async fn remove(self) -> Result<()> {
        for name in self.session.remove_seats().await?.stay {
            let what = format!("The engine cannot remove {name} yet");
            self.tells.note(format!("{what}\n'labs gc' tries again"));
        }
        self.session.remove_scratch(&self.folder)
    }
}
