//! Stands: a runner and twins for one check after the other, clean each time.

mod hands;
mod runner;
mod twin;

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use futures_util::future::{join_all, try_join_all};

use super::ledger::check_lock;
use super::plan::{Member, Networks, Plan, SEAT_LABEL};
use super::trouble::{Subject, service_died};
use super::{Session, workspace};
use crate::engine::{ContainerState, ContainerSummary, Status};
use crate::error::Result;
use crate::probe::clock::Clock;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::relay::{self, Relay};
use crate::probe::scene::Stand;
use crate::probe::service;
use crate::probe::waits::Waits;
use crate::ready;
use crate::store::SeatRow;
use hands::{Held, OfEngine};
use twin::{Place, Twin};

/// Marks the throw-away containers of checks.
pub(super) const STAND_LABEL: &str = "labs.stand";
const RUNNER: &str = "runner";
const TWIN: &str = "twin";
/// How long the engine may take to book the end of a twin that no longer answers.
const BOOKED_WITHIN: Duration = Duration::from_secs(5);
/// How long one that runs may take to answer, when it is looked at again.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A place where one check at a time runs the learner's program.
pub struct Lane<'a> {
    session: &'a Session,
    plan: &'a Plan,
    number: u8,
    networks: Networks,
    waits: Waits,
    open: Option<Open>,
    used: bool,
}

/// A stand with the containers it consists of.
struct Open {
    stand: Stand,
    runner: runner::Container,
    twins: Vec<Twin>,
}

impl<'a> Lane<'a> {
    pub fn new(
        session: &'a Session,
        plan: &'a Plan,
        number: u8,
        networks: Networks,
        waits: Waits,
    ) -> Self {
        Self { session, plan, number, networks, waits, open: None, used: false }
    }

    pub fn stand(&self) -> Option<&Stand> {
        self.open.as_ref().map(|open| &open.stand)
    }

    /// Makes the stand, or cleans the one there is; one that does not come clean is replaced.
    ///
    /// # Errors
    /// The finding to report instead: a workspace that cannot be sent, an engine that refuses.
    pub async fn ready(&mut self) -> Result<(), Finding> {
        let found = workspace::collect(self.plan.workspace()).map_err(|why| {
            let mut evidence = Evidence::new("The workspace cannot be checked");
            evidence.observed = Some(why);
            evidence.fail("workspace")
        })?;
        if let Some(open) = &self.open
            && !(self.used && open.clean().await)
        {
            self.close().await.map_err(Finding::Error)?;
        }
        if self.open.is_none() {
            self.open = Some(self.open().await.map_err(Finding::Error)?);
        }
        self.used = true;
        let Some(open) = &mut self.open else { return Ok(()) };
        open.stand.files = found.files.into_iter().map(|f| (f.path, f.content)).collect();
        open.stand.left_out = found.left_out.into_iter().map(|l| (l.path, l.why)).collect();
        open.stand.runner.load(&open.stand.files).await.map_err(Finding::Error)
    }

    /// Leaves what comes clean warm for the next check, and removes the rest.
    pub async fn close(&mut self) -> Result<()> {
        let Some(open) = self.open.take() else { return Ok(()) };
        self.used = false;
        let twins = open.twins.iter().map(|twin| async {
            if twin.clean().await {
                Ok(())
            } else {
                self.session.drop_container(&twin.container).await
            }
        });
        tokio::try_join!(try_join_all(twins), open.runner.close(self.session, open.stand.runner),)?;
        Ok(())
    }

    async fn open(&self) -> Result<Open> {
        let clock = Clock::start();
        let gate = self.session.gate(self.plan).await?;
        let members: Vec<&Member> =
            self.plan.members.iter().filter(|m| service::known(m.definition.ready)).collect();
        let twins = members.iter().map(|member| async {
            let Self { session, plan, number, .. } = *self;
            Twin::open(
                &Place { session, plan, member, lane: number, networks: &self.networks },
                &gate,
            )
            .await
        });
        let opened = tokio::try_join!(
            try_join_all(twins),
            runner::Container::open(self.session, self.plan, &members, self.number, clock),
        );
        let (twins, (container, runner)) = match opened {
            Ok(opened) => opened,
            Err(error) => {
                self.session.drop_container(&self.plan.runner_name(self.number)).await?;
                return Err(error);
            }
        };
        let hands = OfEngine {
            engine: self.session.engine.clone(),
            twins: (members.iter().zip(&twins))
                .map(|(member, twin)| {
                    let member = (*member).clone();
                    let container = twin.container.clone();
                    (twin.service.clone(), Held::new(container, member, twin.address))
                })
                .collect(),
        };
        let mut stand = Stand {
            runner,
            files: Vec::new(),
            left_out: [].into(),
            relays: [].into(),
            twins: [].into(),
            hands: Box::new(hands),
            waits: self.waits.clone(),
        };
        for ((twin, member), host) in twins.iter().zip(members).zip(2u8..) {
            let relay = Relay::new(clock, twin.address, relay::protocol(member.definition.ready));
            let port = member.definition.port.unwrap_or_default();
            let address = Ipv4Addr::new(127, 0, 0, host);
            stand.runner.route(&twin.service, address, port, relay.clone()).await?;
            stand.relays.insert(twin.service.clone(), relay);
            stand.twins.insert(twin.service.clone(), twin.session.clone());
        }
        Ok(Open { stand, runner: container, twins })
    }

    /// Whose fault a finding is: a twin or runner that died changes what it means.
    pub async fn explain(&mut self, finding: Finding) -> Finding {
        let Some(open) = &self.open else { return finding };
        let engine = &self.session.engine;
        for twin in &open.twins {
            let Some(member) = self.plan.member(&twin.service) else { continue };
            let Ok(state) = self.fate(twin, member).await else { continue };
            if state.as_ref().is_some_and(|s| s.running && !s.paused) {
                continue;
            }
            let said = self.session.words_of_last_run(&twin.container, state.as_ref()).await;
            return service_died(Subject::Twin(member), state.as_ref(), &said, finding);
        }
        if let Finding::Error(error) = &finding {
            for twin in &open.twins {
                if !twin.obeys().await {
                    let summary = format!(
                        "After what the program sent, {} no longer does what it is told",
                        twin.service
                    );
                    let mut evidence = Evidence::new(summary);
                    evidence.observed = error.why.clone().or_else(|| Some(error.what.clone()));
                    return evidence.fail("service-broken");
                }
            }
            let state = engine.inspect(&open.runner.name).await.ok().flatten();
            if state.is_some_and(|s| s.oom_killed) {
                let mut evidence = Evidence::new(
                    "The program used more memory than a check allows and was stopped",
                );
                evidence.observed = Some(error.what.clone());
                return evidence.fail("died");
            }
        }
        finding
    }

    /// The state of a twin. The engine books an end a moment after everybody else has noticed it: one that does not
    /// answer is looked at again.
    async fn fate(&self, twin: &Twin, member: &Member) -> Result<Option<ContainerState>> {
        let patience = Instant::now() + BOOKED_WITHIN;
        loop {
            let state = self.session.engine.inspect(&twin.container).await?;
            let runs = state.as_ref().is_some_and(|s| s.running && !s.paused);
            let (true, Some(protocol)) = (runs, member.definition.ready) else { return Ok(state) };
            let answers = ready::wait(protocol, twin.address, LOOK_EVERY).await.is_ok();
            if answers || Instant::now() >= patience {
                return Ok(state);
            }
        }
    }
}

impl Open {
    /// Kills what the last check left running and empties the twins; `false` when something stays.
    async fn clean(&self) -> bool {
        if self.stand.runner.clean().await.is_err() {
            return false;
        }
        for twin in &self.twins {
            let Some(relay) = self.stand.relays.get(&twin.service) else { return false };
            relay.set_gatekeeper(None);
            relay.forget();
        }
        join_all(self.twins.iter().map(Twin::clean)).await.into_iter().all(|clean| clean)
    }
}

impl Session {
    /// Removes the runners of checks that were cut short, unless a check goes on right now. Those that were left clean
    /// stay, and twins: the next check cleans them or makes them anew.
    pub async fn remove_abandoned_stands(&self, seat: &str) -> Result<Vec<String>> {
        self.engine.settled().await;
        let Some(row) = self.store.seats()?.into_iter().find(|s| s.id == seat) else {
            return Ok(Vec::new());
        };
        let Ok(_lock) = self.store.lock(&check_lock(&row.lab)) else {
            return Ok(Vec::new());
        };
        let names = self.stands_left(seat).await?;
        let drops = names.iter().map(|name| self.drop_container(name));
        try_join_all(drops).await?;
        Ok(names)
    }

    /// What [`Session::remove_abandoned_stands`] would remove.
    pub(super) async fn abandoned_stands(&self, seat: &SeatRow) -> Result<Vec<String>> {
        match self.store.lock(&check_lock(&seat.lab)) {
            Ok(_lock) => self.stands_left(&seat.id).await,
            Err(_) => Ok(Vec::new()),
        }
    }

    /// The runners of a seat that were not left clean, and twins that were left frozen.
    async fn stands_left(&self, seat: &str) -> Result<Vec<String>> {
        let found = self.engine.list(&[STAND_LABEL, &format!("{SEAT_LABEL}={seat}")]).await?;
        let recorded = self.store.resources(Some(seat))?;
        let clean = |name: &str| recorded.iter().any(|r| r.name == name && !r.detail.is_empty());
        let goes = |container: &ContainerSummary| {
            let runner = container.labels.get(STAND_LABEL).is_some_and(|part| part == RUNNER);
            container.status == Status::Paused || runner && !clean(&container.name)
        };
        Ok(found.into_iter().filter(goes).map(|container| container.name).collect())
    }
}
