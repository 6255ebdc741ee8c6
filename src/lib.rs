//! Hands-on labs about real services, graded by probing the live systems.

pub mod error;
pub mod model;
pub mod probe;
