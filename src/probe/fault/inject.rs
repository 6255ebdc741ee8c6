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

/// What others do between two commands.
#[derive(Debug, Clone, Copy)]
enum Others {
    Put,
    Take,
    /// They take what is there, and put.
    Both,
}

/// Repeats the injection before the 2nd, 3rd, … command, on an empty service and on one that holds a value: others put,
/// or take, or both. Before the 1st it would come between nothing.
pub async fn observe(spec: &workload::Spec, inject: &Inject, scene: &Scene<'_>) -> Result<Finding> {
    let middle = spec.priorities.len() / 2;
    for backlog in [None, Some(middle)] {
        // Up to the injection all calls are alike, so they send as many commands.
        let mut last = MAX_COMMANDS;
        for others in [Others::Put, Others::Take, Others::Both] {
            for number in 2..=last {
                let trial = Trial { spec, inject, scene, recorder: Recorder::default() };
                let (struck, finding) = trial.run(number, others, backlog).await?;
                if !matches!(finding, Finding::Pass(_)) {
                    return Ok(finding);
                }
                if !struck {
                    last = number - 1;
                    break;
                }
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
    async fn run(
        &self,
        number: usize,
        others: Others,
        backlog: Option<usize>,
    ) -> Result<(bool, Finding)> {
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

        let act = async || {
            if !matches!(others, Others::Put) {
                self.take(&putter).await?;
            }
            if !matches!(others, Others::Take) {
                for rank in self.ranks() {
                    self.put(&putter, rank).await?;
                }
            }
            Ok(())
        };
        let name = taker.process.name();
        let (took, injected) =
            boundary::disturbed(relay, name, number..=number, self.take(&taker), act).await?;
        took?;
        // What is put when all is over must come out as well.
        self.put(&putter, self.spec.priorities.len() / 2).await?;
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

    /// The ranks of what is put, in order; one value where there are no priorities.
    fn ranks(&self) -> Vec<usize> {
        let names = &self.spec.priorities;
        if names.is_empty() {
            return vec![0];
        }
        let rank = |put: &String| names.iter().position(|name| name == put);
        self.inject.put.iter().filter_map(rank).collect()
    }

    async fn put(&self, client: &Client, rank: usize) -> Result<()> {
        let value = fresh::random("job");
        let priority = self.spec.priorities.get(rank).map_or("", String::as_str);
        let values = [("value", value.as_str()), ("priority", priority)];
        let call = self.spec.roles.call(RoleKind::Put, &values, self.scene.variables)?;
        let priority = (!priority.is_empty()).then(|| i64::try_from(rank).ok()).flatten();
        let action = Action::Put { value, priority };
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
