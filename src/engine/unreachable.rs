//! An engine that cannot be reached: where it was looked for, why it is not there, and what to do.

use std::io::ErrorKind;

use bollard::errors::Error as Cause;

use super::address::Address;
use super::advice;
use super::connect::{Endpoint, Found};
use crate::error::Error;

/// How the system's resolver says that it knows no such name.
const NO_SUCH_NAME: &str = "failed to lookup address";

/// The error of the connection at the root of another, if there is one.
pub(super) fn root(error: &Cause) -> Option<&std::io::Error> {
    // A transparent error shows only its source's source, not the source itself.
    if let Cause::IOError { err } = error {
        return Some(err);
    }
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(current) = cause {
        if let Some(io) = current.downcast_ref() {
            return Some(io);
        }
        cause = current.source();
    }
    None
}

/// That there is no way to the engine, where that is what an error of the connection says.
pub(super) fn explain(endpoint: &Endpoint, error: &std::io::Error) -> Option<Error> {
    let (why, help) = match error.kind() {
        ErrorKind::PermissionDenied => {
            ("this user may not open the engine's socket".to_owned(), allow(&endpoint.address))
        }
        ErrorKind::NotFound => return Some(no_socket(endpoint)),
        ErrorKind::ConnectionRefused => {
            ("nothing listens at this address".to_owned(), start(&endpoint.found))
        }
        ErrorKind::TimedOut => {
            ("nothing answers at this address".to_owned(), find_the_way(&endpoint.found))
        }
        ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => {
            (format!("there is no way to this address: {error}"), find_the_way(&endpoint.found))
        }
        _ if error.to_string().contains(NO_SUCH_NAME) => {
            (format!("no machine of this name is known: {error}"), rename(&endpoint.found))
        }
        _ => return None,
    };
    Some(unreachable(endpoint).because(why).help(help))
}

pub(super) fn no_socket(endpoint: &Endpoint) -> Error {
    unreachable(endpoint).because("there is no socket at this address").help(start(&endpoint.found))
}

/// Something answers with a status alone, in which an engine would say more.
pub(super) fn no_engine(endpoint: &Endpoint, status: u16) -> Error {
    unreachable(endpoint)
        .because(format!(
            "what answers there says no more than HTTP's {status}: it is no Docker engine"
        ))
        .help(rename(&endpoint.found))
}

/// An address, and how it was found.
pub(super) fn place(endpoint: &Endpoint) -> String {
    format!("{}, found by {}", endpoint.address, endpoint.found)
}

fn unreachable(endpoint: &Endpoint) -> Error {
    Error::infrastructure("cannot reach the Docker engine").at(place(endpoint))
}

fn allow(address: &Address) -> String {
    let of_system =
        |path: &std::path::Path| path.starts_with("/var/run") || path.starts_with("/run");
    match address {
        Address::Unix(path) if of_system(path) => {
            "sudo usermod -aG docker $USER\nthen log in again, or go on in a shell from 'newgrp docker'"
        }
        _ => "run this as the user whom the engine belongs to",
    }
    .to_owned()
}

fn start(found: &Found) -> String {
    or_another("start that engine", found).unwrap_or_else(|| advice::START.to_owned())
}

fn rename(found: &Found) -> String {
    or_another("correct the address", found).unwrap_or_else(|| advice::START.to_owned())
}

fn find_the_way(found: &Found) -> String {
    let see = "see whether the address is right, the machine is on, and no firewall stands between";
    or_another(see, found).unwrap_or_else(|| see.to_owned())
}

/// What to do about an address that somebody chose, or how to do without it.
fn or_another(what: &str, found: &Found) -> Option<String> {
    match found {
        Found::DockerHost => Some(format!("{what}, or unset DOCKER_HOST")),
        Found::Context(name) => Some(format!(
            "{what} (context '{name}'), or choose another: docker context use default"
        )),
        Found::UsualSocket => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn explained(kind: ErrorKind, found: Found) -> Error {
        let endpoint = Endpoint { address: Address::Unix("/var/run/docker.sock".into()), found };
        explain(&endpoint, &kind.into()).unwrap()
    }

    #[test]
    fn a_refused_socket_names_the_group() {
        let error = explained(ErrorKind::PermissionDenied, Found::UsualSocket);
        assert!(error.help.unwrap().contains("sudo usermod -aG docker $USER"));
    }

    #[test]
    fn a_silent_address_says_where_it_came_from() {
        let error = explained(ErrorKind::ConnectionRefused, Found::Context("desk".into()));
        assert!(error.place.unwrap().contains("context 'desk'"));
        assert!(error.help.unwrap().contains("docker context use default"));
        let error = explained(ErrorKind::NotFound, Found::DockerHost);
        assert!(error.help.unwrap().contains("unset DOCKER_HOST"));
    }

    #[test]
    fn each_way_that_is_closed_is_named() {
        for (kind, why, help) in [
            (ErrorKind::TimedOut, "nothing answers", "firewall"),
            (ErrorKind::HostUnreachable, "no way", "firewall"),
            (ErrorKind::NetworkUnreachable, "no way", "firewall"),
            (ErrorKind::NotFound, "no socket", "start that engine"),
        ] {
            let error = explained(kind, Found::DockerHost);
            assert_eq!(
                (error.what.as_str(), error.exit_code()),
                ("cannot reach the Docker engine", 3)
            );
            assert!(error.why.as_deref().is_some_and(|said| said.contains(why)), "{error}");
            assert!(error.help.as_deref().is_some_and(|said| said.contains(help)), "{error}");
        }
    }

    #[test]
    fn what_breaks_on_the_way_is_no_engine_that_is_not_there() {
        let endpoint =
            Endpoint { address: Address::Tcp("desk:2375".into()), found: Found::DockerHost };
        assert!(explain(&endpoint, &ErrorKind::BrokenPipe.into()).is_none());
    }
}
