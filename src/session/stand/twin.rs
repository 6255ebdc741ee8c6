//! Twins: a service's throw-away copy in one lane, kept warm from check to check as long as it comes clean.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::net::TcpStream;

use super::hands::respawned;
use super::{STAND_LABEL, TWIN};
use crate::engine::{ContainerSpec, ContainerState, Engine};
use crate::error::{Error, Result};
use crate::probe::service::{self, Addresses, Service};
use crate::ready;
use crate::session::Session;
use crate::session::plan::{Member, Networks, PLAN_LABEL, Plan, planned};
use crate::session::start::addresses;
use crate::store::ResourceKind;

/// As long as the seat's own services have; several twins start at once.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How much is told of the log of one that does not.
const LAST_LINES: usize = 10;
/// What takes longer to connect to is not on this machine, or kept from it.
const NEAR_WITHIN: Duration = Duration::from_millis(200);

/// A twin that runs and is clean.
pub struct Twin {
    pub container: String,
    pub service: String,
    pub address: SocketAddr,
    pub session: service::Session,
    /// The digest of its configuration before any program could change it.
    pristine: String,
}

/// A twin that was started.
pub struct Starting<'a> {
    pub container: &'a str,
    pub member: &'a Member,
    pub address: SocketAddr,
}

impl Starting<'_> {
    /// Waits until it answers.
    ///
    /// # Errors
    /// It ended, or did not answer in time: with its last words.
    pub async fn until_ready(&self, engine: &Engine, within: Duration) -> Result<()> {
        let Self { container, member, address } = *self;
        let Some(protocol) = member.definition.ready else { return Ok(()) };
        let met = tokio::select! {
            answered = ready::wait(protocol, address, within) => match answered {
                Ok(()) => return Ok(()),
                Err(met) => met,
            },
            // Later than that, so that it is said what the last question met.
            ended = engine.wait(container, 2 * within) => match ended? {
                Some(code) => format!("it ended while starting (exit code {code})"),
                None => "it does not answer".to_owned(),
            },
        };
        let said = engine.log_tail(container, LAST_LINES).await.unwrap_or_default();
        let what = format!("The twin of {} is not ready", member.name);
        Err(Error::infrastructure(what).at(container).because(format!("{met}\n{said}")))
    }
}

/// The place of a twin.
pub struct Place<'a> {
    pub session: &'a Session,
    pub plan: &'a Plan,
    pub member: &'a Member,
    pub lane: u8,
    pub networks: &'a Networks,
}

impl Place<'_> {
    /// Where the checker reaches the twin: straight through the gate's bridge where that stands on this machine, since
    /// the engine's proxy copies every byte once more; else where the gate publishes it.
    async fn addresses(&self, gate: &ContainerState) -> Result<Addresses> {
        let published = addresses(self.member, Some(self.lane), gate)?;
        let Some(&gate) = gate.addresses.get(&self.plan.gates_network()) else {
            return Ok(published);
        };
        let near = SocketAddr::new(gate, Plan::gate_port(self.member, Some(self.lane)));
        let answers = || tokio::time::timeout(NEAR_WITHIN, TcpStream::connect(near));
        let is_near = self.networks.has_bridge_here() && matches!(answers().await, Ok(Ok(_)));
        Ok(if is_near { Addresses { main: near, ..published } } else { published })
    }

    async fn connect(&self, addresses: &Addresses) -> Result<service::Session> {
        let Member { name, definition, .. } = self.member;
        service::connect(definition.ready, name, addresses.clone()).await
    }
}

impl Twin {
    /// Takes the twin that the last check left warm, or makes one.
    ///
    /// # Errors
    /// The engine refuses, or the twin does not become ready.
    pub async fn open(place: &Place<'_>, gate: &ContainerState) -> Result<Self> {
        let container = place.plan.twin_name(place.member, place.lane);
        let addresses = place.addresses(gate).await?;
        let address = addresses.main;
        let mut spec = place.plan.twin(place.member, place.lane, place.networks, container.clone());
        spec.labels.insert(STAND_LABEL.to_owned(), TWIN.to_owned());
        if place.member.files().is_some() {
            spec.command = respawned(&place.member.definition, &spec.command);
        }
        let spec = planned(spec, "");
        if let Some(warm) = Self::warm(place, &spec, &addresses).await? {
            return Ok(warm);
        }
        place.session.drop_container(&container).await?;
        place.session.make_container(&place.plan.seat.id, &spec).await?;
        place.session.engine.start(&container).await?;
        let starting = Starting { container: &container, member: place.member, address };
        starting.until_ready(&place.session.engine, READY_WITHIN).await?;
        let session = place.connect(&addresses).await?;
        let pristine = digest(&*session).await?;
        place.session.store.note_resource(ResourceKind::Container, &container, &pristine)?;
        Ok(Self { container, service: place.member.name.clone(), address, session, pristine })
    }

    /// Empties it; `false` when something of the last program stays.
    pub async fn clean(&self) -> bool {
        self.session.wipe().await.is_ok()
            && digest(&*self.session).await.is_ok_and(|now| now == self.pristine)
    }

    /// Whether the session that the checker had from the beginning is still good for everything.
    pub async fn obeys(&self) -> bool {
        self.session.wipe().await.is_ok()
    }

    async fn warm(
        place: &Place<'_>,
        spec: &ContainerSpec,
        addresses: &Addresses,
    ) -> Result<Option<Self>> {
        let container = spec.name.as_str();
        let recorded = place.session.store.resources(Some(&place.plan.seat.id))?;
        let Some(recorded) =
            recorded.into_iter().find(|r| r.name == container && !r.detail.is_empty())
        else {
            return Ok(None);
        };
        let state = place.session.engine.inspect(container).await?;
        // Also one that an earlier labs made in another way.
        let as_planned =
            |s: &ContainerState| s.labels.get(PLAN_LABEL) == spec.labels.get(PLAN_LABEL);
        if !state.is_some_and(|s| s.running && !s.paused && as_planned(&s)) {
            return Ok(None);
        }
        let Ok(session) = place.connect(addresses).await else {
            return Ok(None);
        };
        let service = place.member.name.clone();
        let twin = Self {
            container: container.to_owned(),
            service,
            address: addresses.main,
            session,
            pristine: recorded.detail,
        };
        Ok(twin.clean().await.then_some(twin))
    }
}

async fn digest(session: &dyn Service) -> Result<String> {
    session.fingerprint().await.map(crate::digest::sha256)
}
