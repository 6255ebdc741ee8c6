//! What looking costs, and how long to rest from it.

use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

/// After a look comes so many times the processor time that it took: looking takes a fiftieth of a core at most.
const RESTS_FOR: u32 = 50;

/// The processor time of the last look.
#[derive(Debug, Default)]
pub struct Cost {
    began: Duration,
    took: Duration,
}

impl Cost {
    pub fn begin(&mut self) {
        self.began = processor_time();
    }

    pub fn end(&mut self) {
        self.took = processor_time().saturating_sub(self.began);
    }

    /// How long to wait before the next look.
    pub fn rest(&self) -> Duration {
        self.took * RESTS_FOR
    }
}

/// What this process has taken since its start.
fn processor_time() -> Duration {
    Duration::try_from(clock_gettime(ClockId::ProcessCPUTime)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_look_that_works_is_rested_from_and_one_that_waits_is_not() {
        let mut cost = Cost::default();
        cost.begin();
        while cost.rest() < Duration::from_millis(50) {
            cost.end();
        }
        let worked = cost.rest();
        cost.begin();
        cost.end();
        assert!(cost.rest() < worked, "{cost:?}");
    }
}
