//! The life of a seat: plan, start, check, reset, stop.

mod board;
pub mod check;
pub mod disk;
pub mod harm;
pub mod lease;
mod ledger;
mod link;
mod nofollow;
pub mod plan;
pub mod put;
mod remove;
pub mod repair;
pub mod reset;
pub mod resolve;
pub mod scratch;
mod stand;
pub mod start;
pub mod status;
mod steps;
pub mod stop;
pub mod trouble;
mod workbench;
pub mod workspace;

use crate::catalog::Catalog;
use crate::catalog::lab::Lab;
use crate::engine::Engine;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::image::Images;
use crate::store::{SeatRow, Store};
use plan::Plan;

/// What every step of a seat's life needs.
pub struct Session {
    pub catalog: Catalog,
    pub images: Images,
    pub engine: Engine,
    pub store: Store,
    pub events: Events,
}

impl Session {
    /// # Errors
    /// No engine is configured, or the record of seats cannot be opened.
    pub fn open(catalog: Catalog, events: Events) -> Result<Self> {
        Ok(Self {
            images: Images::new(catalog.clone()),
            engine: Engine::connect()?,
            store: Store::open()?,
            catalog,
            events,
        })
    }

    /// The plan of a seat that is recorded.
    ///
    /// # Errors
    /// A faulty service definition.
    pub fn plan(&self, lab: &Lab, seat: SeatRow) -> Result<Plan> {
        let owner = workspace::owner(&seat.workspace);
        Plan::new(&self.catalog, &self.images, lab, seat, self.store.installation()?, owner)
    }

    /// # Errors
    /// The container does not run, with what brings it back.
    pub async fn must_run(&self, container: &str, part: &str) -> Result<()> {
        if self.runs(container).await? {
            return Ok(());
        }
        Err(Error::infrastructure(format!("{part} does not run"))
            .at(container)
            .help("run 'labs run LAB' to bring the seat back"))
    }

    /// Whether a container runs, and is not paused.
    pub async fn runs(&self, container: &str) -> Result<bool> {
        let state = self.engine.inspect(container).await?;
        Ok(state.is_some_and(|s| s.running && !s.paused))
    }
}
