//! The life of a seat: plan, start, check, reset, stop.

pub mod check;
mod ledger;
pub mod plan;
pub mod reset;
pub mod resolve;
mod stand;
pub mod start;
pub mod status;
pub mod stop;
mod trouble;
pub mod workspace;

use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::event::Events;
use crate::image::Images;
use crate::store::Store;

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
    pub fn open(catalog: Catalog, events: Events) -> crate::error::Result<Self> {
        Ok(Self {
            images: Images::new(catalog.clone()),
            engine: Engine::connect()?,
            store: Store::open()?,
            catalog,
            events,
        })
    }
}
