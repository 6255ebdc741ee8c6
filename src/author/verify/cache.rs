//! Verifications that hold, kept until something they hang on changes: the lab, this binary, an image.

use std::path::PathBuf;
use std::time::UNIX_EPOCH;

use super::Options;
use super::result::Verification;
use crate::catalog::lab::Lab;
use crate::digest;
use crate::error::Result;
use crate::session::Session;

const FOLDER: &str = "verified";

pub struct Cache {
    path: PathBuf,
}

impl Cache {
    /// The place for the result of verifying a lab as it is now.
    ///
    /// # Errors
    /// A file of the lab or a service definition cannot be read.
    pub fn of(session: &Session, lab: &Lab, options: &Options) -> Result<Self> {
        let mut parts = vec![this_binary(), lab.slug.clone()];
        let Options { repeat, shuffle, mutants, rules, jobs: _, anew: _ } = options;
        parts.push(format!("{repeat} {shuffle} {mutants} {rules:?}"));
        let files = session.catalog.lab_files();
        for name in files.below(&lab.slug) {
            let content = files.read(&format!("{}/{name}", lab.slug))?;
            parts.push(format!("{name} {}", digest::sha256(content)));
        }
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
            let _ = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&self.path, text));
        }
    }
}

/// Which binary this is. Its size and time say so as well as a digest, and at once.
fn this_binary() -> String {
    let metadata = std::env::current_exe().and_then(std::fs::metadata);
    metadata.map_or_else(
        |_| String::new(),
        |metadata| {
            let modified = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            format!("{} {modified:?}", metadata.len())
        },
    )
}
