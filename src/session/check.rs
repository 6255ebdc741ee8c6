//! Checking: which checks, in what order, on which stand, and what the results add up to.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Session;
use super::ledger::check_lock;
use super::plan::{LANES, Plan};
use super::stand::Lane;
use super::start::addresses;
use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::probe::Probe;
use crate::probe::finding::{Evidence, Failure, Finding};
use crate::probe::scene::{Scene, Services};
use crate::probe::service;
use crate::store::{Attempt, SeatRow};
use crate::template::Variables;
use crate::verdict::{CheckResult, LabResult, TaskResult, Verdict, millis};

/// No check goes on longer, whatever the program does.
const CHECK_WITHIN: Duration = Duration::from_secs(60);
/// The failure after which the program's other checks would only say the same.
const NOT_LOADED: &str = "load";

impl Session {
    /// Checks one task, or all; records attempts and passes.
    ///
    /// # Errors
    /// The seat does not run, or the engine refuses. What goes wrong within a check is its verdict.
    pub async fn check(&self, lab: &Lab, seat: &SeatRow, task: Option<&str>) -> Result<LabResult> {
        self.check_in(LANES, lab, seat, task).await
    }

    /// As [`Session::check`], with no more than so many lanes: each costs a runner, and a twin of each service.
    ///
    /// # Errors
    /// As [`Session::check`].
    pub async fn check_in(
        &self,
        lanes: u8,
        lab: &Lab,
        seat: &SeatRow,
        task: Option<&str>,
    ) -> Result<LabResult> {
        let began = Instant::now();
        let plan = self.plan(lab, seat.clone())?;
        let gate = self.gate(&plan).await?;
        let places = plan
            .members
            .iter()
            .filter(|m| m.definition.port.is_some())
            .map(|m| Ok((m.name.clone(), (m.definition.ready, addresses(m, None, &gate)?))))
            .collect::<Result<BTreeMap<_, _>>>()?;
        let tasks: Vec<&Task> =
            lab.tasks.iter().filter(|t| task.is_none_or(|id| id == t.id.value)).collect();
        let mut decided: BTreeMap<String, State> =
            tasks.iter().map(|t| (t.id.value.clone(), State::Open)).collect();
        for (id, progress) in self.store.progress(&lab.slug)? {
            if progress.passed_at.is_some() {
                decided.insert(id, State::Passed);
            }
        }
        let kept = plan
            .members
            .iter()
            .map(|m| Ok((m.name.clone(), self.store.kept_books(&plan.data_of(m).1)?)))
            .collect::<Result<_>>()?;
        let services = Services::new(places, kept);
        let round = Round {
            session: self,
            lanes,
            lab,
            plan: &plan,
            broken: self.broken(&plan, &services).await,
            services,
            decided: watch::Sender::new(decided),
        };
        let mut results = round.tasks(&tasks).await?;
        results.sort_by_key(|r| lab.tasks.iter().position(|t| t.id.value == r.id));
        Ok(LabResult::new(lab, &seat.id, results, began.elapsed()))
    }
}

impl Session {
    /// Proves that each service of the seat is there and is the genuine one, before anything is asked of it.
    async fn broken(&self, plan: &Plan, services: &Services) -> Option<Finding> {
        for member in plan.members.iter().filter(|m| service::known(m.definition.ready)) {
            let genuine = async { services.session(&member.name).await?.is_genuine().await };
            match genuine.await {
                Ok(true) => {}
                Ok(false) => {
                    let name = &member.name;
                    let mut evidence =
                        Evidence::new(format!("What answers in the place of {name} is not {name}"));
                    evidence.expected = Some("the answer to a small computation".to_owned());
                    evidence.reproduce = Some(format!("labs logs {name}"));
                    return Some(evidence.fail("impostor"));
                }
                Err(error) => return Some(self.explain_seat(plan, error).await),
            }
        }
        None
    }
}

/// One round of checking a seat.
struct Round<'a> {
    session: &'a Session,
    lanes: u8,
    lab: &'a Lab,
    plan: &'a Plan,
    services: Services,
    /// What every check finds when a service is not there, or is another than it should be.
    broken: Option<Finding>,
    /// What is known of each task.
    decided: watch::Sender<BTreeMap<String, State>>,
}

/// Whether a task's needs are met by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is part of this round, and not checked yet.
    Open,
    /// Now or earlier.
    Passed,
    Failed,
}

impl Round<'_> {
    /// Tasks go to a few lanes. What a task needs is under way before it; otherwise those with the most to run come
    /// first, so that no lane is left alone with them at the end.
    async fn tasks(&self, tasks: &[&Task]) -> Result<Vec<TaskResult>> {
        let probes = |t: &Task| t.checks.iter().filter_map(Check::probe).collect::<Vec<_>>();
        let runs = |t: &Task| probes(t).iter().filter(|p| p.needs_stand()).count();
        let is_long = |p: &Probe| p.drives_program() || matches!(p, Probe::Fault(_));
        // What only asks a twin is soon done: it does not pay to make several for it.
        let driving = match tasks.iter().filter(|t| probes(t).iter().any(is_long)).count() {
            0 => usize::from(tasks.iter().any(|t| runs(t) > 0)),
            driving => driving,
        };
        let mut queue: Vec<&Task> = tasks.to_vec();
        queue.sort_by_key(|t| (self.depth(t), Reverse(runs(t))));
        let queue = Mutex::new(queue.into());
        if driving == 0 {
            return self.lane(&queue, None).await;
        }
        let _lock = self.session.store.lock_waiting(&check_lock(&self.plan.seat.lab)).await?;
        let networks = self.session.networks(self.plan).await?;
        let lanes = u8::try_from(driving).unwrap_or(LANES).min(self.lanes);
        let work = (0..lanes).map(|number| {
            let lane = Lane::new(self.session, self.plan, number, networks.clone());
            self.lane(&queue, Some(lane))
        });
        let mut results = Vec::new();
        for part in futures_util::future::join_all(work).await {
            results.extend(part?);
        }
        Ok(results)
    }

    /// How many tasks of this round come one after the other before this one, because it needs them.
    fn depth(&self, task: &Task) -> usize {
        let decided = self.decided.borrow();
        let open = |id: &&str| decided.get(*id) == Some(&State::Open);
        let needs = task.needs.iter().map(|n| n.value.as_str()).filter(open);
        needs.filter_map(|id| self.lab.task(id)).map(|t| 1 + self.depth(t)).max().unwrap_or(0)
    }

    /// One task after the other, as long as there are any.
    async fn lane(
        &self,
        queue: &Mutex<VecDeque<&Task>>,
        mut lane: Option<Lane<'_>>,
    ) -> Result<Vec<TaskResult>> {
        let next = || queue.lock().ok()?.pop_front();
        let mut results = Vec::new();
        let mut failed = None;
        while let Some(task) = next() {
            match self.task(task, lane.as_mut()).await {
                Ok(result) => results.push(result),
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        if let Some(mut lane) = lane
            && let Err(error) = lane.close().await
        {
            // The verdicts stand; what could not be removed is recorded and collected later.
            self.session.events.note(format!("{error}\n'labs gc' removes what was left"));
        }
        failed.map_or(Ok(results), Err)
    }

    /// The first task that this one needs and that has not passed, once all of them are decided.
    async fn missing<'t>(&self, task: &'t Task) -> Option<&'t str> {
        let mut decided = self.decided.subscribe();
        for need in &task.needs {
            let waits = decided.wait_for(|d| d.get(&need.value) != Some(&State::Open));
            let state = waits.await.ok().and_then(|d| d.get(&need.value).copied());
            if state != Some(State::Passed) {
                return Some(&need.value);
            }
        }
        None
    }

    async fn task(&self, task: &Task, mut lane: Option<&mut Lane<'_>>) -> Result<TaskResult> {
        let mut checks: Vec<CheckResult> = Vec::new();
        let missing = self.missing(task).await;
        for check in &task.checks {
            let blocked = match missing {
                Some(need) => Some(format!("task {need}")),
                None => blocked_by(check, &checks),
            };
            let result = if let Some(by) = blocked {
                unchecked(check, Verdict::Blocked, Some(by))
            } else {
                let step = format!("checking {}: {}", task.id.value, check.claim);
                let work = self.one(task, check, lane.as_deref_mut());
                self.session.events.passing(step, work).await?
            };
            let event =
                Event::CheckDone { task: task.id.value.clone(), result: Box::new(result.clone()) };
            self.session.events.send(event);
            checks.push(result);
        }
        let result = TaskResult::new(task, checks);
        let pass = result.verdict == Verdict::Pass;
        self.decided.send_modify(|decided| {
            let state = decided.entry(task.id.value.clone()).or_insert(State::Failed);
            // What passed once stays passed.
            if pass || *state == State::Open {
                *state = if pass { State::Passed } else { State::Failed };
            }
        });
        self.record(&result)?;
        self.session.events.send(Event::TaskDone(Box::new(result.clone())));
        Ok(result)
    }

    /// An error of ours costs no attempt, and what is blocked was not tried.
    fn record(&self, result: &TaskResult) -> Result<()> {
        let passed = match result.verdict {
            Verdict::Pass => true,
            Verdict::Fail => false,
            Verdict::Blocked | Verdict::Error => return Ok(()),
        };
        let attempt =
            Attempt { lab: &self.lab.slug, task: &result.id, passed, points: result.points };
        self.session.store.add_attempt(&attempt)
    }

    async fn one(
        &self,
        task: &Task,
        check: &Check,
        lane: Option<&mut Lane<'_>>,
    ) -> Result<CheckResult> {
        let began = Instant::now();
        let probe = check.probe().ok_or_else(|| Error::usage("A check has exactly one probe"))?;
        let program = task.program.as_ref().map(|p| p.value.as_str());
        let variables = &self.lab.variables;
        let finding = match (&self.broken, lane) {
            (Some(finding), _) => finding.clone(),
            (None, Some(lane)) if probe.needs_stand() => {
                self.on_stand(&probe, program, variables, lane).await
            }
            _ => self.on_seat(&probe, program, variables).await,
        };
        let mut result = unchecked(check, Verdict::Pass, None);
        match finding {
            Finding::Pass(figures) => result.figures = figures,
            Finding::Fail(failure) => {
                result.verdict = Verdict::Fail;
                result.misconception = check.misconceptions.get(&failure.code).cloned();
                result.failure = Some(*failure);
            }
            Finding::Error(error) => {
                result.verdict = Verdict::Error;
                result.error = Some(error.into());
            }
        }
        result.milliseconds = millis(began.elapsed());
        Ok(result)
    }

    /// A probe of the seat's own services.
    async fn on_seat(
        &self,
        probe: &Probe,
        program: Option<&str>,
        variables: &Variables,
    ) -> Finding {
        let scene = Scene { variables, services: &self.services, stand: None, program };
        let finding = within(probe.observe(&scene), async { false }).await;
        match finding {
            Finding::Error(error) => self.session.explain_seat(self.plan, error).await,
            finding => finding,
        }
    }

    /// A probe that acts, on a clean stand.
    async fn on_stand(
        &self,
        probe: &Probe,
        program: Option<&str>,
        variables: &Variables,
        lane: &mut Lane<'_>,
    ) -> Finding {
        if let Err(refusal) = lane.ready().await {
            return refusal;
        }
        let Some(stand) = lane.stand() else {
            return Finding::Error(Error::infrastructure("The stand of a check is gone"));
        };
        let scene = Scene { variables, services: &self.services, stand: Some(stand), program };
        let finding = within(probe.observe(&scene), stand.answers()).await;
        let finding = match finding {
            Finding::Pass(figures) => Finding::Pass(figures),
            finding => lane.explain(finding).await,
        };
        match finding {
            Finding::Error(error) => self.session.explain_seat(self.plan, error).await,
            finding => finding,
        }
    }
}

/// A check of the same task that has not passed and must have.
fn blocked_by(check: &Check, before: &[CheckResult]) -> Option<String> {
    let not_loaded =
        |r: &&CheckResult| r.failure.as_ref().is_some_and(|f: &Failure| f.code == NOT_LOADED);
    let needed = |r: &&CheckResult| {
        check.needs.iter().any(|n| n.value == r.id) && r.verdict != Verdict::Pass
    };
    let drives = check.probe().is_some_and(|p| p.drives_program());
    before
        .iter()
        .find(|r| needed(r) || (drives && not_loaded(r)))
        .map(|r| format!("check {}", r.id))
}

fn unchecked(check: &Check, verdict: Verdict, blocked_by: Option<String>) -> CheckResult {
    CheckResult { blocked_by, ..CheckResult::new(check, verdict) }
}

/// Bounds an observation. When the time is over it is the program's doing if `ours_is_well`.
async fn within(
    observation: impl Future<Output = Finding>,
    ours_is_well: impl Future<Output = bool>,
) -> Finding {
    if let Ok(finding) = tokio::time::timeout(CHECK_WITHIN, observation).await {
        return finding;
    }
    let what = format!("The check had not ended after {} s", CHECK_WITHIN.as_secs());
    if ours_is_well.await {
        return Evidence::new(format!("{what}: the program's calls take too long")).fail("timeout");
    }
    Finding::Error(
        Error::infrastructure(what)
            .help("check again; if it happens each time, tell the lab's author"),
    )
}
