//! Bollard's errors in our words: which operation, on what, why, and what to do.

use std::error::Error as _;
use std::io::ErrorKind;
use std::time::Duration;

use bollard::errors::Error as Cause;

use super::address::Address;
use super::advice;
use super::connect::{Endpoint, Found};
use crate::error::Error;

/// The engine knows no such object.
pub(super) fn is_missing(error: &Cause) -> bool {
    status(error) == Some(404)
}

/// The object is in use, or in no state for this, or its name is taken.
pub(super) fn is_conflict(error: &Cause) -> bool {
    status(error) == Some(409)
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
    if let Some(kind) = io_kind(error) {
        return unreachable_engine(what, endpoint, kind, error);
    }
    let why = message(error);
    let answer = failed(what).because(&why);
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
    match error.kind() {
        kind @ (ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::ConnectionRefused) => no_connection(what, endpoint, kind, &error.to_string()),
        _ => failed(what).at(endpoint.address.to_string()).because(error),
    }
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

fn unreachable_engine(what: &str, endpoint: &Endpoint, kind: ErrorKind, error: &Cause) -> Error {
    no_connection(what, endpoint, kind, &whole_chain(error))
}

fn no_connection(what: &str, endpoint: &Endpoint, kind: ErrorKind, detail: &str) -> Error {
    let place = format!("{}, found by {}", endpoint.address, endpoint.found);
    let answer = failed(what).at(place);
    match kind {
        ErrorKind::PermissionDenied => {
            let help = match &endpoint.address {
                Address::Unix(path) if path.starts_with("/var/run") || path.starts_with("/run") => {
                    "sudo usermod -aG docker $USER\nthen log in again, or go on in a shell from 'newgrp docker'"
                }
                _ => "run this as the user whom the engine belongs to",
            };
            answer.because("this user may not open the engine's socket").help(help)
        }
        ErrorKind::NotFound => {
            answer.because("there is no socket at this address").help(start_help(endpoint))
        }
        ErrorKind::ConnectionRefused => {
            answer.because("nothing listens at this address").help(start_help(endpoint))
        }
        _ => answer.because(detail).help(advice::BUSY),
    }
}

fn start_help(endpoint: &Endpoint) -> String {
    match &endpoint.found {
        Found::DockerHost => "start that engine, or unset DOCKER_HOST".to_owned(),
        Found::Context(name) => {
            format!(
                "start the engine of the context '{name}', or choose another: docker context use default"
            )
        }
        Found::UsualSocket => advice::START.to_owned(),
    }
}

/// The kind of the I/O error at the root of a failed connection.
fn io_kind(error: &Cause) -> Option<ErrorKind> {
    if matches!(error, Cause::SocketNotFoundError(_)) {
        return Some(ErrorKind::NotFound);
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        cause = current.source();
    }
    // A transparent error shows only its source's source, not the source itself.
    match error {
        Cause::IOError { err } => Some(err.kind()),
        _ => None,
    }
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
    use super::*;

    fn endpoint(found: Found) -> Endpoint {
        Endpoint { address: Address::Unix("/var/run/docker.sock".into()), found }
    }

    fn server(status_code: u16, message: &str) -> Error {
        let cause = Cause::DockerResponseServerError { status_code, message: message.into() };
        explain("start the container x", &endpoint(Found::UsualSocket), &cause)
    }

    fn io(kind: ErrorKind, found: Found) -> Error {
        let cause = Cause::IOError { err: std::io::Error::from(kind) };
        explain("list the containers", &endpoint(found), &cause)
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
            ("write /x: no space left on device", "free some disk"),
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
        assert!(server(404, "No such container: x").help.unwrap().contains("gone"));
        assert!(server(409, "name in use").help.unwrap().contains("has its name"));
    }

    #[test]
    fn a_refused_socket_names_the_group() {
        let error = io(ErrorKind::PermissionDenied, Found::UsualSocket);
        assert!(error.help.unwrap().contains("sudo usermod -aG docker $USER"));
    }

    #[test]
    fn a_silent_address_says_where_it_came_from() {
        let error = io(ErrorKind::ConnectionRefused, Found::Context("desk".into()));
        assert!(error.place.unwrap().contains("context 'desk'"));
        assert!(error.help.unwrap().contains("docker context use default"));
        assert!(
            io(ErrorKind::NotFound, Found::DockerHost).help.unwrap().contains("unset DOCKER_HOST")
        );
    }
}
