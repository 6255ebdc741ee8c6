//! Replies: where each ends, its type, and a little of what it says.

use crate::probe::relay::protocol::Foreign;
use crate::probe::relay::record::{Reply, ReplyKind};

/// Bytes kept of a line or a short text.
const KEPT: usize = 256;
const MAX_DEPTH: usize = 64;

/// A whole value from the service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    pub reply: Reply,
    /// RESP3 says of itself that it answers no command.
    pub push: bool,
    /// The first element of a list, where it is a text: the kind of message.
    pub head: Option<String>,
    /// The last number in a list: the subscriptions left.
    pub last_number: Option<i64>,
}

#[derive(Debug, Default)]
pub(super) struct Replies {
    line: Vec<u8>,
    /// Bytes left of a text and its line end.
    body: Option<u64>,
    body_start: Vec<u8>,
    body_is_error: bool,
    /// Elements left at each level.
    levels: Vec<u64>,
    /// The levels below this one belong to an attribute, which is no reply.
    attribute: bool,
    message: Option<Message>,
    bytes: u64,
    elements: u64,
}

impl Replies {
    /// Reads bytes; `complete` gets each whole value.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        complete: &mut dyn FnMut(Message),
    ) -> Result<(), Foreign> {
        while !bytes.is_empty() {
            if let Some(left) = self.body {
                bytes = self.body(left, bytes, complete);
                continue;
            }
            let end = bytes.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(bytes.len(), |end| end + 1);
            let room = KEPT - self.line.len().min(KEPT);
            self.line.extend_from_slice(&bytes[..taken.min(room)]);
            self.bytes += taken as u64;
            bytes = &bytes[taken..];
            if end.is_some() {
                let line = std::mem::take(&mut self.line);
                let line = line.strip_suffix(b"\n").unwrap_or(&line);
                let line = line.strip_suffix(b"\r").unwrap_or(line);
                self.line(line, complete)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], complete: &mut dyn FnMut(Message)) -> Result<(), Foreign> {
        let Some((kind, rest)) = line.split_first() else {
            return Err(Foreign("the service sent an empty line"));
        };
        let text = String::from_utf8_lossy(rest).into_owned();
        match kind {
            b'+' => self.leaf(ReplyKind::Status, Some(text), complete),
            b'-' => self.leaf(ReplyKind::Error, Some(text), complete),
            b':' => {
                let number = text.parse().ok();
                if let (Some(message), Some(_)) = (&mut self.message, number) {
                    message.last_number = number;
                }
                self.leaf(ReplyKind::Number, Some(text), complete);
            }
            b',' | b'#' | b'(' => self.leaf(ReplyKind::Number, Some(text), complete),
            b'_' => self.leaf(ReplyKind::Null, None, complete),
            b'$' | b'=' | b'!' | b'*' if text == "-1" => self.leaf(ReplyKind::Null, None, complete),
            b'$' | b'=' | b'!' => {
                let length: u64 = text.parse().map_err(|_| Foreign("a text without a length"))?;
                self.body = Some(length + 2);
                self.body_is_error = *kind == b'!';
                self.body_start.clear();
            }
            b'*' | b'~' | b'>' | b'%' | b'|' => {
                let count: u64 = text.parse().map_err(|_| Foreign("a list without a length"))?;
                self.open(*kind, count, complete)?;
            }
            _ => return Err(Foreign("the service sent what is not RESP")),
        }
        Ok(())
    }

    /// A list begins.
    fn open(
        &mut self,
        kind: u8,
        count: u64,
        complete: &mut dyn FnMut(Message),
    ) -> Result<(), Foreign> {
        let pairs = matches!(kind, b'%' | b'|');
        let inside = if pairs { count.saturating_mul(2) } else { count };
        if self.levels.len() >= MAX_DEPTH {
            return Err(Foreign("a reply nested too deeply"));
        }
        if self.levels.is_empty() && self.message.is_none() {
            let (kind, push) = match kind {
                b'%' => (ReplyKind::Map, false),
                b'~' => (ReplyKind::Set, false),
                kind => (ReplyKind::List, kind == b'>'),
            };
            self.start(kind, push, Some(count), None);
            self.attribute = pairs && kind == ReplyKind::List;
        } else if kind == b'|' {
            // An attribute stands before an element and is none itself.
            if let Some(level) = self.levels.last_mut() {
                *level += 1;
            }
        }
        self.levels.push(inside);
        self.settle(complete);
        Ok(())
    }

    fn start(&mut self, kind: ReplyKind, push: bool, elements: Option<u64>, text: Option<String>) {
        let reply = Reply { kind, elements, values: None, bytes: 0, text };
        self.message = Some(Message { reply, push, head: None, last_number: None });
        self.elements = 0;
    }

    /// A value without elements is complete.
    fn leaf(&mut self, kind: ReplyKind, text: Option<String>, complete: &mut dyn FnMut(Message)) {
        match &mut self.message {
            None => self.start(kind, false, None, text),
            Some(message) if self.elements == 0 && self.levels.len() == 1 => message.head = text,
            Some(_) => {}
        }
        self.elements += 1;
        if let Some(level) = self.levels.last_mut() {
            *level -= 1;
        }
        self.settle(complete);
    }

    /// Closes the lists that have all their elements.
    fn settle(&mut self, complete: &mut dyn FnMut(Message)) {
        while self.levels.last() == Some(&0) {
            self.levels.pop();
            if let Some(level) = self.levels.last_mut() {
                *level -= 1;
            }
        }
        if self.levels.is_empty()
            && self.body.is_none()
            && let Some(mut message) = self.message.take()
        {
            if std::mem::take(&mut self.attribute) {
                return;
            }
            message.reply.bytes = std::mem::take(&mut self.bytes);
            message.reply.values = message.reply.elements.map(|_| self.elements);
            complete(message);
        }
    }

    fn body<'a>(
        &mut self,
        left: u64,
        bytes: &'a [u8],
        complete: &mut dyn FnMut(Message),
    ) -> &'a [u8] {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let inside = usize::try_from(left.saturating_sub(2)).unwrap_or(usize::MAX).min(taken);
        let room = KEPT - self.body_start.len();
        self.body_start.extend_from_slice(&bytes[..inside.min(room)]);
        self.bytes += taken as u64;
        let left = left - taken as u64;
        if left > 0 {
            self.body = Some(left);
        } else {
            self.body = None;
            let kind = if self.body_is_error { ReplyKind::Error } else { ReplyKind::Text };
            let text = String::from_utf8_lossy(&self.body_start).into_owned();
            self.leaf(kind, Some(text), complete);
        }
        &bytes[taken..]
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn all(bytes: &[u8], piece: usize) -> Vec<Message> {
        let mut replies = Replies::default();
        let mut messages = Vec::new();
        for piece in bytes.chunks(piece) {
            replies.feed(piece, &mut |message| messages.push(message)).unwrap();
        }
        messages
    }

    type Sample = (&'static [u8], ReplyKind, Option<u64>, Option<&'static str>);

    const SAMPLES: &[Sample] = &[
        (b"+OK\r\n", ReplyKind::Status, None, Some("OK")),
        (b"-ERR no\r\n", ReplyKind::Error, None, Some("ERR no")),
        (b":12\r\n", ReplyKind::Number, None, Some("12")),
        (b"$5\r\na\r\nb \r\n", ReplyKind::Text, None, Some("a\r\nb ")),
        (b"$-1\r\n", ReplyKind::Null, None, None),
        (b"$0\r\n\r\n", ReplyKind::Text, None, Some("")),
        (b"*-1\r\n", ReplyKind::Null, None, None),
        (b"*0\r\n", ReplyKind::List, Some(0), None),
        (b"*2\r\n*2\r\n:1\r\n$1\r\na\r\n*0\r\n", ReplyKind::List, Some(2), None),
        (b"%1\r\n+a\r\n*1\r\n_\r\n", ReplyKind::Map, Some(1), None),
        (b"~2\r\n#t\r\n,1.5\r\n", ReplyKind::Set, Some(2), None),
        (b"!5\r\nERR x\r\n", ReplyKind::Error, None, Some("ERR x")),
        (b"=7\r\ntxt:abc\r\n", ReplyKind::Text, None, Some("txt:abc")),
        (b"*2\r\n|1\r\n+k\r\n+v\r\n:1\r\n:2\r\n", ReplyKind::List, Some(2), None),
    ];

    #[test]
    fn every_type_ends_where_it_ends() {
        for (bytes, kind, elements, text) in SAMPLES {
            let messages = all(bytes, bytes.len());
            assert_eq!(messages.len(), 1, "{bytes:?}");
            let reply = &messages[0].reply;
            assert_eq!((reply.kind, reply.elements), (*kind, *elements), "{bytes:?}");
            assert_eq!(reply.text.as_deref(), *text, "{bytes:?}");
            assert_eq!(reply.bytes, bytes.len() as u64, "{bytes:?}");
        }
    }

    #[test]
    fn an_attribute_is_part_of_the_reply_it_stands_before() {
        let messages = all(b"|1\r\n+k\r\n*1\r\n:3\r\n+OK\r\n", 64);
        assert_eq!(messages.len(), 1);
        assert_eq!(messages[0].reply.kind, ReplyKind::Status);
    }

    #[test]
    fn a_push_tells_its_kind() {
        let messages = all(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n", 3);
        assert!(messages[0].push);
        assert_eq!(messages[0].head.as_deref(), Some("subscribe"));
        assert_eq!(messages[0].last_number, Some(1));
    }

    #[test]
    fn what_is_not_resp_is_foreign() {
        for bytes in [&b"HTTP/1.1 200 OK\r\n"[..], b"\r\n", b"$x\r\n", b"*?\r\n"] {
            assert!(Replies::default().feed(bytes, &mut |_| {}).is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn replies_are_the_same_however_the_bytes_are_cut(
            picks in prop::collection::vec(0..SAMPLES.len(), 1..20),
            piece in 1_usize..31,
        ) {
            let bytes: Vec<u8> = picks.iter().flat_map(|pick| SAMPLES[*pick].0).copied().collect();
            let messages = all(&bytes, piece);
            prop_assert_eq!(messages.len(), picks.len());
            prop_assert_eq!(messages, all(&bytes, bytes.len()));
        }
    }
}
