//! The secret of an installation: a file beside the database that only its owner reads.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use rand::Rng;

use super::{Store, kept};
use crate::error::{Error, Result};
use crate::seed::Secret;

const NAME: &str = "secret";

impl Store {
    /// The secret that keyed values hang on, made at random when it is first asked for.
    ///
    /// # Errors
    /// It can be neither made nor read, others may read it, or it is damaged.
    pub fn secret(&self) -> Result<Secret> {
        let path = self.path.with_file_name(NAME);
        let failed = |e: io::Error| {
            Error::infrastructure("The secret of this installation cannot be kept")
                .at(path.display().to_string())
                .because(e)
        };
        if !path.try_exists().map_err(failed)? {
            let mut bytes = [0; Secret::BYTES];
            rand::rng().fill_bytes(&mut bytes);
            kept::make(&path, &bytes).map_err(failed)?;
        }
        read(&path).map_err(failed)?.map_err(|(why, help)| {
            Error::infrastructure("The secret of this installation cannot be used")
                .at(path.display().to_string())
                .because(why)
                .help(help)
        })
    }
}

/// The secret, or what is wrong with it and what to do.
fn read(path: &Path) -> io::Result<Result<Secret, (String, String)>> {
    let mode = fs::metadata(path)?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let why = format!("others may read or write it (mode {mode:03o})");
        return Ok(Err((why, format!("run 'chmod 600 {}'", path.display()))));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(Secret::BYTES as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes.try_into().map(Secret::new).map_err(|_| {
        let why = format!("it does not hold {} bytes", Secret::BYTES);
        (why, "remove it to have a new one made; seats that were started keep their values".into())
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_made_once_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let seed = || {
            let store = Store::open_in(folder.path()).unwrap();
            store.secret().unwrap().seed("ada", "lab").unwrap()
        };
        assert_eq!(seed(), seed());
        let mode = fs::metadata(folder.path().join(NAME)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn two_installations_have_two_secrets() {
        let seed = || {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open_in(folder.path()).unwrap();
            store.secret().unwrap().seed("ada", "lab").unwrap()
        };
        assert_ne!(seed(), seed());
    }

    #[test]
    fn one_that_others_read_or_that_is_cut_short_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_in(folder.path()).unwrap();
        store.secret().unwrap();
        let path = folder.path().join(NAME);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        let error = store.secret().unwrap_err();
        assert!(error.help.unwrap().starts_with("run 'chmod 600 "));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(&path, "short").unwrap();
        let error = store.secret().unwrap_err();
        assert!(error.why.unwrap().contains("32 bytes"));
    }

    #[test]
    fn many_at_once_make_one() {
        let folder = tempfile::tempdir().unwrap();
        let seeds: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..8)
                .map(|_| {
                    scope.spawn(|| {
                        let store = Store::open_in(folder.path()).unwrap();
                        store.secret().unwrap().seed("ada", "lab").unwrap().text
                    })
                })
                .collect();
            threads.into_iter().map(|t| t.join().unwrap()).collect()
        });
        assert!(seeds.iter().all(|seed| *seed == seeds[0]), "{seeds:?}");
    }
}
