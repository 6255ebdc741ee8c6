//! The harness protocol, host side: lines of a process and what they mean.

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The longest line a process may send.
pub const MAX_LINE: usize = 8 * 1024 * 1024;

/// An exception of the program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Raised {
    #[serde(rename = "type")]
    pub kind: String,
    pub message: String,
    /// The learner's own frames.
    pub traceback: String,
    /// Where a syntax error is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub syntax: Option<Syntax>,
}

impl Raised {
    /// `ValueError: too small`.
    pub fn summary(&self) -> String {
        // Python's own text of a syntax error names the line already.
        if self.message.is_empty() {
            self.kind.clone()
        } else {
            format!("{}: {}", self.kind, self.message)
        }
    }
}

/// The place of a syntax error.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Syntax {
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub text: Option<String>,
}

/// One line from a harness.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Ready(Vec<String>),
    Failed(Raised),
    ToCall { id: u64, part: Part },
}

/// What a line says about a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    Returned(Value),
    Raised(Raised),
    Missing(Vec<String>),
    Unusable(String),
    Stream,
    Items(Vec<Value>),
    End,
}

/// Reads one line; an error says what is wrong with it.
pub fn parse(line: &[u8]) -> Result<Reply, String> {
    let mut value: Value = serde_json::from_slice(line)
        .map_err(|_| format!("wrote a line that is not JSON: {}", excerpt(line)))?;
    let faulty = || format!("wrote a line the protocol does not know: {}", excerpt(line));
    let Some(fields) = value.as_object_mut() else { return Err(faulty()) };
    if let Some(ready) = fields.remove("ready") {
        return serde_json::from_value(ready).map(Reply::Ready).map_err(|_| faulty());
    }
    if let Some(failed) = fields.remove("failed") {
        return serde_json::from_value(failed).map(Reply::Failed).map_err(|_| faulty());
    }
    let id = fields.get("id").and_then(Value::as_u64).ok_or_else(faulty)?;
    let part = if let Some(value) = fields.remove("ok") {
        Part::Returned(value)
    } else if let Some(Value::Array(items)) = fields.remove("items") {
        Part::Items(items)
    } else if let Some(raised) = fields.remove("raised") {
        Part::Raised(serde_json::from_value(raised).map_err(|_| faulty())?)
    } else if let Some(missing) = fields.remove("missing") {
        let functions = missing["functions"].as_array().ok_or_else(faulty)?;
        Part::Missing(functions.iter().filter_map(|f| f.as_str().map(str::to_owned)).collect())
    } else if let Some(why) = fields.remove("unusable") {
        Part::Unusable(why.as_str().unwrap_or_default().to_owned())
    } else if fields.contains_key("stream") {
        Part::Stream
    } else if fields.contains_key("end") {
        Part::End
    } else {
        return Err(faulty());
    };
    Ok(Reply::ToCall { id, part })
}

/// The beginning of a line, for a message.
fn excerpt(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(&line[..line.len().min(80)]).into_owned();
    format!("{text:?}{}", if line.len() > 80 { " …" } else { "" })
}

/// Splits bytes into lines of bounded length.
#[derive(Debug, Default)]
pub struct Lines {
    buffer: BytesMut,
    /// Bytes known to hold no line end.
    searched: usize,
}

impl Lines {
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole line without its end; an error when it is too long.
    pub fn next_line(&mut self) -> Result<Option<Bytes>, String> {
        let found = self.buffer[self.searched..].iter().position(|byte| *byte == b'\n');
        let length = found.map_or(self.buffer.len(), |at| self.searched + at);
        if length > MAX_LINE {
            return Err(format!("wrote a line of more than {MAX_LINE} bytes"));
        }
        if found.is_none() {
            self.searched = length;
            return Ok(None);
        }
        self.searched = 0;
        let mut line = self.buffer.split_to(length + 1);
        line.truncate(length);
        Ok(Some(line.freeze()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_whole_however_they_are_cut() {
        let mut lines = Lines::default();
        lines.feed(b"one\ntw");
        assert_eq!(lines.next_line().unwrap().unwrap(), "one");
        assert_eq!(lines.next_line().unwrap(), None);
        lines.feed(b"o\n\n");
        assert_eq!(lines.next_line().unwrap().unwrap(), "two");
        assert_eq!(lines.next_line().unwrap().unwrap(), "");
        assert_eq!(lines.next_line().unwrap(), None);
    }

    #[test]
    fn a_line_without_end_is_refused_at_its_bound() {
        let mut lines = Lines::default();
        lines.feed(&vec![b'x'; MAX_LINE]);
        assert_eq!(lines.next_line(), Ok(None));
        lines.feed(b"x");
        assert!(lines.next_line().is_err());
    }

    #[test]
    fn garbage_is_named() {
        assert!(parse(b"hello").unwrap_err().contains("not JSON: \"hello\""));
        assert!(parse(b"[1]").unwrap_err().contains("does not know"));
        assert!(parse(br#"{"id":1}"#).is_err());
        assert!(parse(br#"{"ok":1}"#).is_err());
        assert_eq!(
            parse(br#"{"id":1,"ok":null}"#),
            Ok(Reply::ToCall { id: 1, part: Part::Returned(Value::Null) })
        );
    }
}
