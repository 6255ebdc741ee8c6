//! Bollard's errors in our words: which operation, on what, why, and what to do.

use std::error::Error as _;
use std::time::Duration;

use bollard::errors::Error as Cause;

use super::connect::Endpoint;
use super::{advice, unreachable};
use crate::error::Error;

/// The engine knows no such object.
pub(super) fn is_missing(error: &Cause) -> bool {
    status(error) == Some(404)
}

/// The object is in use, or in no state for this, or its name is taken.
pub(super) fn is_conflict(error: &Cause) -> bool {
    status(error) == Some(409)
}

/// What the engine says of a network that something is on.
pub(super) const IN_USE: &str = "has active endpoints";

pub(super) fn is_in_use(error: &Cause) -> bool {
    message(error).contains(IN_USE)
}

pub(super) fn status(error: &Cause) -> Option<u16> {
    match error {
        Cause::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

/// What the engine itself said.
pub(super) fn message(error: &Cause) -> String {
    match error {
        Cause::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        Cause::DockerStreamError { error } | Cause::DockerContainerWaitError { error, .. } => {
            error.trim().to_owned()
        }
        other => whole_chain(other),
    }
}

/// `what` names the operation and its object: "start the container x".
pub(super) fn explain(what: &str, endpoint: &Endpoint, error: &Cause) -> Error {
    if matches!(error, Cause::SocketNotFoundError(_)) {
        return unreachable::no_socket(endpoint);
    }
    let why = message(error);
    if let Some(io) = unreachable::root(error) {
        let broken =
            || failed(what).at(unreachable::place(endpoint)).because(&why).help(advice::BUSY);
        return unreachable::explain(endpoint, io).unwrap_or_else(broken);
    }
    if matches!(error, Cause::HyperLegacyError { .. } | Cause::HyperResponseError { .. }) {
        return failed(what)
            .at(unreachable::place(endpoint))
            .because("the engine closed the connection before it had answered")
            .help("see with 'labs doctor' whether it runs, and try again");
    }
    if let (Some(status), true) = (status(error), why.is_empty()) {
        return unreachable::no_engine(endpoint, status);
    }
    let answer = failed(what).because(&why);
    if answer.is_full_disk() {
        return answer.at(format!("the disk of the engine at {}", endpoint.address));
    }
    match (advice::for_words(&why), status(error)) {
        (Some(help), _) => answer.help(help),
        (None, Some(404)) => {
            answer.help("it is gone, or was never made: start again to have it made anew")
        }
        (None, Some(409)) => {
            answer.help("something else uses it or has its name: wait, or remove it, and try again")
        }
        (None, _) if matches!(error, Cause::RequestTimeoutError) => answer.help(advice::BUSY),
        (None, _) => answer,
    }
}

pub(super) fn timed_out(what: &str, endpoint: &Endpoint, limit: Duration) -> Error {
    failed(what)
        .at(endpoint.address.to_string())
        .because(format!("the engine did not finish within {} s", limit.as_secs()))
        .help(advice::BUSY)
}

/// The operation failed on our side of the connection.
pub(super) fn broken(what: &str, endpoint: &Endpoint, error: &std::io::Error) -> Error {
    unreachable::explain(endpoint, error)
        .unwrap_or_else(|| failed(what).at(endpoint.address.to_string()).because(error))
}

/// The engine answered with a refusal, in words of its own.
pub(super) fn refused(what: &str, why: &str) -> Error {
    let answer = failed(what).because(why);
    match advice::for_words(why) {
        Some(help) => answer.help(help),
        None => answer,
    }
}

fn failed(what: &str) -> Error {
    Error::infrastructure(format!("cannot {what}"))
}

/// An error and what it came from, in one line, without what is said twice.
fn whole_chain(error: &Cause) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(current) = cause {
        let part = current.to_string();
        if !text.contains(&part) {
            text = format!("{text}: {part}");
        }
        cause = current.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::address::Address;
    use super::super::connect::Found;
    use super::*;

    fn endpoint() -> Endpoint {
        let address = Address::Unix("/var/run/docker.sock".into());
        Endpoint { address, found: Found::UsualSocket }
    }

    fn server(status_code: u16, message: &str) -> Error {
        let cause = Cause::DockerResponseServerError { status_code, message: message.into() };
        explain("start the container x", &endpoint(), &cause)
    }

    #[test]
    fn the_operation_and_the_engines_words_are_kept() {
        let error = server(500, "driver failed\n");
        assert_eq!(error.what, "cannot start the container x");
        assert_eq!(error.why.as_deref(), Some("driver failed"));
        assert_eq!(error.exit_code(), 3);
    }

    #[test]
    fn known_causes_say_what_to_do() {
        for (message, help) in [
            ("write /x: no space left on device", "free some space"),
            ("No such image: labs/redis:1", "labs images build"),
            ("Get \"https://x/v2/\": dial tcp: lookup x: no such host", "labs images load"),
            (
                "invalid mount config for type \"bind\": bind source path does not exist: /w",
                "does not see",
            ),
        ] {
            let error = server(500, message);
            assert!(error.help.as_deref().is_some_and(|text| text.contains(help)), "{error}");
        }
        let full = server(500, "mkdir /var/lib/docker/overlay2/x: no space left on device");
        assert_eq!(full.place.unwrap(), "the disk of the engine at unix:///var/run/docker.sock");
        assert!(server(404, "No such container: x").help.unwrap().contains("gone"));
        assert!(server(409, "name in use").help.unwrap().contains("has its name"));
    }
}
