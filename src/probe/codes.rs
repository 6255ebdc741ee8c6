//! The failure codes that a probe can give. What each means is in docs/lab-format.md.

use super::Probe;
use super::trace::Source;
use crate::model::Model;

/// From every probe: a service was shut down, or died, by what the learner did.
pub const SERVICE_STOPPED: &str = "service-stopped";

/// From every probe that runs the learner's program.
const PROGRAMS: &[&str] = &[
    "commands",
    "died",
    "flooded",
    "load",
    "missing",
    "protocol",
    "raised",
    "result",
    "timeout",
    "unwritten",
    "workspace",
];

/// From every probe: what is asked is no longer what it was.
const ANYWHERE: &[&str] = &["impostor", "service-broken", "service-stopped"];

impl Probe {
    /// The codes that a check with this probe can fail with.
    pub fn codes(&self) -> Vec<&'static str> {
        let own: &[&str] = match self {
            Self::State(_) => &["nothing", "value"],
            Self::Trace(spec) => match spec.source() {
                Source::Books(_) => &["commands"],
                Source::Plan(_) => &["full-scan", "index", "refused", "rows"],
                Source::SlowLog(_) => &["logged", "output", "unlogged"],
                Source::Statements => &["changed", "commands", "full-scan", "rows"],
                Source::Scenario => &[
                    "abandoned",
                    "changed",
                    "ended",
                    "full-scan",
                    "memory",
                    "patience",
                    "reply_bytes",
                    "reply_items",
                    "rows",
                    "too-soon",
                    "value",
                ],
            },
            Self::Workload(spec) => of_model(spec.model),
            Self::Fault(spec) => spec.model().map_or(spec.codes(), of_model),
        };
        let programs = if self.drives_program() { PROGRAMS } else { &[] };
        let mut codes = [own, programs, ANYWHERE].concat();
        codes.sort_unstable();
        codes
    }
}

fn of_model(model: Model) -> &'static [&'static str] {
    match model {
        Model::Fifo | Model::Lifo | Model::Priority => {
            &["duplicate", "empty", "invented", "lost", "order"]
        }
        Model::AtLeastOnce => &["duplicate", "empty", "invented", "lost"],
        Model::FanOut => &["bypassed", "duplicate", "ended", "invented", "late", "lost", "order"],
        Model::Counter => &["invented", "lost", "order", "oversold", "refused", "value"],
        Model::Mutex => &["bypassed", "invented", "lost", "overlap", "stolen", "stuck", "value"],
        Model::Register => &["invented", "lost", "stale", "value"],
    }
}
