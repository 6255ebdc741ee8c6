//! A service as its `docker/<name>/service.yaml` says it.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

/// The file of a twin that says how many seconds ahead its clock is, where its service has a clock that can be moved.
pub const CLOCK: &str = "/tmp/labs-clock";

/// What is needed to build, run and reach a container.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Service {
    #[serde(skip)]
    pub name: String,
    pub image: Image,
    #[serde(default)]
    pub command: Vec<String>,
    /// `uid:gid`, numeric; none where labs chooses it.
    pub user: Option<String>,
    /// The port clients connect to.
    pub port: Option<u16>,
    /// Other ports, by what they are for.
    #[serde(default)]
    pub ports: BTreeMap<String, u16>,
    /// Those of them that checks alone are sure to want: whether anything listens there is up to the lab.
    #[serde(default)]
    pub unlisted: BTreeSet<String>,
    /// Where the named volume with the data is mounted.
    pub data: Option<String>,
    /// Where the learner's files go, in a lab that has some for the service.
    pub files: Option<Configured>,
    pub ready: Option<Protocol>,
    #[serde(default = "yes")]
    pub read_only: bool,
    #[serde(default)]
    pub tmpfs: BTreeMap<String, String>,
    /// Kernel parameters of the container's own network.
    #[serde(default)]
    pub sysctls: BTreeMap<String, String>,
    /// The library through which a twin reads the time of day; see [`CLOCK`].
    pub clock: Option<String>,
    pub memory_mb: u32,
    pub pids: u32,
    #[serde(default = "one")]
    pub cpus: f64,
    /// Capabilities kept, each with the reason.
    #[serde(default)]
    pub capabilities: BTreeMap<String, String>,
    /// The command that opens the service's own client in the workbench; `{host}` is the service.
    #[serde(default)]
    pub client: Vec<String>,
    /// Python client libraries that a runner imports beforehand, so that each process has them at once.
    #[serde(default)]
    pub libraries: Vec<String>,
    /// A line in the log that says a client told the service to stop.
    pub stopped_by_client: Option<String>,
    /// The command by which a client tells the service to stop; `{host}` is the service.
    #[serde(default)]
    pub shut_down: Vec<String>,
    pub stop_signal: Option<String>,
    #[serde(default = "ten")]
    pub stop_seconds: u32,
}

/// What a service reads when it starts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Configured {
    /// The folder inside the container.
    pub at: String,
    /// The command that says on its standard error what is wrong with them, and fails then.
    pub test: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Image {
    /// The Debian suite of the base image.
    pub base: String,
    /// About what the image takes on disk, in megabytes.
    pub size_mb: u32,
    /// About what a build takes on two cores, in seconds.
    pub build_seconds: u32,
}

/// The protocol that proves a service ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Redis,
    Mysql,
    Amqp,
    Http,
}

fn yes() -> bool {
    true
}

fn one() -> f64 {
    1.0
}

fn ten() -> u32 {
    10
}
