//! What the author of a lab needs: a look for every problem at once, a lab to begin with.

pub mod lint;
pub mod new;
