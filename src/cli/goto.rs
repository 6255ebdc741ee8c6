use super::output;
use super::target::Target;
use crate::catalog::Catalog;
use crate::catalog::lab::{Lab, Task};
use crate::catalog::solution;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::report::text::{self, Detail};
use crate::session::Session;
use crate::session::put::{Old, put};
use crate::session::{plan::Plan, workspace};
use crate::store::{SeatRow, Store};
use crate::term::signal::interrupted;
use crate::term::{self, markdown};
use crate::verdict::Verdict;

/// Go to a task of the lab; with --solve the tasks before it are solved for you
///
///   labs goto failover --solve    as if all before it were done
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    #[command(flatten)]
    target: Target,
    /// Solve what comes before it and has not passed; that you were given the solutions is recorded, and your files
    /// that give way are kept as NAME.before
    #[arg(long)]
    solve: bool,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let resolved = self.target.resolve(&catalog, &Store::open()?)?;
        let (lab, seat) = (&resolved.lab, &resolved.seat);
        let Some(task) = resolved.task.as_deref().and_then(|id| lab.task(id)) else {
            let ids: Vec<&str> = lab.tasks.iter().map(|t| t.id.value.as_str()).collect();
            return Err(Error::usage("No task is named to go to").help(format!(
                "the tasks of {} are: {}",
                lab.slug,
                ids.join(", ")
            )));
        };
        let mut solved = Solved::default();
        let store = if self.solve {
            let session = Session::open(catalog, events)?;
            let solving =
                Solving { session: &session, lab, seat, plan: session.plan(lab, seat.clone())? };
            let done = tokio::select! {
                done = solving.up_to(task, &mut solved) => Ok(done),
                signal = interrupted() => Err(signal),
            };
            if done.is_err() {
                session.remove_abandoned_stands(&seat.id).await?;
            }
            session.events.shown().await;
            for kept in &solved.kept {
                output::note(&format!("your file is now {kept}"));
            }
            match done {
                Ok(done) => done?,
                Err(signal) => return Ok(signal),
            }
            session.store
        } else {
            Store::open()?
        };
        store.set_place(&lab.slug, &task.id.value)?;
        if self.json {
            output::json(&serde_json::json!({
                "lab": lab.slug, "task": task.id.value, "solved": solved.tasks, "kept": solved.kept,
            }));
            return Ok(0);
        }
        if !solved.tasks.is_empty() {
            output::print_text(&format!("Solved: {}\n\n", solved.tasks.join(", ")));
        }
        output::print_text(&markdown::render(&task.prompt, term::width()));
        Ok(0)
    }
}

#[derive(Default)]
struct Solved {
    tasks: Vec<String>,
    /// The names under which the learner's files are kept now.
    kept: Vec<String>,
}

struct Solving<'a> {
    session: &'a Session,
    lab: &'a Lab,
    seat: &'a SeatRow,
    plan: Plan,
}

impl Solving<'_> {
    async fn up_to(&self, task: &Task, solved: &mut Solved) -> Result<()> {
        let store = &self.session.store;
        for before in self.lab.tasks.iter().take_while(|t| t.id.value != task.id.value) {
            let progress = store.progress(&self.lab.slug)?;
            if progress.get(&before.id.value).is_some_and(|p| p.passed_at.is_some()) {
                continue;
            }
            store.show_solution(&self.lab.slug, &before.id.value)?;
            let step = format!("solving {}", before.id.value);
            self.session.events.step(&step, self.solve(before, solved)).await?;
            solved.tasks.push(before.id.value.clone());
        }
        Ok(())
    }

    /// Does what the first solution does for a task, and has it checked.
    async fn solve(&self, task: &Task, solved: &mut Solved) -> Result<()> {
        let Self { session, lab, seat, plan } = self;
        let first = lab
            .solutions
            .first()
            .ok_or_else(|| Error::usage(format!("The lab {} ships no solution", lab.slug)))?;
        let files = session.catalog.lab_files();
        let mut commands = Vec::new();
        for placed in solution::steps(lab, first)? {
            if placed.step.task.value != task.id.value {
                continue;
            }
            if let (Some(name), Some(content)) = (placed.name(), placed.content(files, lab)?) {
                let starter = workspace::starter(lab, files, name)?;
                let old = Old::Kept { unless: starter.as_deref() };
                solved.kept.extend(put(plan.workspace(), name, &content, old, plan.owner())?);
            }
            commands.extend(placed.command(lab)?);
        }
        session.run_steps(plan, &commands).await?;
        let result = session.check(lab, seat, Some(&task.id.value)).await?;
        if result.verdict == Verdict::Pass {
            return Ok(());
        }
        let detail = Detail::brief();
        Err(Error::usage(format!("The solution of {} does not pass here", task.id.value))
            .because(console::strip_ansi_codes(&text::lab(&result, detail)).into_owned())
            .help(format!(
                "what was done before is in its way: 'labs reset {}' begins afresh",
                lab.slug
            )))
    }
}
