//! Reports: consumers of events and results, one format a file.

pub mod problems;
pub mod progress;
pub mod text;
pub mod verify;
