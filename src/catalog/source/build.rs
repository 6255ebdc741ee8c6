//! The tree from the events of the YAML parser.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, StrInput};

use super::{Entry, Kind, MAX_DEPTH, MAX_NODES, Node};
use crate::catalog::problem::{MAX_PROBLEMS, Problem};
use crate::catalog::text::{Built, Text};

/// A text so long weighs as much as another key or value, in bytes.
const BYTES_A_NODE: usize = 32;
pub struct Builder<'t> {
    text: &'t Text,
    parser: Parser<'t, StrInput<'t>>,
    pub faults: Vec<Problem>,
    nodes: usize,
    /// What anchors stand for, with the number of nodes and the depth of each.
    anchors: HashMap<usize, (Node, usize, usize)>,
}

impl<'t> Builder<'t> {
    pub fn new(text: &'t Text) -> Self {
        let mut options = granit_parser::options! {
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        options.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(text.as_str(), options);
        Self { text, parser, faults: Vec::new(), nodes: 0, anchors: HashMap::new() }
    }

    fn next(&mut self) -> Built<(Event<'t>, Range<usize>)> {
        match self.parser.next_event() {
            Some(Ok((event, span))) => Ok((event, self.range(&span))),
            Some(Err(error)) => {
                let at = self.offset(*error.marker());
                if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
                    return self.too_deep(at);
                }
                let fault = self.text.problem(at, "This is not YAML").because(error.info());
                Err(Box::new(fault))
            }
            None => Ok((Event::StreamEnd, 0..0)),
        }
    }

    /// The one document of the file.
    pub fn document(&mut self) -> Built<Option<Node>> {
        let mut root = None;
        loop {
            let (event, at) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(root),
                Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd => {}
                event if root.is_none() => root = Some(self.node(event, at, 0)?.0),
                _ => {
                    return self.stop(
                        at.start,
                        "A second document begins",
                        "one document in a file",
                    );
                }
            }
        }
    }

    /// A value, and how deep it is.
    fn node(&mut self, event: Event<'t>, at: Range<usize>, depth: usize) -> Built<(Node, usize)> {
        let begin = self.nodes;
        self.count(1, at.start)?;
        if depth >= MAX_DEPTH {
            return self.too_deep(at.start);
        }
        let (anchor, tag) = match &event {
            Event::Scalar(_, _, anchor, tag)
            | Event::SequenceStart(_, anchor, tag)
            | Event::MappingStart(_, anchor, tag) => (*anchor, tag.is_some()),
            _ => (0, false),
        };
        if tag {
            let fault = self.text.problem(at.start, "A value has a tag (!…)");
            self.fault(fault.help("leave the tag out; quotes make a text of a number"));
        }
        let (node, height) = match event {
            Event::Scalar(text, style, ..) => {
                let plain = style == ScalarStyle::Plain;
                self.count(text.len() / BYTES_A_NODE, at.start)?;
                (Node { at, kind: Kind::Scalar { text: text.into_owned(), plain } }, 1)
            }
            Event::SequenceStart(..) => self.list(at, depth)?,
            Event::MappingStart(..) => self.map(at, depth)?,
            Event::Alias(id) => {
                let Some((node, nodes, height)) = self.anchors.get(&id).cloned() else {
                    return self.stop(at.start, "An alias stands inside its own anchor", "");
                };
                self.count(nodes, at.start)?;
                if depth + height > MAX_DEPTH {
                    return self.too_deep(at.start);
                }
                (node, height)
            }
            _ => return self.stop(at.start, "A value is missing", "a text, a list or a map"),
        };
        if anchor != 0 {
            // What an alias may stand for is kept once more.
            let nodes = self.nodes - begin;
            self.count(nodes, node.at.start)?;
            self.anchors.insert(anchor, (node.clone(), nodes, height));
        }
        Ok((node, height))
    }

    fn list(&mut self, at: Range<usize>, depth: usize) -> Built<(Node, usize)> {
        let (mut items, mut height) = (Vec::new(), 0);
        loop {
            let (event, next) = self.next()?;
            if matches!(event, Event::SequenceEnd) {
                let at = at.start..next.end.max(at.end);
                return Ok((Node { at, kind: Kind::List(items) }, height + 1));
            }
            let (item, of_item) = self.node(event, next, depth + 1)?;
            items.push(item);
            height = height.max(of_item);
        }
    }

    fn map(&mut self, at: Range<usize>, depth: usize) -> Built<(Node, usize)> {
        let (mut entries, mut height) = (Vec::<Entry>::new(), 0);
        let mut seen: HashMap<String, usize> = HashMap::new();
        loop {
            let (event, key_at) = self.next()?;
            let key = match event {
                Event::MappingEnd => {
                    let at = at.start..key_at.end.max(at.end);
                    return Ok((Node { at, kind: Kind::Map(entries) }, height + 1));
                }
                Event::Scalar(key, ..) => key.into_owned(),
                _ => return self.stop(key_at.start, "A key is not a text", "a name and a colon"),
            };
            self.count(key.len() / BYTES_A_NODE, key_at.start)?;
            let (event, value_at) = self.next()?;
            let (value, of_value) = self.node(event, value_at, depth + 1)?;
            height = height.max(of_value);
            if key == "<<" {
                let fault = self.text.problem(key_at.start, "A map is merged with <<");
                self.fault(fault.help("write the keys out"));
                continue;
            }
            if let Some(first) = seen.insert(key.clone(), key_at.start) {
                let twice = format!("The key {key:?} is written twice");
                let line = self.text.line(first);
                let because = format!("the first is in line {line}");
                self.fault(self.text.problem(key_at.start, twice).because(because));
                seen.insert(key.clone(), first);
            }
            entries.push(Entry { key, key_at, value });
        }
    }

    fn fault(&mut self, fault: Problem) {
        if self.faults.len() < MAX_PROBLEMS {
            self.faults.push(fault);
        }
    }

    fn count(&mut self, nodes: usize, at: usize) -> Built<()> {
        self.nodes += nodes;
        if self.nodes <= MAX_NODES {
            return Ok(());
        }
        let expected =
            format!("at most {MAX_NODES}; those behind an alias count each time, long texts more");
        self.stop(at, "The file has too many keys and values", &expected)
    }

    fn too_deep<T>(&self, at: usize) -> Built<T> {
        let expected = format!("at most {MAX_DEPTH} levels");
        self.stop(at, "Lists and maps are nested too deeply", &expected)
    }

    fn stop<T>(&self, at: usize, what: &str, expected: &str) -> Built<T> {
        let mut fault = self.text.problem(at, what);
        fault.expected = (!expected.is_empty()).then(|| expected.to_owned());
        Err(Box::new(fault))
    }

    fn range(&self, span: &Span) -> Range<usize> {
        let start = self.offset(span.start);
        start..self.offset(span.end).max(start)
    }

    fn offset(&self, marker: granit_parser::Marker) -> usize {
        let text = self.text.as_str();
        let bytes = marker.byte_offset();
        bytes.unwrap_or_else(|| text.char_indices().nth(marker.index()).map_or(text.len(), |c| c.0))
    }
}
