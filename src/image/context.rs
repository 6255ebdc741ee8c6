//! The build context of an image: its folder as a tar, the same bytes for the same files.

use crate::catalog::files::Files;
use crate::error::{Error, Result};

/// The definition file is read by labs alone, so editing it rebuilds nothing.
const DEFINITION: &str = "service.yaml";

/// The files of a context, sorted.
pub fn files(docker: &Files, name: &str) -> Vec<String> {
    docker.below(name).into_iter().filter(|path| path != DEFINITION).collect()
}

/// # Errors
/// A file cannot be read.
pub fn tar(docker: &Files, name: &str) -> Result<Vec<u8>> {
    let failed = |e| {
        Error::infrastructure(format!("The build context of {name} cannot be packed")).because(e)
    };
    let mut archive = tar::Builder::new(Vec::new());
    for path in files(docker, name) {
        let content = docker.read(&format!("{name}/{path}"))?;
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        // Files built into the binary have lost their mode: a script is what begins like one.
        header.set_mode(if content.starts_with(b"#!") { 0o755 } else { 0o644 });
        archive.append_data(&mut header, &path, content.as_ref()).map_err(failed)?;
    }
    archive.into_inner().map_err(failed)
}
