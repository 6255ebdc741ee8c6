//! Reports: consumers of events and results, one format a file.

pub mod progress;
pub mod text;
pub mod verify;
