//! Tests against the real engine and real services, one file a command or rule.

mod author;
mod checks;
mod cli;
mod contention;
mod disk;
mod docker;
mod drill;
mod engine;
mod grade;
mod hostile;
mod http;
mod interrupt;
mod keyed;
mod kill;
mod locks;
mod mutants;
mod mysql;
mod packages;
mod progress;
mod rabbitmq;
mod sandbox;
mod screen;
mod seat;
mod shell;
mod verdicts;
mod verify;
