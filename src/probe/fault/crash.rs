//! A worker that dies: before each command that its call sends, or with the work in its hands.

use super::{Moment, Spec};
use crate::error::Result;
use crate::model::Model;
use crate::probe::finding::Finding;
use crate::probe::scene::Scene;
use crate::probe::workload::deliver::{Crew, Taken};
use crate::probe::workload::recorder::{Client, Recorder};
use crate::probe::{call, workload};

/// A call that sends more commands than this is not swept to its end.
const MAX_COMMANDS: usize = 16;
const VICTIM: &str = "worker-1";
const SURVIVOR: &str = "worker-2";

pub async fn observe(spec: &Spec, scene: &Scene<'_>) -> Result<Finding> {
    match spec.kill.at {
        Moment::Holding => Ok(trial(spec, scene, Harm::AfterReturn).await?.finding),
        Moment::EveryCommand => {
            for command in 1..=MAX_COMMANDS {
                let trial = trial(spec, scene, Harm::BeforeCommand(command)).await?;
                if !trial.struck || !matches!(trial.finding, Finding::Pass) {
                    return Ok(trial.finding);
                }
            }
            Ok(Finding::Pass)
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Harm {
    BeforeCommand(usize),
    AfterReturn,
}

struct Trial {
    finding: Finding,
    /// The call sent that many commands, so the worker died.
    struck: bool,
}

/// Jobs go in, a worker takes one and dies, another recovers and finishes everything.
async fn trial(spec: &Spec, scene: &Scene<'_>, harm: Harm) -> Result<Trial> {
    let stand = scene.stand()?;
    let (twin, relay) = stand.twin(None)?;
    twin.wipe().await?;
    let mut processes = match call::spawn(scene, 2).await? {
        Ok(processes) => processes.into_iter(),
        Err(finding) => return Ok(Trial { finding, struck: false }),
    };
    let mut client = |name: &str| processes.next().map(|process| Client { name: name.to_owned(), process });
    let (Some(victim), Some(survivor)) = (client(VICTIM), client(SURVIVOR)) else {
        return Err(crate::error::Error::infrastructure("The runner started too few processes"));
    };
    let recorder = Recorder::default();
    let crew = Crew { spec: &spec.workload, scene, recorder: &recorder };
    let jobs = usize::try_from(spec.workload.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    crew.put(&survivor, jobs).await?;

    let struck = match harm {
        Harm::BeforeCommand(number) => {
            let strike = relay.strike_before(victim.process.name(), number);
            let killed = async {
                strike.wait().await;
                victim.process.kill().await
            };
            tokio::select! {
                biased;
                killed = async { tokio::join!(killed, crew.take_to_die(&victim)) } => {
                    killed.0?;
                    killed.1?;
                    true
                }
                taken = never_struck(&crew, &victim, &strike) => {
                    taken?;
                    false
                }
            }
        }
        Harm::AfterReturn => match crew.take(&victim).await? {
            Taken::Trouble => false,
            Taken::Job(_) | Taken::Empty => {
                victim.process.kill().await?;
                true
            }
        },
    };
    Ok(Trial { finding: Finding::Pass, struck })
}
