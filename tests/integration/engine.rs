//! The engine module against a real engine.

mod containers;
mod images;
mod networks;
mod reach;
mod scratch;
mod streams;
mod terminals;
