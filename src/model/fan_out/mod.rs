//! `fan-out`: what is published reaches everyone subscribed at that moment, once, in one order.
//!
//! Publishes, subscriptions and their ends have effects in one total order, as one Redis server
//! promises: a subscriber receives exactly what was published between the effects of its subscribe
//! and its unsubscribe, in the order of publishing. A client without a subscribe in the history is
//! held only to the origin and the order of what it received. A receive with an unknown outcome
//! only excuses that its value is missing.

mod cycle;
mod graph;
mod read;

use super::history::History;
use super::judgement::{Judgement, Violation};
use graph::{Graph, Why};
use read::{Event, Feed};

/// Judges a history of publishes, subscriptions and receives, O(n²).
pub(super) fn check(history: &History) -> Judgement {
    let feed = Feed::of(history);
    let direct = invented(&feed)
        .or_else(|| duplicate(&feed))
        .or_else(|| lost(&feed))
        .or_else(|| late(&feed));
    direct.or_else(|| tangled(&feed)).map_or(Judgement::Legal, Judgement::Illegal)
}

fn violation(feed: &Feed, code: &'static str, message: String, excerpt: Vec<usize>) -> Violation {
    Violation { code, message, excerpt: feed.history.in_start_order(excerpt) }
}

fn invented(feed: &Feed) -> Option<Violation> {
    feed.all_receives().find_map(|(client, value, receive)| {
        let at = |index: usize| &feed.history.operations[index];
        let found = |message, excerpt| Some(violation(feed, "invented", message, excerpt));
        if let Some(&failed) = feed.failed.get(value) {
            let message =
                format!("the publish of {value:?} said that it failed, yet {client} received it");
            return found(message, vec![failed, receive]);
        }
        let Some(publish) = feed.publishes.get(value) else {
            let message = format!("{client} received {value:?}, which nobody published");
            return found(message, vec![receive]);
        };
        if at(receive).deadline() < at(publish.operation).start {
            let message = format!("{client} received {value:?} before anyone began to publish it");
            return found(message, vec![publish.operation, receive]);
        }
        let subscribe = feed.clients[client].subscribe?;
        if at(receive).deadline() < at(subscribe.operation).start {
            let message = format!("{client} received {value:?} before it began to subscribe");
            return found(message, vec![subscribe.operation, publish.operation, receive]);
        }
        None
    })
}

fn duplicate(feed: &Feed) -> Option<Violation> {
    feed.clients.iter().find_map(|(client, of)| {
        let (value, receives) = of.received.iter().find(|(_, receives)| receives.len() > 1)?;
        let message = format!("{value:?} was published once, yet {client} received it twice");
        let excerpt = vec![feed.publishes[value].operation, receives[0], receives[1]];
        Some(violation(feed, "duplicate", message, excerpt))
    })
}

fn lost(feed: &Feed) -> Option<Violation> {
    feed.clients.iter().find_map(|(client, of)| {
        let subscribe = of.subscribe.filter(|subscribe| subscribe.certain)?;
        let missed = |value: &str, publish: &Event| {
            of.misses(value)
                && subscribe.by < publish.from
                && of.unsubscribe.is_none_or(|unsubscribe| publish.by < unsubscribe.from)
        };
        let (value, publish) = feed.in_order().find(|(value, publish)| missed(value, publish))?;
        let message = format!(
            "{client} had subscribed before {value:?} was published, yet never received it"
        );
        let mut excerpt = feed.proof(&subscribe, publish.from);
        match of.unsubscribe {
            Some(end) => {
                excerpt.extend(feed.proof(publish, end.from).into_iter().chain([end.operation]));
            }
            None => excerpt.push(publish.operation),
        }
        Some(violation(feed, "lost", message, excerpt))
    })
}

fn late(feed: &Feed) -> Option<Violation> {
    feed.all_receives().find_map(|(client, value, receive)| {
        let (of, publish) = (&feed.clients[client], feed.publishes.get(value)?);
        let deadline = feed.history.operations[publish.operation].deadline();
        if let Some(subscribe) = of.subscribe
            && deadline < subscribe.from
        {
            let message = format!(
                "{client} subscribed after the publish of {value:?} had returned, \
                 yet received it"
            );
            let excerpt = vec![publish.operation, subscribe.operation, receive];
            return Some(violation(feed, "late", message, excerpt));
        }
        let unsubscribe = of.unsubscribe.filter(|unsubscribe| unsubscribe.by < publish.from)?;
        let message =
            format!("{value:?} was published after {client} had unsubscribed, yet was received");
        let excerpt = vec![publish.operation, unsubscribe.operation, receive];
        Some(violation(feed, "late", message, excerpt))
    })
}

/// What no single pair of operations shows: the effects cannot be put in one order.
fn tangled(feed: &Feed) -> Option<Violation> {
    let graph = Graph::of(feed);
    let cycle = graph.shortest_cycle()?;
    let has = |wanted: fn(&Why) -> bool| cycle.iter().any(|edge| wanted(&edge.why));
    let values: Vec<_> = cycle.iter().filter_map(|edge| graph.value(edge.from)).collect();
    let named = values.iter().map(|value| format!("{value:?}")).collect::<Vec<_>>().join(" and ");
    let client = cycle.iter().find_map(|edge| graph.client(edge.from)).unwrap_or_default();
    let (code, message) = if has(|why| matches!(why, Why::Missed)) {
        (
            "lost",
            format!("of {named}, {client} received a part that no time of subscribing explains"),
        )
    } else if has(|why| matches!(why, Why::Within(_))) {
        ("late", format!("{client} received {named} from outside its time of subscription"))
    } else if cycle.iter().any(|edge| matches!(edge.why, Why::Interval)) {
        ("order", format!("{named} were received in another order than they were published in"))
    } else {
        ("order", format!("{named} were received in different orders by different subscribers"))
    };
    Some(violation(feed, code, message, graph.excerpt(&cycle)))
}
