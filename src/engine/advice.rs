//! What a reader can do about a fault of the engine.

pub(super) const START: &str = "on Debian or Ubuntu run docker/setup; elsewhere start Docker Desktop, Colima \
     or the Docker service\nan engine in another place: export DOCKER_HOST=unix:///path/to/docker.sock";
pub(super) const BUSY: &str = "see whether the engine answers at all ('docker info') and whether the machine is out of memory or disk";

/// Words of the engine, in lower case, and what helps against their cause.
const KNOWN: &[(&[&str], &str)] = &[
    (
        &["no such image", "pull access denied", "manifest unknown"],
        "have the images built with 'labs images build', or load them with 'labs images load FILE'",
    ),
    (
        &["bind source path does not exist"],
        "the engine does not see this machine's files: it runs elsewhere, or the folder is not shared with it",
    ),
    (
        &["dial tcp", "no such host", "tls handshake", "context deadline exceeded"],
        "the engine has no way to the registry: load the images from a file with 'labs images load FILE'",
    ),
    (
        &["has active endpoints"],
        "take off what is still on it ('docker network inspect' shows it), or restart the engine where nothing is",
    ),
    (
        &[": already exists"],
        "killed while it started this container, the engine has left it half started: 'labs stop' and 'labs run' make another; your files stay",
    ),
    (&["is not running"], "it has stopped: its log may say why; start it again first"),
    (&["is paused"], "unpause it first"),
    (&["cannot allocate memory"], "free some memory, or give the engine more"),
];

/// The engine passes many causes on as text alone.
pub(super) fn for_words(why: &str) -> Option<&'static str> {
    let lower = why.to_lowercase();
    let is_said = |parts: &[&str]| parts.iter().any(|part| lower.contains(part));
    KNOWN.iter().find(|(parts, _)| is_said(parts)).map(|(_, help)| *help)
}
