//! How long somebody has waited for the programs of a runner: what they took of the time of a check.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Waits that overlap count once.
#[derive(Clone, Default)]
pub(super) struct Waits(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    going_on: usize,
    /// When the first of those that go on began.
    since: Option<Instant>,
    over: Duration,
}

/// A wait that goes on until this is dropped.
pub(super) struct Wait(Waits);

impl Waits {
    pub fn begin(&self) -> Wait {
        let mut state = self.state();
        state.going_on += 1;
        state.since.get_or_insert_with(Instant::now);
        Wait(self.clone())
    }

    pub fn total(&self) -> Duration {
        let state = self.state();
        state.over + state.since.map_or(Duration::ZERO, |since| since.elapsed())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.going_on -= 1;
        if state.going_on == 0
            && let Some(since) = state.since.take()
        {
            state.over += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_that_overlap_count_once_and_the_time_between_them_does_not() {
        let waits = Waits::default();
        let moment = Duration::from_millis(5);
        let began = Instant::now();
        let (one, other) = (waits.begin(), waits.begin());
        std::thread::sleep(moment);
        drop(one);
        std::thread::sleep(moment);
        drop(other);
        let both = waits.total();
        assert!(both >= 2 * moment && both <= began.elapsed(), "{both:?}");
        std::thread::sleep(moment);
        assert_eq!(waits.total(), both);
    }
}
