//! What a seat consists of: names, addresses and containers, before anything is made.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::workspace::{IN_CONTAINERS, NONCE};
use crate::catalog::lab::Lab;
use crate::catalog::service::{Configured, Service};
use crate::catalog::{Catalog, unknown};
use crate::digest;
use crate::engine::{
    ContainerSpec, ContainerState, Link, Mount, Network, NetworkChoice, Source, Subnet,
};
use crate::error::{Error, Result};
use crate::image::Images;
use crate::store::{ResourceKind, SeatRow};

pub use crate::image::{GATE, WORKBENCH};

/// The label that everything of a seat carries; its value is the seat's id.
pub const SEAT_LABEL: &str = "labs.seat";
/// The label whose value is a digest of what a container was made from.
pub const PLAN_LABEL: &str = "labs.plan";
/// The label whose value is the installation that made something; others are never touched.
pub const OWNER_LABEL: &str = "labs.owner";
/// The label that says until when something was to be kept when it was made.
pub const LEASE_LABEL: &str = "labs.lease";
/// The environment variable that tells a service, and each of its twins, what it is called in the lab.
const SERVICE_VARIABLE: &str = "LABS_SERVICE";
/// At most so many checks run the learner's program at the same time, each with a twin of its own.
pub const LANES: u8 = 5;

const MIB: u64 = 1 << 20;
/// No file grows larger, in bytes, and who crashes leaves no image of its memory.
const LIMITS: [(&str, u64); 2] = [("fsize", 1 << 30), ("core", 0)];
const LOG_BYTES: u64 = 4 * MIB;

/// Where the parts of a seat stand on its network, counted from the subnet's first address.
const GATE_HOST: u8 = 2;
const WORKBENCH_HOST: u8 = 3;
const FIRST_SERVICE_HOST: u8 = 4;
const FIRST_TWIN_HOST: u8 = 10;
/// The last address of a /27 that a container can have.
const LAST_HOST: u8 = 30;
/// As many as have an address before the first twin's.
const MAX_SERVICES: usize = 6;

const FIRST_SERVICE_PORT: u16 = 7000;
const FIRST_TWIN_PORT: u16 = 7100;
/// Of a service's other ports each has a hundred of its own here.
const FIRST_OTHER_PORT: u16 = 7200;

pub type Labels = BTreeMap<String, String>;

/// A service of the lab with its definition.
#[derive(Debug, Clone)]
pub struct Member {
    pub name: String,
    pub definition: Service,
    pub image: String,
    /// The folder of the workspace with its files.
    files: Option<String>,
    /// The place among the lab's services, from 0: addresses and ports hang on it.
    index: u8,
}

impl Member {
    /// The command that opens the service's own client in the workbench.
    pub fn client(&self) -> Vec<String> {
        self.addressed(&self.definition.client)
    }

    /// The command by which a client tells the service to stop; empty where there is none.
    pub fn shut_down(&self) -> Vec<String> {
        self.addressed(&self.definition.shut_down)
    }

    /// The folder of the workspace whose files it reads when it starts, and what it does with them.
    pub fn files(&self) -> Option<(&str, &Configured)> {
        Some((self.files.as_deref()?, self.definition.files.as_ref()?))
    }

    fn addressed(&self, command: &[String]) -> Vec<String> {
        command.iter().map(|word| word.replace("{host}", &self.name)).collect()
    }
}

/// The networks that a seat's containers stand on, by id: names need not be unique.
#[derive(Debug, Clone)]
pub struct Networks {
    seat: String,
    gates: String,
    subnet: Subnet,
}

impl Networks {
    /// # Errors
    /// The seat's network has no subnet.
    pub fn new(seat: Network, gates: &Network) -> Result<Self> {
        let subnet = seat.subnets.first().copied().ok_or_else(|| {
            Error::infrastructure("The engine gave the seat's network no subnet").at(&seat.name)
        })?;
        Ok(Self { seat: seat.id, gates: gates.id.clone(), subnet })
    }

    pub fn subnet(&self) -> Subnet {
        self.subnet
    }

    /// Whether the network of the gates is a bridge of this machine, and not of one that the engine runs in.
    pub fn has_bridge_here(&self) -> bool {
        let id: String = self.gates.chars().take(12).collect();
        Path::new("/sys/class/net").join(format!("br-{id}")).exists()
    }
}

/// Everything that the containers of one seat are made from.
#[derive(Debug, Clone)]
pub struct Plan {
    pub seat: SeatRow,
    pub members: Vec<Member>,
    gate: Service,
    gate_image: String,
    workbench: Service,
    pub workbench_image: String,
    /// The installation.
    owner: String,
    uid: u32,
    gid: u32,
}

/// The network that the gates of an installation publish their ports through.
pub fn gates_network(installation: &str) -> String {
    format!("labs-gates-{installation}")
}

fn unknown_service(name: &str, known: &[&str]) -> Error {
    let known: Vec<String> = known.iter().map(|&name| name.to_owned()).collect();
    unknown("service", name, &known, &format!("there are: {}", known.join(", ")))
}

impl Plan {
    /// # Errors
    /// A faulty service definition, or more services than a seat's network holds.
    pub fn new(
        catalog: &Catalog,
        images: &Images,
        lab: &Lab,
        seat: SeatRow,
        installation: String,
        owner: (u32, u32),
    ) -> Result<Self> {
        if lab.services.len() > MAX_SERVICES {
            return Err(Error::usage(format!(
                "The lab {} has {} services; a seat's network holds {MAX_SERVICES}",
                lab.slug,
                lab.services.len()
            )));
        }
        let members = lab
            .services
            .iter()
            .zip(0..)
            .map(|((name, used), index)| {
                let mut definition = catalog.service(lab.definition(name))?;
                definition.command.extend(used.value.options.iter().cloned());
                let image = images.definition(&definition.name)?.tag;
                let files = used.value.files.as_ref().map(|folder| folder.value.clone());
                Ok(Member { name: name.clone(), definition, image, files, index })
            })
            .collect::<Result<_>>()?;
        Ok(Self {
            seat,
            members,
            gate: catalog.service(GATE)?,
            gate_image: images.definition(GATE)?.tag,
            workbench: catalog.service(WORKBENCH)?,
            workbench_image: images.workbench(lab)?.tag,
            owner: installation,
            uid: owner.0,
            gid: owner.1,
        })
    }

    pub fn network(&self) -> String {
        format!("labs-{}", self.seat.id)
    }

    pub fn gates_network(&self) -> String {
        gates_network(&self.owner)
    }

    pub fn container(&self, part: &str) -> String {
        format!("labs-{}-{part}", self.seat.id)
    }

    /// The container of a service's twin in a lane.
    pub fn twin_name(&self, member: &Member, lane: u8) -> String {
        self.container(&format!("twin-{}-{}", member.name, lane + 1))
    }

    /// The container of a lane's runner.
    pub fn runner_name(&self, lane: u8) -> String {
        self.container(&format!("runner-{}", lane + 1))
    }

    pub fn volume(&self, member: &Member) -> String {
        format!("labs-{}-{}-data", self.seat.id, member.name)
    }

    /// What is as old as a service's data: its volume, or the container where it has none.
    pub fn data_of(&self, member: &Member) -> (ResourceKind, String) {
        match member.definition.data {
            Some(_) => (ResourceKind::Volume, self.volume(member)),
            None => (ResourceKind::Container, self.container(&member.name)),
        }
    }

    pub fn member(&self, service: &str) -> Option<&Member> {
        self.members.iter().find(|m| m.name == service)
    }

    /// # Errors
    /// The lab has no such service; says which it has.
    pub fn expect_member(&self, service: &str) -> Result<&Member> {
        let names: Vec<&str> = self.members.iter().map(|m| m.name.as_str()).collect();
        self.member(service).ok_or_else(|| unknown_service(service, &names))
    }

    /// The container of a service, or of one of the parts that every seat has.
    ///
    /// # Errors
    /// There is no such service or part.
    pub fn expect_container(&self, name: &str, parts: &[&str]) -> Result<String> {
        let services = self.members.iter().map(|m| m.name.as_str());
        let names: Vec<&str> = services.chain(parts.iter().copied()).collect();
        if names.contains(&name) {
            return Ok(self.container(name));
        }
        Err(unknown_service(name, &names))
    }

    pub fn labels(&self) -> Labels {
        BTreeMap::from([
            (SEAT_LABEL.to_owned(), self.seat.id.clone()),
            (OWNER_LABEL.to_owned(), self.owner.clone()),
            ("labs.lab".to_owned(), self.seat.lab.clone()),
        ])
    }

    /// The containers of a seat's services.
    pub fn services(&self, networks: &Networks) -> Vec<ContainerSpec> {
        self.members.iter().map(|m| planned(self.service(m, networks), "")).collect()
    }

    /// The container of the learner's shell.
    pub fn workbench(&self, networks: &Networks) -> ContainerSpec {
        // A mount goes on showing a folder that was replaced, so the folder itself is part of the plan.
        let folder = std::fs::metadata(&self.seat.workspace).ok().map(|m| (m.dev(), m.ino()));
        planned(self.workbench_spec(networks), &format!("{folder:?}"))
    }

    /// How many lanes the seat's network has addresses for, at most [`LANES`].
    pub fn lanes(&self) -> u8 {
        let room = LAST_HOST + 1 - FIRST_TWIN_HOST;
        (room / self.width().max(1)).min(LANES)
    }

    /// For how many lanes the gate publishes ports: another version of labs may have made it.
    pub fn published_lanes(&self, gate: &ContainerState) -> u8 {
        let reached = self.members.iter().filter(|m| m.definition.port.is_some());
        let port = |m: &Member, lane| gate.ports.contains_key(&Self::gate_port(m, Some(lane)));
        let published = |lane: &u8| reached.clone().all(|m| port(m, *lane));
        (0..self.lanes()).find(|lane| !published(lane)).unwrap_or(self.lanes())
    }

    fn width(&self) -> u8 {
        u8::try_from(self.members.len()).unwrap_or(u8::MAX)
    }

    fn twin_host(&self, member: &Member, lane: u8) -> u8 {
        FIRST_TWIN_HOST + lane * self.width() + member.index
    }

    /// The gate's port for a service, or for its twin in a lane.
    pub fn gate_port(member: &Member, lane: Option<u8>) -> u16 {
        match lane {
            None => FIRST_SERVICE_PORT + u16::from(member.index),
            Some(lane) => FIRST_TWIN_PORT + 10 * u16::from(lane) + u16::from(member.index),
        }
    }

    /// The gate's port for another port of a service, the `nth` that its definition names.
    pub fn other_gate_port(member: &Member, lane: Option<u8>, nth: u16) -> u16 {
        let place = lane.map_or(0, |lane| 1 + u16::from(lane));
        FIRST_OTHER_PORT + 100 * nth + 10 * place + u16::from(member.index)
    }

    pub fn gate_name(&self) -> String {
        self.container(GATE)
    }

    /// A twin: the same image on an address of its own, its data gone with it.
    pub fn twin(
        &self,
        member: &Member,
        lane: u8,
        networks: &Networks,
        name: String,
    ) -> ContainerSpec {
        let mut spec = self.base(&member.definition, &member.image, name);
        let place = |m: &Member| host(networks.subnet, self.twin_host(m, lane));
        // No host name: the engine would take it for one more name of the learner's service.
        spec.network = link(networks, place(member), vec![]);
        spec.env.insert(SERVICE_VARIABLE.to_owned(), member.name.clone());
        if let Some(library) = &member.definition.clock {
            spec.env.insert("LD_PRELOAD".to_owned(), library.clone());
        }
        // To each other twins are what their names say: none of them finds its way to the learner's services.
        spec.extra_hosts =
            self.members.iter().map(|m| (m.name.clone(), place(m).to_string())).collect();
        if let Some(data) = &member.definition.data {
            spec.mounts.push(Mount {
                source: Source::Anonymous,
                target: data.clone(),
                read_only: false,
            });
        }
        spec
    }

    /// The container of a service.
    pub fn service(&self, member: &Member, networks: &Networks) -> ContainerSpec {
        let mut spec = self.base(&member.definition, &member.image, self.container(&member.name));
        spec.network = link(networks, service_address(networks, member), vec![member.name.clone()]);
        spec.hostname = Some(member.name.clone());
        spec.env.insert(SERVICE_VARIABLE.to_owned(), member.name.clone());
        if let Some(data) = &member.definition.data {
            spec.mounts.push(Mount {
                source: Source::Volume(self.volume(member)),
                target: data.clone(),
                read_only: false,
            });
        }
        if let Some((folder, configured)) = member.files() {
            spec.mounts.push(Mount {
                source: Source::Bind(self.seat.workspace.join(folder)),
                target: configured.at.clone(),
                read_only: true,
            });
            // What the files name must be known when it starts, whether or not the others run by then.
            spec.extra_hosts = self
                .members
                .iter()
                .map(|m| (m.name.clone(), service_address(networks, m).to_string()))
                .collect();
        }
        spec
    }

    fn workbench_spec(&self, networks: &Networks) -> ContainerSpec {
        let mut spec = self.base(&self.workbench, &self.workbench_image, self.container(WORKBENCH));
        spec.network =
            link(networks, host(networks.subnet, WORKBENCH_HOST), vec![WORKBENCH.to_owned()]);
        spec.hostname = Some(self.seat.lab.clone());
        spec.user = Some(format!("{}:{}", self.uid, self.gid));
        // The first line of its log proves that the mount is the one meant.
        let nonce = format!("cat {IN_CONTAINERS}/{NONCE}; exec sleep infinity");
        spec.command = ["tini", "--", "sh", "-c", &nonce].map(str::to_owned).to_vec();
        spec.working_dir = Some(IN_CONTAINERS.to_owned());
        for options in spec.tmpfs.values_mut() {
            *options = format!("{options},uid={},gid={}", self.uid, self.gid);
        }
        spec.mounts.push(Mount {
            source: Source::Bind(self.seat.workspace.clone()),
            target: IN_CONTAINERS.to_owned(),
            read_only: false,
        });
        // A folder that a service gets is a mount of its own: it cannot be renamed, and a link put in its place.
        for (folder, _) in self.members.iter().filter_map(Member::files) {
            spec.mounts.push(Mount {
                source: Source::Bind(self.seat.workspace.join(folder)),
                target: format!("{IN_CONTAINERS}/{folder}"),
                read_only: false,
            });
        }
        spec
    }

    /// The workbench with the data of one service, as the service's user; nothing for one that keeps none.
    pub fn repair(&self, member: &Member) -> Option<ContainerSpec> {
        let data = member.definition.data.clone()?;
        let name = self.container(&format!("repair-{}", member.name));
        let mut spec = self.base(&self.workbench, &self.workbench_image, name);
        spec.user.clone_from(&member.definition.user);
        spec.hostname = Some(format!("{}-repair", member.name));
        spec.working_dir = Some(data.clone());
        spec.env.insert("HOME".to_owned(), "/tmp".to_owned());
        let source = Source::Volume(self.volume(member));
        spec.mounts.push(Mount { source, target: data, read_only: false });
        Some(spec)
    }

    /// The gate, on the network of the gates alone: that of its seat may not be there yet.
    pub fn gate(&self, gates: &Network, subnet: Subnet) -> ContainerSpec {
        let lanes = std::iter::once(None).chain((0..self.lanes()).map(Some));
        let mut routes = Vec::new();
        let mut spec = self.base(&self.gate, &self.gate_image, self.gate_name());
        for (member, lane) in lanes.flat_map(|lane| self.members.iter().map(move |m| (m, lane))) {
            let Some(port) = member.definition.port else { continue };
            let place =
                lane.map_or(FIRST_SERVICE_HOST + member.index, |lane| self.twin_host(member, lane));
            let others = member.definition.ports.values().zip(0..);
            let others = others.map(|(&port, n)| (Self::other_gate_port(member, lane, n), port));
            for (published, port) in
                [(Self::gate_port(member, lane), port)].into_iter().chain(others)
            {
                routes.push(format!("{published}={}:{port}", host(subnet, place)));
                spec.published.push(published);
            }
        }
        spec.env.insert("GATE_ROUTES".to_owned(), routes.join(","));
        // A container's ports are bound on its first network.
        let link = Link { network: gates.id.clone(), ..Link::default() };
        spec.network = NetworkChoice::Networks(vec![link]);
        planned(spec, "")
    }

    /// The gate's place on the network of its seat.
    pub fn gate_link(&self, networks: &Networks) -> Link {
        one_link(networks, host(networks.subnet, GATE_HOST), vec![])
    }

    /// What every container of a definition has: limits, user, labels.
    fn base(&self, definition: &Service, image: &str, name: String) -> ContainerSpec {
        ContainerSpec {
            name,
            image: image.to_owned(),
            command: definition.command.clone(),
            user: definition.user.clone(),
            labels: self.labels(),
            tmpfs: definition
                .tmpfs
                .iter()
                .map(|(path, size)| (path.clone(), tmpfs(definition, size)))
                .collect(),
            sysctls: definition.sysctls.clone(),
            stop_signal: definition.stop_signal.clone(),
            read_only: definition.read_only,
            cap_add: definition.capabilities.keys().cloned().collect(),
            memory: Some(u64::from(definition.memory_mb) * MIB),
            pids: Some(definition.pids),
            nano_cpus: Some(nano_cpus(definition.cpus)),
            log_bytes: Some(LOG_BYTES),
            ulimits: LIMITS.map(|(name, most)| (name.to_owned(), most, most)).to_vec(),
            ..ContainerSpec::default()
        }
    }

    pub fn workspace(&self) -> &Path {
        &self.seat.workspace
    }

    pub fn owner(&self) -> (u32, u32) {
        (self.uid, self.gid)
    }
}

/// Labelled with a digest of what it is made from, and of what else it depends on.
pub(super) fn planned(mut spec: ContainerSpec, also: &str) -> ContainerSpec {
    let mut plan = digest::sha256(format!("{spec:?} {also}"));
    plan.truncate(12);
    spec.labels.insert(PLAN_LABEL.to_owned(), plan);
    spec
}

fn link(networks: &Networks, address: Ipv4Addr, aliases: Vec<String>) -> NetworkChoice {
    NetworkChoice::Networks(vec![one_link(networks, address, aliases)])
}

fn one_link(networks: &Networks, address: Ipv4Addr, aliases: Vec<String>) -> Link {
    Link { network: networks.seat.clone(), address: Some(address), aliases }
}

/// An address on the seat's network. A /27 holds all that a plan asks for.
fn host(subnet: Subnet, place: u8) -> Ipv4Addr {
    subnet.host(u32::from(place)).unwrap_or_else(|| subnet.base())
}

fn service_address(networks: &Networks, member: &Member) -> Ipv4Addr {
    host(networks.subnet, FIRST_SERVICE_HOST + member.index)
}

/// A memory file system that belongs to the container's user.
fn tmpfs(definition: &Service, size: &str) -> String {
    match definition.user.as_deref().and_then(|user| user.split_once(':')) {
        Some((uid, gid)) => format!("size={size},uid={uid},gid={gid},mode=700"),
        None => format!("size={size}"),
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a handful of CPUs")]
fn nano_cpus(cpus: f64) -> u64 {
    (cpus * 1e9) as u64
}
