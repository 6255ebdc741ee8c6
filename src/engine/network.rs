//! Networks: small ones of our own, since the engine's default pools run out after about thirty.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use bollard::errors::Error as Cause;
use bollard::models::{
    ContainerInspectResponse, ContainerStateStatusEnum, Ipam, IpamConfig, NetworkConnectRequest,
    NetworkCreateRequest, NetworkDisconnectRequest,
};
use bollard::query_parameters::ListNetworksOptions;

use super::container::{endpoint, map};
use super::inspect::label_filter;
use super::subnet::first_free;
use super::{CHANGE, Engine, Link, READ, RETRY_EVERY, Subnet, fault, route};
use crate::error::{Error, Result};

/// How often another process may take the subnet we have just chosen.
const ATTEMPTS: usize = 50;
/// How long the engine may take to let go of a network that no container is on any more.
const LETTING_GO: Duration = Duration::from_secs(3);

/// A bridge network to be made.
#[derive(Debug, Clone)]
pub struct NetworkSpec {
    pub name: String,
    pub subnet: SubnetChoice,
    /// No way out, and no published ports.
    pub internal: bool,
    /// The gateway has no address: the host cannot be reached through it either.
    pub closed_gateway: bool,
    /// Containers on it do not reach each other.
    pub isolated: bool,
    pub labels: BTreeMap<String, String>,
}

/// Which addresses a network gets.
#[derive(Debug, Clone, Copy)]
pub enum SubnetChoice {
    Exactly(Subnet),
    /// The first free subnet of `prefix` bits in `range`; `likely`, if the engine finds it free too.
    FreeIn {
        range: Subnet,
        prefix: u8,
        likely: Option<Subnet>,
    },
}

/// A network of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Network {
    pub id: String,
    pub name: String,
    pub subnets: Vec<Subnet>,
    pub internal: bool,
    pub labels: BTreeMap<String, String>,
}

impl Engine {
    /// Makes a network. A free subnet is free of the engine's networks and of this machine's routes.
    pub async fn network_create(&self, spec: &NetworkSpec) -> Result<Network> {
        let (range, prefix, likely) = match spec.subnet {
            SubnetChoice::Exactly(subnet) => (subnet, subnet.prefix(), None),
            SubnetChoice::FreeIn { range, prefix, likely } => (range, prefix, likely),
        };
        if let Some(subnet) = likely
            && let Ok(network) = self.network_create_at(spec, subnet).await?
        {
            return Ok(network);
        }
        let mut taken = match spec.subnet {
            SubnetChoice::Exactly(_) => Vec::new(),
            SubnetChoice::FreeIn { .. } => self.taken_subnets(range).await?,
        };
        let (mut refusal, mut from) = (None, range.base());
        for _ in 0..ATTEMPTS {
            let Some(subnet) = first_free(range, prefix, &taken, from) else { break };
            match self.network_create_at(spec, subnet).await? {
                Ok(network) => return Ok(network),
                // Taken since we looked, or hidden from us: try the next.
                Err(why) => refusal = Some(why),
            }
            taken.push(subnet);
            // Where many look at once, they look in different places from now on.
            from = range.random_address();
        }
        let why =
            refusal.unwrap_or_else(|| format!("no subnet of {prefix} bits is free in {range}"));
        Err(Error::infrastructure(format!("cannot create the network {}", spec.name))
            .because(why)
            .help("remove unused networks ('labs gc', 'docker network prune'), or choose another range of subnets"))
    }

    /// The inner error is the engine's words where the subnet overlaps another.
    async fn network_create_at(
        &self,
        spec: &NetworkSpec,
        subnet: Subnet,
    ) -> Result<Result<Network, String>> {
        let request = async {
            match self.docker.create_network(request(spec, subnet)).await {
                Ok(made) => Ok(Ok(made.id)),
                Err(error) if fault::message(&error).contains("overlaps with other one") => {
                    Ok(Err(fault::message(&error)))
                }
                Err(error) => Err(error),
            }
        };
        let what = format!("create the network {} ({subnet})", spec.name);
        Ok(self.call(what, CHANGE, request).await?.map(|id| Network {
            id,
            name: spec.name.clone(),
            subnets: vec![subnet],
            internal: spec.internal,
            labels: spec.labels.clone(),
        }))
    }

    /// A subnet of `prefix` bits in `range` that is free right now; those who ask at once get different ones, mostly.
    ///
    /// # Errors
    /// The engine does not answer. A range that is full is found out when the network is made.
    pub async fn free_subnet(&self, range: Subnet, prefix: u8) -> Result<Subnet> {
        let taken = self.taken_subnets(range).await?;
        let free = first_free(range, prefix, &taken, range.random_address());
        Ok(free.unwrap_or_else(|| Subnet::new(range.base(), prefix)))
    }

    async fn taken_subnets(&self, range: Subnet) -> Result<Vec<Subnet>> {
        let networks = self.networks(&[]).await?;
        Ok(networks
            .into_iter()
            .flat_map(|network| network.subnets)
            .chain(route::taken(range))
            .collect())
    }

    /// All networks of exactly this name: the engine allows several, and then takes only ids.
    pub async fn networks_named(&self, name: &str) -> Result<Vec<Network>> {
        Ok(self.networks(&[]).await?.into_iter().filter(|network| network.name == name).collect())
    }

    /// All networks with every one of `labels` (`key` or `key=value`).
    pub async fn networks(&self, labels: &[&str]) -> Result<Vec<Network>> {
        let options = ListNetworksOptions { filters: Some(label_filter(labels)) };
        let found = self
            .call("list the networks".into(), READ, self.docker.list_networks(Some(options)))
            .await?;
        Ok(found.into_iter().map(network).collect())
    }

    /// `false` if there was none; an error while containers are on it. What is left on it of containers that are gone
    /// goes too.
    pub async fn network_remove(&self, network: &str) -> Result<bool> {
        let what = format!("remove the network {network}");
        let until = Instant::now() + LETTING_GO;
        let removal = async {
            loop {
                match self.docker.remove_network(network).await {
                    Err(error) if fault::is_in_use(&error) && Instant::now() < until => {
                        if !self.take_off_what_is_gone(network).await? {
                            return Err(error);
                        }
                        tokio::time::sleep(RETRY_EVERY).await;
                    }
                    other => return other,
                }
            }
        };
        self.find(what, CHANGE, Box::pin(removal)).await.map(|gone| gone.is_some())
    }

    /// A container that is removed just while it starts, or is put on a network, can leave its end of the link behind.
    /// `false` if containers that exist are on the network.
    async fn take_off_what_is_gone(&self, network: &str) -> Result<bool, Cause> {
        let on_it = self.docker.inspect_network(network, None).await?.containers;
        for (id, end) in on_it.unwrap_or_default() {
            match self.docker.inspect_container(&id, None).await {
                Ok(found) if is_going(&found) => continue,
                Ok(_) => return Ok(false),
                Err(error) if fault::is_missing(&error) => {}
                Err(error) => return Err(error),
            }
            // Of a container that is gone, the engine knows the name alone.
            let request = NetworkDisconnectRequest {
                container: end.name.unwrap_or_default(),
                force: Some(true),
            };
            let _ = self.docker.disconnect_network(network, request).await;
        }
        Ok(true)
    }

    /// Puts a container, running or not, on one more network.
    pub async fn network_connect(&self, container: &str, link: &Link) -> Result<()> {
        let what = format!("connect the container {container} to the network {}", link.network);
        let request = NetworkConnectRequest {
            container: container.to_owned(),
            endpoint_config: Some(endpoint(link)),
        };
        self.call(what, CHANGE, self.docker.connect_network(&link.network, request)).await
    }

    /// Takes a container off a network, its connections cut; `false` if either does not exist.
    pub async fn network_disconnect(&self, container: &str, network: &str) -> Result<bool> {
        let what = format!("disconnect the container {container} from the network {network}");
        let request =
            NetworkDisconnectRequest { container: container.to_owned(), force: Some(true) };
        let done =
            self.find(what, CHANGE, self.docker.disconnect_network(network, request)).await?;
        Ok(done.is_some())
    }
}

/// Somebody removes it right now.
fn is_going(container: &ContainerInspectResponse) -> bool {
    use ContainerStateStatusEnum::{DEAD, REMOVING};
    let status = container.state.as_ref().and_then(|state| state.status);
    matches!(status, Some(REMOVING | DEAD))
}

fn request(spec: &NetworkSpec, subnet: Subnet) -> NetworkCreateRequest {
    let mut options = HashMap::new();
    if spec.closed_gateway {
        options.insert("com.docker.network.bridge.inhibit_ipv4".to_owned(), "true".to_owned());
    }
    if spec.isolated {
        options.insert("com.docker.network.bridge.enable_icc".to_owned(), "false".to_owned());
    }
    NetworkCreateRequest {
        name: spec.name.clone(),
        driver: Some("bridge".into()),
        internal: Some(spec.internal),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.to_string()),
                ..Default::default()
            }]),
            ..Default::default()
        }),
        options: Some(options),
        labels: Some(map(&spec.labels)),
        ..Default::default()
    }
}

fn network(found: bollard::models::Network) -> Network {
    let configs = found.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    Network {
        id: found.id.unwrap_or_default(),
        name: found.name.unwrap_or_default(),
        // IPv6 subnets do not parse, and never clash with ours.
        subnets: configs.into_iter().filter_map(|config| config.subnet?.parse().ok()).collect(),
        internal: found.internal.unwrap_or(false),
        labels: found.labels.unwrap_or_default().into_iter().collect(),
    }
}
