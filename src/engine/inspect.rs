//! The state of containers.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use bollard::models::{ContainerInspectResponse, NetworkSettings, PortMap};
use bollard::query_parameters::ListContainersOptions;
use jiff::Timestamp;

use super::{Engine, READ};
use crate::error::Result;

/// Where a container is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    Created,
    Running,
    Paused,
    Restarting,
    Removing,
    Exited,
    Dead,
    /// A word that this program does not know.
    Unknown,
}

impl Status {
    fn parse(word: &str) -> Self {
        match word {
            "created" => Self::Created,
            "running" => Self::Running,
            "paused" => Self::Paused,
            "restarting" => Self::Restarting,
            "removing" => Self::Removing,
            "exited" => Self::Exited,
            "dead" => Self::Dead,
            _ => Self::Unknown,
        }
    }
}

/// One container, looked at closely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerState {
    pub id: String,
    pub name: String,
    pub status: Status,
    /// Also true while paused.
    pub running: bool,
    pub paused: bool,
    /// Of its last run; 0 before the first.
    pub exit_code: i64,
    /// Whether the kernel killed it for its memory limit.
    pub oom_killed: bool,
    /// The engine's own words on a failed start.
    pub error: Option<String>,
    /// Of its first process on the engine's machine, while it runs.
    pub pid: Option<i64>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// The names of the networks that it was put on.
    pub networks: BTreeSet<String>,
    /// Addresses by the network's name, while it runs.
    pub addresses: BTreeMap<String, IpAddr>,
    /// Where each published TCP port is reached, while it runs.
    pub ports: BTreeMap<u16, SocketAddr>,
    pub labels: BTreeMap<String, String>,
    /// The tag it was made from.
    pub image: String,
    pub image_id: String,
}

/// One container of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerSummary {
    pub id: String,
    pub name: String,
    pub image: String,
    pub status: Status,
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// By name or id; `None` if there is no such container.
    pub async fn inspect(&self, container: &str) -> Result<Option<ContainerState>> {
        let what = format!("inspect the container {container}");
        let found = self.find(what, READ, self.docker.inspect_container(container, None)).await?;
        Ok(found.map(state))
    }

    /// All containers, running or not, with every one of `labels` (`key` or `key=value`).
    pub async fn list(&self, labels: &[&str]) -> Result<Vec<ContainerSummary>> {
        let options = ListContainersOptions {
            all: true,
            filters: Some(label_filter(labels)),
            ..Default::default()
        };
        let found = self
            .call("list the containers".into(), READ, self.docker.list_containers(Some(options)))
            .await?;
        let summary = |container: bollard::models::ContainerSummary| ContainerSummary {
            id: container.id.unwrap_or_default(),
            name: plain_name(container.names.unwrap_or_default().first().map(String::as_str)),
            image: container.image.unwrap_or_default(),
            status: container.state.map_or(Status::Unknown, |state| Status::parse(state.as_ref())),
            labels: container.labels.unwrap_or_default().into_iter().collect(),
        };
        Ok(found.into_iter().map(summary).collect())
    }
}

pub(super) fn label_filter(labels: &[&str]) -> HashMap<String, Vec<String>> {
    let labels = labels.iter().map(|&label| label.to_owned()).collect();
    HashMap::from([("label".to_owned(), labels)])
}

fn state(found: ContainerInspectResponse) -> ContainerState {
    let state = found.state.unwrap_or_default();
    let running = state.running.unwrap_or(false);
    let settings = found.network_settings.unwrap_or_default();
    let config = found.config.unwrap_or_default();
    ContainerState {
        id: found.id.unwrap_or_default(),
        name: plain_name(found.name.as_deref()),
        status: state.status.map_or(Status::Unknown, |status| Status::parse(status.as_ref())),
        running,
        paused: state.paused.unwrap_or(false),
        exit_code: state.exit_code.unwrap_or(0),
        oom_killed: state.oom_killed.unwrap_or(false),
        error: state.error.filter(|error| !error.is_empty()),
        pid: state.pid.filter(|&pid| pid > 0),
        started_at: state.started_at.as_deref().and_then(time),
        finished_at: state.finished_at.as_deref().and_then(time),
        ports: settings.ports.as_ref().map(published).unwrap_or_default(),
        networks: settings.networks.iter().flatten().map(|(name, _)| name.clone()).collect(),
        addresses: addresses(settings),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        image: config.image.unwrap_or_default(),
        image_id: found.image.unwrap_or_default(),
    }
}

/// The engine writes names with a slash before them.
fn plain_name(name: Option<&str>) -> String {
    name.map(|name| name.trim_start_matches('/').to_owned()).unwrap_or_default()
}

/// The year 1 stands for "never".
fn time(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|time: &Timestamp| time.as_second() > 0)
}

fn addresses(settings: NetworkSettings) -> BTreeMap<String, IpAddr> {
    settings
        .networks
        .unwrap_or_default()
        .into_iter()
        .filter_map(|(name, endpoint)| Some((name, endpoint.ip_address?.parse().ok()?)))
        .collect()
}

fn published(ports: &PortMap) -> BTreeMap<u16, SocketAddr> {
    ports
        .iter()
        .filter_map(|(port, bindings)| {
            let inside = port.strip_suffix("/tcp")?.parse().ok()?;
            let binding = bindings.as_ref()?.first()?;
            let ip: IpAddr = binding.host_ip.as_deref()?.parse().ok()?;
            let outside: u16 = binding.host_port.as_deref()?.parse().ok()?;
            Some((inside, SocketAddr::new(ip, outside)))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> ContainerState {
        state(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_running_container_shows_where_it_is_reached() {
        let state = parse(
            r#"{"Id":"abc","Name":"/gate","Image":"sha256:1",
            "State":{"Status":"running","Running":true,"Pid":77,"StartedAt":"2026-01-02T03:04:05.123456789Z",
                     "FinishedAt":"0001-01-01T00:00:00Z","Error":""},
            "Config":{"Image":"labs/gate:1","Labels":{"labs.seat":"s1"}},
            "NetworkSettings":{"Ports":{"6379/tcp":[{"HostIp":"127.0.0.1","HostPort":"49153"}],"80/tcp":null},
                               "Networks":{"seat":{"IPAddress":"10.87.0.2"},"idle":{"IPAddress":""}}}}"#,
        );
        assert_eq!(state.name, "gate");
        assert_eq!(state.status, Status::Running);
        assert_eq!(state.pid, Some(77));
        assert!(state.started_at.is_some());
        assert_eq!(state.finished_at, None);
        assert_eq!(state.error, None);
        assert_eq!(state.ports, BTreeMap::from([(6379, "127.0.0.1:49153".parse().unwrap())]));
        assert_eq!(
            state.addresses,
            BTreeMap::from([("seat".into(), "10.87.0.2".parse().unwrap())])
        );
        assert_eq!(state.labels["labs.seat"], "s1");
    }

    #[test]
    fn an_empty_answer_is_no_panic() {
        assert_eq!(parse("{}").status, Status::Unknown);
    }
}
