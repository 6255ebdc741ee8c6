//! Probes: observations of live systems, and the means to make them.

pub mod clock;
pub mod relay;
pub mod runner;
