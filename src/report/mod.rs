//! Reports: consumers of events and results, one format a file.

pub mod csv;
pub mod format;
mod gradescope;
mod json;
mod junit;
pub mod problems;
pub mod progress;
pub mod reach;
pub mod solution;
pub mod standing;
pub mod text;
pub mod verify;

fn seconds(milliseconds: u64) -> f64 {
    std::time::Duration::from_millis(milliseconds).as_secs_f64()
}
