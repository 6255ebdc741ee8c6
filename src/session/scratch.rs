//! Throw-away seats: each with a ledger and files of its own, in a folder that goes with it.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::Session;
use super::stop::Removed;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::probe::fresh;
use crate::store;

/// The folder of all of them, in the data directory.
const FOLDER: &str = "scratch";
/// Locked as long as its process lives: what is not is garbage.
const ALIVE: &str = "alive.lock";

/// A place for seats of which nothing stays: neither progress nor files.
pub struct Scratch {
    pub session: Session,
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
        std::fs::create_dir_all(&folder).map_err(|e| failed(&folder, "made", &e))?;
        let alive = store::try_lock(&folder.join(ALIVE))?.ok_or_else(|| {
            Error::infrastructure("The folder of a throw-away seat is taken")
                .at(folder.display().to_string())
        })?;
        Ok(Scratch { session: self.beside(&folder, events)?, folder, _alive: alive })
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

    /// Removes the throw-away seats whose process is gone; answers what was removed, and the seats that live.
    pub async fn collect_scratch(&self) -> Result<(Removed, Vec<String>)> {
        let mut removed = Removed::default();
        let mut living = Vec::new();
        for entry in std::fs::read_dir(self.store.folder().join(FOLDER)).into_iter().flatten() {
            let Ok(entry) = entry else { continue };
            let folder = entry.path();
            // The lock is taken before there is a ledger.
            if !folder.join(store::FILE).exists() {
                continue;
            }
            let alive = store::try_lock(&folder.join(ALIVE));
            if let Ok(None) = alive {
                // One that is just going has no ledger any more.
                living.extend(store::seats_in(&folder));
                continue;
            }
            let Ok(Some(alive)) = alive else { continue };
            let session = self.beside(&folder, Events::nowhere())?;
            removed.add(session.remove_seats().await?);
            // One folder that stays must not keep the rest.
            if let Err(error) = remove_folder(&folder) {
                self.events.note(error.to_string());
            }
            drop(alive);
        }
        Ok((removed, living))
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

impl Scratch {
    /// Where the workspace of its seat goes.
    pub fn workspace(&self) -> PathBuf {
        self.folder.join("workspace")
    }

    /// Removes its seats and its folder.
    ///
    /// # Errors
    /// The engine refuses; `labs gc` finds what is left.
    pub async fn remove(self) -> Result<()> {
        self.session.remove_seats().await?;
        remove_folder(&self.folder)
    }
}

fn remove_folder(folder: &Path) -> Result<()> {
    std::fs::remove_dir_all(folder).map_err(|e| failed(folder, "removed", &e))
}

fn failed(folder: &Path, what: &str, why: &std::io::Error) -> Error {
    Error::infrastructure(format!("The folder of a throw-away seat cannot be {what}"))
        .at(folder.display().to_string())
        .because(why)
}
