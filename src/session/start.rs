//! Starting a seat, or finding it again.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use rand::RngExt;
use serde::Serialize;
use tokio::sync::oneshot;

use super::plan::{Member, Networks, PLAN_LABEL, Plan, SEAT_LABEL};
use super::{Session, lease, workspace};
use crate::catalog::lab::Lab;
use crate::engine::{ContainerSpec, ContainerState, Network, Status, Subnet};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::probe::service::{self, Addresses, Service};
use crate::ready;
use crate::store::SeatRow;

/// A service that does not answer by then will not.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How often a starting container is looked at, in case it died.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// What was asked for beyond the lab; a seat that is there already must be so.
#[derive(Debug, Clone, Default)]
pub struct Wanted {
    pub workspace: Option<PathBuf>,
    pub seed: Option<String>,
    pub learner: Option<String>,
}

/// A running seat, and how to reach it.
#[derive(Debug, Clone, Serialize)]
pub struct Started {
    pub seat: SeatRow,
    /// The lab as this seat sees it.
    #[serde(skip)]
    pub lab: Lab,
    /// It was found, not made.
    pub resumed: bool,
    pub services: Vec<Reach>,
    pub milliseconds: u128,
}

/// How a service is reached from this machine.
#[derive(Debug, Clone, Serialize)]
pub struct Reach {
    pub service: String,
    pub address: SocketAddr,
    /// Its other ports, by what they are for.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub ports: BTreeMap<String, SocketAddr>,
}

impl Session {
    /// Starts the seat of a lab, or brings back the one there is. That one keeps its values, whatever those of `lab` are.
    /// Of one that never came up and of which nothing runs all is made anew but the workspace.
    ///
    /// # Errors
    /// A seat that is there and not as wanted, images that cannot be made, an engine that refuses, a service that does not
    /// become ready.
    pub async fn start(&self, lab: &Lab, wanted: Wanted) -> Result<Started> {
        let began = Instant::now();
        let _lock = self.store.lock(&lab.slug)?;
        let existing = self.store.seat_of(&lab.slug)?;
        let id = existing.as_ref().map(|seat| seat.id.clone());
        let resumed = existing.as_ref().is_some_and(|seat| seat.ready);
        let (seat, lab) = match existing {
            Some(seat) => {
                wanted.agrees_with(&seat)?;
                self.renew(&seat)?;
                let lab = self.catalog.lab_of_seat(&seat.lab, &seat.seed, &seat.variables)?;
                let goes_on = resumed || self.any_runs(&seat.id).await?;
                let seat = if goes_on { seat } else { self.under_another_id(seat).await? };
                (seat, lab)
            }
            None => (new_seat(lab, wanted.workspace)?, lab.clone()),
        };
        let left = id.filter(|id| *id != seat.id);
        let plan = self.plan(&lab, seat)?;
        self.images.ensure(&self.engine, &self.images.of_lab(&lab)?, &self.events).await?;
        if !resumed {
            self.store.add_seat(&plan.seat)?;
        }
        let added = self.prepare(&lab, &plan)?;
        if resumed && !added.is_empty() {
            let files = added.join(", ");
            self.events.note(format!("Was missing in your folder and is there again: {files}"));
        }
        let services = self.provision(&lab, &plan).await?;
        self.store.seat_is_ready(&plan.seat.id)?;
        if let Some(old) = left {
            // What a killed command had asked the engine for can have appeared since.
            self.remove_resources(&old).await?;
        }
        Ok(Started {
            seat: SeatRow { ready: true, ..plan.seat },
            lab,
            resumed,
            services,
            milliseconds: began.elapsed().as_millis(),
        })
    }

    async fn any_runs(&self, seat: &str) -> Result<bool> {
        let containers = self.engine.list(&[&format!("{SEAT_LABEL}={seat}")]).await?;
        Ok(containers.iter().any(|c| matches!(c.status, Status::Running | Status::Paused)))
    }

    /// Removes what a start that was cut short has left, and gives the seat another id: an engine that was killed in the
    /// middle of it can hold on to a network or container for good, and then refuses others of that name and address.
    async fn under_another_id(&self, seat: SeatRow) -> Result<SeatRow> {
        let removal = self.remove_resources(&seat.id);
        self.events.step("removing what an interrupted start has left", removal).await?;
        Ok(SeatRow { id: new_id(&seat.lab), created_at: crate::store::now(), ..seat })
    }

    /// Removes a seat whose start was interrupted; one that was there before stays.
    pub async fn abandon(&self, lab: &str) -> Result<()> {
        // What the engine was asked to make is made all the same: it is removed when it is there.
        self.engine.settled().await;
        match self.store.seat_of(lab)? {
            Some(seat) if !seat.ready => self.stop(&seat).await.map(drop),
            _ => Ok(()),
        }
    }

    /// Restarts one service and waits until it answers.
    pub async fn restart(&self, plan: &Plan, member: &Member) -> Result<Reach> {
        own_folders(plan)?;
        self.remove_abandoned_repairs(&plan.seat).await?;
        let container = plan.container(&member.name);
        let patience = Duration::from_secs(u64::from(member.definition.stop_seconds));
        let gate = self.gate(plan).await?;
        let counted = self.counted(member, &gate).await;
        self.events
            .step(format!("restarting {}", member.name), self.engine.restart(&container, patience))
            .await?;
        self.store.keep_books(&plan.data_of(member).1, &counted)?;
        self.events.step(format!("{} ready", member.name), self.ready(plan, member, &gate)).await
    }

    /// What a service has counted, which it forgets when it is restarted. One that does not answer has nothing to tell.
    async fn counted(&self, member: &Member, gate: &ContainerState) -> service::Books {
        let counted = async {
            let addresses = addresses(member, None, gate)?;
            service::connect(member.definition.ready, &member.name, addresses).await?.books().await
        };
        counted.await.unwrap_or_default()
    }

    /// Makes the workspace, and adds the starter files that are not there; answers which.
    pub(super) fn prepare(&self, lab: &Lab, plan: &Plan) -> Result<Vec<String>> {
        let files = self.catalog.lab_files();
        workspace::prepare(lab, files, plan.workspace(), &plan.seat.id, plan.owner())
    }

    /// Makes what the plan says and is not there, starts what does not run, and waits until all of it answers.
    pub(super) async fn provision(&self, lab: &Lab, plan: &Plan) -> Result<Vec<Reach>> {
        let raised = self.raise_all(lab, plan).await;
        if raised.is_err() {
            // Without its engine no service answers: that is the news then.
            self.engine.ping().await?;
        }
        raised
    }

    async fn raise_all(&self, lab: &Lab, plan: &Plan) -> Result<Vec<Reach>> {
        own_folders(plan)?;
        self.remove_abandoned_repairs(&plan.seat).await?;
        let (gates, subnet) =
            tokio::try_join!(self.ensure_gates_network(), self.seat_subnet(plan))?;
        let (made, is_made) = oneshot::channel();
        let services = async {
            let (seat, ()) = tokio::try_join!(
                self.events.step("network", self.ensure_seat_network(plan, subnet)),
                self.make_volumes(plan),
            )?;
            let networks = Networks::new(seat, &gates)?;
            // Nobody waits for it where the gate failed.
            let _ = made.send(networks.clone());
            self.drop_outdated_workbench(plan, &networks).await?;
            let services = plan.services(&networks);
            try_join_all(services.iter().map(|spec| self.raise(plan, spec))).await
        };
        // The gate, which publishes ports, takes longest: it comes up while the network of the seat is being made.
        let gate = async {
            self.raise_gate(plan, &gates, subnet).await?;
            let Ok(networks) = is_made.await else { return std::future::pending().await };
            if networks.subnet() != subnet {
                self.raise_gate(plan, &gates, networks.subnet()).await?;
            }
            self.join_gate(plan, &networks).await
        };
        let (_, gate) = tokio::try_join!(services, gate)?;
        // One without a port is asked by nobody, and so ready when it runs.
        let asked = plan.members.iter().filter(|member| member.definition.port.is_some());
        let ready = asked.map(|member| async {
            let ready = self.ready(plan, member, &gate);
            let reach = self.events.step(format!("{} ready", member.name), ready).await?;
            self.set_up(lab, plan, member, &gate).await?;
            Ok(reach)
        });
        try_join_all(ready).await
    }

    /// Makes a container, or brings back the one there is. One whose making was cut short, or that was made to
    /// another plan and keeps no data, is made anew.
    pub(super) async fn raise(&self, plan: &Plan, spec: &ContainerSpec) -> Result<()> {
        let part = spec.name.strip_prefix(&format!("{}-", plan.network())).unwrap_or(&spec.name);
        let work = async {
            let Some(state) = self.engine.inspect(&spec.name).await? else {
                return self.make_and_start(plan, spec).await;
            };
            let unfinished = state.networks.is_empty();
            let outdated = state.labels.get(PLAN_LABEL) != spec.labels.get(PLAN_LABEL);
            if unfinished || (outdated && plan.member(part).is_none()) {
                self.drop_container(&spec.name).await?;
                return self.make_and_start(plan, spec).await;
            }
            if outdated {
                self.events.note(format!(
                    "{part} runs as an earlier version defined it; 'labs reset' renews it"
                ));
            }
            match state {
                state if state.paused => self.engine.unpause(&spec.name).await,
                state if state.running => Ok(()),
                _ => self.engine.start(&spec.name).await,
            }
        };
        self.events.step(format!("container {part}"), work).await
    }

    /// The gate on the network where its ports are published; one that is not on it, or whose way there is gone, is
    /// made anew.
    async fn raise_gate(&self, plan: &Plan, gates: &Network, subnet: Subnet) -> Result<()> {
        let spec = plan.gate(gates, subnet);
        let state = self.engine.inspect(&spec.name).await?;
        if state.is_some_and(|s| !s.running || !s.networks.contains(&gates.name)) {
            self.drop_container(&spec.name).await?;
        }
        self.raise(plan, &spec).await
    }

    /// Puts the gate on the network of its seat, unless it is there; answers what it is then.
    async fn join_gate(&self, plan: &Plan, networks: &Networks) -> Result<ContainerState> {
        let gate = self.gate(plan).await?;
        if !gate.networks.contains(&plan.network()) {
            self.engine.network_connect(&gate.id, &plan.gate_link(networks)).await?;
        }
        Ok(gate)
    }

    async fn make_and_start(&self, plan: &Plan, spec: &ContainerSpec) -> Result<()> {
        if let Err(error) = self.make_container(&plan.seat.id, spec).await {
            // What a killed command had asked the engine for can appear just now, under that name.
            if self.engine.inspect(&spec.name).await?.is_none() {
                return Err(error);
            }
            self.drop_container(&spec.name).await?;
            self.make_container(&plan.seat.id, spec).await?;
        }
        self.engine.start(&spec.name).await
    }

    /// The gate as it runs; it knows the published ports.
    pub(super) async fn gate(&self, plan: &Plan) -> Result<ContainerState> {
        let name = plan.gate_name();
        let state = self.engine.inspect(&name).await?;
        state.filter(|s| s.running).ok_or_else(|| {
            Error::infrastructure("The seat's gate does not run")
                .at(name)
                .help(format!("run 'labs run {}' to bring the seat back", plan.seat.lab))
        })
    }

    /// The networks of a seat that runs.
    ///
    /// # Errors
    /// One of them is gone.
    pub(super) async fn networks(&self, plan: &Plan) -> Result<Networks> {
        let one = async |name: String| {
            let network = self.engine.networks_named(&name).await?.pop();
            network.ok_or_else(|| {
                Error::infrastructure("A network of the seat is gone")
                    .at(name)
                    .help(format!("run 'labs run {}' to bring the seat back", plan.seat.lab))
            })
        };
        Networks::new(one(plan.network()).await?, &one(plan.gates_network()).await?)
    }

    async fn make_volumes(&self, plan: &Plan) -> Result<()> {
        let labels = plan.labels();
        for member in plan.members.iter().filter(|m| m.definition.data.is_some()) {
            self.make_volume(&plan.seat.id, &plan.volume(member), &labels).await?;
        }
        Ok(())
    }

    async fn ready(&self, plan: &Plan, member: &Member, gate: &ContainerState) -> Result<Reach> {
        let Addresses { main: address, others: mut ports } = addresses(member, None, gate)?;
        ports.retain(|name, _| !member.definition.unlisted.contains(name));
        let reach = Reach { service: member.name.clone(), address, ports };
        let Some(protocol) = member.definition.ready else {
            return Ok(reach);
        };
        let container = plan.container(&member.name);
        tokio::select! {
            answered = ready::wait(protocol, address, READY_WITHIN) => {
                if let Err(met) = answered {
                    let seconds = READY_WITHIN.as_secs();
                    let last_words = self.last_words(&container).await;
                    return Err(Error::infrastructure(format!("The service {} is not ready after {seconds} s", member.name))
                        .because(format!("{met}\n{last_words}"))
                        .help(format!("see 'labs logs {}'", member.name)));
                }
            }
            error = self.dies(&container, &member.name) => return Err(error?),
        }
        Ok(reach)
    }

    /// Returns when the container has ended, with what it said last.
    async fn dies(&self, container: &str, service: &str) -> Result<Error> {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            let state = self.engine.inspect(container).await?;
            if state.as_ref().is_some_and(|s| s.running) {
                continue;
            }
            let code = state.map_or(-1, |s| s.exit_code);
            return Ok(Error::infrastructure(format!(
                "The service {service} stopped while starting (exit code {code})"
            ))
            .because(self.last_words(container).await)
            .help(format!(
                "mend what it complains about ('labs shell {service} --repair'), or 'labs reset' to begin afresh"
            )));
        }
    }

    /// Runs the lab's set-up on a service, once for its data.
    async fn set_up(
        &self,
        lab: &Lab,
        plan: &Plan,
        member: &Member,
        gate: &ContainerState,
    ) -> Result<()> {
        const DONE: &str = "set up";
        let (kind, name) = plan.data_of(member);
        let recorded = self.store.resources(Some(&plan.seat.id))?;
        let done = recorded.iter().any(|r| r.kind == kind && r.name == name && r.detail == DONE);
        if done || set_up_of(lab, member).next().is_none() {
            return Ok(());
        }
        let work = async {
            let addresses = addresses(member, None, gate)?;
            let service =
                service::connect(member.definition.ready, &member.name, addresses).await?;
            self.fill(lab, member, &*service).await?;
            self.store.note_resource(kind, &name, DONE)
        };
        self.events.step(set_up_step(member), work).await
    }

    /// Sends a service the commands of the lab's set-up. Its books begin after them: they are the learner's.
    pub(super) async fn fill(
        &self,
        lab: &Lab,
        member: &Member,
        service: &dyn Service,
    ) -> Result<()> {
        let total = set_up_of(lab, member).count() as u64;
        for (done, command) in (1..).zip(set_up_of(lab, member)) {
            let words =
                command.iter().map(|w| lab.variables.render(w)).collect::<Result<Vec<_>>>()?;
            service.demand(&words).await?;
            self.events.send(Event::Progress {
                step: set_up_step(member),
                text: format!("command {done} of {total}"),
                done,
                total: Some(total),
            });
        }
        service.forget_books().await
    }
}

fn set_up_step(member: &Member) -> String {
    format!("{} set-up", member.name)
}

/// The commands of the set-up that a service gets.
fn set_up_of<'a>(lab: &'a Lab, member: &Member) -> impl Iterator<Item = &'a Vec<String>> {
    lab.setup.iter().filter_map(|setup| setup.value.0.get(&member.name))
}

/// Where a service, or its twin in a lane, is reached.
pub(super) fn reach(
    member: &Member,
    lane: Option<u8>,
    gate: &ContainerState,
) -> Result<SocketAddr> {
    published(member, gate, Plan::gate_port(member, lane))
}

/// Where all ports of a service, or of its twin in a lane, are reached.
pub(super) fn addresses(
    member: &Member,
    lane: Option<u8>,
    gate: &ContainerState,
) -> Result<Addresses> {
    let main = reach(member, lane, gate)?;
    let named = member.definition.ports.keys().zip(0..);
    let others = named.map(|(name, n)| {
        Ok((name.clone(), published(member, gate, Plan::other_gate_port(member, lane, n))?))
    });
    Ok(Addresses { main, others: others.collect::<Result<_>>()? })
}

fn published(member: &Member, gate: &ContainerState, port: u16) -> Result<SocketAddr> {
    gate.ports.get(&port).copied().ok_or_else(|| {
        Error::infrastructure(format!("The gate does not publish a port for {}", member.name))
            .help("run 'labs run' with the lab's name: it makes the gate anew, and nothing else")
    })
}

impl Wanted {
    /// # Errors
    /// The seat was started with something else.
    fn agrees_with(&self, seat: &SeatRow) -> Result<()> {
        let workspace = self.workspace.as_deref().map(absolute).transpose()?;
        let of_seat = &seat.seed;
        let (what, option, is) = if workspace.is_some_and(|folder| folder != seat.workspace) {
            let is = format!("its workspace is {}", seat.workspace.display());
            ("workspace", "--workspace", is)
        } else if self.seed.as_ref().is_some_and(|seed| *seed != of_seat.text) {
            ("seed", "--seed", "a seat keeps the values it was started with".to_owned())
        } else if self.learner.is_some() && self.learner != of_seat.learner {
            let is = match &of_seat.learner {
                Some(name) => format!("it was started for {name}"),
                None => "it was started for no learner, with a seed".to_owned(),
            };
            ("learner", "--learner", is)
        } else {
            return Ok(());
        };
        Err(Error::usage(format!("The lab {} already has a seat with another {what}", seat.lab))
            .because(is)
            .help(format!("leave {option} out to go on with it, or run 'labs stop' first")))
    }
}

/// Letters and digits that are not taken for one another.
const ALPHABET: &[u8] = b"abcdefghjkmnpqrstuvwxyz23456789";

fn new_seat(lab: &Lab, folder: Option<PathBuf>) -> Result<SeatRow> {
    let workspace = match folder {
        Some(folder) => absolute(&folder)?,
        None => workspace::default_path(&lab.slug)?,
    };
    Ok(SeatRow {
        id: new_id(&lab.slug),
        lab: lab.slug.clone(),
        workspace,
        variables: lab.variables.clone(),
        seed: lab.seed.clone(),
        created_at: crate::store::now(),
        lease_until: lease::until()?,
        ready: false,
    })
}

fn new_id(lab: &str) -> String {
    let mut random = rand::rng();
    let tail: String =
        (0..5).map(|_| char::from(ALPHABET[random.random_range(0..ALPHABET.len())])).collect();
    format!("{lab}-{tail}")
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| {
        Error::usage("The workspace is no usable path").at(path.display().to_string()).because(e)
    })
}

/// Makes sure of the folders in the workspace that services get.
fn own_folders(plan: &Plan) -> Result<()> {
    let mut folders = plan.members.iter().filter_map(Member::files);
    folders
        .try_for_each(|(folder, _)| workspace::own_folder(plan.workspace(), folder, plan.owner()))
}
