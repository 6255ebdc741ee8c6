//! What is tried on a seat: all of a lab's cases, what takes longest first, what spoils a seat last. Each begins on a renewed seat.

use std::collections::BTreeMap;

use super::result::{Outcome, Rule};
use super::seat::Seat;
use super::trial::{self, Trial};
use super::{Options, together, whole};
use crate::catalog::lab::{Lab, Solution};
use crate::error::Result;
use crate::session::harm::Impostor;

/// The services, but of those that are declared in numbers the last: they are made and checked alike.
fn told_apart(lab: &Lab) -> impl Iterator<Item = &str> {
    let by_declaration: BTreeMap<&str, &str> = lab
        .services
        .iter()
        .map(|(name, used)| (used.value.declared.as_str(), name.as_str()))
        .collect();
    by_declaration.into_values()
}

#[derive(Debug, Clone)]
pub enum Case<'a> {
    Right(&'a Solution),
    /// Before anything is done and, with a right solution, after what it did was reset.
    Fresh(Option<&'a Solution>),
    /// Copies of the service are killed while a task of the solution is checked.
    TwinsKilled(&'a Solution, &'a str),
    Killed(&'a Solution, &'a str),
    ShutDownByProgram(&'a Solution, &'a str),
    ShutDownByClient(&'a str),
    Impostor(&'a Solution, &'a str, Impostor),
    /// Trials that do not disturb each other.
    Together(Vec<Trial<'a>>),
}

impl<'a> Case<'a> {
    /// The cases of a lab that may show a rule to be broken that is to be tried.
    ///
    /// # Errors
    /// A solution is laid over one that does not exist.
    pub fn all(lab: &'a Lab, mutants: Vec<Trial<'a>>, options: &Options) -> Result<Vec<Self>> {
        let first = lab.solutions.first();
        // The first case has a seat that is as it was made.
        let mut cases = vec![Self::Fresh(first.filter(|_| options.tries(Rule::Reset)))];
        cases.extend(lab.solutions.iter().map(Self::Right));
        for service in told_apart(lab) {
            cases.push(Self::ShutDownByClient(service));
            let Some(right) = first else { continue };
            cases.push(Self::ShutDownByProgram(right, service));
            cases.push(Self::TwinsKilled(right, service));
            cases.push(Self::Killed(right, service));
        }

        let mut trials = mutants;
        if options.tries(Rule::Wrong) || options.tries(Rule::Flakes) {
            trials.extend(trial::wrong(lab)?);
        }
        if options.tries(Rule::Steps) {
            trials.extend(trial::left_out(lab)?);
        }
        trials.extend(trial::baselines(lab, &trials)?);
        cases.extend(trial::rounds(lab, trials).into_iter().map(Self::Together));
        // Last, since a seat has to be made anew after them, unless nothing follows.
        for (right, service) in first.iter().flat_map(|r| told_apart(lab).map(move |s| (*r, s))) {
            cases.push(Self::Impostor(right, service, Impostor::Beside));
            cases.push(Self::Impostor(right, service, Impostor::Inside));
        }
        cases.retain(|case| case.rules().iter().any(|rule| options.tries(*rule)));
        Ok(cases)
    }

    /// Takes that of a right solution out of the cases, if it is among them.
    pub fn take_right(cases: &mut Vec<Self>, right: &Solution) -> Option<Self> {
        let is_it = |case: &Self| matches!(case, Self::Right(of) if of.id == right.id);
        cases.iter().position(is_it).map(|at| cases.remove(at))
    }

    /// The rules that it may show to be broken.
    fn rules(&self) -> Vec<Rule> {
        match self {
            Self::Right(_) => vec![Rule::Right, Rule::Twice, Rule::Flakes, Rule::Order],
            Self::Fresh(_) => vec![Rule::Fresh, Rule::Reset],
            Self::TwinsKilled(..) | Self::Killed(..) => vec![Rule::Killed],
            Self::ShutDownByProgram(..) | Self::ShutDownByClient(_) => vec![Rule::ShutDown],
            Self::Impostor(..) => vec![Rule::Impostor],
            Self::Together(trials) => trials.iter().map(Trial::rule).collect(),
        }
    }

    pub fn name(&self) -> String {
        match self {
            Self::Right(right) => format!("solution {}", right.id.value),
            Self::Fresh(None) => "fresh".to_owned(),
            Self::Fresh(Some(_)) => "fresh and reset".to_owned(),
            Self::TwinsKilled(_, service) => format!("twins of {service} killed"),
            Self::Killed(_, service) => format!("{service} killed"),
            Self::ShutDownByProgram(_, service) => format!("{service} shut down by the program"),
            Self::ShutDownByClient(service) => format!("{service} shut down by a client"),
            Self::Impostor(_, service, Impostor::Beside) => format!("an impostor of {service}"),
            Self::Impostor(_, service, Impostor::Inside) => {
                format!("an impostor inside {service}")
            }
            Self::Together(trials) => trials.iter().map(Trial::name).collect::<Vec<_>>().join(", "),
        }
    }

    /// Tries it.
    ///
    /// # Errors
    /// The engine refuses: nothing is known then.
    pub async fn run(&self, lab: &Lab, seat: &mut Seat, options: &Options) -> Result<Vec<Outcome>> {
        if let Self::Together(trials) = self {
            return together::run(seat, trials, options).await;
        }
        seat.renew().await?;
        let found = match self {
            Self::Right(right) => whole::right(seat, lab, right, options).await?,
            Self::Fresh(right) => whole::fresh(seat, lab, *right).await?,
            Self::TwinsKilled(right, service) => {
                vec![(Rule::Killed, whole::twins_killed(seat, lab, right, service).await?)]
            }
            Self::Killed(right, service) => {
                vec![(Rule::Killed, whole::killed(seat, lab, right, service).await?)]
            }
            Self::ShutDownByProgram(right, service) => {
                let found = whole::shut_down_by_program(seat, lab, right, service).await?;
                vec![(Rule::ShutDown, found)]
            }
            Self::ShutDownByClient(service) => {
                vec![(Rule::ShutDown, whole::shut_down_by_client(seat, service).await?)]
            }
            Self::Impostor(right, service, place) => {
                vec![(Rule::Impostor, whole::impostor(seat, lab, right, service, *place).await?)]
            }
            Self::Together(_) => Vec::new(),
        };
        let outcome = |(rule, finding)| Outcome {
            rule,
            case: self.name(),
            seed: Some(seat.seed().to_owned()),
            finding,
        };
        Ok(found.into_iter().map(outcome).collect())
    }
}
