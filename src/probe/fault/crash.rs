//! A worker that dies: before each command that its call sends, or with the work in its hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Kill, Moment, Spec};
use crate::error::{Error, Result};
use crate::model::{Action, Operation, Outcome};
use crate::probe::call::{self, CALL_TIMEOUT, Ended};
use crate::probe::finding::Finding;
use crate::probe::relay::{self, After, Gatekeeper, Verdict};
use crate::probe::runner::{self, Process};
use crate::probe::scene::Scene;
use crate::probe::workload;
use crate::probe::workload::deliver::{Crew, Taken};
use crate::probe::workload::recorder::{Client, Recorder};
use crate::probe::workload::roles::RoleKind;

/// A call that sends more commands than this is not swept to its end.
const MAX_COMMANDS: usize = 12;
const PUTTER: &str = "put-1";
const VICTIM: &str = "worker-1";
const SURVIVOR: &str = "worker-2";

/// Repeats the crash for every moment that the fault names.
pub async fn observe(spec: &Spec, kill: &Kill, scene: &Scene<'_>) -> Result<Finding> {
    if kill.at == Moment::Holding {
        return trial(spec, scene, usize::MAX).await.map(|trial| trial.finding);
    }
    for number in 1..=MAX_COMMANDS {
        let trial = trial(spec, scene, number).await?;
        if !trial.struck || !matches!(trial.finding, Finding::Pass) {
            return Ok(trial.finding);
        }
    }
    Ok(Finding::Pass)
}

struct Trial {
    finding: Finding,
    /// The call sent so many commands, and the worker died of one of them.
    struck: bool,
}

/// Jobs go in; a worker takes one and dies, before its `number`th command or with the job in hand;
/// another recovers its jobs and finishes everything.
async fn trial(spec: &Spec, scene: &Scene<'_>, number: usize) -> Result<Trial> {
    let (twin, relay) = scene.stand()?.twin(None)?;
    twin.wipe().await?;
    let recorder = Recorder::default();
    let crew = Crew { spec: &spec.workload, scene, recorder: &recorder };
    let jobs =
        usize::try_from(spec.workload.operations.get(scene.variables)?).unwrap_or(usize::MAX);
    let putter = match client(scene, PUTTER).await? {
        Ok(putter) => putter,
        Err(finding) => return Ok(Trial { finding, struck: false }),
    };
    crew.put(&putter, jobs).await?;
    scene.stand()?.start_over().await?;
    let victim = match client(scene, VICTIM).await? {
        Ok(victim) => victim,
        Err(finding) => return Ok(Trial { finding, struck: false }),
    };

    let assassin =
        Arc::new(Assassin { victim: victim.process.clone(), number, seen: AtomicUsize::new(0) });
    relay.set_gatekeeper(Some(assassin.clone()));
    let took = take_and_die(&crew, &victim, &recorder).await;
    relay.set_gatekeeper(None);
    took?;
    let struck = assassin.seen.load(Ordering::SeqCst) >= number;

    // The machine is gone with the worker: nothing but the service knows what it held.
    scene.stand()?.start_over().await?;
    let survivor = match client(scene, SURVIVOR).await? {
        Ok(survivor) => survivor,
        Err(finding) => return Ok(Trial { finding, struck: false }),
    };
    // Whoever held work is recovered, the dead first; what was done must not come back.
    crew.recover(&survivor, VICTIM).await?;
    crew.drain(&survivor, 2 * jobs).await?;
    crew.recover(&survivor, VICTIM).await?;
    crew.recover(&survivor, SURVIVOR).await?;
    crew.drain(&survivor, 2 * jobs).await?;
    let _ = survivor.process.kill().await;
    let finding = match crew.stopped()? {
        Some(finding) => finding,
        None => workload::judge(spec.workload.model, recorder.history()).await?,
    };
    Ok(Trial { finding, struck })
}

/// A process of its own for a client.
async fn client(scene: &Scene<'_>, name: &str) -> Result<Result<Client, Finding>> {
    let processes = match call::spawn(scene, 1).await? {
        Ok(processes) => processes,
        Err(finding) => return Ok(Err(finding)),
    };
    let process = processes.into_iter().next();
    let process = process.ok_or_else(|| Error::infrastructure("The runner started no process"))?;
    Ok(Ok(Client { name: name.to_owned(), process }))
}

/// The victim takes a job; it dies on the way, or after it has returned.
async fn take_and_die(crew: &Crew<'_>, victim: &Client, recorder: &Recorder) -> Result<()> {
    let call = crew.spec.roles.call(RoleKind::Take, &[("worker", VICTIM)], crew.scene.variables)?;
    let line = call::line(&call.call, &call.args);
    let called = call::timed(&victim.process, &call, CALL_TIMEOUT).await;
    let by_us = |end: &runner::End| end.cause == runner::Cause::Killed;
    let (end, outcome) = match called.ended {
        Ended::Returned(value) => {
            victim.process.kill().await?;
            let job = match Taken::from(value) {
                Taken::Job(job) => Some(job),
                Taken::Empty | Taken::Trouble => None,
            };
            (called.end_us, Outcome::Ok(job))
        }
        // The process is dead and its connections are closed: it has no effect any more.
        Ended::Trouble(call::Trouble::Call {
            outcome: runner::Outcome::Died { end, .. }, ..
        }) if by_us(&end) => (Some(victim.process.clock().now_us()), Outcome::Unknown),
        Ended::Trouble(trouble) => {
            recorder.keep_trouble(line, trouble);
            return Ok(());
        }
    };
    recorder.record(Operation {
        client: victim.name.clone(),
        action: Action::Take,
        start: called.start_us,
        end,
        outcome,
    });
    Ok(())
}

/// Kills a process just before a command of its own is sent on.
struct Assassin {
    victim: Process,
    /// Which of its commands, from 1, handshakes not counted.
    number: usize,
    seen: AtomicUsize,
}

impl Gatekeeper for Assassin {
    fn before(&self, moment: &relay::Moment<'_>) -> Verdict {
        let of_victim = moment.process.is_some_and(|name| **name == *self.victim.name());
        if !of_victim || moment.command.handshake {
            return Verdict::Forward;
        }
        if self.seen.fetch_add(1, Ordering::SeqCst) + 1 < self.number {
            return Verdict::Forward;
        }
        let victim = self.victim.clone();
        Verdict::After(Box::pin(async move {
            // One that is dead already needs no killing.
            let _ = victim.kill().await;
            After::Cut
        }))
    }
}
