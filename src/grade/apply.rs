//! A submission's own script, run as the learner would have typed it.

use std::time::{Duration, Instant};

use super::bound::FILE;
use crate::engine::{Engine, ExecSpec};
use crate::error::Result;
use crate::verdict::Applied;

/// The file in a submission that is run before it is checked.
pub const SCRIPT: &str = "apply.sh";

/// The script is stopped after this time.
const WITHIN: Duration = Duration::from_secs(60);
/// It is stopped when it prints more, in bytes.
const FLOOD: usize = 1 << 20;
/// What is kept of what it prints, in bytes.
const KEPT: usize = 16 << 10;

/// An exit code from here on says that a signal ended it.
const SIGNALLED: i64 = 128;
/// A container's first process ends a moment before the engine says so.
const SETTLE: Duration = Duration::from_secs(2);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Runs the script in a workbench. However it ends, the checks decide.
///
/// # Errors
/// The engine refuses, for no fault of the script.
pub async fn run(engine: &Engine, workbench: &str) -> Result<Applied> {
    let bounded = format!("ulimit -f {}; exec bash {SCRIPT}", FILE >> 10);
    let spec = ExecSpec {
        working_dir: Some("/workspace".to_owned()),
        ..ExecSpec::new(["bash", "-c", &bounded])
    };
    let mut output = Vec::new();
    let mut printed = 0;
    let end = script(engine, workbench, &spec, |piece| {
        printed += piece.len();
        output.extend_from_slice(&piece[..piece.len().min(KEPT - output.len())]);
        printed <= FLOOD
    })
    .await;
    let mut output = String::from_utf8_lossy(&output).into_owned();
    if printed > KEPT {
        output.push_str(&format!("… ({printed} bytes in all)\n"));
    }
    let applied = |exit_code, note: Option<String>| Applied { exit_code, note, output };
    let stopped = |why: String| Some(format!("stopped: {why}"));
    match end {
        Ok(End::TimedOut) => {
            Ok(applied(None, stopped(format!("it had not ended after {} s", WITHIN.as_secs()))))
        }
        Ok(End::Flooded) => {
            Ok(applied(None, stopped(format!("it printed more than {} KiB", FLOOD >> 10))))
        }
        Ok(End::Exited(code)) if code < SIGNALLED => Ok(applied(Some(code), None)),
        // Whatever else this looks like, it can be the end of the container around it.
        end if has_ended(engine, workbench).await? => {
            let code = end.ok().and_then(End::exit_code);
            Ok(applied(code, Some("it ended the workbench that it ran in".to_owned())))
        }
        end => end.map(|end| applied(end.exit_code(), None)),
    }
}

enum End {
    Exited(i64),
    Flooded,
    TimedOut,
}

impl End {
    fn exit_code(self) -> Option<i64> {
        match self {
            Self::Exited(code) => Some(code),
            Self::Flooded | Self::TimedOut => None,
        }
    }
}

/// Whether a container has ended, or does in the next moment.
async fn has_ended(engine: &Engine, container: &str) -> Result<bool> {
    let deadline = Instant::now() + SETTLE;
    while Instant::now() < deadline {
        if engine.inspect(container).await?.is_none_or(|state| !state.running) {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
    Ok(false)
}

async fn script(
    engine: &Engine,
    workbench: &str,
    spec: &ExecSpec,
    take: impl FnMut(&[u8]) -> bool,
) -> Result<End> {
    let mut running = engine.exec_start(workbench, spec, false).await?;
    let end = match tokio::time::timeout(WITHIN, running.finish(take)).await {
        Ok(Ok(Some(code))) => return Ok(End::Exited(code)),
        Ok(Ok(None)) => End::Flooded,
        Ok(Err(error)) => return Err(error),
        Err(_) => End::TimedOut,
    };
    // A script can make its own end hard, so that nothing more can be started beside it. The checks do without the workbench.
    if let Err(error) = running.abandon().await {
        engine.kill(workbench, "SIGKILL").await.map_err(|_| error)?;
    }
    Ok(end)
}
