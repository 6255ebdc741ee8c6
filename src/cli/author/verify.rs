use clap_complete::ArgValueCompleter;

use super::super::completions;
use crate::author::verify::result::{Rule, Verification};
use crate::author::verify::{Options, verify};
use crate::catalog::Catalog;
use crate::cli::output;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::report;
use crate::session::Session;
use crate::term::signal::interrupted;

/// Prove on real seats that right solutions pass, wrong ones fail as promised, and nothing is disturbed
#[derive(Debug, clap::Args)]
#[expect(clippy::struct_excessive_bools, reason = "switches of the command line")]
pub struct Args {
    /// The labs; all of them when left out
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    labs: Vec<String>,
    /// How many seats work side by side
    #[arg(short, long, default_value_t = jobs(), value_parser = clap::value_parser!(u16).range(1..=32))]
    jobs: u16,
    /// Check every solution this many times more, in search of flakes
    #[arg(long, default_value_t = 0, value_name = "N")]
    repeat: usize,
    /// Check the right solutions once more with the checks in another order
    #[arg(long)]
    shuffle: bool,
    /// Try machine-made mutants of the right solutions too; takes minutes
    #[arg(long)]
    mutants: bool,
    /// Try this rule alone; may be given several times
    #[arg(long = "rule", value_name = "RULE")]
    rules: Vec<Rule>,
    /// Try everything, also what is known to hold since nothing has changed
    #[arg(long)]
    anew: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let labs = if self.labs.is_empty() { session.catalog.slugs() } else { self.labs };
        let options = Options {
            jobs: usize::from(self.jobs),
            repeat: self.repeat.max(usize::from(self.rules.contains(&Rule::Flakes))),
            shuffle: self.shuffle || self.rules.contains(&Rule::Order),
            mutants: self.mutants || self.rules.contains(&Rule::Mutants),
            rules: self.rules,
            anew: self.anew,
        };
        for lab in &labs {
            session.catalog.named(lab)?;
        }
        let work = async {
            let (mut found, mut worst) = (Vec::new(), 0);
            for lab in &labs {
                // One that cannot be verified keeps no other from it.
                let (verified, code) = match verify(&session, lab, &options).await {
                    Ok(verified) => {
                        let code = u8::from(!verified.holds);
                        (verified, code)
                    }
                    Err(error) => (failed(lab, &error), error.exit_code()),
                };
                found.push(verified);
                worst = worst.max(code);
            }
            (found, worst)
        };
        let (found, worst) = tokio::select! {
            done = work => done,
            signal = interrupted() => {
                session.engine.settled().await;
                session.collect_scratch().await?;
                return Ok(signal);
            }
        };
        session.events.shown().await;
        if self.json {
            output::json(&serde_json::json!({ "labs": found }));
        } else {
            output::print_text(&report::verify::table(&found));
        }
        Ok(worst)
    }
}

fn failed(lab: &str, error: &Error) -> Verification {
    let error = Some(error.clone().into());
    Verification { lab: lab.to_owned(), error, ..Verification::default() }
}

/// Checks wait much of the time: with five seats two cores are kept busy best.
fn jobs() -> u16 {
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    u16::try_from(5 * cores / 2).unwrap_or(5).clamp(2, 32)
}
