//! What is done to a container once it is made.

use std::time::Duration;

use bollard::errors::Error as Cause;
use bollard::query_parameters::{
    KillContainerOptions, RemoveContainerOptions, RestartContainerOptions, StopContainerOptions,
    WaitContainerOptions,
};
use futures_util::StreamExt;

use super::{CHANGE, Engine, RETRY_EVERY, fault, repeat_while};
use crate::error::{Error, Result};

/// How long a container may take to be frozen, and the engine to know whether it is.
const SETTLES_WITHIN: Duration = Duration::from_secs(10);

/// A container that is busy making processes outruns the runtime now and then
/// (<https://github.com/opencontainers/runc/pull/2791>); and the engine takes a late word of what was done before for
/// what is.
fn is_unsettled(error: &Cause) -> bool {
    let said = fault::message(error);
    ["unable to freeze", "is already paused", "is not paused"]
        .iter()
        .any(|words| said.contains(words))
}

impl Engine {
    /// Starts it; done already if it runs.
    pub async fn start(&self, container: &str) -> Result<()> {
        let what = format!("start the container {container}");
        self.call(what, CHANGE, self.docker.start_container(container, None)).await
    }

    /// Asks it to stop, kills it after `patience` (whole seconds); done already if it does not run or is gone.
    pub async fn stop(&self, container: &str, patience: Duration) -> Result<()> {
        let what = format!("stop the container {container}");
        let options = StopContainerOptions { t: Some(seconds(patience)), signal: None };
        self.find(what, CHANGE + patience, self.docker.stop_container(container, Some(options)))
            .await
            .map(drop)
    }

    /// Sends a signal, as `SIGKILL`, to its first process; an error if it does not run.
    pub async fn kill(&self, container: &str, signal: &str) -> Result<()> {
        let what = format!("send {signal} to the container {container}");
        let options = KillContainerOptions { signal: signal.to_owned() };
        self.call(what, CHANGE, self.docker.kill_container(container, Some(options))).await
    }

    /// Freezes its processes; an error if it does not run or is frozen.
    pub async fn pause(&self, container: &str) -> Result<()> {
        let what = format!("pause the container {container}");
        let call = || self.docker.pause_container(container);
        self.call(what, CHANGE, repeat_while(is_unsettled, SETTLES_WITHIN, call)).await
    }

    /// Lets its processes go on; an error if it is not frozen.
    pub async fn unpause(&self, container: &str) -> Result<()> {
        let what = format!("unpause the container {container}");
        let call = || self.docker.unpause_container(container);
        self.call(what, CHANGE, repeat_while(is_unsettled, SETTLES_WITHIN, call)).await
    }

    /// Stops it as `stop` does, and starts it. Published ports change.
    pub async fn restart(&self, container: &str, patience: Duration) -> Result<()> {
        let what = format!("restart the container {container}");
        let options = RestartContainerOptions { t: Some(seconds(patience)), signal: None };
        self.call(
            what,
            2 * CHANGE + patience,
            self.docker.restart_container(container, Some(options)),
        )
        .await
    }

    /// Kills and removes it, with its anonymous volumes where `volumes`; `false` if there was none.
    pub async fn remove(&self, container: &str, volumes: bool) -> Result<bool> {
        let what = format!("remove the container {container}");
        let options = RemoveContainerOptions { force: true, v: volumes, link: false };
        let removal = async {
            match self.docker.remove_container(container, Some(options)).await {
                // Someone else removes it right now: wait until it is gone.
                Err(error)
                    if fault::is_conflict(&error)
                        && fault::message(&error).contains("already in progress") =>
                {
                    self.await_removal(container).await
                }
                other => other,
            }
        };
        self.find(what, CHANGE, removal).await.map(|gone| gone.is_some())
    }

    /// Looks until it is gone: the engine's own waiting misses a removal that ends just then, and goes on for ever.
    async fn await_removal(&self, container: &str) -> Result<(), Cause> {
        loop {
            match self.docker.inspect_container(container, None).await {
                Ok(_) => tokio::time::sleep(RETRY_EVERY).await,
                Err(error) if fault::is_missing(&error) => return Ok(()),
                Err(error) => return Err(error),
            }
        }
    }

    /// Waits until it does not run, and returns its exit code; at once for one that was never started.
    /// `None` if it still runs after `limit`.
    pub async fn wait(&self, container: &str, limit: Duration) -> Result<Option<i64>> {
        let options = WaitContainerOptions { condition: "not-running".into() };
        let mut exits = Box::pin(self.docker.wait_container(container, Some(options)));
        let what = format!("wait for the container {container}");
        match tokio::time::timeout(limit, exits.next()).await {
            Err(_) => Ok(None),
            Ok(Some(Ok(exit))) => Ok(Some(exit.status_code)),
            // Bollard tells a non-zero exit code as an error.
            Ok(Some(Err(Cause::DockerContainerWaitError { code, error }))) if error.is_empty() => {
                Ok(Some(code))
            }
            Ok(Some(Err(error))) => Err(self.explain(&what, &error)),
            Ok(None) => Err(Error::infrastructure(format!("cannot {what}"))
                .because("the engine closed the connection before the container ended")),
        }
    }
}

fn seconds(patience: Duration) -> i32 {
    patience.as_secs().try_into().unwrap_or(i32::MAX)
}
