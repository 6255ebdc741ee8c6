//! Whether something in the workspace was saved: told by names, sizes and times, without a file being opened.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

/// More than these are not looked at.
const MOST: usize = 2000;
const DEEPEST: usize = 8;

/// What the workspace looks like from outside; equal as long as nothing was saved.
pub fn fingerprint(workspace: &Path) -> u64 {
    let mut found = Vec::new();
    look(workspace, DEEPEST, &mut found);
    found.sort();
    let mut hasher = DefaultHasher::new();
    found.hash(&mut hasher);
    hasher.finish()
}

type Seen = (PathBuf, u64, Option<std::time::SystemTime>);

fn look(folder: &Path, depth: usize, found: &mut Vec<Seen>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        if found.len() >= MOST {
            return;
        }
        let name = entry.file_name();
        let name = name.to_string_lossy();
        // Editors keep their own files hidden, Python its compiled ones.
        if name.starts_with('.') || name.ends_with('~') || name == "__pycache__" {
            continue;
        }
        let Ok(about) = entry.metadata() else { continue };
        if about.is_dir() {
            if depth > 0 {
                look(&entry.path(), depth - 1, found);
            }
        } else {
            found.push((entry.path(), about.len(), about.modified().ok()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_saved_is_seen_and_what_tools_leave_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("fifo.py"), "one").unwrap();
        let first = fingerprint(folder.path());
        assert_eq!(fingerprint(folder.path()), first);
        std::fs::create_dir(at("__pycache__")).unwrap();
        std::fs::write(at("__pycache__/fifo.pyc"), "x").unwrap();
        std::fs::write(at(".fifo.py.swp"), "x").unwrap();
        std::fs::write(at("fifo.py~"), "x").unwrap();
        assert_eq!(fingerprint(folder.path()), first);
        std::fs::write(at("fifo.py"), "two!").unwrap();
        let second = fingerprint(folder.path());
        assert_ne!(second, first);
        std::fs::create_dir(at("more")).unwrap();
        std::fs::write(at("more/lifo.py"), "x").unwrap();
        assert_ne!(fingerprint(folder.path()), second);
    }
}
