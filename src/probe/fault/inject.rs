//! Others act between the commands of a call: what it read may no longer hold when it acts on it.

use super::{Inject, boundary};
use crate::error::{Error, Result};
use crate::model::Action;
use crate::probe::finding::Finding;
use crate::probe::fresh;
use crate::probe::scene::Scene;
use crate::probe::workload::recorder::{Client, Recorder};
use crate::probe::workload::roles::RoleKind;
use crate::probe::{call, workload};

/// A call that sends more commands than this is not swept to its end.
const MAX_COMMANDS: usize = 12;
/// More takes than values show that something is handed out twice.
const MAX_TAKES: usize = 16;

/// Repeats the injection before each command in turn, on an empty service and on one that holds a value.
pub async fn observe(spec: &workload::Spec, inject: &Inject, scene: &Scene<'_>) -> Result<Finding> {
    let middle = spec.priorities.len() / 2;
    for backlog in [None, Some(middle)] {
        for number in 1..=MAX_COMMANDS {
            let trial = Trial { spec, inject, scene, recorder: Recorder::default() };
            let (struck, finding) = trial.run(number, backlog).await?;
            if !matches!(finding, Finding::Pass(_)) {
                return Ok(finding);
            }
            if !struck {
                break;
            }
        }
    }
    Ok(Finding::PASS)
}

struct Trial<'a> {
    spec: &'a workload::Spec,
    inject: &'a Inject,
    scene: &'a Scene<'a>,
    recorder: Recorder,
}

impl Trial<'_> {
    /// One take, with the injection before its `number`th command. Answers whether it sent so many.
    async fn run(&self, number: usize, backlog: Option<usize>) -> Result<(bool, Finding)> {
        let (twin, relay) = self.scene.stand()?.twin(None)?;
        twin.wipe().await?;
        let mut processes = match call::spawn(self.scene, 2).await? {
            Ok(processes) => processes.into_iter(),
            Err(finding) => return Ok((false, finding)),
        };
        let (Some(taker), Some(putter)) = (processes.next(), processes.next()) else {
            return Err(Error::infrastructure("The runner started too few processes"));
        };
        let taker = Client { name: "take-1".to_owned(), process: taker };
        let putter = Client { name: "put-1".to_owned(), process: putter };
        if let Some(rank) = backlog {
            self.put(&putter, rank).await?;
        }

        let others = async || {
            for rank in self.ranks() {
                self.put(&putter, rank).await?;
            }
            Ok(())
        };
        let name = taker.process.name();
        let (took, injected) =
            boundary::disturbed(relay, name, number..=number, self.take(&taker), others).await?;
        took?;
        for _ in 0..MAX_TAKES {
            if self.recorder.trouble_seen() || !self.take(&taker).await? {
                break;
            }
        }
        // The next trial has processes of its own.
        let _ = tokio::join!(taker.process.kill(), putter.process.kill());
        let finding = match self.recorder.trouble() {
            Some((line, trouble)) => trouble.finding(&line, &[])?,
            None => workload::judge(self.spec.model, self.recorder.history()).await?,
        };
        Ok((!injected.is_empty(), finding))
    }

    /// The ranks of what is put, in order.
    fn ranks(&self) -> impl Iterator<Item = usize> {
        let names = &self.spec.priorities;
        self.inject.put.iter().filter_map(move |name| names.iter().position(|n| n == name))
    }

    async fn put(&self, client: &Client, rank: usize) -> Result<()> {
        let value = fresh::random("job");
        let priority = self.spec.priorities.get(rank).map_or("", String::as_str);
        let values = [("value", value.as_str()), ("priority", priority)];
        let call = self.spec.roles.call(RoleKind::Put, &values, self.scene.variables)?;
        let action = Action::Put { value, priority: i64::try_from(rank).ok() };
        self.recorder.act(client, call, action).await;
        Ok(())
    }

    /// Whether something was taken.
    async fn take(&self, client: &Client) -> Result<bool> {
        let call = self.spec.roles.call(RoleKind::Take, &[], self.scene.variables)?;
        let taken = self.recorder.act(client, call, Action::Take).await;
        Ok(taken.is_some_and(|value| !value.is_null()))
    }
}
