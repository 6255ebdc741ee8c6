//! Proves that a lab's checks can be trusted: what is right passes, what is wrong fails for its own reason,
//! nothing is disturbed, nobody is blamed for what others did.

mod cache;
mod case;
mod judge;
pub mod result;
mod seat;
mod shuffle;
mod together;
mod trial;
mod whole;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Instant;

use crate::author::mutants::{self, Score};
use crate::catalog::lab::Lab;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::session::{Session, plan};
use cache::Cache;
use case::Case;
use result::{Breach, Finding, Outcome, Rule, Verification};
use seat::Seat;
use trial::Trial;

/// What is tried beyond the rules that always hold.
#[derive(Debug, Clone)]
pub struct Options {
    /// Seats side by side.
    pub jobs: usize,
    /// How often each solution is checked again, in search of flakes.
    pub repeat: usize,
    pub shuffle: bool,
    /// Try the mutants of the right solutions too.
    pub mutants: bool,
    /// The rules to be tried; none means all.
    pub rules: Vec<Rule>,
    /// Also what is known to hold.
    pub anew: bool,
}

impl Options {
    fn tries(&self, rule: Rule) -> bool {
        match rule {
            Rule::Flakes if self.repeat == 0 => false,
            Rule::Order if !self.shuffle => false,
            Rule::Mutants => self.mutants,
            _ => self.rules.is_empty() || self.rules.contains(&rule),
        }
    }
}

/// Tries every rule on throw-away seats of a lab, unless it is known that they hold and nothing has changed.
///
/// # Errors
/// An unknown or faulty lab, or an engine that refuses. A rule that does not hold is part of the result.
pub async fn verify(session: &Session, slug: &str, options: &Options) -> Result<Verification> {
    let lab = session.catalog.lab(slug)?;
    let cache = Cache::of(session, &lab, options)?;
    if let Some(known) = cache.read().filter(|_| !options.anew) {
        return Ok(known);
    }
    let found = verify_anew(session, slug, &lab, options).await?;
    cache.write(&found);
    Ok(found)
}

async fn verify_anew(
    session: &Session,
    slug: &str,
    lab: &Lab,
    options: &Options,
) -> Result<Verification> {
    let began = Instant::now();
    let step = format!("verifying {slug}");
    session.events.send(Event::Begun { step: step.clone() });
    let mut verification = Verification::new(lab);
    let tried = try_all(session, lab, options, &step, &mut verification).await;
    session.events.send(Event::Over { step });
    if let Err(error) = tried {
        // Seats were given up as they were; what goes wrong with that is the lesser news.
        session.engine.settled().await;
        let _ = session.collect_scratch().await;
        return Err(error);
    }
    if lab.solutions.is_empty() {
        verification.breaches.push(Breach {
            rule: Rule::Right,
            case: "solutions".to_owned(),
            what: "the lab has none, so nothing shows that its tasks can be done".to_owned(),
            seed: None,
        });
    }
    if options.tries(Rule::Guards) {
        for guard in guards(lab) {
            verification.add(guard);
        }
    }
    let tally = verification.rules.get(&Rule::Mutants).copied().unwrap_or_default();
    if let Some(score) = &mut verification.mutants {
        score.caught = tally.good;
    }
    for rule in Rule::ALL.into_iter().filter(|rule| options.tries(*rule)) {
        verification.add_untried(rule);
    }
    verification.breaches.sort_by(|a, b| (a.rule, &a.case).cmp(&(b.rule, &b.case)));
    verification.nothing_to_try.sort_by(|a, b| (a.rule, &a.case).cmp(&(b.rule, &b.case)));
    verification.holds = verification.breaches.is_empty();
    verification.seconds = began.elapsed().as_secs_f64();
    Ok(verification)
}

/// What of a lab's cases the first seat leaves to each of the others: while they try these, it tries a whole solution.
const LAST_ROUNDS: usize = 8;

/// Tries what needs a seat, on several of them side by side.
async fn try_all(
    session: &Session,
    lab: &Lab,
    options: &Options,
    step: &str,
    verification: &mut Verification,
) -> Result<()> {
    session.images.ensure(&session.engine, &session.images.of_lab(lab)?, &session.events).await?;
    let mutants = options.tries(Rule::Mutants);
    let cases = if mutants { usize::MAX } else { Case::all(lab, Vec::new(), options)?.len() };
    let seats = options.jobs.min(cases).max(1);
    let opened = (0..seats).map(|_| Seat::open(session, &lab.slug));
    let mut opened = futures_util::future::try_join_all(opened).await?.into_iter();
    let Some(mut first) = opened.next() else { return Ok(()) };
    let mutants = if mutants { mutants_of(lab, &first, verification).await? } else { Vec::new() };
    let mut cases = Case::all(lab, mutants, options)?;
    let all = cases.len();
    // What a full check takes is measured when nothing else is at work, after the case that leaves a right solution.
    let timed = lab.solutions.first().and_then(|right| Case::take_right(&mut cases, right));
    let tries = Tries {
        step,
        session,
        lab,
        options,
        all,
        done: Cell::new(0),
        waiting: RefCell::new(cases.into()),
        found: RefCell::new(verification),
    };
    let last_rounds = if timed.is_some() { LAST_ROUNDS * (seats - 1) } else { 0 };
    let on_first = async {
        tries.all_but(last_rounds, &mut first).await?;
        first.lanes = plan::LANES;
        match &timed {
            Some(case) => tries.one(case, &mut first).await,
            None => Ok(false),
        }
    };
    let more = opened.map(|mut seat| async {
        let done = tries.all_but(0, &mut seat).await;
        let closed = seat.close().await;
        done.and(closed)
    });
    let more = futures_util::future::try_join_all(more);
    let (holds, _) = futures_util::future::try_join(on_first, more).await?;
    if holds {
        // A figure that could not be had is no reason to lose what was found.
        let timed = first.timed_check().await.ok().flatten();
        (verification.check_seconds, verification.check_waits) = timed.unzip();
    }
    first.close().await
}

/// Each guard, and whether some wrong solution breaks it: this needs no seat.
fn guards(lab: &Lab) -> Vec<Outcome> {
    let guards = lab.tasks.iter().flat_map(|task| {
        let guards = task.checks.iter().filter(|c| c.guard);
        guards.map(move |check| format!("{}/{}", task.id.value, check.id.value))
    });
    let unbroken = |name: &String| {
        (!lab.wrong.iter().any(|wrong| wrong.fails.contains_key(name)))
            .then(|| "no wrong solution names it among what it fails".to_owned())
    };
    guards
        .map(|name| Outcome {
            rule: Rule::Guards,
            case: format!("guard {name}"),
            seed: None,
            finding: Finding::of(unbroken(&name)),
        })
        .collect()
}

/// The mutants of every right solution.
async fn mutants_of<'a>(
    lab: &'a Lab,
    seat: &Seat,
    verification: &mut Verification,
) -> Result<Vec<Trial<'a>>> {
    let (engine, files) = (&seat.session().engine, seat.session().catalog.lab_files());
    let container = seat.session().workbench(&seat.plan).await?;
    let (mut trials, mut made, mut left_out) = (Vec::new(), Vec::new(), 0);
    for right in &lab.solutions {
        let found = mutants::of_solution(engine, &container, files, lab, right).await?;
        left_out += found.left_out;
        made.extend(found.mutants.iter().cloned());
        trials.extend(trial::mutants(lab, right, found.mutants)?);
    }
    let equivalent = made.iter().filter(|mutant| mutant.equivalent(lab).is_some()).count();
    verification.mutants = Some(Score { made: made.len(), caught: 0, equivalent, left_out });
    for stale in mutants::stale(lab, &made) {
        verification.breaches.push(Breach {
            rule: Rule::Mutants,
            case: format!("equivalent {stale}"),
            what: "there is no such mutant any more: remove the entry".to_owned(),
            seed: None,
        });
    }
    Ok(trials)
}

/// The cases of one lab, on their way from seat to seat.
struct Tries<'a> {
    step: &'a str,
    session: &'a Session,
    lab: &'a Lab,
    options: &'a Options,
    all: usize,
    done: Cell<u64>,
    waiting: RefCell<VecDeque<Case<'a>>>,
    found: RefCell<&'a mut Verification>,
}

impl Tries<'_> {
    /// One case after the other on one seat, as long as there are more than so many.
    async fn all_but(&self, left: usize, seat: &mut Seat) -> Result<()> {
        loop {
            let next = {
                let mut waiting = self.waiting.borrow_mut();
                if waiting.len() > left { waiting.pop_front() } else { None }
            };
            let Some(case) = next else { return Ok(()) };
            self.one(&case, seat).await?;
        }
    }

    /// Tries a case; whether all of it holds.
    async fn one(&self, case: &Case<'_>, seat: &mut Seat) -> Result<bool> {
        let ran = case.run(self.lab, seat, self.options).await.map_err(|error| Error {
            what: format!("{} ({})", error.what, case.name()),
            ..error
        })?;
        let holds = ran.iter().all(|outcome| outcome.finding == Finding::Holds);
        for outcome in ran {
            // A flake that was seen counts, whether or not it was looked for.
            let flaked = outcome.rule == Rule::Flakes && outcome.finding != Finding::Holds;
            if flaked || self.options.tries(outcome.rule) {
                self.found.borrow_mut().add(outcome);
            }
        }
        self.done.set(self.done.get() + 1);
        self.session.events.send(Event::Progress {
            step: self.step.to_owned(),
            text: format!("{} of {}: {}", self.done.get(), self.all, case.name()),
            done: self.done.get(),
            total: Some(self.all as u64),
        });
        Ok(holds)
    }
}
