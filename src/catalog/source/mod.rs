//! A YAML file as a tree whose every key and value knows its place. Bounded in size, depth and number of
//! nodes, whatever the file says.

mod build;

use std::ops::Range;

use serde_json::Value;

use build::Builder;

use super::files::Files;
use super::problem::Problem;
use super::text::{Built, Text};

/// The deepest nesting of lists and maps that is read.
pub const MAX_DEPTH: usize = 64;
/// The most keys and values that are read, those behind an alias counted each time.
pub const MAX_NODES: usize = 100_000;

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
