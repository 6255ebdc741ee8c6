//! The shortest cycle of a graph.

use super::graph::Edge;
use std::collections::VecDeque;

/// A cycle of the fewest edges, if there is any; `edges` are those leaving each node.
pub fn shortest(edges: &[Vec<Edge>]) -> Option<Vec<Edge>> {
    let rest = on_cycles(edges);
    let cycles = (0..edges.len()).filter(|&node| rest[node]);
    let mut best: Option<Vec<Edge>> = None;
    for start in cycles {
        if let Some(cycle) = through(edges, start, &rest)
            && best.as_ref().is_none_or(|best| cycle.len() < best.len())
        {
            let two = cycle.len() == 2;
            best = Some(cycle);
            if two {
                break;
            }
        }
    }
    best
}

/// Nodes left after removing again and again those that nothing precedes (Kahn, 1962).
fn on_cycles(edges: &[Vec<Edge>]) -> Vec<bool> {
    let mut before = vec![0_usize; edges.len()];
    for edge in edges.iter().flatten() {
        before[edge.to] += 1;
    }
    let mut free: Vec<usize> = (0..before.len()).filter(|&node| before[node] == 0).collect();
    let mut rest = vec![true; before.len()];
    while let Some(node) = free.pop() {
        rest[node] = false;
        for edge in &edges[node] {
            before[edge.to] -= 1;
            if before[edge.to] == 0 {
                free.push(edge.to);
            }
        }
    }
    rest
}

fn through(edges: &[Vec<Edge>], start: usize, rest: &[bool]) -> Option<Vec<Edge>> {
    let mut reached: Vec<Option<Edge>> = vec![None; edges.len()];
    let mut next = VecDeque::from([start]);
    while let Some(node) = next.pop_front() {
        for edge in edges[node].iter().filter(|edge| rest[edge.to]) {
            if reached[edge.to].is_none() {
                reached[edge.to] = Some(*edge);
                next.push_back(edge.to);
            }
        }
        if reached[start].is_some() {
            break;
        }
    }
    let mut cycle = vec![reached[start]?];
    while cycle[cycle.len() - 1].from != start {
        cycle.push(reached[cycle[cycle.len() - 1].from]?);
    }
    cycle.reverse();
    Some(cycle)
}
