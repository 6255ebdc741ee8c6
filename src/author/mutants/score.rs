//! How good a lab's checks are at noticing mistakes.

use serde::{Deserialize, Serialize};

/// The mutants of a lab, counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Score {
    pub made: usize,
    /// Some check failed.
    pub caught: usize,
    /// Said to be right by the lab's author.
    pub equivalent: usize,
    /// Not tried: a file has no more than its limit.
    pub left_out: usize,
}

impl Score {
    /// The part that was caught of those that should be, 0 to 1; 1 when there are none.
    pub fn ratio(self) -> f64 {
        let wrong = self.made.saturating_sub(self.equivalent);
        if wrong == 0 {
            return 1.0;
        }
        // A lab has not 2^52 mutants.
        #[expect(clippy::cast_precision_loss)]
        let ratio = self.caught as f64 / wrong as f64;
        ratio
    }
}
