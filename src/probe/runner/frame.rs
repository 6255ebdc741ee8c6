//! The framing on the supervisor's stdin and stdout; the counterpart of
//! `frames.py`, which holds the table of kinds.

use std::io;

use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

/// Bytes that may be under way on one stream in one direction.
pub const WINDOW: usize = 256 * 1024;
/// Credit is given back in steps: a frame for each small message would double the traffic.
pub const CREDIT_STEP: usize = WINDOW / 4;
/// The largest piece of a stream in one frame.
pub const CHUNK: usize = 64 * 1024;
const MAX_PAYLOAD: usize = 1 << 20;
const HEADER: usize = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Control,
    Answer,
    Event,
    Data,
    Credit,
    End,
    Reset,
    Output,
    File,
}

const KINDS: [(Kind, u8); 9] = [
    (Kind::Control, b'C'),
    (Kind::Answer, b'A'),
    (Kind::Event, b'V'),
    (Kind::Data, b'D'),
    (Kind::Credit, b'W'),
    (Kind::End, b'E'),
    (Kind::Reset, b'R'),
    (Kind::Output, b'O'),
    (Kind::File, b'F'),
];

impl Kind {
    fn code(self) -> u8 {
        KINDS.iter().find(|(kind, _)| *kind == self).map_or(0, |(_, code)| *code)
    }

    fn from_code(code: u8) -> Option<Self> {
        KINDS.iter().find(|(_, known)| *known == code).map(|(kind, _)| *kind)
    }
}

#[derive(Debug, Clone)]
pub struct Frame {
    pub kind: Kind,
    pub stream: u32,
    pub payload: Bytes,
}

impl Frame {
    pub fn new(kind: Kind, stream: u32, payload: impl Into<Bytes>) -> Self {
        Self { kind, stream, payload: payload.into() }
    }

    /// Permission to send `bytes` more on a stream.
    pub fn credit(stream: u32, bytes: usize) -> Self {
        let amount = u32::try_from(bytes).unwrap_or(u32::MAX);
        Self::new(Kind::Credit, stream, amount.to_be_bytes().to_vec())
    }

    pub fn encode(&self, into: &mut BytesMut) {
        into.reserve(HEADER + self.payload.len());
        into.put_u32(u32::try_from(self.payload.len()).unwrap_or(u32::MAX));
        into.put_u8(self.kind.code());
        into.put_u32(self.stream);
        into.put_slice(&self.payload);
    }
}

/// Reads frames; holds at most one frame and one read ahead.
pub struct Frames<R> {
    reader: R,
    buffer: BytesMut,
}

impl<R: AsyncRead + Unpin> Frames<R> {
    pub fn new(reader: R) -> Self {
        Self { reader, buffer: BytesMut::with_capacity(2 * CHUNK) }
    }

    /// The next frame; `None` when the other side has closed.
    pub async fn next(&mut self) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.take()? {
                return Ok(Some(frame));
            }
            self.buffer.reserve(CHUNK);
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                return Ok(None);
            }
        }
    }

    fn take(&mut self) -> io::Result<Option<Frame>> {
        if self.buffer.len() < HEADER {
            return Ok(None);
        }
        let mut header = &self.buffer[..HEADER];
        let length = header.get_u32() as usize;
        let code = header.get_u8();
        let stream = header.get_u32();
        let Some(kind) = Kind::from_code(code) else {
            return Err(io::Error::other(format!("a frame of unknown kind {code}")));
        };
        if length > MAX_PAYLOAD {
            return Err(io::Error::other(format!("a frame of {length} bytes")));
        }
        if self.buffer.len() < HEADER + length {
            return Ok(None);
        }
        self.buffer.advance(HEADER);
        let payload = self.buffer.split_to(length).freeze();
        Ok(Some(Frame { kind, stream, payload }))
    }
}
