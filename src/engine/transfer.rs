//! Images on their way in and out: pull, import, save, load.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bollard::body_try_stream;
use bollard::errors::Error as Cause;
use bollard::models::{CreateImageInfo, ProgressDetail};
use bollard::query_parameters::{CreateImageOptions, ImportImageOptions};
use futures_util::{Stream, StreamExt};
use tokio::fs::File;
use tokio::io::AsyncWriteExt;
use tokio::time::Instant;

use super::image::split_tag;
use super::upload::Upload;
use super::{Engine, fault};
use crate::error::{Error, Kind, Result};

/// How long nothing at all may move: unpacking a big layer on a slow disk is silent.
const STILL: Duration = Duration::from_secs(300);
const TICK: Duration = Duration::from_millis(100);

/// How far a transfer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transfer {
    /// Bytes.
    pub done: u64,
    /// Bytes, where known.
    pub total: Option<u64>,
    /// The engine's latest words.
    pub text: String,
}

impl Engine {
    /// Makes an image from the tar of a root filesystem; `changes` are Dockerfile instructions, as `CMD ["sh"]`.
    pub async fn image_import(
        &self,
        upload: Upload,
        tag: &str,
        changes: &[&str],
        progress: impl FnMut(Transfer) + Send,
    ) -> Result<()> {
        let (repo, version) = split_tag(tag);
        let options = CreateImageOptions {
            from_src: Some("-".into()),
            repo: Some(repo.to_owned()),
            tag: Some(version.to_owned()),
            changes: changes.iter().map(|&change| change.to_owned()).collect(),
            ..Default::default()
        };
        let (sent, total) = (Arc::new(AtomicU64::new(0)), upload.total);
        let body = body_try_stream(upload.into_stream(Arc::clone(&sent)));
        let answers = self.docker.create_image(Some(options), Some(body), None);
        let words = answers.map(|answer| answer.map(|info| info.status.unwrap_or_default()));
        self.follow(&format!("import the image {tag}"), words, &sent, total, progress)
            .await
            .map(drop)
    }

    /// Loads images that were saved; returns their tags.
    pub async fn image_load(
        &self,
        upload: Upload,
        progress: impl FnMut(Transfer) + Send,
    ) -> Result<Vec<String>> {
        let (sent, total) = (Arc::new(AtomicU64::new(0)), upload.total);
        let body = body_try_stream(upload.into_stream(Arc::clone(&sent)));
        let answers = self.docker.import_image(ImportImageOptions::default(), body, None);
        let words = answers
            .map(|answer| answer.map(|info| info.stream.or(info.status).unwrap_or_default()));
        let said = self.follow("load the images", words, &sent, total, progress).await?;
        let tags = said.iter().filter_map(|line| line.trim().strip_prefix("Loaded image: "));
        Ok(tags.map(str::to_owned).collect())
    }

    /// Fetches an image from its registry, without credentials.
    pub async fn image_pull(
        &self,
        tag: &str,
        mut progress: impl FnMut(Transfer) + Send,
    ) -> Result<()> {
        let (repo, version) = split_tag(tag);
        let options = CreateImageOptions {
            from_image: Some(repo.to_owned()),
            tag: Some(version.to_owned()),
            ..Default::default()
        };
        let what = format!("pull the image {tag}");
        let mut layers = Layers::default();
        let mut answers = pin!(self.docker.create_image(Some(options), None, None));
        while let Some(answer) = self.within_still(&what, answers.next()).await? {
            let info = answer.map_err(|error| self.explain(&what, &error))?;
            progress(layers.after(info));
        }
        Ok(())
    }

    /// Writes images to a file that `image_load` reads; at `path` it appears only when it is whole.
    pub async fn image_save(
        &self,
        tags: &[&str],
        path: &Path,
        progress: impl FnMut(Transfer) + Send,
    ) -> Result<()> {
        if path.is_dir() {
            return Err(Error::usage("cannot save the images")
                .at(path.display().to_string())
                .because("it is a folder")
                .help("name a file in it"));
        }
        let partial = Partial(partial(path));
        self.save_to(tags, &partial.0, progress).await?;
        tokio::fs::rename(&partial.0, path).await.map_err(|error| {
            Error::infrastructure("cannot save the images")
                .at(path.display().to_string())
                .because(error)
        })
    }

    async fn save_to(
        &self,
        tags: &[&str],
        path: &Path,
        mut progress: impl FnMut(Transfer) + Send,
    ) -> Result<()> {
        let what = format!("save the images {}", tags.join(", "));
        let unwritable = |error: std::io::Error| {
            Error::infrastructure(format!("cannot {what}"))
                // As it was asked for, without `.partial`.
                .at(path.with_extension("").display().to_string())
                .because(error)
        };
        let mut file = File::create(path).await.map_err(|error| {
            Error { kind: Kind::Usage, ..unwritable(error) }
                .help("name a file in a folder that is there and that you may write to")
        })?;
        let mut done = 0;
        let mut chunks = pin!(self.docker.export_images(tags));
        while let Some(chunk) = self.within_still(&what, chunks.next()).await? {
            let chunk = chunk.map_err(|error| self.explain(&what, &error))?;
            file.write_all(&chunk).await.map_err(unwritable)?;
            done += chunk.len() as u64;
            progress(Transfer { done, total: None, text: String::new() });
        }
        file.flush().await.map_err(unwritable)?;
        file.sync_all().await.map_err(unwritable)
    }

    /// Waits for the answers to an upload, reporting now and then what was sent; returns them.
    async fn follow(
        &self,
        what: &str,
        answers: impl Stream<Item = Result<String, Cause>>,
        sent: &AtomicU64,
        total: Option<u64>,
        mut progress: impl FnMut(Transfer) + Send,
    ) -> Result<Vec<String>> {
        let mut answers = pin!(answers);
        let mut said: Vec<String> = Vec::new();
        let mut ticks = tokio::time::interval(TICK);
        let (mut moved, mut done) = (Instant::now(), 0);
        loop {
            tokio::select! {
                answer = answers.next() => match answer {
                    Some(Ok(text)) => {
                        said.push(text);
                        moved = Instant::now();
                    }
                    Some(Err(error)) => return Err(self.explain(what, &error)),
                    None => return Ok(said),
                },
                _ = ticks.tick() => {
                    let now = sent.load(Ordering::Relaxed);
                    if now != done {
                        (done, moved) = (now, Instant::now());
                    } else if moved.elapsed() > STILL {
                        return Err(fault::timed_out(what, &self.endpoint, STILL));
                    }
                }
            }
            let text = said.last().map(|text| text.trim().to_owned()).unwrap_or_default();
            progress(Transfer { done: sent.load(Ordering::Relaxed), total, text });
        }
    }

    /// Bounds the wait for the next piece of a stream.
    pub(super) async fn within_still<T>(
        &self,
        what: &str,
        next: impl Future<Output = T>,
    ) -> Result<T> {
        tokio::time::timeout(STILL, next).await.map_err(|_| self.timed_out(what, STILL))
    }
}

fn partial(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".partial");
    path.with_file_name(name)
}

/// A file that is removed with this, unless it has got another name; also where a save is given up.
struct Partial(PathBuf);

impl Drop for Partial {
    fn drop(&mut self) {
        // It may never have been made.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// The layers of a pull, added up.
#[derive(Default)]
struct Layers {
    by_id: HashMap<String, (u64, u64)>,
}

impl Layers {
    fn after(&mut self, info: CreateImageInfo) -> Transfer {
        let text = info.status.unwrap_or_default();
        if let (
            Some(id),
            Some(ProgressDetail { current: Some(current), total: Some(total) }),
            "Downloading",
        ) = (info.id, info.progress_detail, text.as_str())
        {
            self.by_id.insert(id, (current.try_into().unwrap_or(0), total.try_into().unwrap_or(0)));
        }
        let (done, total) = self
            .by_id
            .values()
            .fold((0, 0), |(done, total), layer| (done + layer.0, total + layer.1));
        Transfer { done, total: (total > 0).then_some(total), text }
    }
}
