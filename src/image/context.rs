//! The build context of an image: its folder as a tar, the same bytes for the same files.

use crate::catalog::files::Files;
use crate::error::{Error, Result};

/// The definition file is read by labs alone, so editing it rebuilds nothing.
const DEFINITION: &str = "service.yaml";

/// The files of a context, sorted.
fn files(docker: &Files, name: &str) -> Vec<String> {
    docker.below(name).into_iter().filter(|path| path != DEFINITION).collect()
}

/// The first 12 hexadecimal digits of a hash over a folder and what lies under it.
///
/// # Errors
/// A file cannot be read.
pub fn hash(docker: &Files, folder: &str, under: &str) -> Result<String> {
    let mut bytes = under.as_bytes().to_vec();
    for path in files(docker, folder) {
        let content = docker.read(&format!("{folder}/{path}"))?;
        bytes.extend(format!("\0{path}\0{}\0", content.len()).into_bytes());
        bytes.extend_from_slice(&content);
    }
    let mut digest = crate::digest::sha256(bytes);
    digest.truncate(12);
    Ok(digest)
}

/// # Errors
/// A file cannot be read.
pub fn tar(docker: &Files, name: &str) -> Result<Vec<u8>> {
    tar_with(docker, name, None)
}

/// As [`tar`], with a file that is not of the folder.
pub fn tar_with(docker: &Files, name: &str, added: Option<(&str, Vec<u8>)>) -> Result<Vec<u8>> {
    let failed = |e| {
        Error::infrastructure(format!("The build context of {name} cannot be packed")).because(e)
    };
    let mut archive = tar::Builder::new(Vec::new());
    let mut add = |path: &str, content: &[u8]| {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        // Files built into the binary have lost their mode: a script is what begins like one.
        header.set_mode(if content.starts_with(b"#!") { 0o755 } else { 0o644 });
        archive.append_data(&mut header, path, content).map_err(failed)
    };
    for path in files(docker, name) {
        add(&path, &docker.read(&format!("{name}/{path}"))?)?;
    }
    if let Some((path, content)) = added {
        add(path, &content)?;
    }
    archive.into_inner().map_err(failed)
}
