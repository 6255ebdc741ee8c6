//! Models: pure functions over a history.
