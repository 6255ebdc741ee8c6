//! A YAML file as a tree whose every key and value knows its place. Bounded in size, depth and number of
//! nodes, whatever the file says.

use std::collections::HashMap;
use std::ops::Range;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, Span, StrInput};
use serde_json::Value;

use super::files::Files;
use super::problem::{MAX_PROBLEMS, Place, Position, Problem};
use crate::error::Result;

/// The deepest nesting of lists and maps that is read.
pub const MAX_DEPTH: usize = 64;
/// The most keys and values that are read, those behind an alias counted each time.
pub const MAX_NODES: usize = 100_000;

/// A text so long weighs as much as another key or value, in bytes.
const BYTES_A_NODE: usize = 32;
/// Longer lines are not shown, in bytes.
const LONGEST_EXCERPT: usize = 4096;

pub type Built<T> = Result<T, Box<Problem>>;

/// A text file of the catalog, to point into.
#[derive(Debug, Clone)]
pub struct Text {
    /// How the file is named in messages.
    file: String,
    content: String,
    /// Where each line begins, in bytes.
    lines: Vec<usize>,
}

/// A YAML file, and what is wrong with its syntax.
#[derive(Debug)]
pub struct Source {
    text: Text,
    root: Option<Node>,
    /// In the order of the file. With a fault of syntax the tree is not there.
    pub faults: Vec<Problem>,
}

#[derive(Debug, Clone)]
pub struct Node {
    /// In bytes of the file.
    pub at: Range<usize>,
    pub kind: Kind,
}

#[derive(Debug, Clone)]
pub enum Kind {
    /// `plain`: without quotes, so that `5` is a number.
    Scalar {
        text: String,
        plain: bool,
    },
    List(Vec<Node>),
    Map(Vec<Entry>),
}

#[derive(Debug, Clone)]
pub struct Entry {
    pub key: String,
    pub key_at: Range<usize>,
    pub value: Node,
}

impl Text {
    /// # Errors
    /// The file cannot be read, or is not UTF-8.
    pub fn read(files: &Files, path: &str) -> Built<Self> {
        let bytes = files.read(path)?.into_owned();
        let file = files.place(path);
        String::from_utf8(bytes).map(|text| Self::new(file.clone(), text)).map_err(|error| {
            let end = error.utf8_error().valid_up_to();
            let valid = String::from_utf8_lossy(&error.as_bytes()[..end]).into_owned();
            let problem = Self::new(file, valid).problem(end, "A file is not UTF-8 text");
            Box::new(problem.because("the byte there belongs to no character"))
        })
    }

    fn new(file: String, content: String) -> Self {
        let lines =
            std::iter::once(0).chain(content.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Self { file, content, lines }
    }

    pub fn as_str(&self) -> &str {
        &self.content
    }

    pub fn into_string(self) -> String {
        self.content
    }

    /// A problem at a byte of the file.
    pub fn problem(&self, offset: usize, what: impl Into<String>) -> Problem {
        let mut offset = offset.min(self.content.len());
        while !self.content.is_char_boundary(offset) {
            offset -= 1;
        }
        let line = self.line(offset);
        let begin = self.lines[line - 1];
        let column = self.content[begin..offset].chars().count() + 1;
        let end = self.lines.get(line).map_or(self.content.len(), |next| next - 1);
        let excerpt = self.content[begin..end].trim_end_matches('\r');
        let excerpt = (excerpt.len() <= LONGEST_EXCERPT).then(|| excerpt.to_owned());
        let place = Place { file: self.file.clone(), position: Some(Position { line, column }) };
        Problem::new(what, place, excerpt)
    }
}

impl Text {
    /// The line of a byte, from 1.
    fn line(&self, offset: usize) -> usize {
        self.lines.partition_point(|begin| *begin <= offset)
    }
}

impl Source {
    /// Reads a file of the catalog.
    ///
    /// # Errors
    /// It cannot be read, or is not text. Faults of its syntax are in [`Source::faults`].
    pub fn read(files: &Files, path: &str) -> Built<Self> {
        Text::read(files, path).map(Self::parse)
    }

    fn parse(text: Text) -> Self {
        let mut builder = Builder::new(&text);
        let root = builder.document();
        let mut faults = builder.faults;
        let root = root.unwrap_or_else(|fault| {
            faults.push(*fault);
            None
        });
        if root.is_none() && faults.is_empty() {
            faults.push(text.problem(0, "The file is empty"));
        }
        Self { text, root, faults }
    }

    pub fn root(&self) -> Option<&Node> {
        self.root.as_ref()
    }

    pub fn text(&self) -> &Text {
        &self.text
    }

    /// A problem with the value at a JSON pointer, or with the nearest one around it that exists.
    pub fn problem(&self, pointer: &str, what: impl Into<String>) -> Problem {
        self.pointed(pointer, what, false)
    }

    /// As [`Source::problem`], about the key of a map instead of its value.
    pub fn problem_of_key(&self, pointer: &str, what: impl Into<String>) -> Problem {
        self.pointed(pointer, what, true)
    }

    fn pointed(&self, pointer: &str, what: impl Into<String>, key: bool) -> Problem {
        let (mut node, mut at) = (self.root.as_ref(), 0);
        if let Some(root) = node {
            at = root.at.start;
        }
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            let (next, key_at) = match node.map(|n| &n.kind) {
                Some(Kind::Map(entries)) => match entries.iter().find(|e| e.key == part) {
                    Some(entry) => (&entry.value, entry.key_at.start),
                    None => break,
                },
                Some(Kind::List(items)) => {
                    match part.parse().ok().and_then(|n: usize| items.get(n)) {
                        Some(item) => (item, item.at.start),
                        None => break,
                    }
                }
                _ => break,
            };
            // An empty value stands nowhere; its key does.
            at = if key || next.at.is_empty() { key_at } else { next.at.start };
            node = Some(next);
        }
        let mut problem = self.text.problem(at, what);
        pointer.clone_into(&mut problem.pointer);
        problem
    }

    /// The value at a JSON pointer.
    pub fn node(&self, pointer: &str) -> Option<&Node> {
        let mut node = self.root.as_ref()?;
        for part in pointer.split('/').skip(1) {
            let part = part.replace("~1", "/").replace("~0", "~");
            node = match &node.kind {
                Kind::Map(entries) => &entries.iter().find(|e| e.key == part)?.value,
                Kind::List(items) => items.get(part.parse::<usize>().ok()?)?,
                Kind::Scalar { .. } => return None,
            };
        }
        Some(node)
    }
}

impl Node {
    /// The value as JSON; of keys written twice the first one counts.
    pub fn to_json(&self) -> Value {
        match &self.kind {
            Kind::Scalar { text, plain: true } => plain_value(text),
            Kind::Scalar { text, plain: false } => Value::String(text.clone()),
            Kind::List(items) => items.iter().map(Self::to_json).collect(),
            Kind::Map(entries) => {
                entries.iter().rev().map(|e| (e.key.clone(), e.value.to_json())).collect()
            }
        }
    }

    /// A scalar as it is written, without quotes.
    pub fn text(&self) -> Option<&str> {
        match &self.kind {
            Kind::Scalar { text, .. } => Some(text),
            Kind::List(_) | Kind::Map(_) => None,
        }
    }

    /// Visits every scalar below, each with its JSON pointer.
    pub fn scalars(&self, pointer: &str, visit: &mut impl FnMut(&str, &Node, &str)) {
        match &self.kind {
            Kind::Scalar { text, .. } => visit(pointer, self, text),
            Kind::List(items) => {
                for (index, item) in items.iter().enumerate() {
                    item.scalars(&format!("{pointer}/{index}"), visit);
                }
            }
            Kind::Map(entries) => {
                for entry in entries {
                    entry.value.scalars(&format!("{pointer}/{}", escape(&entry.key)), visit);
                }
            }
        }
    }
}

/// A key as a part of a JSON pointer.
pub fn escape(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

/// What YAML 1.2 takes a text without quotes for.
fn plain_value(text: &str) -> Value {
    let integer = |digits: &str, radix| i64::from_str_radix(digits, radix).map(Value::from);
    match text {
        "" | "~" | "null" | "Null" | "NULL" => return Value::Null,
        "true" | "True" | "TRUE" => return true.into(),
        "false" | "False" | "FALSE" => return false.into(),
        _ => {}
    }
    let number = match (text.strip_prefix("0x"), text.strip_prefix("0o")) {
        (Some(digits), _) => integer(digits, 16).ok(),
        (_, Some(digits)) => integer(digits, 8).ok(),
        _ => text.parse::<u64>().map(Value::from).ok().or_else(|| integer(text, 10).ok()),
    };
    let looks_like_a_float = || {
        text.contains(|c: char| c.is_ascii_digit())
            && text.chars().all(|c| c.is_ascii_digit() || "+-.eE".contains(c))
    };
    number
        .or_else(|| text.parse::<f64>().ok().filter(|_| looks_like_a_float()).map(Value::from))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

struct Builder<'t> {
    text: &'t Text,
    parser: Parser<'t, StrInput<'t>>,
    faults: Vec<Problem>,
    nodes: usize,
    /// What anchors stand for, with the number of nodes and the depth of each.
    anchors: HashMap<usize, (Node, usize, usize)>,
}

impl<'t> Builder<'t> {
    fn new(text: &'t Text) -> Self {
        let mut options = granit_parser::options! {
            flow_nesting_limit: MAX_DEPTH,
            block_nesting_limit: MAX_DEPTH,
        };
        options.set_emit_comments(false);
        let parser = Parser::new_from_str_with_options(&text.content, options);
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
    fn document(&mut self) -> Built<Option<Node>> {
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
        let text = &self.text.content;
        let bytes = marker.byte_offset();
        bytes.unwrap_or_else(|| text.char_indices().nth(marker.index()).map_or(text.len(), |c| c.0))
    }
}
