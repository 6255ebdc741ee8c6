//! Pairs replies with commands on one connection.

use std::collections::VecDeque;

use super::reply::{Message, Replies};
use super::request::Requests;
use crate::probe::relay::protocol::{Foreign, Parsed, Session};
use crate::probe::relay::record::{Command, Reply};

/// Replies to subscribing, one for each channel.
const CONFIRMATIONS: [&str; 6] =
    ["subscribe", "psubscribe", "ssubscribe", "unsubscribe", "punsubscribe", "sunsubscribe"];
const MESSAGES: [&str; 3] = ["message", "pmessage", "smessage"];

#[derive(Debug, Default)]
pub(super) struct RespSession {
    requests: Requests,
    replies: Replies,
    pairing: Pairing,
}

#[derive(Debug, Default)]
struct Pairing {
    waiting: VecDeque<Waiting>,
    /// Channels, patterns and shard channels subscribed to.
    subscribed: [u64; 3],
    /// The count in the last confirmation: channels with patterns, shards.
    totals: [i64; 2],
    monitoring: bool,
    silence: Silence,
}

#[derive(Debug)]
struct Waiting {
    id: u64,
    /// Confirmations to come; 0: an ordinary reply. `None`: until none is left.
    confirmations: Option<u64>,
    /// MONITOR: what follows its reply answers nothing.
    monitor: bool,
    reset: bool,
}

/// CLIENT REPLY: which commands get no reply.
#[derive(Debug, Default, PartialEq, Eq)]
enum Silence {
    #[default]
    None,
    Next,
    All,
}

impl Session for RespSession {
    fn request(&mut self, bytes: &[u8]) -> Result<(usize, Parsed), Foreign> {
        self.requests.feed(bytes)
    }

    fn partial(&self) -> Command {
        self.requests.partial()
    }

    fn sent(&mut self, id: u64, command: &Command) -> bool {
        self.pairing.sent(id, command)
    }

    fn replies(
        &mut self,
        bytes: &[u8],
        answered: &mut dyn FnMut(Option<u64>, Reply),
    ) -> Result<(), Foreign> {
        let pairing = &mut self.pairing;
        self.replies.feed(bytes, &mut |message| pairing.take(message, answered))
    }
}

impl Pairing {
    fn sent(&mut self, id: u64, command: &Command) -> bool {
        let argument = |at: usize| {
            command.args.get(at).map(|arg| arg.text().to_uppercase()).unwrap_or_default()
        };
        if command.name == "CLIENT" && argument(0) == "REPLY" {
            match argument(1).as_str() {
                "OFF" => self.silence = Silence::All,
                "SKIP" if self.silence == Silence::None => self.silence = Silence::Next,
                "ON" => self.silence = Silence::None,
                _ => {}
            }
            if self.silence != Silence::None {
                return false;
            }
        } else if self.silence == Silence::All {
            return false;
        } else if self.silence == Silence::Next {
            self.silence = Silence::None;
            return false;
        }
        let confirmations = match command.name.as_str() {
            "SUBSCRIBE" | "PSUBSCRIBE" | "SSUBSCRIBE" => Some(command.count),
            "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" if command.count > 0 => {
                Some(command.count)
            }
            "UNSUBSCRIBE" | "PUNSUBSCRIBE" | "SUNSUBSCRIBE" => None,
            _ => Some(0),
        };
        let monitor = command.name == "MONITOR";
        let reset = command.name == "RESET";
        self.waiting.push_back(Waiting { id, confirmations, monitor, reset });
        true
    }

    fn take(&mut self, message: Message, answered: &mut dyn FnMut(Option<u64>, Reply)) {
        let head = message.head.as_deref().unwrap_or_default();
        let confirmation = CONFIRMATIONS.iter().position(|kind| *kind == head);
        let expected = self.waiting.front().is_some_and(|waiting| waiting.confirmations != Some(0));
        if let Some(kind) = confirmation
            && (message.push || self.in_subscription() || expected)
        {
            let id = self.confirm(kind, message.last_number.unwrap_or(0));
            answered_or_part(id, message.reply, answered);
            return;
        }
        let unasked = message.push
            || (self.in_subscription() && MESSAGES.contains(&head))
            || (self.monitoring && is_monitor_line(&message.reply));
        if unasked {
            return answered(None, message.reply);
        }
        // An error in place of confirmations ends the command too.
        let Some(waiting) = self.waiting.pop_front() else {
            return answered(None, message.reply);
        };
        if message.reply.error().is_none() {
            if waiting.monitor {
                self.monitoring = true;
            }
            if waiting.reset {
                self.subscribed = [0; 3];
                self.totals = [0; 2];
                self.monitoring = false;
            }
        }
        answered(Some(waiting.id), message.reply);
    }

    fn in_subscription(&self) -> bool {
        self.subscribed.iter().any(|count| *count > 0)
    }

    /// One channel confirmed. Some: the command that asked is complete.
    fn confirm(&mut self, kind: usize, total: i64) -> Option<u64> {
        let which = kind % 3;
        let group = usize::from(which == 2);
        // The total stays where the channel was subscribed to already, or never.
        if total > self.totals[group] {
            self.subscribed[which] += 1;
        } else if total < self.totals[group] {
            self.subscribed[which] = self.subscribed[which].saturating_sub(1);
        }
        self.totals[group] = total;
        let subscribed = self.subscribed[which];
        let waiting = self.waiting.front_mut()?;
        let complete = match &mut waiting.confirmations {
            Some(0) => return None,
            Some(left) => {
                *left -= 1;
                *left == 0
            }
            None => subscribed == 0,
        };
        if complete { self.waiting.pop_front().map(|waiting| waiting.id) } else { None }
    }
}

/// A confirmation that does not complete its command is no message either.
fn answered_or_part(id: Option<u64>, reply: Reply, answered: &mut dyn FnMut(Option<u64>, Reply)) {
    if id.is_some() {
        answered(id, reply);
    }
}

/// `+1700000000.123456 [0 127.0.0.1:5000] "get" "k"`
fn is_monitor_line(reply: &Reply) -> bool {
    reply.text.as_deref().is_some_and(|text| {
        text.starts_with(|first: char| first.is_ascii_digit()) && text.contains(" [")
    })
}
