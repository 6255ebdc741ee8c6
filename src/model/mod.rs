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

/// Of each model: its variant, its name in a lab, what it promises, its function.
macro_rules! models {
    ($($variant:ident = $name:literal, $promise:literal => $check:path,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Model { $(#[doc = $promise] $variant,)+ }

        impl Model {
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// As labs write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// What holds of a history that it allows, in words for a learner.
            pub fn promise(self) -> &'static str {
                match self { $(Self::$variant => $promise,)+ }
            }

            /// Holds a history against the model.
            pub fn check(self, history: &History) -> Judgement {
                match self { $(Self::$variant => $check(history),)+ }
            }
        }
    };
}

models! {
    Fifo = "fifo", "first in, first out"
        => fifo::check,
    Lifo = "lifo", "last in, first out"
        => lifo::check,
    Priority = "priority", "the lowest rank first; first in, first out among equals"
        => priority::check,
    AtLeastOnce = "at-least-once", "nothing is lost, and nothing comes again once it was acknowledged"
        => at_least_once::check,
    FanOut = "fan-out", "what is published reaches everyone subscribed at that moment, once, in one order"
        => fan_out::check,
    Counter = "counter", "one more or one less at a time: never below zero, none lost"
        => counter::check,
    Mutex = "mutex", "one holder at a time; who releases is the holder; what is free can be had"
        => mutex::check,
    Register = "register", "a read gives what was written last"
        => register::check,
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
