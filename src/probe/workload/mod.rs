//! Workload probes: drive the learner's program from several processes, record the history, hold it
//! against a model.

mod broadcast;
mod count;
pub mod deliver;
mod figures;
mod lag;
mod queue;
pub mod recorder;
pub mod roles;

use std::str::FromStr;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Deserialize;

use super::finding::{Evidence, Finding};
use super::relay::{After, Gatekeeper, Moment, Verdict};
use super::scene::Scene;
use super::step::{Ask, Given};
use crate::error::{Error, Result};
use crate::model::{self, History, Judgement, Model};
use crate::template::{Var, Variables};
use recorder::Recorder;
use roles::{RoleKind, Roles};

/// More processes cost more than they prove.
pub const MAX_CLIENTS: u32 = 8;
const JUDGE_WITHIN: Duration = Duration::from_secs(20);
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
    /// What the twin holds before the first call; only of a counter. `$key` names what is counted.
    #[serde(default)]
    pub given: Vec<Given>,
    /// What a counter begins with.
    pub start: Option<Var<u32>>,
    /// What the service must answer when all calls are over; only of a counter.
    #[serde(default)]
    pub then: Vec<Ask>,
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
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let needed: &[RoleKind] = match self.model {
            Model::Fifo | Model::Lifo | Model::Priority => &[RoleKind::Put, RoleKind::Take],
            Model::AtLeastOnce => &[RoleKind::Put, RoleKind::Take, RoleKind::Ack],
            Model::FanOut => &[RoleKind::Publish, RoleKind::Subscribe],
            Model::Counter => &[self.counting()?],
        };
        self.roles.lint(needed, self.model, variables)?;
        let operations = self.operations.get(variables)?;
        if !(1..=MAX_OPERATIONS).contains(&operations) {
            return Err(Error::usage(format!("A workload of {operations} operations"))
                .help(format!("between 1 and {MAX_OPERATIONS}")));
        }
        let counts = self.start.is_some() || !self.given.is_empty() || !self.then.is_empty();
        if counts && self.model != Model::Counter {
            return Err(Error::usage("Only a counter has given, start and then"));
        }
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
    let (_, relay) = scene.stand()?.twin(None)?;
    let mark = relay.mark();
    let finding = match spec.model {
        Model::Fifo | Model::Lifo | Model::Priority => queue::drive(spec, scene, &recorder).await?,
        Model::AtLeastOnce => deliver::drive(spec, scene, &recorder).await?,
        Model::FanOut => broadcast::drive(spec, scene, &recorder).await?,
        Model::Counter => count::drive(spec, scene, &recorder).await?,
    };
    let finding = match finding {
        Some(finding) => finding,
        None => judge(spec.model, recorder.history()).await?,
    };
    Ok(match finding {
        Finding::Pass(_) if spec.figures => {
            Finding::Pass(figures::of(&relay.records_since(mark), recorder.calls()))
        }
        finding => finding,
    })
}

/// Sends each command on only when those before it are answered: commands in one packet are several moments,
/// and a server under load shows it. What is one moment to the server (a transaction, a script) stays one.
struct OneByOne;

impl Gatekeeper for OneByOne {
    fn before(&self, _: &Moment<'_>) -> Verdict {
        Verdict::After(Box::pin(async { After::Forward }))
    }
}

/// Holds a history against its model.
///
/// # Errors
/// It cannot be decided, or not in time.
pub async fn judge(model: Model, history: History) -> Result<Finding> {
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

fn conclude(model: Model, history: &History) -> Result<Finding> {
    match model.check(history) {
        Judgement::Legal => Ok(Finding::PASS),
        Judgement::Illegal(violation) => {
            let mut evidence = Evidence::new(violation.message.clone());
            evidence.history = model::render(history, &violation.excerpt);
            evidence.expected = Some(format!(
                "some order of effects, each inside its call, that the model {model} allows"
            ));
            Ok(evidence.fail(violation.code))
        }
        Judgement::Undecided { tried } => {
            Err(undecided(history.operations.len())
                .because(format!("{tried} explanations were tried")))
        }
    }
}
