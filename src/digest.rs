//! SHA-256 as text, and what else tells one thing from another.

use std::fmt::Write;
use std::time::UNIX_EPOCH;

use sha2::{Digest, Sha256};

/// The digest of some bytes in hexadecimal digits.
pub fn sha256(bytes: impl AsRef<[u8]>) -> String {
    hex(&Sha256::digest(bytes))
}

/// Which binary this is. Its size and time say so as well as a digest, and at once.
pub fn this_binary() -> String {
    let metadata = std::env::current_exe().and_then(std::fs::metadata);
    metadata.map_or_else(
        |_| String::new(),
        |metadata| {
            let modified = metadata.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
            format!("{} {modified:?}", metadata.len())
        },
    )
}

/// Bytes in hexadecimal digits.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        let _ = write!(text, "{byte:02x}");
    }
    text
}
