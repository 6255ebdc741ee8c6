//! Finds the engine as Docker's own CLI finds it, then at the usual sockets.

use std::fmt;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bollard::errors::Error as Cause;
use bollard::{API_DEFAULT_VERSION, BollardRequest, Docker};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

use super::address::{self, Address};
use super::{Engine, context};
use crate::error::{Error, Result};

/// Bollard's own bound, seconds: every call has a tighter one of ours.
const OUTER_LIMIT: u64 = 24 * 3600;
/// What does not take a connection by then does not take any.
pub(super) const CONNECTS_WITHIN: Duration = Duration::from_secs(5);
const DEFAULT_SOCKET: &str = "/var/run/docker.sock";

/// How the address was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    DockerHost,
    /// The name of a Docker context, from `DOCKER_CONTEXT` or the CLI's configuration.
    Context(String),
    UsualSocket,
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DockerHost => write!(f, "the variable DOCKER_HOST"),
            Self::Context(name) => write!(f, "the Docker context '{name}'"),
            Self::UsualSocket => write!(f, "the usual place of its socket"),
        }
    }
}

/// An engine's address, and how it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    pub address: Address,
    pub found: Found,
}

/// What the search looks at; a value, so that it can be tested.
#[derive(Debug, Clone, Default)]
pub(super) struct Surroundings {
    pub docker_host: Option<String>,
    pub docker_context: Option<String>,
    /// Whether `DOCKER_TLS_VERIFY` asks for TLS.
    pub tls: bool,
    /// The CLI's configuration folder.
    pub config_dir: Option<PathBuf>,
    /// Sockets in order of preference.
    pub sockets: Vec<PathBuf>,
}

impl Surroundings {
    fn of_process() -> Self {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let home = variable("HOME").map(PathBuf::from);
        let runtime_dir = variable("XDG_RUNTIME_DIR").map_or_else(
            || PathBuf::from(format!("/run/user/{}", rustix::process::getuid().as_raw())),
            PathBuf::from,
        );
        let mut sockets = vec![PathBuf::from(DEFAULT_SOCKET), runtime_dir.join("docker.sock")];
        if let Some(home) = &home {
            let below_home = [
                ".docker/run/docker.sock",
                ".docker/desktop/docker.sock",
                ".colima/default/docker.sock",
                ".colima/docker.sock",
                ".orbstack/run/docker.sock",
                ".rd/docker.sock",
            ];
            sockets.extend(below_home.iter().map(|path| home.join(path)));
        }
        Self {
            docker_host: variable("DOCKER_HOST"),
            docker_context: variable("DOCKER_CONTEXT"),
            tls: variable("DOCKER_TLS_VERIFY").is_some(),
            config_dir: variable("DOCKER_CONFIG")
                .map(PathBuf::from)
                .or_else(|| home.map(|home| home.join(".docker"))),
            sockets,
        }
    }
}

impl Engine {
    /// Finds the engine without asking it anything: that it answers shows at the first call.
    pub fn connect() -> Result<Self> {
        Self::at(find(&Surroundings::of_process())?)
    }

    /// A handle on the engine at a known address.
    pub fn at(endpoint: Endpoint) -> Result<Self> {
        let docker = match &endpoint.address {
            Address::Unix(path) => {
                Docker::connect_with_unix(&path.to_string_lossy(), OUTER_LIMIT, API_DEFAULT_VERSION)
            }
            Address::Tcp(host) => over_tcp(host),
        };
        let docker = docker
            .map_err(|error| super::fault::explain("reach the Docker engine", &endpoint, &error))?;
        Ok(Self { docker, endpoint: Arc::new(endpoint), making: Arc::default() })
    }

    /// Where the engine was found.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }
}

/// As bollard's own client does it, but for how long a connection may take: that one waits for minutes.
fn over_tcp(host: &str) -> Result<Docker, Cause> {
    let mut connector = HttpConnector::new();
    connector.set_connect_timeout(Some(CONNECTS_WITHIN));
    let client = Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build(connector);
    let send = move |request: BollardRequest| {
        let answer = client.request(request);
        async { answer.await.map_err(Cause::from) }
    };
    let address = Some(format!("http://{host}"));
    Docker::connect_with_custom_transport(send, address, OUTER_LIMIT, API_DEFAULT_VERSION)
}

/// `DOCKER_HOST`, then the context, then the sockets: the order of Docker's CLI.
fn find(around: &Surroundings) -> Result<Endpoint> {
    if let Some(host) = &around.docker_host {
        let address = address::parse(host, around.tls)
            .map_err(|error| error.at(format!("DOCKER_HOST={host}")))?;
        return Ok(Endpoint { address, found: Found::DockerHost });
    }
    if let Some(named) = context::current(around)? {
        let address = address::parse(&named.host, named.tls || around.tls)
            .map_err(|error| error.at(format!("the Docker context '{}'", named.name)))?;
        return Ok(Endpoint { address, found: Found::Context(named.name) });
    }
    let usual = |path: &PathBuf| Endpoint {
        address: Address::Unix(path.clone()),
        found: Found::UsualSocket,
    };
    // A socket that was left behind refuses; one that this user may not open is explained at the first call.
    around
        .sockets
        .iter()
        .find(|path| UnixStream::connect(path).is_ok())
        .or_else(|| around.sockets.iter().find(|path| path.exists()))
        .map(usual)
        .ok_or_else(|| no_engine(&around.sockets))
}

fn no_engine(sockets: &[PathBuf]) -> Error {
    let tried: Vec<String> = sockets.iter().map(|path| path.display().to_string()).collect();
    Error::infrastructure("no Docker engine was found")
        .because(format!("DOCKER_HOST is not set, and none of these exists: {}", tried.join(", ")))
        .help(super::advice::START)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(text: &str) -> Surroundings {
        Surroundings { docker_host: Some(text.to_owned()), ..Surroundings::default() }
    }

    #[test]
    fn docker_host_wins_over_everything() {
        let around =
            Surroundings { docker_context: Some("other".into()), ..host("unix:///x/y.sock") };
        let found = find(&around).unwrap();
        assert_eq!(found.address, Address::Unix("/x/y.sock".into()));
        assert_eq!(found.found, Found::DockerHost);
    }

    #[test]
    fn a_faulty_address_says_where_it_stands() {
        assert_eq!(find(&host("ssh://box")).unwrap_err().place.unwrap(), "DOCKER_HOST=ssh://box");
    }

    #[test]
    fn a_socket_that_accepts_is_preferred_to_one_left_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (stale, live) = (dir.path().join("stale.sock"), dir.path().join("live.sock"));
        drop(std::os::unix::net::UnixListener::bind(&stale).unwrap());
        let _listener = std::os::unix::net::UnixListener::bind(&live).unwrap();
        let mut around =
            Surroundings { sockets: vec![stale.clone(), live.clone()], ..Surroundings::default() };
        assert_eq!(find(&around).unwrap().address, Address::Unix(live));
        around.sockets.truncate(1);
        assert_eq!(find(&around).unwrap().address, Address::Unix(stale));
    }

    #[test]
    fn no_socket_at_all_says_how_to_get_an_engine() {
        let around = Surroundings {
            sockets: vec!["/nowhere/docker.sock".into()],
            ..Surroundings::default()
        };
        let error = find(&around).unwrap_err();
        assert_eq!(error.exit_code(), 3);
        assert!(error.why.unwrap().contains("/nowhere/docker.sock"));
        assert!(error.help.unwrap().contains("docker/setup"));
    }
}
