//! A throw-away seat that goes from case to case, each time brought back to its beginning.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use super::judge::{self, Found};
use crate::catalog::lab::Lab;
use crate::catalog::solution::Placed;
use crate::engine::{Captured, ExecSpec};
use crate::error::{Error, Result};
use crate::event::Events;
use crate::probe::fresh;
use crate::seed::Seed;
use crate::session::Session;
use crate::session::plan::{Plan, WORKBENCH};
use crate::session::put::{Old, put};
use crate::session::reset::Workspace;
use crate::session::scratch::Scratch;
use crate::session::start::{Started, Wanted};
use crate::session::workspace;

/// While several seats are at work, more lanes would cost what they save.
const LANES: u8 = 2;

pub struct Seat {
    scratch: Scratch,
    pub lab: Lab,
    pub plan: Plan,
    /// How many checks go on at the same time.
    pub lanes: u8,
    /// The digest of its services as they were made.
    pristine: String,
    /// Something ran in the workbench, and may have left files and processes there.
    workbench_used: Cell<bool>,
    /// What was done to it only a reset mends.
    spoiled: Cell<bool>,
}

impl Seat {
    /// Starts a seat.
    ///
    /// # Errors
    /// As [`Session::start`]; nothing is left then.
    pub async fn open(session: &Session, slug: &str) -> Result<Self> {
        let scratch = session.scratch(Events::nowhere())?;
        match Self::start(&scratch, slug).await {
            Ok((lab, plan, pristine)) => {
                let (workbench_used, spoiled) = (Cell::new(false), Cell::new(false));
                Ok(Self { scratch, lab, plan, lanes: LANES, pristine, workbench_used, spoiled })
            }
            Err(error) => {
                scratch.remove().await?;
                Err(error)
            }
        }
    }

    async fn start(scratch: &Scratch, slug: &str) -> Result<(Lab, Plan, String)> {
        let session = &scratch.session;
        // Each seat has values of its own, so that the checks are tried with more than one set.
        let lab = session.catalog.lab_with(slug, &Seed::given(&fresh::random("verify"))?)?;
        let wanted = Wanted { workspace: Some(scratch.workspace()), ..Wanted::default() };
        let Started { seat, lab, .. } = session.start(&lab, wanted).await?;
        let plan = session.plan(&lab, seat)?;
        let pristine = session.digest(&plan).await?;
        Ok((lab, plan, pristine))
    }

    pub async fn close(self) -> Result<()> {
        self.scratch.remove().await
    }

    pub fn session(&self) -> &Session {
        &self.scratch.session
    }

    /// What its keyed values are drawn from.
    pub fn seed(&self) -> &str {
        &self.plan.seat.seed.text
    }

    /// A digest of everything that its services keep.
    pub async fn digest(&self) -> Result<String> {
        self.session().digest(&self.plan).await
    }

    /// Back to the beginning: files and workbench, and the services unless they are as they were made.
    pub async fn renew(&mut self) -> Result<()> {
        let unseen = self.workbench_used.get() && !Session::is_seen_whole(&self.plan);
        if self.spoiled.get() || unseen {
            return self.reset().await;
        }
        let (engine, workbench) = (&self.session().engine, self.plan.container(WORKBENCH));
        let used = self.workbench_used.replace(false);
        if used {
            // Its processes go, and with them what lies in memory: all but the workspace.
            engine.stop(&workbench, Duration::ZERO).await?;
        }
        let files = self.session().catalog.lab_files();
        workspace::renew(
            &self.lab,
            files,
            self.plan.workspace(),
            &self.plan.seat.id,
            self.plan.owner(),
        )?;
        if self.is_pristine().await {
            return self.session().forget_books(&self.plan).await;
        }
        let refilled = self.session().refill(&self.lab, &self.plan).await;
        if refilled.is_ok() && self.is_pristine().await {
            return self.session().forget_books(&self.plan).await;
        }
        self.reset().await
    }

    async fn is_pristine(&self) -> bool {
        self.digest().await.is_ok_and(|now| now == self.pristine)
    }

    /// Has the next case begin with a reset; the last one needs none.
    pub fn spoil(&self) {
        self.spoiled.set(true);
    }

    /// Everything anew, as `labs reset` does it; the files as they were are not kept.
    pub async fn reset(&mut self) -> Result<()> {
        let folder = self.scratch.workspace();
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|e| {
                Error::infrastructure("The workspace cannot be removed")
                    .at(folder.display().to_string())
                    .because(e)
            })?;
        }
        self.session().reset(&self.lab, self.plan.seat.clone(), Workspace::SetAside).await?;
        self.workbench_used.set(false);
        self.spoiled.set(false);
        self.pristine = self.digest().await?;
        Ok(())
    }

    /// Brings back what does not run.
    pub async fn restart(&self) -> Result<()> {
        self.session().start(&self.lab, Wanted::default()).await.map(drop)
    }

    /// Does steps of a solution, some of them changed: copies the files, then runs the commands in the workbench.
    ///
    /// # Errors
    /// A command fails, with what it printed.
    pub async fn apply<'p>(
        &self,
        steps: impl IntoIterator<Item = (&'p Placed<'p>, Option<&'p str>)>,
    ) -> Result<()> {
        let mut commands = Vec::new();
        for (placed, change) in steps {
            if let Some(name) = placed.name() {
                let content = match change {
                    Some(change) => Some(change.as_bytes().to_vec()),
                    None => placed.content(self.session().catalog.lab_files(), &self.lab)?,
                };
                self.write(name, &content.unwrap_or_default())?;
            }
            commands.extend(match change {
                Some(change) if placed.step.run.is_some() => {
                    Some(self.lab.variables.render(change)?)
                }
                _ => placed.command(&self.lab)?,
            });
        }
        if !commands.is_empty() {
            self.workbench_used.set(true);
        }
        self.session().run_steps(&self.plan, &commands).await
    }

    /// Runs something in the workbench.
    pub async fn run(&self, what: ExecSpec, limit: Duration) -> Result<Captured> {
        self.workbench_used.set(true);
        let workbench = self.session().workbench(&self.plan).await?;
        self.session().engine.exec_capture(&workbench, &what, b"", limit).await
    }

    /// Puts a file into the workspace.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        put(self.plan.workspace(), name, content, Old::Removed, self.plan.owner()).map(drop)
    }

    /// Checks as `labs check` does on a seat where nothing has passed yet, in fewer lanes.
    pub async fn check(&self, lab: &Lab) -> Result<Found> {
        let session = self.session();
        session.store.forget_progress()?;
        Ok(judge::found(&session.check_in(self.lanes, lab, &self.plan.seat, None).await?))
    }

    /// How many seconds a check of the whole lab takes, and how many of them it waits as its subject demands; none where
    /// not all of it passes.
    pub async fn timed_check(&self) -> Result<Option<(f64, f64)>> {
        let session = self.session();
        session.store.forget_progress()?;
        let began = Instant::now();
        let (result, waited) = session.check_measured(&self.lab, &self.plan.seat).await?;
        let passes = judge::not_passed(&judge::found(&result)).is_empty();
        Ok(passes.then(|| (began.elapsed().as_secs_f64(), waited.as_secs_f64())))
    }

    /// As [`Seat::check`], some tasks alone; what they need counts as passed.
    pub async fn check_only(&self, tasks: &BTreeSet<&str>) -> Result<Found> {
        self.check(&narrowed(&self.lab, tasks)).await
    }
}

/// The lab with some of its tasks alone; what they need counts as passed.
pub fn narrowed(lab: &Lab, tasks: &BTreeSet<&str>) -> Lab {
    let mut narrow = lab.clone();
    narrow.tasks.retain(|task| tasks.contains(task.id.value.as_str()));
    for task in &mut narrow.tasks {
        task.needs.retain(|need| tasks.contains(need.value.as_str()));
    }
    narrow
}
