//! Hands-on labs about real services, graded by probing the live systems.

pub mod author;
pub mod catalog;
pub mod cli;
pub mod digest;
pub mod engine;
pub mod error;
pub mod event;
mod failpoint;
pub mod grade;
pub mod image;
pub mod model;
pub mod outlook;
pub mod probe;
pub mod ready;
pub mod report;
pub mod screen;
pub mod seed;
pub mod session;
pub mod store;
pub mod suggest;
pub mod template;
pub mod term;
pub mod verdict;
