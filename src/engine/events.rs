//! The ends of containers, as the engine saw them: tells a service that died by itself from one ended from outside.

use std::collections::HashMap;
use std::pin::Pin;

use bollard::models::EventMessage;
use bollard::query_parameters::EventsOptions;
use futures_util::{Stream, StreamExt};
use jiff::Timestamp;

use super::Engine;
use crate::error::Result;

/// Something that ends a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Death {
    /// The container's id.
    pub container: String,
    pub name: String,
    pub cause: DeathCause,
    pub at: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DeathCause {
    /// Its first process ended.
    Exited(Option<i64>),
    /// The kernel killed a process of it for its memory limit.
    OutOfMemory,
    /// Somebody sent this signal through the engine.
    Signalled(String),
}

/// Deaths as they happen.
pub struct Deaths {
    engine: Engine,
    stream: Pin<Box<dyn Stream<Item = Result<EventMessage, bollard::errors::Error>> + Send>>,
}

impl Deaths {
    /// The next one; waits without bound. `None` if the engine ends the stream.
    pub async fn next(&mut self) -> Option<Result<Death>> {
        loop {
            match self.stream.next().await? {
                Ok(event) => {
                    if let Some(death) = death(event) {
                        return Some(Ok(death));
                    }
                }
                Err(error) => {
                    return Some(Err(self.engine.explain("watch the containers", &error)));
                }
            }
        }
    }
}

impl Engine {
    /// The deaths, from `since` by the engine's clock, of containers with every one of `labels`; ends at `until`
    /// where given, and only then knows no more.
    pub fn deaths(&self, labels: &[&str], since: Timestamp, until: Option<Timestamp>) -> Deaths {
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect();
        let filters = HashMap::from([
            ("type".to_owned(), words(&["container"])),
            ("event".to_owned(), words(&["die", "oom", "kill"])),
            ("label".to_owned(), words(labels)),
        ]);
        let options = EventsOptions {
            since: Some(instant(since)),
            until: until.map(instant),
            filters: Some(filters),
        };
        Deaths { engine: self.clone(), stream: Box::pin(self.docker.events(Some(options))) }
    }
}

fn instant(time: Timestamp) -> String {
    format!("{}.{:09}", time.as_second(), time.subsec_nanosecond())
}

fn death(event: EventMessage) -> Option<Death> {
    let actor = event.actor?;
    let attributes = actor.attributes.unwrap_or_default();
    let cause = match event.action.as_deref()? {
        "die" => DeathCause::Exited(attributes.get("exitCode").and_then(|code| code.parse().ok())),
        "oom" => DeathCause::OutOfMemory,
        "kill" => DeathCause::Signalled(attributes.get("signal").cloned().unwrap_or_default()),
        _ => return None,
    };
    Some(Death {
        container: actor.id?,
        name: attributes.get("name").cloned().unwrap_or_default(),
        cause,
        at: event.time_nano.and_then(|nanos| Timestamp::from_nanosecond(i128::from(nanos)).ok()),
    })
}
