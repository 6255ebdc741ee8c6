//! Takes the engine's multiplexed stream apart into stdout and stderr.
//!
//! Each frame is 8 bytes of header (stream, three zeros, length in 4 bytes, big endian), then the payload.

use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::hijack::RawOutput;

const HEADER: usize = 8;
/// The most that is read at once.
const CHUNK: usize = 64 * 1024;
/// Chunks kept for a reader that is behind; then the process has to wait.
const BACKLOG: usize = 16;

type Chunk = io::Result<Bytes>;

/// One output of a process. It holds back at most 1 MiB: an output that is kept must be read, or the other one
/// stops too; one that is dropped is discarded.
#[derive(Debug)]
pub struct Output {
    chunks: Receiver<Chunk>,
    rest: Bytes,
}

impl Output {
    /// The next bytes as they came, without copying; `None` at the end.
    pub async fn chunk(&mut self) -> Option<io::Result<Bytes>> {
        if !self.rest.is_empty() {
            return Some(Ok(std::mem::take(&mut self.rest)));
        }
        self.chunks.recv().await
    }
}

impl AsyncRead for Output {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        while self.rest.is_empty() {
            match ready!(self.chunks.poll_recv(cx)) {
                Some(Ok(chunk)) => self.rest = chunk,
                Some(Err(error)) => return Poll::Ready(Err(error)),
                None => return Poll::Ready(Ok(())),
            }
        }
        let count = self.rest.len().min(into.remaining());
        into.put_slice(&self.rest[..count]);
        self.rest.advance(count);
        Poll::Ready(Ok(()))
    }
}

/// Splits a multiplexed stream in the background; the task ends with the stream, or when both outputs are dropped.
pub(super) fn demultiplex(raw: RawOutput) -> (Output, Output) {
    let (out, stdout) = mpsc::channel(BACKLOG);
    let (err, stderr) = mpsc::channel(BACKLOG);
    tokio::spawn(async move {
        tokio::select! {
            result = pump(raw, &out, &err) => if let Err(error) = result {
                let copy = io::Error::new(error.kind(), error.to_string());
                // Whoever has gone needs no message.
                let _ = out.send(Err(error)).await;
                let _ = err.send(Err(copy)).await;
            },
            () = async { out.closed().await; err.closed().await } => {}
        }
    });
    let output = |chunks| Output { chunks, rest: Bytes::new() };
    (output(stdout), output(stderr))
}

async fn pump(mut raw: RawOutput, out: &Sender<Chunk>, err: &Sender<Chunk>) -> io::Result<()> {
    let mut buffer = BytesMut::with_capacity(CHUNK);
    let mut pending = 0;
    let mut to = out;
    loop {
        while pending > 0 && !buffer.is_empty() || pending == 0 && buffer.len() >= HEADER {
            if pending == 0 {
                (to, pending) = match buffer.get_u32() >> 24 {
                    2 => (err, buffer.get_u32() as usize),
                    0 | 1 => (out, buffer.get_u32() as usize),
                    _ => {
                        return Err(io::Error::new(
                            ErrorKind::InvalidData,
                            "the engine's stream is not multiplexed",
                        ));
                    }
                };
            } else {
                let part = buffer.split_to(pending.min(buffer.len())).freeze();
                pending -= part.len();
                // Nobody reads it any more: discard.
                let _ = to.send(Ok(part)).await;
            }
        }
        if buffer.capacity() - buffer.len() < CHUNK / 4 {
            buffer.reserve(CHUNK);
        }
        if raw.read_buf(&mut buffer).await? == 0 {
            let cut = pending > 0 || !buffer.is_empty();
            return if cut { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(()) };
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio::io::AsyncWriteExt;

    use super::*;

    fn frame(stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
        [&[stream, 0, 0, 0], &length[..], payload].concat()
    }

    /// What comes out when the bytes arrive in pieces of `piece` bytes.
    fn split(bytes: Vec<u8>, piece: usize) -> (io::Result<Vec<u8>>, io::Result<Vec<u8>>) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let (mut sender, receiver) = tokio::io::duplex(piece);
            let (mut stdout, mut stderr) = demultiplex(Box::new(receiver));
            let feed = async move { sender.write_all(&bytes).await };
            let (mut out, mut err) = (Vec::new(), Vec::new());
            let (_, a, b) =
                tokio::join!(feed, stdout.read_to_end(&mut out), stderr.read_to_end(&mut err));
            (a.map(|_| out), b.map(|_| err))
        })
    }

    proptest! {
        #[test]
        fn frames_come_out_whole_however_they_arrive(
            frames in prop::collection::vec((1u8..=2, prop::collection::vec(any::<u8>(), 0..300)), 0..12),
            piece in 1usize..400,
        ) {
            let wire = frames.iter().flat_map(|(stream, payload)| frame(*stream, payload)).collect();
            let of = |wanted: u8| -> Vec<u8> {
                frames.iter().filter(|(stream, _)| *stream == wanted).flat_map(|(_, payload)| payload.clone()).collect()
            };
            let (out, err) = split(wire, piece);
            prop_assert_eq!(out.unwrap(), of(1));
            prop_assert_eq!(err.unwrap(), of(2));
        }
    }

    #[test]
    fn a_cut_frame_and_a_foreign_stream_are_errors() {
        let mut cut = frame(1, b"hello");
        cut.pop();
        assert_eq!(split(cut, 64).0.unwrap_err().kind(), ErrorKind::UnexpectedEof);
        assert_eq!(
            split(b"plain text, no header".to_vec(), 64).1.unwrap_err().kind(),
            ErrorKind::InvalidData
        );
    }

    #[tokio::test]
    async fn a_dropped_output_does_not_hold_the_other_up() {
        let wire: Vec<u8> =
            (0..200).flat_map(|_| [frame(2, &[b'e'; 1000]), frame(1, b"o")].concat()).collect();
        let (mut stdout, stderr) = demultiplex(Box::new(std::io::Cursor::new(wire)));
        drop(stderr);
        let mut out = Vec::new();
        stdout.read_to_end(&mut out).await.unwrap();
        assert_eq!(out, [b'o'; 200]);
    }

    #[tokio::test]
    async fn an_output_that_is_behind_holds_the_process_back() {
        let (mut process, receiver) = tokio::io::duplex(1024);
        let (stdout, _stderr) = demultiplex(Box::new(receiver));
        let endless = async {
            let chunk = frame(1, &vec![b'x'; 32 * 1024]);
            let mut written = 0;
            while process.write_all(&chunk).await.is_ok() {
                written += chunk.len();
                assert!(written <= 4 * BACKLOG * CHUNK, "nothing holds it back");
            }
        };
        // Time only ends the wait: a process that is not held back fails above.
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(300), endless).await.is_err()
        );
        drop(stdout);
    }
}
