//! Verifications that hold, kept until something they hang on changes: the lab, this binary, an image.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Options;
use super::result::Verification;
use crate::catalog::lab::Lab;
use crate::digest;
use crate::error::Result;
use crate::session::Session;

const FOLDER: &str = "verified";
const KEPT: Duration = Duration::from_secs(30 * 24 * 60 * 60);

pub struct Cache {
    path: PathBuf,
}

impl Cache {
    /// The place for the result of verifying a lab as it is now.
    ///
    /// # Errors
    /// A file of the lab or a service definition cannot be read.
    pub fn of(session: &Session, lab: &Lab, options: &Options) -> Result<Self> {
        let mut parts = vec![digest::this_binary(), session.catalog.digest(&lab.slug)?];
        let Options { repeat, shuffle, mutants, rules, jobs: _, anew: _ } = options;
        parts.push(format!("{repeat} {shuffle} {mutants} {rules:?}"));
        parts.extend(session.images.of_lab(lab)?.into_iter().map(|image| image.tag));
        let name = format!("{}.json", digest::sha256(parts.join("\n")));
        Ok(Self { path: session.store.folder().join(FOLDER).join(name) })
    }

    pub fn read(&self) -> Option<Verification> {
        let found: Verification = serde_json::from_slice(&std::fs::read(&self.path).ok()?).ok()?;
        Some(Verification { cached: true, ..found })
    }

    /// Keeps what holds; that it cannot be kept costs no more than time.
    pub fn write(&self, found: &Verification) {
        if !found.holds {
            return;
        }
        if let (Some(folder), Ok(text)) = (self.path.parent(), serde_json::to_vec(found)) {
            forget_old(folder);
            let _ = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&self.path, text));
        }
    }
}

/// Removes what was found long ago: most of it hangs on what is no more.
fn forget_old(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|m| m.modified()).map(|time| time.elapsed());
        if age.is_ok_and(|age| age.is_ok_and(|age| age > KEPT)) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs::{self, File};
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_was_found_long_ago_goes_when_something_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let hour = Duration::from_secs(3600);
        for (name, age) in [("young", hour), ("old", KEPT + hour)] {
            let file = File::create(folder.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - age).unwrap();
        }
        let cache = Cache { path: folder.path().join("new.json") };
        cache.write(&Verification { lab: "one".to_owned(), holds: true, ..Default::default() });
        let mut left: Vec<_> =
            fs::read_dir(folder.path()).unwrap().map(|e| e.unwrap().file_name()).collect();
        left.sort();
        assert_eq!(left, ["new.json", "young"]);
        assert!(cache.read().is_some_and(|found| found.cached && found.lab == "one"));
    }
}
