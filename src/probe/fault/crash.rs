//! A worker that dies: before each command that its call sends, or with the work in its hands.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Kill, Moment, Victim};
use crate::error::{Error, Result};
use crate::model::{Action, Operation, Outcome};
use crate::probe::Call;
use crate::probe::call::{self, CALL_TIMEOUT, Ended};
use crate::probe::finding::{Evidence, Finding};
use crate::probe::relay::{self, After, Gatekeeper, Relay, Verdict};
use crate::probe::runner::{self, Process};
use crate::probe::scene::Scene;
use crate::probe::workload;
use crate::probe::workload::deliver::{Crew, Taken};
use crate::probe::workload::recorder::{Client, Recorder, returned};
use crate::probe::workload::roles::RoleKind;

/// A call that sends more commands than this is not swept to its end.
const MAX_COMMANDS: usize = 16;
const PUTTER: &str = "put-1";
const VICTIM: &str = "worker-1";
const SURVIVOR: &str = "worker-2";
const RESCUER: &str = "worker-3";

/// Repeats the crash for every moment that the fault names.
pub async fn observe(spec: &workload::Spec, kill: &Kill, scene: &Scene<'_>) -> Result<Finding> {
    sweep(kill.at, async |death| trial(spec, kill.role, scene, death).await).await
}

/// When somebody dies who makes a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// Just before its command of this number is sent on, from 1; handshakes do not count.
    Before(usize),
    /// When it has returned.
    After,
}

/// Repeats a trial with a death before the 1st, 2nd, … command of a call, until the call sends no more; or once, with
/// a death after it.
pub async fn sweep(
    at: Moment,
    mut trial: impl AsyncFnMut(Death) -> Result<Trial>,
) -> Result<Finding> {
    if at == Moment::Holding {
        return trial(Death::After).await.map(|trial| trial.finding);
    }
    for number in 1..=MAX_COMMANDS {
        let trial = trial(Death::Before(number)).await?;
        if !trial.struck || !matches!(trial.finding, Finding::Pass(_)) {
            return Ok(trial.finding);
        }
    }
    let summary = format!(
        "The call sends more than {MAX_COMMANDS} commands; each is a moment at which a worker can die"
    );
    Ok(Evidence::new(summary).fail("commands"))
}

pub struct Trial {
    pub finding: Finding,
    /// The call sent so many commands, and the worker died of one of them.
    pub struck: bool,
}

/// Jobs go in; somebody dies; another recovers what was held and finishes everything.
async fn trial(
    spec: &workload::Spec,
    role: Victim,
    scene: &Scene<'_>,
    death: Death,
) -> Result<Trial> {
    let (twin, relay) = scene.stand()?.twin(None)?;
    if matches!(death, Death::Before(_)) {
        relay.must_tell_commands()?;
    }
    twin.wipe().await?;
    let recorder = Recorder::default();
    let crew = Crew { spec, scene, recorder: &recorder };
    let mut struck = false;
    let finding = match play(&crew, role, death, relay, &mut struck).await? {
        Some(finding) => finding,
        None => workload::judge(spec.model, recorder.history()).await?,
    };
    Ok(Trial { finding, struck })
}

/// Plays the crash; a finding when the program did not get through it.
async fn play(
    crew: &Crew<'_>,
    role: Victim,
    death: Death,
    relay: &Relay,
    struck: &mut bool,
) -> Result<Option<Finding>> {
    let jobs =
        usize::try_from(crew.spec.operations.get(crew.scene.variables)?).unwrap_or(usize::MAX);
    let putter = match client(crew.scene, PUTTER).await? {
        Ok(putter) => putter,
        Err(finding) => return Ok(Some(finding)),
    };
    crew.put(&putter, jobs).await?;
    if let Some(finding) = crew.stopped()? {
        return Ok(Some(finding));
    }
    crew.scene.stand()?.start_over().await?;
    let mut victim = match client(crew.scene, VICTIM).await? {
        Ok(victim) => victim,
        Err(finding) => return Ok(Some(finding)),
    };
    // Who acknowledges or is recovered holds two jobs: the other one must survive too. Who dies with work in hand, and is
    // recovered by name, has a half of all in hand.
    let holds = match role {
        Victim::Take if death != Death::After || !crew.spec.roles.has(RoleKind::Recover) => 0,
        Victim::Take => (jobs / 2).saturating_sub(1),
        _ => 2,
    };
    let mut held = None;
    for _ in 0..holds {
        if let Taken::Job(job) = crew.take(&victim).await? {
            held.get_or_insert(job);
        }
    }
    if role == Victim::Recover {
        crew.scene.stand()?.start_over().await?;
        victim = match client(crew.scene, RESCUER).await? {
            Ok(rescuer) => rescuer,
            Err(finding) => return Ok(Some(finding)),
        };
    }
    if let Some(finding) = crew.stopped()? {
        return Ok(Some(finding));
    }
    let job = held.unwrap_or_default();
    let (kind, action) = match role {
        Victim::Take => (RoleKind::Take, Action::Take),
        Victim::Ack => (RoleKind::Ack, Action::Ack { value: job.clone() }),
        _ => (RoleKind::Recover, Action::Recover),
    };
    let values = [("worker", VICTIM), ("value", job.as_str())];
    let call = crew.spec.roles.call(kind, &values, crew.scene.variables)?;
    let assassin = Assassin::new(&victim.process, death);
    relay.set_gatekeeper(Some(assassin.clone()));
    let died = die(&victim, call, action, crew.recorder).await;
    relay.set_gatekeeper(None);
    died?;
    *struck = assassin.struck();
    if let Some(finding) = crew.stopped()? {
        return Ok(Some(finding));
    }

    // The machine is gone with the worker: nothing but the service knows what it held.
    let death_us = victim.process.clock().now_us();
    crew.scene.stand()?.start_over().await?;
    let survivor = match client(crew.scene, SURVIVOR).await? {
        Ok(survivor) => survivor,
        Err(finding) => return Ok(Some(finding)),
    };
    if !crew.spec.roles.has(RoleKind::Recover) {
        crew.given_back(&survivor, death_us).await?;
        crew.drain(&survivor, 2 * jobs).await?;
        let _ = survivor.process.kill().await;
        return crew.stopped();
    }
    // Whoever held work is recovered, the dead first; what was done must not come back.
    for round in [&[VICTIM][..], &[VICTIM, RESCUER, SURVIVOR]] {
        for worker in round {
            crew.recover(&survivor, worker).await?;
            if let Some(finding) = crew.stopped()? {
                return Ok(Some(finding));
            }
        }
        crew.drain(&survivor, 2 * jobs).await?;
        if let Some(finding) = crew.stopped()? {
            return Ok(Some(finding));
        }
    }
    let _ = survivor.process.kill().await;
    Ok(None)
}

/// A process of its own for a client.
pub async fn client(scene: &Scene<'_>, name: &str) -> Result<Result<Client, Finding>> {
    let processes = match call::spawn(scene, 1).await? {
        Ok(processes) => processes,
        Err(finding) => return Ok(Err(finding)),
    };
    let process = processes.into_iter().next();
    let process = process.ok_or_else(|| Error::infrastructure("The runner started no process"))?;
    Ok(Ok(Client { name: name.to_owned(), process }))
}

/// The victim makes a call; it dies on the way, or after it has returned. Answers since when it may have been dead. A
/// lock that it did not get it does not die with: that is not recorded.
pub async fn die(
    victim: &Client,
    call: Call,
    action: Action,
    recorder: &Recorder,
) -> Result<Option<u64>> {
    let line = call::line(&call.call, &call.args);
    let called = call::timed(&victim.process, &call, CALL_TIMEOUT).await;
    let by_us = |end: &runner::End| end.cause == runner::Cause::Killed;
    let start = called.start_us;
    let (since, end, outcome) = match called.ended {
        Ended::Returned(value) => {
            victim.process.kill().await?;
            let said = match &action {
                Action::Take => match Taken::from(value) {
                    Taken::Job(job) => Some(job),
                    _ => None,
                },
                action => returned(action, &value),
            };
            if matches!(action, Action::Acquire { .. }) && said.is_none() {
                return Ok(called.end_us);
            }
            (called.end_us, called.end_us, Outcome::Ok(said))
        }
        // The process is dead and its connections are closed: it has no effect any more.
        Ended::Trouble(call::Trouble::Call {
            outcome: runner::Outcome::Died { end, .. }, ..
        }) if by_us(&end) => (Some(start), Some(victim.process.clock().now_us()), Outcome::Unknown),
        Ended::Trouble(trouble) => {
            recorder.keep_trouble(line, trouble);
            return Ok(None);
        }
    };
    let client = victim.name.clone();
    recorder.record(Operation { client, action, start, end, outcome });
    Ok(since)
}

/// Kills a process just before a command of its own is sent on.
pub struct Assassin {
    victim: Process,
    death: Death,
    seen: AtomicUsize,
}

impl Assassin {
    pub fn new(victim: &Process, death: Death) -> Arc<Self> {
        Arc::new(Self { victim: victim.clone(), death, seen: AtomicUsize::new(0) })
    }

    /// Whether the victim sent the command that it was to die of.
    pub fn struck(&self) -> bool {
        self.is_due(self.seen.load(Ordering::SeqCst))
    }

    /// Whether it is to be dead with so many commands.
    fn is_due(&self, seen: usize) -> bool {
        matches!(self.death, Death::Before(number) if number <= seen)
    }
}

impl Gatekeeper for Assassin {
    fn before(&self, moment: &relay::Moment<'_>) -> Verdict {
        let of_victim = moment.process.is_some_and(|name| **name == *self.victim.name());
        if !of_victim || moment.command.handshake {
            return Verdict::Forward;
        }
        if !self.is_due(self.seen.fetch_add(1, Ordering::SeqCst) + 1) {
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
