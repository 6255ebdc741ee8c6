//! Proves that a lab's checks can be trusted: what is right passes, what is wrong fails for its own reason,
//! nothing is disturbed, nobody is blamed for what others did.

mod cache;
mod case;
pub mod result;
mod seat;

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::time::Instant;

use crate::author::mutants::{self, Score};
use crate::catalog::lab::Lab;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::session::Session;
use cache::Cache;
use case::{Case, guards};
use result::{Breach, Rule, Verification};
use seat::Seat;

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
    fn includes(&self, rule: Rule) -> bool {
        self.rules.is_empty() || self.rules.contains(&rule)
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
    let mut cases = Case::all(lab);
    cases.retain(|case| case.rules().iter().any(|rule| options.includes(*rule)));
    let tries = Tries {
        step: format!("verifying {slug}"),
        session,
        options,
        all: Cell::new(cases.len()),
        waiting: RefCell::new(cases.into()),
        found: RefCell::new(Verification {
            lab: slug.to_owned(),
            checks: lab.tasks.iter().map(|t| t.checks.len()).sum(),
            ..Verification::default()
        }),
    };
    session.events.send(Event::Begun { step: tries.step.clone() });
    let work = async {
        // It builds the images that are missing; the others find them.
        let first = Seat::open(session, slug).await?;
        if options.mutants {
            tries.add_mutants(&first).await?;
        }
        let more = (1..options.jobs.min(tries.all.get()).max(1))
            .map(|_| async { tries.run_on(Seat::open(session, slug).await?).await });
        let rest = futures_util::future::try_join_all(more);
        futures_util::future::try_join(tries.run_on(first), rest).await.map(drop)
    };
    let ended = work.await;
    session.events.send(Event::Over { step: tries.step.clone() });
    if let Err(error) = ended {
        // Seats were given up as they were; what goes wrong with that is the lesser news.
        session.engine.settled().await;
        let _ = session.collect_scratch().await;
        return Err(error);
    }
    let mut found = tries.found.into_inner();
    if lab.solutions.is_empty() {
        found.breaches.push(Breach {
            rule: Rule::Right,
            case: "solutions".to_owned(),
            what: "the lab has none, so nothing shows that its tasks can be done".to_owned(),
            seed: None,
        });
    }
    let guards = if options.includes(Rule::Guards) { guards(lab) } else { Vec::new() };
    for (guard, broken) in guards {
        found.rules.entry(Rule::Guards).or_default().count(broken);
        if !broken {
            let what = "no wrong solution names it among what it fails".to_owned();
            found.breaches.push(Breach {
                rule: Rule::Guards,
                case: format!("guard {guard}"),
                what,
                seed: None,
            });
        }
    }
    if let (Some(score), Some(tally)) = (&mut found.mutants, found.rules.get(&Rule::Mutants)) {
        score.caught = tally.good;
    }
    found.breaches.sort_by(|a, b| (a.rule, &a.case).cmp(&(b.rule, &b.case)));
    found.holds = found.breaches.is_empty();
    found.seconds = began.elapsed().as_secs_f64();
    Ok(found)
}

/// The cases of one lab, on their way from seat to seat.
struct Tries<'a> {
    step: String,
    session: &'a Session,
    options: &'a Options,
    all: Cell<usize>,
    waiting: RefCell<VecDeque<Case>>,
    found: RefCell<Verification>,
}

impl Tries<'_> {
    /// One case after the other on one seat, as long as there are any.
    async fn run_on(&self, mut seat: Seat) -> Result<()> {
        let mut ended = Ok(());
        while ended.is_ok() {
            let Some(case) = self.waiting.borrow_mut().pop_front() else { break };
            ended = self.one(&case, &mut seat).await;
        }
        let closed = seat.close().await;
        ended.and(closed)
    }

    /// The mutants of every right solution, but those that their author argues to be right.
    async fn add_mutants(&self, seat: &Seat) -> Result<()> {
        let (session, lab) = (self.session, &seat.lab);
        let container = session.workbench(&seat.plan()?).await?;
        let (mut made, mut left_out) = (Vec::new(), 0);
        for right in &lab.solutions {
            let files = session.catalog.lab_files();
            let found =
                mutants::of_solution(&session.engine, &container, files, lab, right).await?;
            for mutant in &found.mutants {
                if mutant.equivalent(lab).is_none() {
                    let case = Case::Mutant(right.clone(), Box::new(mutant.clone()));
                    self.waiting.borrow_mut().push_back(case);
                }
            }
            left_out += found.left_out;
            made.extend(found.mutants);
        }
        let mut found = self.found.borrow_mut();
        let equivalent = made.iter().filter(|m| m.equivalent(lab).is_some()).count();
        found.mutants = Some(Score { made: made.len(), caught: 0, equivalent, left_out });
        for stale in mutants::stale(lab, &made) {
            found.breaches.push(Breach {
                rule: Rule::Mutants,
                case: format!("equivalent {stale}"),
                what: "there is no such mutant any more: remove the entry".to_owned(),
                seed: None,
            });
        }
        self.all.set(self.all.get() + made.len() - equivalent);
        Ok(())
    }

    fn tries(&self, rule: Rule) -> bool {
        match rule {
            Rule::Flakes if self.options.repeat == 0 => false,
            Rule::Order if !self.options.shuffle => false,
            Rule::Mutants => self.options.mutants,
            _ => self.options.includes(rule),
        }
    }

    async fn one(&self, case: &Case, seat: &mut Seat) -> Result<()> {
        let ran = case.run(seat, self.options).await.map_err(|error| Error {
            what: format!("{} ({})", error.what, case.name()),
            ..error
        })?;
        let mut found = self.found.borrow_mut();
        for rule in case.rules().into_iter().filter(|rule| self.tries(*rule)) {
            let good = !ran.iter().any(|breach| breach.rule == rule);
            found.rules.entry(rule).or_default().count(good);
        }
        let ran: Vec<Breach> = ran.into_iter().filter(|b| self.tries(b.rule)).collect();
        found.flakes += ran.iter().filter(|b| b.rule == Rule::Flakes).count();
        found.breaches.extend(ran);
        drop(found);
        let left = self.waiting.borrow().len();
        let done = self.all.get().saturating_sub(left) as u64;
        self.session.events.send(Event::Progress {
            step: self.step.clone(),
            text: case.name(),
            done,
            total: Some(self.all.get() as u64),
        });
        Ok(())
    }
}
