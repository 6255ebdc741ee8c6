//! What a container is made of, and making it.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;
use std::path::PathBuf;

use bollard::models::{
    ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, HostConfigLogConfig,
    Mount as ApiMount, MountType, MountVolumeOptions, NetworkingConfig, PortBinding,
};
use bollard::query_parameters::CreateContainerOptions;

use super::{CHANGE, Engine};
use crate::error::{Error, Result};

/// The standard input of a container's first process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Stdin {
    #[default]
    Closed,
    /// Open, to be attached to; closed for good when the first client goes.
    Once,
    /// Open as long as the container runs, whoever comes and goes.
    Kept,
}

/// A container to be made. It always has every capability dropped but `cap_add`, and may gain no privileges.
#[derive(Debug, Clone, Default)]
pub struct ContainerSpec {
    pub name: String,
    /// A tag or id that the engine has: nothing is pulled.
    pub image: String,
    /// Replaces the image's command; empty keeps it.
    pub command: Vec<String>,
    /// Replaces the image's entry point.
    pub entrypoint: Option<Vec<String>>,
    pub env: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// `user`, `uid` or `uid:gid`.
    pub user: Option<String>,
    pub hostname: Option<String>,
    pub working_dir: Option<String>,
    pub stop_signal: Option<String>,
    pub network: NetworkChoice,
    /// TCP ports published on 127.0.0.1, each on a port that the engine chooses at every start.
    pub published: Vec<u16>,
    /// Names that resolve inside, and to what.
    pub extra_hosts: Vec<(String, String)>,
    pub mounts: Vec<Mount>,
    /// Path inside, and mount options as `size=64m,mode=1777`.
    pub tmpfs: BTreeMap<String, String>,
    pub read_only: bool,
    /// Capabilities to keep, as `NET_BIND_SERVICE`.
    pub cap_add: Vec<String>,
    /// Bytes; the bound of memory and swap together.
    pub memory: Option<u64>,
    /// The most processes and threads.
    pub pids: Option<u32>,
    /// Billionths of a CPU.
    pub nano_cpus: Option<u64>,
    /// Kernel parameters of its own network namespace.
    pub sysctls: BTreeMap<String, String>,
    /// Kernel limits: name, soft and hard, as `("fsize", n, n)`.
    pub ulimits: Vec<(String, u64, u64)>,
    /// Has the engine's init reap orphans as PID 1.
    pub init: bool,
    pub stdin: Stdin,
    /// The engine removes it when it has ended.
    pub auto_remove: bool,
    /// Bytes of log kept before the oldest go; `None` keeps none at all.
    pub log_bytes: Option<u64>,
}

/// Which networks a container is on.
#[derive(Debug, Clone, Default)]
pub enum NetworkChoice {
    /// Loopback alone.
    #[default]
    None,
    Networks(Vec<Link>),
}

impl NetworkChoice {
    pub fn links(&self) -> &[Link] {
        match self {
            Self::None => &[],
            Self::Networks(links) => links,
        }
    }
}

/// A container's place on a network.
#[derive(Debug, Clone, Default)]
pub struct Link {
    /// Name or id.
    pub network: String,
    /// A fixed address; `None` lets the engine choose.
    pub address: Option<Ipv4Addr>,
    /// Names it is known by there, besides its own.
    pub aliases: Vec<String>,
}

/// Storage from outside, inside the container.
#[derive(Debug, Clone)]
pub struct Mount {
    pub source: Source,
    /// Path inside the container.
    pub target: String,
    pub read_only: bool,
}

#[derive(Debug, Clone)]
pub enum Source {
    /// A named volume.
    Volume(String),
    /// A volume without a name, removed with its container.
    Anonymous,
    /// A path on the engine's machine; the engine refuses one that does not exist.
    Bind(PathBuf),
}

impl Engine {
    /// Makes a container on all its networks, without starting it; returns its id. On failure nothing is left.
    /// Goes on when nobody waits for it any more: see [`Engine::settled`].
    pub async fn create(&self, spec: &ContainerSpec) -> Result<String> {
        let making = self.making.clone().read_owned().await;
        let (engine, spec) = (self.clone(), spec.clone());
        let name = spec.name.clone();
        let made = tokio::spawn(async move {
            let made = engine.create_now(&spec).await;
            drop(making);
            made
        });
        made.await.map_err(|e| {
            Error::infrastructure(format!("cannot create the container {name}")).because(e)
        })?
    }

    /// Waits until every container that was asked for, be it by somebody who gave up, is there or refused: what is
    /// removed then does not appear afterwards.
    pub async fn settled(&self) {
        drop(self.making.write().await);
    }

    async fn create_now(&self, spec: &ContainerSpec) -> Result<String> {
        let options =
            CreateContainerOptions { name: Some(spec.name.clone()), ..Default::default() };
        let made = self
            .call(
                format!("create the container {} from {}", spec.name, spec.image),
                CHANGE,
                self.docker.create_container(Some(options), body(spec)),
            )
            .await?;
        // Engines before 25 accept one network at creation.
        for link in spec.network.links().iter().skip(1) {
            if let Err(error) = self.network_connect(&made.id, link).await {
                // The first failure is the one worth telling.
                let _ = self.remove(&made.id, true).await;
                return Err(error);
            }
        }
        Ok(made.id)
    }
}

fn body(spec: &ContainerSpec) -> ContainerCreateBody {
    let first = spec.network.links().first();
    let ports: Vec<String> = spec.published.iter().map(|port| format!("{port}/tcp")).collect();
    ContainerCreateBody {
        image: Some(spec.image.clone()),
        cmd: (!spec.command.is_empty()).then(|| spec.command.clone()),
        entrypoint: spec.entrypoint.clone(),
        env: Some(spec.env.iter().map(|(name, value)| format!("{name}={value}")).collect()),
        labels: Some(map(&spec.labels)),
        user: spec.user.clone(),
        hostname: spec.hostname.clone(),
        working_dir: spec.working_dir.clone(),
        stop_signal: spec.stop_signal.clone(),
        open_stdin: Some(spec.stdin != Stdin::Closed),
        stdin_once: Some(spec.stdin == Stdin::Once),
        attach_stdin: Some(spec.stdin != Stdin::Closed),
        exposed_ports: Some(ports),
        host_config: Some(host_config(spec)),
        networking_config: first.map(|link| NetworkingConfig {
            endpoints_config: Some(HashMap::from([(link.network.clone(), endpoint(link))])),
        }),
        ..Default::default()
    }
}

fn host_config(spec: &ContainerSpec) -> HostConfig {
    let memory = spec.memory.map(signed);
    let bindings = spec.published.iter().map(|port| {
        let on_loopback =
            PortBinding { host_ip: Some("127.0.0.1".into()), host_port: Some(String::new()) };
        (format!("{port}/tcp"), Some(vec![on_loopback]))
    });
    HostConfig {
        network_mode: Some(
            spec.network
                .links()
                .first()
                .map_or_else(|| "none".to_owned(), |link| link.network.clone()),
        ),
        port_bindings: Some(bindings.collect()),
        // The engine's resolver knows the neighbours. What it does not know it would ask the host's resolver for, in some
        // versions also for a network without a way out (CVE-2024-29018): nobody listens at this address.
        dns: Some(vec!["127.0.0.1".into()]),
        extra_hosts: Some(
            spec.extra_hosts.iter().map(|(name, to)| format!("{name}:{to}")).collect(),
        ),
        mounts: Some(spec.mounts.iter().map(|m| mount(m, &spec.labels)).collect()),
        tmpfs: Some(map(&spec.tmpfs)),
        readonly_rootfs: Some(spec.read_only),
        cap_drop: Some(vec!["ALL".into()]),
        cap_add: Some(spec.cap_add.clone()),
        security_opt: Some(vec!["no-new-privileges".into()]),
        memory,
        memory_swap: memory,
        pids_limit: spec.pids.map(i64::from),
        nano_cpus: spec.nano_cpus.map(signed),
        ulimits: Some(
            spec.ulimits
                .iter()
                .map(|(name, soft, hard)| bollard::models::ResourcesUlimits {
                    name: Some(name.clone()),
                    soft: Some(signed(*soft)),
                    hard: Some(signed(*hard)),
                })
                .collect(),
        ),
        sysctls: Some(map(&spec.sysctls)),
        init: Some(spec.init),
        auto_remove: Some(spec.auto_remove),
        log_config: Some(log_config(spec.log_bytes)),
        ..Default::default()
    }
}

/// Two files, so that half of what is kept survives a rotation.
fn log_config(bytes: Option<u64>) -> HostConfigLogConfig {
    match bytes {
        Some(bytes) => HostConfigLogConfig {
            typ: Some("json-file".into()),
            config: Some(HashMap::from([
                ("max-size".into(), (bytes / 2).max(1).to_string()),
                ("max-file".into(), "2".into()),
            ])),
        },
        None => HostConfigLogConfig { typ: Some("none".into()), config: None },
    }
}

pub(super) fn endpoint(link: &Link) -> EndpointSettings {
    EndpointSettings {
        aliases: (!link.aliases.is_empty()).then(|| link.aliases.clone()),
        ipam_config: link.address.map(|address| EndpointIpamConfig {
            ipv4_address: Some(address.to_string()),
            ..Default::default()
        }),
        ..Default::default()
    }
}

/// A volume without a name is known by the labels of its container.
fn mount(mount: &Mount, labels: &BTreeMap<String, String>) -> ApiMount {
    let unnamed = matches!(mount.source, Source::Anonymous);
    let (typ, source) = match &mount.source {
        Source::Volume(name) => (MountType::VOLUME, name.clone()),
        Source::Anonymous => (MountType::VOLUME, String::new()),
        Source::Bind(path) => (MountType::BIND, path.to_string_lossy().into_owned()),
    };
    ApiMount {
        typ: Some(typ),
        source: Some(source),
        target: Some(mount.target.clone()),
        read_only: Some(mount.read_only),
        volume_options: unnamed
            .then(|| MountVolumeOptions { labels: Some(map(labels)), ..Default::default() }),
        ..Default::default()
    }
}

/// A limit beyond what the API can say is no limit in practice.
fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

pub(super) fn map(from: &BTreeMap<String, String>) -> HashMap<String, String> {
    from.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}
