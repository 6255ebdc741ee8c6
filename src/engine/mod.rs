//! The engine: containers, networks, volumes and images, reached through Docker's API.
//!
//! It knows nothing of labs. Nothing outside this folder calls bollard.

mod address;
mod advice;
mod attach;
mod build;
mod capture;
mod connect;
mod container;
mod context;
mod demux;
mod events;
mod exec;
mod fault;
mod hijack;
mod image;
mod info;
mod inspect;
mod lifecycle;
mod logs;
mod network;
mod process;
mod route;
mod subnet;
mod terminal;
mod transfer;
mod unreachable;
mod upload;
mod volume;

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bollard::Docker;

use crate::error::{Error, Result};
use crate::failpoint;

pub use address::Address;
pub use attach::Attached;
pub use build::{BuildProgress, BuildSpec};
pub use capture::Captured;
pub use connect::{Endpoint, Found};
pub use container::{ContainerSpec, Link, Mount, NetworkChoice, Source, Stdin};
pub use demux::Output;
pub use events::{Death, DeathCause, Deaths};
pub use exec::{ExecEnd, ExecSpec, Running, Streams};
pub use hijack::Input;
pub use image::ImageSummary;
pub use info::EngineInfo;
pub use inspect::{ContainerState, ContainerSummary, Status};
pub use logs::{LogLine, LogOrigin, LogRequest, Logs};
pub use network::{Network, NetworkSpec, SubnetChoice};
pub use subnet::Subnet;
pub use terminal::{TtyControl, TtySession, TtySize};
pub use transfer::Transfer;
pub use upload::Upload;
pub use volume::Volume;

/// Bound of a call that only reads.
const READ: Duration = Duration::from_secs(20);
/// Bound of a call that makes, starts or removes something; generous, since a busy disk can hold an engine up.
const CHANGE: Duration = Duration::from_secs(120);

/// Between two attempts at what the engine cannot do just now.
const RETRY_EVERY: Duration = Duration::from_millis(20);

/// A handle on one container engine; cheap to clone.
#[derive(Clone, Debug)]
pub struct Engine {
    docker: Docker,
    endpoint: Arc<Endpoint>,
    /// Held for reading by each creation that is under way.
    making: Arc<tokio::sync::RwLock<()>>,
}

impl Engine {
    /// Awaits `work` for at most `limit`; `what` names the operation and its object ("start the container x").
    fn call<T, F>(&self, what: String, limit: Duration, work: F) -> impl Future<Output = Result<T>>
    where
        F: Future<Output = Result<T, bollard::errors::Error>>,
    {
        // Bollard's futures are large, and whatever awaits them would hold them on the stack.
        let work = Box::pin(work);
        async move {
            failpoint::step();
            let result = tokio::time::timeout(limit, work).await;
            failpoint::step();
            match result {
                Ok(Ok(value)) => Ok(value),
                Ok(Err(error)) => Err(self.explain(&what, &error)),
                Err(_) => Err(self.timed_out(&what, limit)),
            }
        }
    }

    /// As `call`, for an object that may be missing: then `None`.
    fn find<T, F>(
        &self,
        what: String,
        limit: Duration,
        work: F,
    ) -> impl Future<Output = Result<Option<T>>>
    where
        F: Future<Output = Result<T, bollard::errors::Error>>,
    {
        let lenient = async {
            match work.await {
                Ok(value) => Ok(Some(value)),
                Err(error) if fault::is_missing(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.call(what, limit, lenient)
    }

    fn explain(&self, what: &str, error: &bollard::errors::Error) -> Error {
        fault::explain(what, &self.endpoint, error)
    }

    fn timed_out(&self, what: &str, limit: Duration) -> Error {
        fault::timed_out(what, &self.endpoint, limit)
    }
}

/// Repeats `call` while it fails in a way that passes by itself, for at most `limit`.
async fn repeat_while<T, F>(
    passes: impl Fn(&bollard::errors::Error) -> bool,
    limit: Duration,
    call: impl Fn() -> F,
) -> Result<T, bollard::errors::Error>
where
    F: Future<Output = Result<T, bollard::errors::Error>>,
{
    let began = Instant::now();
    loop {
        match call().await {
            Err(error) if passes(&error) && began.elapsed() < limit => {
                tokio::time::sleep(RETRY_EVERY).await;
            }
            end => return end,
        }
    }
}
