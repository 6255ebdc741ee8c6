//! What a model says of a history.

use serde::Serialize;

/// Whether some legal order of effects explains a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[must_use]
pub enum Judgement {
    Legal,
    Illegal(Violation),
    /// The search exceeded its budget: nothing is known. Never the learner's fault.
    Undecided {
        /// How many partial explanations were tried.
        tried: usize,
    },
}

/// Why no legal order of effects explains a history.
///
/// When several kinds apply the most telling is reported: invented, then duplicate, lost, late,
/// order, empty. Of a lock: two holders at once (overlap or stolen) first, then releases of what was not held
/// (stolen or invented), lost, stuck. Of a register: invented, stale, lost.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Violation {
    pub code: &'static str,
    /// One plain sentence with the values.
    pub message: String,
    /// Indices of the fewest operations that show it, in start order.
    pub excerpt: Vec<usize>,
}
