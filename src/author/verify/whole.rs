//! What is tried with a whole solution: that it passes, and what is done to the services meanwhile.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::time::Duration;

use super::judge;
use super::result::{Finding, Rule};
use super::seat::{Seat, narrowed};
use super::trial::with_needs;
use super::{Options, shuffle};
use crate::catalog::lab::{Check, Lab, Solution, Task};
use crate::catalog::solution;
use crate::engine::ExecSpec;
use crate::error::{Error, Kind, Result};
use crate::session::harm::Impostor;
use crate::session::plan::Member;

/// How often twins are killed while checks go on, and how many times at most.
const KILL_EVERY: Duration = Duration::from_millis(200);
const KILLS: usize = 10;
/// How often it is tried to meet a check with a kill.
const KILLED_ROUNDS: usize = 3;
const SHUT_DOWN_WITHIN: Duration = Duration::from_secs(20);
const STOPPED_WITHIN: Duration = Duration::from_secs(20);

const NO_PROGRAM: &str = "no check runs a program";
const NO_COMMAND: &str = "its service.yaml names no command by which a client shuts it down";

/// A right solution passes, checked twice with equal verdicts and data, and however often and in whatever order. Of one
/// that is laid over another, which is tried too, only its own tasks' programs are run.
pub async fn right(
    seat: &Seat,
    lab: &Lab,
    right: &Solution,
    options: &Options,
) -> Result<Vec<(Rule, Finding)>> {
    if let Some(fault) = apply(seat, lab, right, |_| true).await? {
        return Ok(vec![(Rule::Right, Finding::of([fault]))]);
    }
    let before = seat.digest().await?;
    let lab = own_part(&seat.lab, right);
    let first = seat.check(&lab).await?;
    let fault = judge::right(&first);
    let passes = fault.is_none();
    let mut found = vec![(Rule::Right, Finding::of(fault))];
    if !passes {
        return Ok(found);
    }
    if options.tries(Rule::Twice) {
        let again = judge::same("checked again", &first, &seat.check(&lab).await?);
        let changed = (seat.digest().await? != before)
            .then(|| "checking changed what a service keeps".to_owned());
        found.push((Rule::Twice, Finding::of(again.into_iter().chain(changed))));
    }
    if options.tries(Rule::Flakes) {
        let mut fault = None;
        for _ in 0..options.repeat {
            let again = seat.check(&lab).await?;
            fault = fault.or(judge::same("checked again", &first, &again));
        }
        found.push((Rule::Flakes, Finding::of(fault)));
    }
    if options.tries(Rule::Order) {
        let shuffled = seat.check(&shuffle::shuffled(&lab)).await?;
        let fault = judge::same("checked in another order", &first, &shuffled);
        found.push((Rule::Order, Finding::of(fault)));
    }
    Ok(found)
}

/// The lab without the checks that run programs which are another solution's.
fn own_part(lab: &Lab, right: &Solution) -> Lab {
    let own = |task: &Task| right.steps.iter().any(|step| step.task.value == task.id.value);
    let mut part = lab.clone();
    for task in part.tasks.iter_mut().filter(|task| right.over.is_some() && !own(task)) {
        task.checks.retain(Check::only_looks);
    }
    let left = part.tasks.iter().filter(|task| !task.checks.is_empty());
    narrowed(&part, &left.map(|task| task.id.value.as_str()).collect())
}

/// Nothing passes before anything is done, nor after what a right solution did was reset: of one task, or all of it.
pub async fn fresh(
    seat: &mut Seat,
    lab: &Lab,
    right: Option<&Solution>,
) -> Result<Vec<(Rule, Finding)>> {
    let first = seat.check(&seat.lab).await?;
    let mut found = vec![(Rule::Fresh, Finding::of(judge::fresh(lab, &first)))];
    let Some(right) = right else { return Ok(found) };
    let mut fault = apply(seat, lab, right, |_| true).await?;
    if fault.is_none() {
        fault = tasks_reset(seat).await?;
    }
    if fault.is_none() {
        seat.reset().await?;
        fault = judge::same("after a reset", &first, &seat.check(&seat.lab).await?);
    }
    found.push((Rule::Reset, Finding::of(fault)));
    Ok(found)
}

/// Of a task that can be reset alone nothing passes then.
async fn tasks_reset(seat: &Seat) -> Result<Option<String>> {
    for task in seat.lab.tasks.iter().rev().filter(|task| task.reset.is_some()) {
        let id = task.id.value.as_str();
        match seat.session().reset_task(&seat.lab, seat.plan.seat.clone(), task).await {
            Err(error) if error.kind == Kind::Usage => return Ok(Some(error.to_string())),
            reset => reset?,
        };
        let tasks = BTreeSet::from([id]);
        let found = seat.check_only(&tasks).await?;
        let alone = narrowed(&seat.lab, &tasks);
        if let Some(fault) = judge::fresh(&alone, &found).into_iter().next() {
            return Ok(Some(format!("after a reset of {id} alone: {fault}")));
        }
    }
    Ok(None)
}

pub async fn twins_killed(
    seat: &Seat,
    lab: &Lab,
    right: &Solution,
    service: &str,
) -> Result<Finding> {
    let member = member(seat, service)?;
    let Some(task) = lab.tasks.iter().max_by_key(|t| driving(t)).filter(|t| driving(t) > 0) else {
        return Ok(Finding::NothingToTry(NO_PROGRAM.to_owned()));
    };
    if member.definition.port.is_none() {
        return Ok(Finding::NothingToTry("no program reaches it: it has no port".to_owned()));
    }
    let tasks = BTreeSet::from([task.id.value.as_str()]);
    if let Some(fault) = apply_for(seat, lab, right, &tasks).await? {
        return Ok(Finding::of([fault]));
    }
    let mut met = false;
    for _ in 0..KILLED_ROUNDS {
        let killed = Cell::new(0);
        let kills = async {
            for _ in 0..KILLS {
                tokio::time::sleep(KILL_EVERY).await;
                killed.set(killed.get() + seat.session().kill_twins(&seat.plan, member).await);
            }
            std::future::pending::<Infallible>().await
        };
        let during = tokio::select! {
            found = seat.check_only(&tasks) => found?,
            never = kills => match never {},
        };
        if let Some(fault) = judge::killed_during(&during) {
            return Ok(Finding::of([fault]));
        }
        met = killed.get() > 0 && judge::was_met(&during);
        if met {
            break;
        }
    }
    if !met {
        let what = format!("no check of {} was met by a kill, so nothing is proven", task.id.value);
        return Ok(Finding::of([what]));
    }
    Ok(Finding::of(works_again(seat, &tasks).await?))
}

pub async fn killed(seat: &Seat, lab: &Lab, right: &Solution, service: &str) -> Result<Finding> {
    if let Some(fault) = apply(seat, lab, right, |_| true).await? {
        return Ok(Finding::of([fault]));
    }
    let container = seat.plan.container(service);
    seat.session().engine.kill(&container, "SIGKILL").await?;
    stopped(seat, service).await?;
    let gone = judge::killed(&seat.check(&seat.lab).await?);
    seat.restart().await?;
    let back = judge::back(&seat.check(&sample(&seat.lab)).await?);
    Ok(Finding::of(gone.into_iter().chain(back)))
}

/// The learner's program does it while it is checked.
pub async fn shut_down_by_program(
    seat: &mut Seat,
    lab: &Lab,
    right: &Solution,
    service: &str,
) -> Result<Finding> {
    let command = member(seat, service)?.shut_down();
    let task = lab.tasks.iter().find(|task| driving(task) > 0);
    let Some((task, program)) = task.and_then(|task| Some((task, task.program.as_ref()?))) else {
        return Ok(Finding::NothingToTry(NO_PROGRAM.to_owned()));
    };
    if command.is_empty() {
        return Ok(Finding::NothingToTry(NO_COMMAND.to_owned()));
    }
    let words = serde_json::to_string(&command).unwrap_or_default();
    let source = format!("import subprocess\n\nsubprocess.run({words})\n");
    seat.write(&program.value, source.as_bytes())?;
    let tasks = BTreeSet::from([task.id.value.as_str()]);
    let mut found = seat.check_only(&tasks).await?;
    // The others look at the seat's own service, which goes on.
    found.retain(|name, _| {
        let drives =
            |check: &&Check| drives(check) && name.ends_with(&format!("/{}", check.id.value));
        task.checks.iter().any(|check| drives(&check))
    });
    if let Some(fault) = judge::shut_down(&found) {
        return Ok(Finding::of([fault]));
    }
    seat.renew().await?;
    if let Some(fault) = apply_for(seat, lab, right, &tasks).await? {
        return Ok(Finding::of([fault]));
    }
    Ok(Finding::of(works_again(seat, &tasks).await?))
}

/// Somebody does it in the workbench.
pub async fn shut_down_by_client(seat: &Seat, service: &str) -> Result<Finding> {
    let command = member(seat, service)?.shut_down();
    if command.is_empty() {
        return Ok(Finding::NothingToTry(NO_COMMAND.to_owned()));
    }
    seat.run(ExecSpec::new(command), SHUT_DOWN_WITHIN).await?;
    stopped(seat, service).await?;
    let down = judge::shut_down(&seat.check(&seat.lab).await?);
    seat.restart().await?;
    let back = judge::back(&seat.check(&sample(&seat.lab)).await?);
    Ok(Finding::of(down.into_iter().chain(back)))
}

pub async fn impostor(
    seat: &mut Seat,
    lab: &Lab,
    right: &Solution,
    service: &str,
    place: Impostor,
) -> Result<Finding> {
    let member = member(seat, service)?;
    if member.definition.port.is_none() {
        return Ok(Finding::NothingToTry("nobody asks it: it has no port".to_owned()));
    }
    if let Some(fault) = apply(seat, lab, right, |_| true).await? {
        return Ok(Finding::of([fault]));
    }
    let word = if place == Impostor::Beside { "OK" } else { "PONG" };
    seat.session().impersonate(&seat.plan, member, place, word).await?;
    seat.session().answers(&seat.plan, member, word).await?;
    let found = judge::impostor(&seat.check(&seat.lab).await?);
    seat.spoil();
    Ok(Finding::of(found))
}

/// Applies a solution's steps for some tasks; a command that fails is the author's to mend.
async fn apply(
    seat: &Seat,
    lab: &Lab,
    right: &Solution,
    meant: impl Fn(&str) -> bool,
) -> Result<Option<String>> {
    let steps = solution::steps(lab, right)?;
    let meant = steps.iter().filter(|placed| meant(&placed.step.task.value));
    match seat.apply(meant.map(|placed| (placed, None))).await {
        Ok(()) => Ok(None),
        Err(error) if error.kind == Kind::Usage => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// As [`apply`], for tasks and all that they need.
async fn apply_for(
    seat: &Seat,
    lab: &Lab,
    right: &Solution,
    tasks: &BTreeSet<&str>,
) -> Result<Option<String>> {
    let all = with_needs(lab, tasks);
    apply(seat, lab, right, |task| all.contains(task)).await
}

/// The tasks, right as they are, pass now that nobody does any harm.
async fn works_again(seat: &Seat, tasks: &BTreeSet<&str>) -> Result<Option<String>> {
    let fault = judge::right(&seat.check(&sample(&narrowed(&seat.lab, tasks))).await?);
    Ok(fault.map(|fault| format!("the next check, of a right solution, {fault}")))
}

fn member<'s>(seat: &'s Seat, service: &str) -> Result<&'s Member> {
    seat.plan
        .member(service)
        .ok_or_else(|| Error::infrastructure(format!("The seat has no service {service}")))
}

/// Waits until a service does not run, so that what follows is about one that is gone.
async fn stopped(seat: &Seat, service: &str) -> Result<()> {
    let container = seat.plan.container(service);
    match seat.session().engine.wait(&container, STOPPED_WITHIN).await? {
        Some(_) => Ok(()),
        None => Err(Error::infrastructure(format!("{service} does not stop")).at(container)),
    }
}

/// Enough to see that checks work: those that only look at the seat, one of a program and one that acts without.
fn sample(lab: &Lab) -> Lab {
    let mut part = lab.clone();
    let (mut of_program, mut without) = (false, false);
    for task in &mut part.tasks {
        task.checks.retain(|check| {
            let seen = if drives(check) { &mut of_program } else { &mut without };
            check.only_looks() || !std::mem::replace(seen, true)
        });
    }
    part.tasks.retain(|task| !task.checks.is_empty());
    part
}

/// How many checks of a task run the program.
fn driving(task: &Task) -> usize {
    task.checks.iter().filter(|check| drives(check)).count()
}

fn drives(check: &Check) -> bool {
    check.probe().is_some_and(|probe| probe.drives_program())
}
