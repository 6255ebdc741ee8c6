//! Which seat a command means when it names no lab.

use std::path::Path;

use super::Session;
use crate::catalog::lab::Lab;
use crate::catalog::unknown;
use crate::error::{Error, Result};
use crate::store::{SeatRow, Store};

/// The seat of the named lab; else the one that owns the current directory; else the only one.
///
/// # Errors
/// There is none, or more than one fits.
pub fn seat(store: &Store, lab: Option<&str>, current: &Path) -> Result<SeatRow> {
    let seats = store.seats()?;
    let running = || seats.iter().map(|s| s.lab.clone()).collect::<Vec<_>>();
    if let Some(lab) = lab {
        return seats.iter().find(|s| s.lab == lab).cloned().ok_or_else(|| {
            let error = Error::usage(format!("There is no seat of the lab {lab:?}"));
            match seats.len() {
                0 => error.help(format!("start one with 'labs run {lab}'")),
                _ => error.help(format!("there are seats of: {}", running().join(", "))),
            }
        });
    }
    if let Some(seat) = seats.iter().find(|s| current.starts_with(&s.workspace)) {
        return Ok(seat.clone());
    }
    match seats.as_slice() {
        [seat] => Ok(seat.clone()),
        [] => {
            Err(Error::usage("No lab runs")
                .help("see 'labs list', then start one with 'labs run LAB'"))
        }
        _ => Err(Error::usage("More than one lab runs").help(format!(
            "name the one you mean ('exec', 'shell', 'restart' and 'logs' take it as --lab): {}",
            running().join(", ")
        ))),
    }
}

impl Session {
    /// The seat a command means, whether or not its lab can be read.
    ///
    /// # Errors
    /// As [`seat`].
    pub fn resolve_seat(&self, lab: Option<&str>) -> Result<SeatRow> {
        let current = std::env::current_dir().unwrap_or_default();
        seat(&self.store, lab, &current).map_err(|error| match lab {
            Some(name) if !self.catalog.slugs().iter().any(|slug| slug == name) => {
                unknown("lab", name, &self.catalog.slugs(), "see 'labs list'")
            }
            _ => error,
        })
    }

    /// The seat a command means, with its lab.
    ///
    /// # Errors
    /// As [`seat`], and an unknown or faulty lab.
    pub fn resolve(&self, lab: Option<&str>) -> Result<(SeatRow, Lab)> {
        let seat = self.resolve_seat(lab)?;
        self.renew(&seat)?;
        let lab = self.catalog.lab_of_seat(&seat.lab, &seat.seed, &seat.variables)?;
        Ok((seat, lab))
    }
}
