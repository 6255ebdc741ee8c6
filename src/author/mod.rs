//! What the author of a lab does with it, beside writing it.

pub mod mutants;
pub mod verify;
