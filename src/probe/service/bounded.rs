//! A connection over which no answer is read for ever: what is in a service, or stands in its place, is a learner's.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read of one answer.
pub const MAX_ANSWER: usize = 64 << 20;
/// What is said in place of a longer one.
pub const TOO_LONG: &str = "an answer of more than 64 MiB";

/// A stream that breaks when more than [`MAX_ANSWER`] bytes came since something was sent last.
pub struct Bounded<S> {
    stream: S,
    left: usize,
    broken: Arc<AtomicBool>,
}

impl<S> Bounded<S> {
    /// `broken` is set when an answer was too long.
    pub fn new(stream: S, broken: Arc<AtomicBool>) -> Self {
        Self { stream, left: MAX_ANSWER, broken }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Bounded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        let Some(left) = self.left.checked_sub(buffer.filled().len() - before) else {
            self.broken.store(true, Ordering::Relaxed);
            return Poll::Ready(Err(io::Error::other(TOO_LONG)));
        };
        self.left = left;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Bounded<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.left = MAX_ANSWER;
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};

    use super::*;

    /// Reads so many bytes of what never ends.
    async fn drink(stream: &mut (impl AsyncRead + Unpin), bytes: usize) -> io::Result<()> {
        let mut cup = vec![0; 1 << 20];
        for _ in 0..bytes >> 20 {
            stream.read_exact(&mut cup).await?;
        }
        Ok(())
    }

    #[tokio::test]
    async fn an_answer_has_an_end_and_each_has_its_own_bytes() {
        let (mut well, stream) = duplex(1 << 20);
        tokio::spawn(async move { while well.write_all(&[b'x'; 4096]).await.is_ok() {} });
        let broken = Arc::new(AtomicBool::new(false));
        let mut stream = Bounded::new(stream, Arc::clone(&broken));
        for _ in 0..2 {
            stream.write_all(b"GET x\r\n").await.unwrap();
            drink(&mut stream, MAX_ANSWER).await.unwrap();
        }
        assert!(!broken.load(Ordering::Relaxed));
        let error = drink(&mut stream, 1 << 20).await.unwrap_err();
        assert_eq!(error.to_string(), TOO_LONG);
        assert!(broken.load(Ordering::Relaxed));
    }
}
