//! The address of an engine, as Docker writes it.

use std::fmt;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};

const PLAIN_PORT: u16 = 2375;

/// Where an engine listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    Unix(PathBuf),
    /// `host:port`, without TLS.
    Tcp(String),
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Tcp(host) => write!(f, "tcp://{host}"),
        }
    }
}

/// Parses the address of an engine as written in `DOCKER_HOST` or a context.
pub(super) fn parse(text: &str, tls: bool) -> Result<Address> {
    let unsupported = |why: &str, help: &str| {
        Err(Error::infrastructure(format!("the engine address '{text}' cannot be used"))
            .because(why)
            .help(help))
    };
    let (scheme, rest) = text.split_once("://").unwrap_or(("tcp", text));
    match scheme {
        "unix" if Path::new(rest).is_absolute() => Ok(Address::Unix(PathBuf::from(rest))),
        "unix" => {
            unsupported("a socket needs an absolute path", "write unix:///path/to/docker.sock")
        }
        "tcp" | "http" if tls => unsupported(
            "it asks for TLS, which is not supported",
            "forward the engine's socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock USER@HOST &\n\
             then: export DOCKER_HOST=unix:///tmp/docker.sock; unset DOCKER_TLS_VERIFY",
        ),
        "tcp" | "http" => {
            let host = rest.trim_end_matches('/');
            let host = if host.is_empty() { "127.0.0.1" } else { host };
            let has_port =
                host.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
            Ok(Address::Tcp(if has_port {
                host.to_owned()
            } else {
                format!("{host}:{PLAIN_PORT}")
            }))
        }
        "ssh" => unsupported(
            "engines over ssh are not supported",
            &format!(
                "forward its socket: ssh -nNT -L /tmp/docker.sock:/var/run/docker.sock {} &\n\
                 then: export DOCKER_HOST=unix:///tmp/docker.sock",
                rest.trim_end_matches('/')
            ),
        ),
        _ => unsupported("only unix:// and tcp:// are supported", "set DOCKER_HOST to one of them"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tcp_gets_the_plain_port() {
        for (text, address) in [
            ("tcp://10.0.0.1", "10.0.0.1:2375"),
            ("tcp://10.0.0.1:4000/", "10.0.0.1:4000"),
            ("box:99", "box:99"),
            ("tcp://[::1]:2375", "[::1]:2375"),
        ] {
            assert_eq!(parse(text, false).unwrap(), Address::Tcp(address.into()));
        }
    }

    #[test]
    fn ssh_and_tls_say_what_to_do_instead() {
        let ssh = parse("ssh://ann@box", false).unwrap_err();
        assert!(ssh.why.unwrap().contains("ssh"));
        assert!(ssh.help.unwrap().contains("docker.sock ann@box &"));
        assert!(parse("tcp://box:2376", true).unwrap_err().why.unwrap().contains("TLS"));
    }

    #[test]
    fn relative_sockets_and_unknown_schemes_are_refused() {
        for text in ["unix://docker.sock", "npipe:////./pipe/docker_engine", "fd://"] {
            assert!(parse(text, false).is_err(), "{text}");
        }
    }
}
