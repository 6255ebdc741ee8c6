//! A throw-away seat that goes from case to case, each time brought back to its beginning.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::catalog::lab::Lab;
use crate::catalog::solution::Placed;
use crate::engine::ExecSpec;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::probe::fresh;
use crate::seed::Seed;
use crate::session::plan::Plan;
use crate::session::scratch::Scratch;
use crate::session::start::{Started, Wanted};
use crate::session::{Session, workspace};
use crate::store::SeatRow;
use crate::verdict::LabResult;

/// The commands of one solution together.
const STEPS_WITHIN: Duration = Duration::from_secs(60);

pub struct Seat {
    scratch: Scratch,
    row: SeatRow,
    pub lab: Lab,
    /// The digest of its services as they were made.
    pristine: String,
}

impl Seat {
    /// Starts a seat.
    ///
    /// # Errors
    /// As [`Session::start`]; nothing is left then.
    pub async fn open(session: &Session, slug: &str) -> Result<Self> {
        let scratch = session.scratch(Events::nowhere())?;
        match Self::start(&scratch, slug).await {
            Ok((row, lab, pristine)) => Ok(Self { scratch, row, lab, pristine }),
            Err(error) => {
                scratch.remove().await?;
                Err(error)
            }
        }
    }

    async fn start(scratch: &Scratch, slug: &str) -> Result<(SeatRow, Lab, String)> {
        let session = &scratch.session;
        // Each seat has values of its own, so that the checks are tried with more than one set.
        let lab = session.catalog.lab_with(slug, &Seed::given(&fresh::random("verify"))?)?;
        let wanted = Wanted { workspace: Some(scratch.workspace()), ..Wanted::default() };
        let Started { seat, lab, .. } = session.start(&lab, wanted).await?;
        let pristine = session.digest(&session.plan(&lab, seat.clone())?).await?;
        Ok((seat, lab, pristine))
    }

    pub async fn close(self) -> Result<()> {
        self.scratch.remove().await
    }

    pub fn session(&self) -> &Session {
        &self.scratch.session
    }

    pub fn plan(&self) -> Result<Plan> {
        self.session().plan(&self.lab, self.row.clone())
    }

    /// What its keyed values are drawn from.
    pub fn seed(&self) -> &str {
        &self.row.seed.text
    }

    /// A digest of everything that its services keep.
    pub async fn digest(&self) -> Result<String> {
        self.session().digest(&self.plan()?).await
    }

    /// Back to the beginning: the files anew, and the services too unless they are as they were made.
    pub async fn renew(&mut self) -> Result<()> {
        let clean = self.digest().await.is_ok_and(|now| now == self.pristine);
        if !clean {
            return self.reset().await;
        }
        let plan = self.plan()?;
        self.session().forget_books(&plan).await?;
        let files = self.session().catalog.lab_files();
        workspace::renew(&self.lab, files, plan.workspace(), &self.row.id, plan.owner())
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
        self.session().reset(&self.lab, self.row.clone()).await?;
        self.pristine = self.digest().await?;
        Ok(())
    }

    /// Brings back what does not run.
    pub async fn restart(&self) -> Result<()> {
        self.session().start(&self.lab, Wanted::default()).await.map(drop)
    }

    /// Does the steps of a solution: copies the files, then runs the commands in the workbench.
    ///
    /// # Errors
    /// A command fails, with what it printed.
    pub async fn apply<'p>(&self, steps: impl IntoIterator<Item = &'p Placed<'p>>) -> Result<()> {
        self.apply_changed(steps.into_iter().map(|step| (step, None))).await
    }

    /// As [`Seat::apply`], with another file or command line in the place of some.
    ///
    /// # Errors
    /// As [`Seat::apply`].
    pub async fn apply_changed<'p>(
        &self,
        steps: impl IntoIterator<Item = (&'p Placed<'p>, Option<&'p str>)>,
    ) -> Result<()> {
        let plan = self.plan()?;
        let mut script = String::new();
        for (placed, change) in steps {
            if let Some(name) = placed.name() {
                let content = match change {
                    Some(change) => Some(change.as_bytes().to_vec()),
                    None => placed.content(self.session().catalog.lab_files(), &self.lab)?,
                };
                self.write(name, &content.unwrap_or_default())?;
            }
            let command = match change {
                Some(change) if placed.step.run.is_some() => {
                    Some(self.lab.variables.render(change)?)
                }
                _ => placed.command(&self.lab)?,
            };
            if let Some(command) = command {
                script.push_str(&command);
                script.push('\n');
            }
        }
        if script.is_empty() {
            return Ok(());
        }
        let container = self.session().workbench(&plan).await?;
        let shell = ExecSpec::new(["bash", "-ec", &script]);
        let engine = &self.session().engine;
        let ran = engine.exec_capture(&container, &shell, b"", STEPS_WITHIN).await?;
        if ran.exit_code == Some(0) {
            return Ok(());
        }
        let end = ran.exit_code.map_or("it did not end".to_owned(), |c| format!("exit code {c}"));
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        Err(Error::usage("The commands of a solution failed").because(format!("{end}\n{said}")))
    }

    /// Puts a file into the workspace.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let plan = self.plan()?;
        workspace::replace(plan.workspace(), name, content, plan.owner())
    }

    /// Checks as `labs check` does on a seat where nothing has passed yet.
    pub async fn check(&self, lab: &Lab) -> Result<LabResult> {
        self.session().store.forget_progress()?;
        self.session().check(lab, &self.row, None).await
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
