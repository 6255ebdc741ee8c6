//! What is tried on a seat, and what must come of it. One case stands for itself: it begins on a renewed seat.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rand::seq::SliceRandom;

use super::Options;
use super::result::{Breach, Rule, listed, not_passed};
use super::seat::{Seat, narrowed};
use crate::author::mutants::Mutant;
use crate::catalog::lab::{Check, Lab, Solution, Task, Wrong};
use crate::catalog::solution::{self, Placed};
use crate::engine::ExecSpec;
use crate::error::{Error, Kind, Result};
use crate::session::harm::Impostor;
use crate::session::plan::Member;
use crate::verdict::{LabResult, Verdict};

/// How often twins are killed while a check goes on, and how many times at most.
const KILL_EVERY: Duration = Duration::from_millis(200);
const KILLS: usize = 10;
/// How often another order is looked for.
const SHUFFLES: usize = 50;
const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

#[derive(Debug, Clone)]
pub enum Case {
    Fresh,
    Right(Solution),
    Wrong(Wrong),
    /// A solution without one of its own steps.
    LeftOut(Solution, usize),
    Killed(String),
    ShutDown(String),
    Impostor(String, Impostor),
    Reset(Solution),
    Mutant(Solution, Box<Mutant>),
}

impl Case {
    /// All that is to be tried of a lab, what takes longest first.
    pub fn all(lab: &Lab) -> Vec<Self> {
        let mut cases: Vec<Self> = lab.solutions.iter().cloned().map(Self::Right).collect();
        cases.extend(lab.solutions.first().cloned().map(Self::Reset));
        cases.push(Self::Fresh);
        for service in lab.services.keys() {
            cases.push(Self::Killed(service.clone()));
            cases.push(Self::ShutDown(service.clone()));
            cases.push(Self::Impostor(service.clone(), Impostor::Beside));
            cases.push(Self::Impostor(service.clone(), Impostor::Inside));
        }
        for solution in &lab.solutions {
            // A task without any of its steps is as on a fresh seat.
            let of_task =
                |task: &str| solution.steps.iter().filter(|s| s.task.value == task).count();
            let steps = solution.steps.iter().enumerate();
            let among_others = steps.filter(|(_, step)| of_task(&step.task.value) > 1);
            cases.extend(among_others.map(|(number, _)| Self::LeftOut(solution.clone(), number)));
        }
        cases.extend(lab.wrong.iter().cloned().map(Self::Wrong));
        cases
    }

    /// The rules that it may show to be broken.
    pub fn rules(&self) -> Vec<Rule> {
        match self {
            Self::Fresh => vec![Rule::Fresh],
            Self::Right(_) => vec![Rule::Right, Rule::Twice, Rule::Flakes, Rule::Order],
            Self::Wrong(_) => vec![Rule::Wrong, Rule::Flakes],
            Self::LeftOut(..) => vec![Rule::Steps],
            Self::Killed(_) => vec![Rule::Killed],
            Self::ShutDown(_) => vec![Rule::ShutDown],
            Self::Impostor(..) => vec![Rule::Impostor],
            Self::Reset(_) => vec![Rule::Reset],
            Self::Mutant(..) => vec![Rule::Mutants],
        }
    }

    pub fn name(&self) -> String {
        match self {
            Self::Fresh => "fresh".to_owned(),
            Self::Right(right) => format!("solution {}", right.id.value),
            Self::Wrong(wrong) => format!("wrong {}", wrong.id.value),
            Self::LeftOut(solution, step) => {
                let task = solution.steps.get(*step).map_or("", |s| s.task.value.as_str());
                format!("solution {} without step {} ({task})", solution.id.value, step + 1)
            }
            Self::Killed(service) => format!("{service} killed"),
            Self::ShutDown(service) => format!("{service} shut down"),
            Self::Impostor(service, Impostor::Beside) => format!("an impostor of {service}"),
            Self::Impostor(service, Impostor::Inside) => format!("an impostor inside {service}"),
            Self::Reset(_) => "reset".to_owned(),
            Self::Mutant(_, mutant) => format!("mutant {}", mutant.id),
        }
    }

    /// Tries it.
    ///
    /// # Errors
    /// The engine refuses: nothing is known then.
    pub async fn run(&self, seat: &mut Seat, options: &Options) -> Result<Vec<Breach>> {
        seat.renew().await?;
        let mut notes =
            Notes { case: self.name(), seed: seat.seed().to_owned(), breaches: Vec::new() };
        match self {
            Self::Fresh => {
                for what in fresh_faults(&seat.lab, &seat.check(&seat.lab).await?) {
                    notes.add(Rule::Fresh, what);
                }
            }
            Self::Right(right) => notes.right(seat, right, options).await?,
            Self::Wrong(wrong) => notes.wrong(seat, wrong, options).await?,
            Self::LeftOut(solution, step) => notes.left_out(seat, solution, *step).await?,
            Self::Killed(service) => notes.killed(seat, service).await?,
            Self::ShutDown(service) => notes.shut_down(seat, service).await?,
            Self::Impostor(service, place) => notes.impostor(seat, service, *place).await?,
            Self::Reset(right) => notes.reset(seat, right).await?,
            Self::Mutant(right, mutant) => notes.mutant(seat, right, mutant).await?,
        }
        Ok(notes.breaches)
    }
}

/// Each guard, and whether some wrong solution breaks it: this needs no seat.
pub fn guards(lab: &Lab) -> Vec<(String, bool)> {
    let guards = lab.tasks.iter().flat_map(|task| {
        let guards = task.checks.iter().filter(|c| c.guard);
        guards.map(move |check| format!("{}/{}", task.id.value, check.id.value))
    });
    guards
        .map(|name| (name.clone(), lab.wrong.iter().any(|w| w.fails.contains_key(&name))))
        .collect()
}

/// The rules that a case was found to break.
struct Notes {
    case: String,
    seed: String,
    breaches: Vec<Breach>,
}

impl Notes {
    fn add(&mut self, rule: Rule, what: impl Into<String>) {
        let (case, seed) = (self.case.clone(), Some(self.seed.clone()));
        self.breaches.push(Breach { rule, case, what: what.into(), seed });
    }

    /// Applies steps; a command that fails is the author's to mend.
    async fn apply<'p>(
        &mut self,
        seat: &Seat,
        steps: impl IntoIterator<Item = &'p Placed<'p>>,
        rule: Rule,
    ) -> Result<bool> {
        match seat.apply(steps).await {
            Ok(()) => Ok(true),
            Err(error) if error.kind == Kind::Usage => {
                self.add(rule, error.to_string());
                Ok(false)
            }
            Err(error) => Err(error),
        }
    }

    async fn right(&mut self, seat: &Seat, right: &Solution, options: &Options) -> Result<()> {
        if !self.apply(seat, &solution::steps(&seat.lab, right)?, Rule::Right).await? {
            return Ok(());
        }
        let before = seat.digest().await?;
        let first = not_passed(&seat.check(&seat.lab).await?);
        if !first.is_empty() {
            self.add(Rule::Right, format!("does not pass {}", listed(&first)));
            return Ok(());
        }
        let again = not_passed(&seat.check(&seat.lab).await?);
        if again != first {
            self.add(Rule::Twice, format!("checked twice, it does not pass {}", listed(&again)));
        }
        if seat.digest().await? != before {
            self.add(Rule::Twice, "checking changed what a service keeps");
        }
        self.repeated(seat, &seat.lab, &first, options).await?;
        if options.shuffle {
            let found = not_passed(&seat.check(&shuffled(&seat.lab)).await?);
            if found != first {
                self.add(
                    Rule::Order,
                    format!("in another order, it does not pass {}", listed(&found)),
                );
            }
        }
        Ok(())
    }

    async fn wrong(&mut self, seat: &Seat, wrong: &Wrong, options: &Options) -> Result<()> {
        let lab = narrowed(&seat.lab, &concerned(wrong));
        let steps = solution::wrong_steps(&seat.lab, wrong)?;
        let steps = steps.iter().filter(|s| lab.task(&s.step.task.value).is_some());
        if !self.apply(seat, steps, Rule::Wrong).await? {
            return Ok(());
        }
        let mut found = not_passed(&seat.check(&lab).await?);
        let all = found.clone();
        // What depends on a failed check is blocked, and says nothing of its own.
        found.retain(|name, code| code != "blocked" || wrong.fails.contains_key(name));
        if found != wrong.fails {
            let promised = listed(&wrong.fails);
            self.add(Rule::Wrong, format!("promises to fail {promised}; fails {}", listed(&found)));
        }
        self.repeated(seat, &lab, &all, options).await
    }

    async fn repeated(
        &mut self,
        seat: &Seat,
        lab: &Lab,
        first: &BTreeMap<String, String>,
        options: &Options,
    ) -> Result<()> {
        for round in 0..options.repeat {
            let found = not_passed(&seat.check(lab).await?);
            if found != *first {
                let (first, found) = (listed(first), listed(&found));
                self.add(
                    Rule::Flakes,
                    format!("first failed {first}; when checked again ({}), {found}", round + 1),
                );
                return Ok(());
            }
        }
        Ok(())
    }

    async fn left_out(&mut self, seat: &Seat, solution: &Solution, step: usize) -> Result<()> {
        let Some(missing) = solution.steps.get(step) else { return Ok(()) };
        let task = missing.task.value.as_str();
        let lab = narrowed(&seat.lab, &BTreeSet::from([task]));
        let steps = solution::steps(&seat.lab, solution)?;
        let rest =
            steps.iter().filter(|s| s.step.task.value == task && !std::ptr::eq(s.step, missing));
        // What remains may fail without it: that is to be noticed too.
        match seat.apply(rest).await {
            Err(error) if error.kind != Kind::Usage => return Err(error),
            _ => {}
        }
        if with(&seat.check(&lab).await?, |v| v == Verdict::Fail).is_empty() {
            self.add(Rule::Steps, format!("no check of {task} notices that the step is missing"));
        }
        Ok(())
    }

    async fn killed(&mut self, seat: &mut Seat, service: &str) -> Result<()> {
        let Some(right) = seat.lab.solutions.first().cloned() else { return Ok(()) };
        if !self.apply(seat, &solution::steps(&seat.lab, &right)?, Rule::Killed).await? {
            return Ok(());
        }
        let plan = seat.plan()?;
        let kills = async {
            for _ in 0..KILLS {
                tokio::time::sleep(KILL_EVERY).await;
                seat.session().kill_twins(&plan).await?;
            }
            std::future::pending().await
        };
        let during = tokio::select! {
            result = seat.check(&seat.lab) => result?,
            failed = kills => return failed,
        };
        let blamed = with(&during, |v| v == Verdict::Fail);
        if !blamed.is_empty() {
            self.add(
                Rule::Killed,
                format!("with the service killed during the check: {}", listed(&blamed)),
            );
        }
        let after = not_passed(&seat.check(&seat.lab).await?);
        if !after.is_empty() {
            self.add(Rule::Killed, format!("the next check does not pass {}", listed(&after)));
        }

        seat.session().engine.kill(&plan.container(service), "SIGKILL").await?;
        let dead = seat.check(&seat.lab).await?;
        let others = with(&dead, |v| !matches!(v, Verdict::Error | Verdict::Blocked));
        if !others.is_empty() {
            self.add(Rule::Killed, format!("with the service gone: {}", listed(&others)));
        }
        seat.restart().await?;
        self.works_again(seat, Rule::Killed).await
    }

    async fn shut_down(&mut self, seat: &mut Seat, service: &str) -> Result<()> {
        let plan = seat.plan()?;
        let Some(command) = plan.member(service).map(Member::shut_down).filter(|c| !c.is_empty())
        else {
            return Ok(());
        };
        self.shut_down_by_program(seat, &command).await?;
        let engine = &seat.session().engine;
        let workbench = seat.session().workbench(&plan).await?;
        engine.exec_capture(&workbench, &ExecSpec::new(command), b"", SHUT_DOWN_WITHIN).await?;
        if engine.wait(&plan.container(service), STOPPED_WITHIN).await?.is_none() {
            return Err(Error::infrastructure(format!(
                "{service} does not stop when a client says so"
            )));
        }
        let result = seat.check(&seat.lab).await?;
        let others = with(&result, |v| !matches!(v, Verdict::Fail | Verdict::Blocked));
        if !others.is_empty() {
            self.add(Rule::ShutDown, format!("with the service shut down: {}", listed(&others)));
        }
        seat.restart().await?;
        self.works_again(seat, Rule::ShutDown).await
    }

    /// The learner's program does it while it is checked.
    async fn shut_down_by_program(&mut self, seat: &Seat, command: &[String]) -> Result<()> {
        let drives = |c: &Check| c.probe().is_some_and(|p| p.drives_program());
        let task = seat.lab.tasks.iter().find(|t| t.checks.iter().any(drives));
        let Some((task, program)) = task.and_then(|t| Some((t, t.program.as_ref()?))) else {
            return Ok(());
        };
        let words = serde_json::to_string(command).unwrap_or_default();
        let source = format!("import subprocess\n\nsubprocess.run({words})\n");
        seat.write(&program.value, source.as_bytes())?;
        let lab = narrowed(&seat.lab, &BTreeSet::from([task.id.value.as_str()]));
        let result = seat.check(&lab).await?;
        if result.verdict != Verdict::Fail {
            self.add(
                Rule::ShutDown,
                format!("by the program of {}: {}", task.id.value, result.verdict),
            );
        }
        Ok(())
    }

    async fn impostor(&mut self, seat: &mut Seat, service: &str, place: Impostor) -> Result<()> {
        let Some(right) = seat.lab.solutions.first().cloned() else { return Ok(()) };
        if !self.apply(seat, &solution::steps(&seat.lab, &right)?, Rule::Impostor).await? {
            return Ok(());
        }
        let plan = seat.plan()?;
        let Some(member) = plan.member(service) else { return Ok(()) };
        let word = if place == Impostor::Beside { "OK" } else { "PONG" };
        seat.session().impersonate(&plan, member, place, word).await?;
        seat.session().answers(&plan, member, word).await?;
        let result = seat.check(&seat.lab).await?;
        let passed = with(&result, |v| v == Verdict::Pass);
        if !passed.is_empty() {
            self.add(Rule::Impostor, listed(&passed));
        }
        seat.reset().await
    }

    async fn reset(&mut self, seat: &mut Seat, right: &Solution) -> Result<()> {
        let before = not_passed(&seat.check(&seat.lab).await?);
        if !self.apply(seat, &solution::steps(&seat.lab, right)?, Rule::Reset).await? {
            return Ok(());
        }
        seat.reset().await?;
        let after = not_passed(&seat.check(&seat.lab).await?);
        if after != before {
            let (before, after) = (listed(&before), listed(&after));
            self.add(
                Rule::Reset,
                format!("did not pass at first: {before}; after a reset: {after}"),
            );
        }
        Ok(())
    }

    async fn mutant(&mut self, seat: &Seat, right: &Solution, mutant: &Mutant) -> Result<()> {
        let tasks = mutant.tasks.iter().map(String::as_str).collect();
        let lab = narrowed(&seat.lab, &tasks);
        let steps = solution::steps(&seat.lab, right)?;
        let steps = steps.iter().enumerate().filter(|(_, s)| tasks.contains(&*s.step.task.value));
        let changed = steps.map(|(place, step)| (step, mutant.in_place_of(place, step)));
        match seat.apply_changed(changed).await {
            // Commands that fail are mistakes that the shell notices; the checks must too.
            Err(error) if error.kind != Kind::Usage => return Err(error),
            _ => {}
        }
        if with(&seat.check(&lab).await?, |v| v == Verdict::Fail).is_empty() {
            self.add(Rule::Mutants, format!("survives: {}\n{}", mutant.description, mutant.diff));
        }
        Ok(())
    }

    /// After a service has come back nothing errors; what it kept may be gone.
    async fn works_again(&mut self, seat: &Seat, rule: Rule) -> Result<()> {
        let errors = with(&seat.check(&seat.lab).await?, |v| v == Verdict::Error);
        if !errors.is_empty() {
            self.add(rule, format!("after it has come back: {}", listed(&errors)));
        }
        Ok(())
    }
}

/// What is not as it must be before anybody has done anything.
fn fresh_faults(lab: &Lab, result: &LabResult) -> Vec<String> {
    let mut faults = Vec::new();
    for (task, found) in result.tasks.iter().filter_map(|t| Some((lab.task(&t.id)?, t))) {
        if found.verdict == Verdict::Pass {
            faults.push(format!("the task {} passes", found.id));
        }
        for (check, found) in task.checks.iter().zip(&found.checks) {
            let name = format!("{}/{}", task.id.value, check.id.value);
            if found.verdict == Verdict::Error {
                let why = found.error.as_ref().map_or("", |e| e.what.as_str());
                faults.push(format!("{name} errors: {why}"));
            } else if check.guard && found.verdict == Verdict::Fail {
                let code = found.failure.as_ref().map_or("", |f| f.code.as_str());
                faults.push(format!("the guard {name} does not hold: {code}"));
            }
        }
    }
    faults
}

/// `task/check` → verdict, of the checks whose verdict is one of those meant.
fn with(result: &LabResult, meant: impl Fn(Verdict) -> bool) -> BTreeMap<String, String> {
    let checks = result.tasks.iter().flat_map(|t| t.checks.iter().map(move |c| (t, c)));
    checks
        .filter(|(_, check)| meant(check.verdict))
        .map(|(task, check)| (format!("{}/{}", task.id, check.id), check.verdict.to_string()))
        .collect()
}

/// The tasks that a wrong solution has steps for or says it fails; the others get what its right one gives them.
fn concerned(wrong: &Wrong) -> BTreeSet<&str> {
    let named = wrong.fails.keys().filter_map(|name| name.split_once('/')).map(|(task, _)| task);
    wrong.steps.iter().map(|s| s.task.value.as_str()).chain(named).collect()
}

/// The lab with tasks and checks in another order, in which what something needs still comes first.
fn shuffled(lab: &Lab) -> Lab {
    let mut lab = lab.clone();
    for task in &mut lab.tasks {
        let needs = |c: &Check, id: &str| c.needs.iter().any(|n| n.value == id);
        shuffle(&mut task.checks, |c| &c.id.value, needs);
    }
    let needs = |t: &Task, id: &str| t.needs.iter().any(|n| n.value == id);
    shuffle(&mut lab.tasks, |t| &t.id.value, needs);
    lab
}

/// Another order than the one there is, where there is another.
fn shuffle<T: Clone>(
    items: &mut Vec<T>,
    id: impl Fn(&T) -> &String,
    needs: impl Fn(&T, &str) -> bool,
) {
    let before: Vec<String> = items.iter().map(|item| id(item).clone()).collect();
    for _ in 0..SHUFFLES {
        let mut waiting = items.clone();
        waiting.shuffle(&mut rand::rng());
        items.clear();
        while !waiting.is_empty() {
            let free = |item: &T| waiting.iter().all(|other| !needs(item, id(other)));
            let next = waiting.iter().position(free).unwrap_or(0);
            items.push(waiting.remove(next));
        }
        if items.iter().map(&id).ne(&before) {
            return;
        }
    }
}
