//! A seat is kept until its lease runs out; every use renews it.

use jiff::tz::TimeZone;
use jiff::{Span, ToSpan, Zoned};

use super::Session;
use super::stop::Removed;
use crate::error::{Error, Result};
use crate::store::{SeatRow, Store};

/// How long a seat is kept without being used, unless `LABS_LEASE` says something else.
const LASTS_DAYS: i64 = 30;
/// A lease is not written anew for less.
const WORTH_WRITING_MINUTES: i64 = 10;

impl Session {
    /// A seat is used: it is kept for another while.
    ///
    /// # Errors
    /// `LABS_LEASE` is no span of time; the store cannot be written.
    pub fn renew(&self, seat: &SeatRow) -> Result<()> {
        renew(&self.store, seat)
    }

    /// Removes the seats whose lease has run out, but for those that are being worked on right now.
    ///
    /// # Errors
    /// The engine refuses.
    pub async fn end_expired(&self) -> Result<Removed> {
        let mut removed = Removed::default();
        for seat in self.store.expired_seats()? {
            let Some(gone) = self.stop_if(&seat, SeatRow::is_due).await? else { continue };
            removed.add(gone);
            self.events.note(format!(
                "The seat of {} was not used for a long time and is removed. Your files are in {}, your progress stays.",
                seat.lab,
                seat.workspace.display()
            ));
        }
        Ok(removed)
    }
}

/// As [`Session::renew`], for a command that needs no engine.
///
/// # Errors
/// As [`Session::renew`].
pub fn renew(store: &Store, seat: &SeatRow) -> Result<()> {
    let (until, already) = lease()?;
    store.renew_lease(&seat.id, &until, &already)
}

/// Until when a seat is kept that is used now.
///
/// # Errors
/// `LABS_LEASE` is no span of time.
pub fn until() -> Result<String> {
    lease().map(|(until, _)| until)
}

/// Until when a seat is kept that is used now, and which lease is as good as that.
fn lease() -> Result<(String, String)> {
    let now = Zoned::now().with_time_zone(TimeZone::UTC);
    let given = std::env::var("LABS_LEASE").ok().filter(|given| !given.is_empty());
    let unusable = |why: &dyn std::fmt::Display| {
        Error::usage("LABS_LEASE is no span of time")
            .at(given.as_deref().unwrap_or_default())
            .because(why)
            .help(
                "say how long a seat is kept without being used: LABS_LEASE=30d or LABS_LEASE=12h",
            )
    };
    let lasts: Span = match &given {
        Some(given) => given.parse().map_err(|e| unusable(&e))?,
        None => LASTS_DAYS.days(),
    };
    let until = now.checked_add(lasts).map_err(|e| unusable(&e))?;
    if until <= now {
        return Err(unusable(&"it does not lead into the future"));
    }
    let already = until.checked_sub(WORTH_WRITING_MINUTES.minutes()).map_err(|e| unusable(&e))?;
    let text = |time: Zoned| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    Ok((text(until), text(already)))
}
