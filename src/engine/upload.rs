//! Bytes on their way to the engine.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::{Bytes, BytesMut};
use futures_util::Stream;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt};

use crate::error::{Error, Result};

const CHUNK: usize = 256 * 1024;

/// Bytes to be sent to the engine.
pub struct Upload {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    /// Bytes, where known.
    pub(super) total: Option<u64>,
}

impl Upload {
    pub async fn file(path: &Path) -> Result<Self> {
        let unreadable = |error: std::io::Error| {
            Error::usage("cannot read the file").at(path.display().to_string()).because(error)
        };
        let file = File::open(path).await.map_err(unreadable)?;
        let metadata = file.metadata().await.map_err(unreadable)?;
        if metadata.is_dir() {
            return Err(unreadable(std::io::ErrorKind::IsADirectory.into()));
        }
        Ok(Self { reader: Box::new(file), total: Some(metadata.len()) })
    }

    pub fn bytes(bytes: Vec<u8>) -> Self {
        let total = bytes.len() as u64;
        Self { reader: Box::new(std::io::Cursor::new(bytes)), total: Some(total) }
    }

    /// What a program writes. An error of the reader ends the upload and keeps nothing; an early end of file looks like
    /// any other, so look at the program's exit status too.
    pub fn reader(reader: impl AsyncRead + Send + Unpin + 'static) -> Self {
        Self { reader: Box::new(reader), total: None }
    }

    /// Counts in `sent` what has been read.
    pub(super) fn into_stream(
        self,
        sent: Arc<AtomicU64>,
    ) -> impl Stream<Item = std::io::Result<Bytes>> + Send + 'static {
        futures_util::stream::try_unfold(self.reader, move |mut reader| {
            let sent = Arc::clone(&sent);
            async move {
                let mut chunk = BytesMut::with_capacity(CHUNK);
                let count = reader.read_buf(&mut chunk).await?;
                sent.fetch_add(count as u64, Ordering::Relaxed);
                Ok((count > 0).then(|| (chunk.freeze(), reader)))
            }
        })
    }
}
