//! Which effects must precede which; a cycle says that no order explains the history.
//!
//! Without a cycle any order of the graph can be placed on the clock: it contains the order of the
//! intervals, so no effect has to wait for one whose interval begins after its own has ended.

use super::cycle;
use super::read::{Event, Feed};

#[derive(Debug, Clone, Copy)]
pub enum Why {
    /// One interval ended before the other began.
    Interval,
    /// A subscription ends after it began.
    Subscription,
    /// A client received one before the other.
    Received([usize; 2]),
    /// A client received it, so it came within the subscription.
    Within(usize),
    /// A client did not receive it, so it came outside the subscription.
    Missed,
}

#[derive(Debug, Clone, Copy)]
pub struct Edge {
    pub from: usize,
    pub to: usize,
    pub why: Why,
}

/// Where a missed value lies: before the subscription or after it.
enum Side {
    Known(Edge),
    Open([Edge; 2]),
    Any,
}

enum What<'a> {
    Publish(&'a str),
    Subscription(&'a str),
}

struct Node<'a> {
    event: Event,
    what: What<'a>,
}

pub struct Graph<'a> {
    feed: &'a Feed<'a>,
    nodes: Vec<Node<'a>>,
    /// Edges leaving each node.
    edges: Vec<Vec<Edge>>,
}

impl<'a> Graph<'a> {
    pub fn of(feed: &'a Feed<'a>) -> Self {
        let publishes = feed
            .in_order()
            .map(|(value, event)| Node { event: *event, what: What::Publish(value) })
            .collect();
        let mut graph = Self { feed, nodes: publishes, edges: Vec::new() };
        let publishes = graph.nodes.len();
        let (mut edges, mut open) = (Vec::new(), Vec::new());
        for (name, client) in &feed.clients {
            let subscribe = graph.add(name, client.subscribe.filter(|event| event.certain));
            let unsubscribe = graph.add(name, client.unsubscribe);
            if let (Some(from), Some(to)) = (subscribe, unsubscribe) {
                edges.push(Edge { from, to, why: Why::Subscription });
            }
            let mut received = Vec::new();
            for publish in 0..publishes {
                let Some(value) = graph.value(publish) else { continue };
                if let Some(receives) = client.received.get(value) {
                    received.push((publish, receives[0]));
                    let why = Why::Within(receives[0]);
                    edges.extend(subscribe.map(|from| Edge { from, to: publish, why }));
                    edges.extend(unsubscribe.map(|to| Edge { from: publish, to, why }));
                } else if client.misses(value) {
                    match graph.missed(publish, subscribe, unsubscribe) {
                        Side::Known(edge) => edges.push(edge),
                        Side::Open(missed) => open.push(missed),
                        Side::Any => {}
                    }
                }
            }
            edges.extend(graph.received_in_order(&received));
        }
        graph.edges = (0..graph.nodes.len()).map(|from| graph.intervals(from)).collect();
        for edge in edges {
            graph.edges[edge.from].push(edge);
        }
        graph.settle(open);
        graph
    }

    fn add(&mut self, client: &'a str, event: Option<Event>) -> Option<usize> {
        self.nodes.push(Node { event: event?, what: What::Subscription(client) });
        Some(self.nodes.len() - 1)
    }

    /// On which side of the subscription a missed value must lie, as far as the intervals tell.
    fn missed(&self, publish: usize, subscribe: Option<usize>, unsubscribe: Option<usize>) -> Side {
        let Some(subscribe) = subscribe else { return Side::Any };
        let event = &self.nodes[publish].event;
        let before = Edge { from: publish, to: subscribe, why: Why::Missed };
        let Some(unsubscribe) = unsubscribe else { return Side::Known(before) };
        let after = Edge { from: unsubscribe, to: publish, why: Why::Missed };
        if self.nodes[subscribe].event.by < event.from {
            Side::Known(after)
        } else if event.by < self.nodes[unsubscribe].event.from {
            Side::Known(before)
        } else {
            Side::Open([before, after])
        }
    }

    /// Adds what follows for values missed on either side. One that still can be on either side is
    /// left alone: it would have to overlap the whole subscription.
    fn settle(&mut self, mut open: Vec<[Edge; 2]>) {
        let mut settled = true;
        while settled {
            settled = false;
            open.retain(|&[before, after]| {
                let edge = if self.precedes(before.to, before.from) {
                    after
                } else if self.precedes(after.to, after.from) {
                    before
                } else {
                    return true;
                };
                self.edges[edge.from].push(edge);
                settled = true;
                false
            });
        }
    }

    fn precedes(&self, first: usize, second: usize) -> bool {
        let mut reached = vec![false; self.nodes.len()];
        let mut next = vec![first];
        while let Some(node) = next.pop() {
            if !std::mem::replace(&mut reached[node], true) {
                next.extend(self.edges[node].iter().map(|edge| edge.to));
            }
        }
        reached[second]
    }

    fn received_in_order(&self, received: &[(usize, usize)]) -> Vec<Edge> {
        let at = |receive: usize| &self.feed.history.operations[receive];
        let mut edges = Vec::new();
        for &(from, first) in received {
            for &(to, second) in received {
                if at(first).deadline() < at(second).start {
                    edges.push(Edge { from, to, why: Why::Received([first, second]) });
                }
            }
        }
        edges
    }

    fn intervals(&self, from: usize) -> Vec<Edge> {
        let by = self.nodes[from].event.by;
        let later = (0..self.nodes.len()).filter(|&to| by < self.nodes[to].event.from);
        later.map(|to| Edge { from, to, why: Why::Interval }).collect()
    }

    pub fn value(&self, node: usize) -> Option<&'a str> {
        match self.nodes[node].what {
            What::Publish(value) => Some(value),
            What::Subscription(_) => None,
        }
    }

    pub fn client(&self, node: usize) -> Option<&'a str> {
        match self.nodes[node].what {
            What::Publish(_) => None,
            What::Subscription(client) => Some(client),
        }
    }

    /// A cycle of the fewest effects, if there is any.
    pub fn shortest_cycle(&self) -> Option<Vec<Edge>> {
        cycle::shortest(&self.edges)
    }

    /// The operations of a cycle with all that proves its edges.
    pub fn excerpt(&self, cycle: &[Edge]) -> Vec<usize> {
        let mut excerpt = Vec::new();
        for edge in cycle {
            let event = &self.nodes[edge.from].event;
            excerpt.push(event.operation);
            match edge.why {
                Why::Interval => {
                    excerpt.extend(self.feed.proof(event, self.nodes[edge.to].event.from));
                }
                Why::Received(receives) => excerpt.extend(receives),
                Why::Within(receive) => excerpt.push(receive),
                Why::Subscription | Why::Missed => {}
            }
        }
        // Who is shown subscribing is shown receiving, lest it seem to have missed something.
        let clients = cycle.iter().filter_map(|edge| self.client(edge.from));
        for client in clients.filter_map(|client| self.feed.clients.get(client)) {
            let ends = client.subscribe.iter().chain(&client.unsubscribe);
            excerpt.extend(ends.map(|event| event.operation));
            let values = cycle.iter().filter_map(|edge| self.value(edge.from));
            let receives = values.filter_map(|value| client.received.get(value));
            excerpt.extend(receives.map(|receives| receives[0]));
        }
        excerpt
    }
}
