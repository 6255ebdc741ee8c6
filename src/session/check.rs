//! Checking: which checks, in what order, on which stand, and what the results add up to.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::Session;
use super::board::{Board, Next, Turn};
use super::ledger::check_lock;
use super::plan::{LANES, Plan};
use super::stand::Lane;
use super::start::addresses;
use super::workbench::must_have_come_up;
use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::probe::Probe;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::scene::{Scene, Services};
use crate::probe::service;
use crate::probe::waits::Waits;
use crate::store::{Attempt, SeatRow};
use crate::template::Variables;
use crate::verdict::{CheckResult, LabResult, TaskResult, Verdict, millis};

/// No check goes on longer, whatever the program does.
const CHECK_WITHIN: Duration = Duration::from_secs(60);
/// So many checks that drive the program, or do harm, are worth the start of one more twin.
const WORTH_A_TWIN: usize = 3;

impl Session {
    /// Checks one task, or all; records attempts and passes.
    ///
    /// # Errors
    /// The seat does not run, or the engine refuses. What goes wrong within a check is its verdict.
    pub async fn check(&self, lab: &Lab, seat: &SeatRow, task: Option<&str>) -> Result<LabResult> {
        self.check_in(LANES, lab, seat, task).await
    }

    /// As [`Session::check`] of one task that nobody asked for: where it fails, it counts as no attempt.
    ///
    /// # Errors
    /// As [`Session::check`].
    pub async fn check_unasked(&self, lab: &Lab, seat: &SeatRow, task: &str) -> Result<LabResult> {
        Ok(self.round(LANES, lab, seat, Some(task), Recorded::Passes).await?.result)
    }

    /// Those checks of a task that look at the seat's services, and disturb nobody. Nothing is recorded.
    ///
    /// # Errors
    /// As [`Session::check`].
    pub async fn look(&self, lab: &Lab, seat: &SeatRow, task: &str) -> Result<Looked> {
        let mut looking = lab.clone();
        looking.tasks.retain(|of| task == of.id.value);
        for task in &mut looking.tasks {
            task.checks.retain(Check::only_looks);
        }
        self.round(0, &looking, seat, None, Recorded::Nothing).await
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
        Ok(self.round(lanes, lab, seat, task, Recorded::All).await?.result)
    }

    /// As [`Session::check`], with what of its time was waiting that the subject demands.
    ///
    /// # Errors
    /// As [`Session::check`].
    pub async fn check_measured(&self, lab: &Lab, seat: &SeatRow) -> Result<(LabResult, Duration)> {
        let Looked { result, waited, .. } =
            self.round(LANES, lab, seat, None, Recorded::All).await?;
        Ok((result, waited))
    }

    async fn round(
        &self,
        lanes: u8,
        lab: &Lab,
        seat: &SeatRow,
        task: Option<&str>,
        recorded: Recorded,
    ) -> Result<Looked> {
        let began = Instant::now();
        must_have_come_up(seat)?;
        // The screen goes on for hours, and looks all the time.
        self.renew(seat)?;
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
        let progress = self.store.progress(&lab.slug)?;
        let passed = progress.iter().filter(|(_, p)| p.passed_at.is_some());
        let board = Board::new(&tasks, passed.map(|(id, _)| id.as_str()), &lab.variables);
        let kept = plan
            .members
            .iter()
            .map(|m| Ok((m.name.clone(), self.store.kept_books(&plan.data_of(m).1)?)))
            .collect::<Result<_>>()?;
        let services = Services::new(places, kept);
        let round = Round {
            session: self,
            lanes: lanes.min(plan.published_lanes(&gate)),
            recorded,
            lab,
            plan: &plan,
            broken: self.broken(&plan, &services).await,
            services,
            waits: Waits::default(),
            board: watch::Sender::new(board),
        };
        let mut results = round.tasks(&tasks).await?;
        results.sort_by_key(|r| lab.tasks.iter().position(|t| t.id.value == r.id));
        let result = LabResult::new(lab, &seat.id, results, began.elapsed());
        Ok(Looked { broken: round.broken, result, waited: round.waits.total() })
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

/// What a round has found.
pub struct Looked {
    /// Why nothing can be asked: a service is not there, or is another than it should be.
    pub broken: Option<Finding>,
    pub result: LabResult,
    /// How long all checks that went on waited for what the subject demands.
    pub waited: Duration,
}

impl From<LabResult> for Looked {
    fn from(result: LabResult) -> Self {
        Self { broken: None, result, waited: Duration::ZERO }
    }
}

/// What of a round the learner's record gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Recorded {
    All,
    Passes,
    Nothing,
}

/// One round of checking a seat.
struct Round<'a> {
    session: &'a Session,
    lanes: u8,
    recorded: Recorded,
    lab: &'a Lab,
    plan: &'a Plan,
    services: Services,
    waits: Waits,
    /// What every check finds when a service is not there, or is another than it should be.
    broken: Option<Finding>,
    board: watch::Sender<Board<'a>>,
}

impl<'a> Round<'a> {
    /// Checks go to a few lanes.
    async fn tasks(&self, tasks: &[&Task]) -> Result<Vec<TaskResult>> {
        let probes = tasks.iter().flat_map(|t| &t.checks).filter_map(Check::probe);
        let probes: Vec<Probe> = probes.filter(Probe::needs_stand).collect();
        if probes.is_empty() {
            return self.lane(None).await;
        }
        let is_long = |p: &&Probe| p.drives_program() || matches!(p, Probe::Fault(_));
        let long = probes.iter().filter(is_long).count();
        let twins = self.plan.members.iter().filter(|m| service::known(m.definition.ready)).count();
        let most = usize::from(self.lanes.max(1));
        let lanes = long.div_ceil(WORTH_A_TWIN * twins.max(1)).clamp(1, most);
        let _lock = self.session.store.lock_waiting(&check_lock(&self.plan.seat.lab)).await?;
        let networks = self.session.networks(self.plan).await?;
        let work = (0..self.plan.lanes()).take(lanes).map(|number| {
            let (networks, waits) = (networks.clone(), self.waits.clone());
            self.lane(Some(Lane::new(self.session, self.plan, number, networks, waits)))
        });
        let mut results = Vec::new();
        for part in futures_util::future::join_all(work).await {
            results.extend(part?);
        }
        Ok(results)
    }

    /// One check after the other, as long as there are any; returns the tasks that ended here.
    async fn lane(&self, mut lane: Option<Lane<'_>>) -> Result<Vec<TaskResult>> {
        let mut results = Vec::new();
        let mut failed = None;
        while let Some((turn, blocked)) = self.next().await {
            let Turn { task, check } = turn;
            let result = if let Some(by) = blocked {
                Ok(unchecked(check, Verdict::Blocked, Some(by)))
            } else {
                let step = format!("checking {}: {}", task.id.value, check.claim);
                // What a check does is much, and whatever awaits it would hold it on the stack.
                let work = Box::pin(self.waits.check(self.one(task, check, lane.as_mut())));
                self.session.events.passing(step, work).await
            };
            match result.and_then(|result| self.done(turn, result)) {
                Ok(result) => results.extend(result),
                Err(error) => {
                    self.board.send_modify(Board::close);
                    failed = Some(error);
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

    /// The next check, and what blocks it; waits where all that is left needs what is running.
    async fn next(&self) -> Option<(Turn<'a>, Option<String>)> {
        let mut changes = self.board.subscribe();
        loop {
            let mut next = Next::Done;
            self.board.send_if_modified(|board| {
                next = board.next();
                false
            });
            match next {
                Next::Check(turn) => return Some((turn, None)),
                Next::Blocked(turn, by) => return Some((turn, Some(by))),
                Next::Wait => changes.changed().await.ok()?,
                Next::Done => return None,
            }
        }
    }

    /// Notes what came of a check, and of its task with the last one.
    fn done(&self, turn: Turn<'a>, result: CheckResult) -> Result<Option<TaskResult>> {
        let task = turn.task.id.value.clone();
        self.session.events.send(Event::CheckDone { task, result: Box::new(result.clone()) });
        let mut whole = None;
        self.board.send_modify(|board| whole = board.done(turn, result));
        if let Some(result) = &whole {
            self.record(result)?;
            self.session.events.send(Event::TaskDone(Box::new(result.clone())));
        }
        Ok(whole)
    }

    /// An error of ours costs no attempt, and what is blocked was not tried.
    fn record(&self, result: &TaskResult) -> Result<()> {
        let passed = match result.verdict {
            Verdict::Pass => true,
            Verdict::Fail => false,
            Verdict::Blocked | Verdict::Error => return Ok(()),
        };
        match self.recorded {
            Recorded::All => {}
            Recorded::Passes if passed => {}
            Recorded::Passes | Recorded::Nothing => return Ok(()),
        }
        let attempt =
            Attempt { lab: &self.lab.slug, task: &result.id, passed, points: result.points };
        self.session.store.add_attempt(&attempt)?;
        if passed { self.session.store.leave_place(&self.lab.slug, &result.id) } else { Ok(()) }
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
                let mut failure = *failure;
                if let Some(line) = &mut failure.evidence.reproduce
                    && self.session.store.seats()?.len() > 1
                {
                    *line = addressed(line, &self.lab.slug);
                }
                result.failure = Some(failure);
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
        let finding = within(probe.observe(&scene), async { Duration::ZERO }).await;
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
        let before = stand.runner.waited();
        let waited = async {
            let waited = stand.runner.waited().saturating_sub(before);
            if stand.answers().await { waited } else { Duration::ZERO }
        };
        let finding = within(probe.observe(&scene), waited).await;
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

fn unchecked(check: &Check, verdict: Verdict, blocked_by: Option<String>) -> CheckResult {
    CheckResult { blocked_by, ..CheckResult::new(check, verdict) }
}

/// A command line of ours that says which lab it means.
fn addressed(lines: &str, lab: &str) -> String {
    let each = lines.split('\n').map(|line| match line.splitn(3, ' ').collect::<Vec<_>>()[..] {
        ["labs", command, rest] => format!("labs {command} --lab {lab} {rest}"),
        _ => line.to_owned(),
    });
    each.collect::<Vec<_>>().join("\n")
}

/// Bounds an observation. When the time is over it is the program's doing if most of it went to waiting for the program.
async fn within(
    observation: impl Future<Output = Finding>,
    program_took: impl Future<Output = Duration>,
) -> Finding {
    if let Ok(finding) = tokio::time::timeout(CHECK_WITHIN, observation).await {
        return finding;
    }
    let what = format!("The check had not ended after {} s", CHECK_WITHIN.as_secs());
    if program_took.await > CHECK_WITHIN / 2 {
        return Evidence::new(format!("{what}: the program's calls take too long")).fail("timeout");
    }
    Finding::Error(
        Error::infrastructure(what)
            .help("check again; if it happens each time, tell the lab's author"),
    )
}

#[cfg(test)]
mod tests {
    use super::addressed;

    #[test]
    fn a_line_of_ours_says_which_lab_it_means() {
        let line = addressed("labs exec workbench -- redis-cli -h redis LLEN jobs", "queues");
        assert_eq!(line, "labs exec --lab queues workbench -- redis-cli -h redis LLEN jobs");
        assert_eq!(addressed("labs logs redis", "queues"), "labs logs --lab queues redis");
    }
}
