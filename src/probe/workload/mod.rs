//! Workload probes: drive the learner's program from several processes, record the history, hold it
//! against a model.

mod broadcast;
mod by_hand;
mod count;
pub mod deliver;
mod figures;
mod in_step;
mod lag;
pub mod lock;
mod queue;
pub mod recorder;
pub mod roles;
pub mod setting;
mod write;

use std::ops::RangeInclusive;
use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::Sent;
use super::finding::{Evidence, Finding};
use super::relay::{After, Gatekeeper, Moment, Verdict};
use super::scene::Scene;
use super::step::{Ask, Given};
use crate::error::{Error, Result};
use crate::model::{self, History, Judgement, Model, Operation};
use crate::template::{Span, Var, Variables};
use recorder::Recorder;
use roles::{RoleKind, Roles};
use setting::Setting;

/// The code of values that come in another order than they must.
const ORDER: &str = "order";
/// More processes cost more than they prove.
pub const MAX_CLIENTS: u32 = 8;
const JUDGE_WITHIN: Duration = Duration::from_secs(20);
/// Others must have time to try while a lock is held, and it is waited for until it is over.
const LEASES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(5);
/// Histories are decided in milliseconds up to here.
const MAX_OPERATIONS: u64 = 1_000;

/// Calls from several processes, and the model that must explain them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Workload")]
pub struct Spec {
    #[serde(deserialize_with = "model_name")]
    #[schemars(schema_with = "model_names")]
    pub model: Model,
    pub roles: Roles,
    /// How many values go through.
    pub operations: Var<u64>,
    /// What the program calls its priorities, the most urgent first.
    #[serde(default)]
    pub priorities: Vec<String>,
    /// What the twin holds before the first call; of a counter, a mutex and a register. `$key` names what is
    /// counted, locked or written to.
    #[serde(default)]
    pub given: Vec<Given>,
    /// What a counter begins with.
    pub start: Option<Var<u32>>,
    /// What the service must answer when all calls are over; of a counter, a mutex and a register.
    #[serde(default)]
    pub then: Vec<Ask>,
    /// How long a lock lasts that nobody releases; only of a mutex.
    pub lease: Option<Var<Span>>,
    /// A pass says what it has cost: calls, commands, transactions refused.
    #[serde(default)]
    pub figures: bool,
}

fn model_name<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Model, D::Error> {
    Model::from_str(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn model_names(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
    let names: Vec<_> = Model::ALL.iter().map(|model| model.name()).collect();
    schemars::json_schema!({ "type": "string", "enum": names })
}

impl Spec {
    /// What is sent, word by word, by the workload at this place.
    pub fn sends(&self, at: &str) -> Vec<Sent<'_>> {
        let given = self.given.iter().enumerate();
        let given = given.filter_map(|(n, given)| given.sends(None, &format!("{at}/given/{n}")));
        let then = self.then.iter().enumerate();
        given.chain(then.map(|(n, ask)| ask.sends(None, &format!("{at}/then/{n}")))).collect()
    }

    /// The time that passes in it even where nothing is slow.
    pub fn passes(&self) -> Duration {
        if self.roles.has(RoleKind::Late) { lag::LONG_LAG } else { Duration::ZERO }
    }

    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let needed: &[RoleKind] = match self.model {
            Model::Fifo | Model::Lifo | Model::Priority => &[RoleKind::Put, RoleKind::Take],
            Model::AtLeastOnce => &[RoleKind::Put, RoleKind::Take, RoleKind::Ack],
            Model::FanOut => &[RoleKind::Publish, RoleKind::Subscribe],
            Model::Counter => &[self.counting()?],
            Model::Mutex => &[RoleKind::Acquire, RoleKind::Release],
            Model::Register => &[RoleKind::Write, RoleKind::Read],
        };
        self.roles.lint(needed, self.model, variables)?;
        let operations = self.operations.get(variables)?;
        if !(1..=MAX_OPERATIONS).contains(&operations) {
            return Err(Error::usage(format!("A workload of {operations} operations"))
                .help(format!("between 1 and {MAX_OPERATIONS}")));
        }
        let is_set = !self.given.is_empty() || !self.then.is_empty();
        if is_set && !matches!(self.model, Model::Counter | Model::Mutex | Model::Register) {
            return Err(Error::usage("Only a counter, a mutex and a register have given and then"));
        }
        if self.start.is_some() && self.model != Model::Counter {
            return Err(Error::usage("Only a counter has start"));
        }
        self.lint_lock(variables)?;
        self.given.iter().try_for_each(|given| given.lint(variables))?;
        self.start.iter().try_for_each(|start| start.get(variables).map(drop))?;
        self.then.iter().try_for_each(|ask| ask.lint(variables))?;
        if self.model == Model::Priority && self.priorities.len() < 2 {
            return Err(Error::usage("A priority workload needs priorities")
                .help("list at least two, the most urgent first"));
        }
        Ok(())
    }
}

impl Spec {
    fn lint_lock(&self, variables: &Variables) -> Result<()> {
        let lease = self.lease.as_ref().map(|lease| lease.get(variables)).transpose()?;
        if self.model != Model::Mutex {
            return match lease {
                Some(_) => Err(Error::usage("Only a mutex has a lease")),
                None => Ok(()),
            };
        }
        if lease.is_some_and(|lease| !LEASES.contains(&lease.0)) {
            return Err(Error::usage("The lease is too short or too long to be waited for").help(
                format!(
                    "between {} ms and {} s",
                    LEASES.start().as_millis(),
                    LEASES.end().as_secs()
                ),
            ));
        }
        if self.roles.clients(RoleKind::Acquire, variables)? < 2 {
            return Err(Error::usage("Of a mutex at least two must want it")
                .help("give the role acquire clients: 3"));
        }
        Ok(())
    }

    /// Whether a counter goes up or down.
    fn counting(&self) -> Result<RoleKind> {
        match (self.roles.has(RoleKind::Add), self.roles.has(RoleKind::Draw)) {
            (true, false) => Ok(RoleKind::Add),
            (false, true) => Ok(RoleKind::Draw),
            _ => Err(Error::usage("A counter workload needs one of the roles add and draw")),
        }
    }
}

/// Drives the program and judges what happened.
pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    let recorder = Recorder::default();
    let relays = scene.stand()?.relays.values();
    let marks: Vec<_> = relays.map(|relay| (relay, relay.mark())).collect();
    let mut setting = Setting::prepare(spec, scene).await?;
    let finding = match spec.model {
        Model::Fifo | Model::Lifo | Model::Priority => queue::drive(spec, scene, &recorder).await?,
        Model::AtLeastOnce => deliver::drive(spec, scene, &recorder).await?,
        Model::FanOut => broadcast::drive(spec, scene, &recorder).await?,
        Model::Counter => count::drive(spec, scene, &recorder, &setting.key).await?,
        Model::Mutex => lock::drive(spec, scene, &recorder, &setting.key).await?,
        Model::Register => write::drive(spec, scene, &recorder, &setting.key).await?,
    };
    let finding = match finding {
        Some(finding) => finding,
        None => judged(spec, scene, recorder.history()).await?,
    };
    if !matches!(finding, Finding::Pass(_)) {
        return Ok(finding);
    }
    if let Some(finding) = setting.ask(spec, scene).await? {
        return Ok(finding);
    }
    if !spec.figures {
        return Ok(finding);
    }
    let records: Vec<_> =
        marks.iter().flat_map(|(relay, mark)| relay.records_since(*mark)).collect();
    Ok(Finding::Pass(figures::of(&records, recorder.calls())))
}

/// Sends each command on only when those before it are answered: commands in one packet are several moments,
/// and a server under load shows it. What is one moment to the server (a transaction, a script) stays one.
struct OneByOne;

impl Gatekeeper for OneByOne {
    fn before(&self, _: &Moment<'_>) -> Verdict {
        Verdict::After(Box::pin(async { After::Forward }))
    }
}

/// Holds a history against the model, and says how to see by hand what it does not allow.
async fn judged(spec: &Spec, scene: &Scene<'_>, history: History) -> Result<Finding> {
    let (mut finding, excerpt) = concluded(spec.model, history).await?;
    // What is lost or comes twice may be so only because of what others did at that moment.
    if let Finding::Fail(failure) = &mut finding
        && failure.code == ORDER
    {
        failure.evidence.reproduce = by_hand::line(spec, scene, &excerpt)?;
    }
    Ok(finding)
}

/// Holds a history against its model.
///
/// # Errors
/// It cannot be decided, or not in time.
pub async fn judge(model: Model, history: History) -> Result<Finding> {
    concluded(model, history).await.map(|(finding, _)| finding)
}

async fn concluded(model: Model, history: History) -> Result<(Finding, Vec<Operation>)> {
    let size = history.operations.len();
    let work = tokio::task::spawn_blocking(move || conclude(model, &history));
    match tokio::time::timeout(JUDGE_WITHIN, work).await {
        Ok(Ok(finding)) => finding,
        _ => Err(undecided(size)
            .because(format!("the judgement took more than {} s", JUDGE_WITHIN.as_secs()))),
    }
}

fn undecided(size: usize) -> Error {
    Error::infrastructure(format!("The history of {size} operations could not be decided"))
        .help("check again; if it happens each time, the lab should ask for fewer operations")
}

/// What comes of a history, and the calls that show it.
fn conclude(model: Model, history: &History) -> Result<(Finding, Vec<Operation>)> {
    match model.check(history) {
        Judgement::Legal => Ok((Finding::PASS, Vec::new())),
        Judgement::Illegal(violation) => {
            let mut evidence = Evidence::new(violation.message.clone());
            evidence.history = model::render(history, &violation.excerpt);
            evidence.expected = Some(format!(
                "{}; calls at the same time may take effect in any order",
                model.promise()
            ));
            let excerpt = violation.excerpt.iter().map(|&at| history.operations[at].clone());
            Ok((evidence.fail(violation.code), excerpt.collect()))
        }
        Judgement::Undecided { tried } => {
            Err(undecided(history.operations.len())
                .because(format!("{tried} explanations were tried")))
        }
    }
}

#[cfg(test)]
mod tests;
