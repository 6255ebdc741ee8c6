//! What authors of labs need: proof that a lab's checks tell right from wrong.

pub mod mutants;
