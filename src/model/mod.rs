//! Models: pure functions that decide whether *some* legal order of effects explains a history.
//!
//! Operations overlap, so nothing is concluded from the order of replies: an effect may lie
//! anywhere between a call's start and its end (an operation that ended before another started
//! precedes it; touching ends overlap).

mod at_least_once;
mod collection;
mod counter;
mod fan_out;
mod fifo;
mod history;
mod judgement;
mod lifo;
mod mutex;
mod priority;
mod register;
mod render;
mod values;

#[cfg(test)]
mod tests;

use std::fmt;
use std::str::FromStr;

pub use history::{Action, History, Lease, Operation, Outcome};
pub use judgement::{Judgement, Violation};
pub use render::render;

/// One line a model: its variant, its name in a lab, its function.
macro_rules! models {
    ($($(#[$doc:meta])* $variant:ident = $name:literal => $check:path,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Model { $($(#[$doc])* $variant,)+ }

        impl Model {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As labs write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// Holds a history against the model.
            pub fn check(self, history: &History) -> Judgement {
                match self { $(Self::$variant => $check(history),)+ }
            }
        }
    };
}

models! {
    /// First in, first out.
    Fifo = "fifo" => fifo::check,
    /// Last in, first out.
    Lifo = "lifo" => lifo::check,
    /// The lowest rank first; first in, first out among equals.
    Priority = "priority" => priority::check,
    /// Nothing is lost, and nothing comes again once it was acknowledged.
    AtLeastOnce = "at-least-once" => at_least_once::check,
    /// What is published reaches everyone subscribed at that moment, once, in one order.
    FanOut = "fan-out" => fan_out::check,
    /// One more or one less at a time: never below zero, none lost.
    Counter = "counter" => counter::check,
    /// One holder at a time; who releases is the holder; what is free can be had.
    Mutex = "mutex" => mutex::check,
    /// A read gives what was written last.
    Register = "register" => register::check,
}

impl fmt::Display for Model {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Model {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL.iter().copied().find(|model| model.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.iter().map(|model| model.name()).collect();
            format!("there is no model {text:?}; the models are {}", names.join(", "))
        })
    }
}
