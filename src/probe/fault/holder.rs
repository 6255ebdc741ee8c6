//! A holder of a lock that dies: before each command of its acquire or release, or with the lock in its hands.

use std::sync::Arc;

use super::crash::{Assassin, Death, Trial, client, die, sweep};
use super::{Kill, Victim};
use crate::error::Result;
use crate::probe::finding::Finding;
use crate::probe::relay::Gatekeeper;
use crate::probe::scene::Scene;
use crate::probe::workload;
use crate::probe::workload::lock::Crew;
use crate::probe::workload::recorder::Recorder;
use crate::probe::workload::roles::RoleKind;
use crate::probe::workload::setting::Setting;

const VICTIM: &str = "worker-1";
const HEIR: &str = "worker-2";

/// Repeats the death for every moment that the fault names.
pub async fn observe(spec: &workload::Spec, kill: &Kill, scene: &Scene<'_>) -> Result<Finding> {
    sweep(kill.at, async |death| trial(spec, kill.role, scene, death).await).await
}

/// Somebody dies; another one must get the lock when the lease is over.
async fn trial(
    spec: &workload::Spec,
    role: Victim,
    scene: &Scene<'_>,
    death: Death,
) -> Result<Trial> {
    for twin in scene.stand()?.twins.values() {
        twin.wipe().await?;
    }
    let mut setting = Setting::prepare(spec, scene).await?;
    let recorder = Recorder::default();
    let crew = Crew::new(spec, scene, &recorder, &setting.key)?;
    let mut struck = false;
    let finding = match play(&crew, role, death, scene, &recorder, &mut struck).await? {
        Some(finding) => finding,
        None => workload::judge(spec.model, recorder.history()).await?,
    };
    let finding = match finding {
        Finding::Pass(_) => setting.ask(spec, scene).await?.unwrap_or(finding),
        finding => finding,
    };
    Ok(Trial { finding, struck })
}

/// Plays the death; a finding when the program did not get through it.
async fn play(
    crew: &Crew<'_>,
    role: Victim,
    death: Death,
    scene: &Scene<'_>,
    recorder: &Recorder,
    struck: &mut bool,
) -> Result<Option<Finding>> {
    let victim = match client(scene, VICTIM).await? {
        Ok(victim) => victim,
        Err(finding) => return Ok(Some(finding)),
    };
    let mut kind = RoleKind::Acquire;
    if role == Victim::Release {
        kind = RoleKind::Release;
        crew.find_free(&victim).await?;
    }
    if let Some(finding) = crew.stopped()? {
        return Ok(Some(finding));
    }
    let (call, action) = crew.call(kind, VICTIM)?;
    if matches!(death, Death::Before(_)) {
        scene.stand()?.relays.values().try_for_each(|relay| relay.must_tell_commands())?;
    }
    let assassin = Assassin::new(&victim.process, death);
    let gatekeeper: Arc<dyn Gatekeeper> = assassin.clone();
    scene.stand()?.set_gatekeeper(Some(&gatekeeper));
    let died = die(&victim, call, action, recorder).await;
    scene.stand()?.set_gatekeeper(None);
    let since = died?;
    *struck = assassin.struck();
    if let Some(finding) = crew.stopped()? {
        return Ok(Some(finding));
    }
    if let Some(since) = since {
        crew.died(VICTIM, since, victim.process.clock().now_us());
    }
    // The machine is gone with the holder: nothing but the service knows of the lock.
    scene.stand()?.start_over().await?;
    let heir = match client(scene, HEIR).await? {
        Ok(heir) => heir,
        Err(finding) => return Ok(Some(finding)),
    };
    crew.inherit(&heir).await?;
    let _ = heir.process.kill().await;
    crew.stopped()
}
