//! Steps of a solution, done on a seat as the learner would do them.

use std::time::Duration;

use super::Session;
use super::plan::Plan;
use crate::engine::ExecSpec;
use crate::error::{Error, Result};

/// The commands of one solution together.
const STEPS_WITHIN: Duration = Duration::from_secs(60);

impl Session {
    /// Runs the commands of a solution in the workbench, one after the other.
    ///
    /// # Errors
    /// A command fails, with what it printed; the engine refuses.
    pub async fn run_steps(&self, plan: &Plan, commands: &[String]) -> Result<()> {
        if commands.is_empty() {
            return Ok(());
        }
        let script = ExecSpec::new(["bash", "-ec", &commands.join("\n")]);
        let workbench = self.workbench(plan).await?;
        let ran = self.engine.exec_capture(&workbench, &script, b"", STEPS_WITHIN).await?;
        if ran.exit_code == Some(0) {
            return Ok(());
        }
        let end = ran.exit_code.map_or("it did not end".to_owned(), |c| format!("exit code {c}"));
        let said = String::from_utf8_lossy(&ran.stderr).trim().to_owned();
        Err(Error::usage("The commands of a solution failed").because(format!("{end}\n{said}")))
    }
}
