use std::path::PathBuf;
use std::time::Instant;

use clap::Subcommand;
use serde_json::json;

use super::output;
use crate::catalog::Catalog;
use crate::engine::{Engine, ImageSummary, Transfer, Upload};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::image::{self, Image, Images, LABEL};

/// Build, list, remove, export or import the images of the labs
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Build the images that are missing: all, or those named
    Build {
        names: Vec<String>,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// List the images and whether they are there
    List {
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Remove images of earlier versions and what builds left behind; with --all the current ones too
    Prune {
        #[arg(long)]
        all: bool,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
    /// Write images to a file, for a machine without a network
    Save {
        file: PathBuf,
        /// The images [default: all that are there]
        names: Vec<String>,
    },
    /// Read images from a file that 'labs images save' wrote
    Load { file: PathBuf },
}

impl Args {
    pub fn json(&self) -> bool {
        match self.command {
            Command::Build { json, .. } | Command::List { json } | Command::Prune { json, .. } => {
                json
            }
            Command::Save { .. } | Command::Load { .. } => false,
        }
    }

    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let images = Images::new(catalog);
        let engine = Engine::connect()?;
        let result = match self.command {
            Command::Build { names, json } => {
                build(&images, &engine, &images.named(&names)?, json, &events).await
            }
            Command::List { json } => list(&images, &engine, json).await,
            Command::Prune { all, json } => prune(&images, &engine, all, json).await,
            Command::Save { file, names } => {
                save(&engine, &file, &images.named(&names)?, names.is_empty(), &events).await
            }
            Command::Load { file } => load(&engine, &file, &events).await,
        };
        events.shown().await;
        output::print_text(&result?);
        Ok(0)
    }
}

async fn build(
    images: &Images,
    engine: &Engine,
    wanted: &[Image],
    json: bool,
    events: &Events,
) -> Result<String> {
    images.ensure(engine, wanted, events).await?;
    let tags: Vec<String> = wanted.iter().map(|image| image.tag.clone()).collect();
    Ok(if json { document(&json!({ "images": tags })) } else { lines(&tags) })
}

async fn list(images: &Images, engine: &Engine, json: bool) -> Result<String> {
    let have = engine.images(&[LABEL], None).await?;
    let all = images.all()?;
    let size = |image: &Image| have.iter().find(|i| i.tags.contains(&image.tag)).map(|i| i.size);
    if json {
        let rows: Vec<_> = all
            .iter()
            .map(|i| json!({"name": i.name, "tag": i.tag, "present": size(i).is_some(), "bytes": size(i)}))
            .collect();
        return Ok(document(&json!({ "images": rows })));
    }
    let width = all.iter().map(|image| image.name.len()).max().unwrap_or_default();
    let rows: Vec<String> = all
        .iter()
        .map(|image| {
            let size =
                size(image).map_or("not built".to_owned(), |s| format!("{} MB", s / 1_000_000));
            format!("{:<width$} {size:>10}  {}", image.name, image.tag)
        })
        .collect();
    Ok(lines(&rows))
}

async fn prune(images: &Images, engine: &Engine, all: bool, json: bool) -> Result<String> {
    let current = if all { Vec::new() } else { images.all()? };
    let have = engine.images(&[LABEL], None).await?;
    let mut removed = Vec::new();
    let mut in_use = Vec::new();
    for name in outdated(&have, &current) {
        match engine.image_remove(name).await {
            Ok(_) => removed.push(name),
            Err(_) => in_use.push(name),
        }
    }
    if json {
        return Ok(document(&json!({ "removed": removed, "in_use": in_use })));
    }
    let mut text = lines(&removed.iter().map(|t| format!("removed {t}")).collect::<Vec<_>>());
    text.push_str(&lines(
        &in_use.iter().map(|t| format!("kept {t}: a container uses it")).collect::<Vec<_>>(),
    ));
    Ok(if text.is_empty() { "Nothing to remove\n".to_owned() } else { text })
}

/// The tags that are not current, and what builds left behind without one.
fn outdated<'a>(have: &'a [ImageSummary], current: &[Image]) -> Vec<&'a str> {
    let keep: Vec<&str> = current.iter().flat_map(Image::tags).collect();
    let tags = have.iter().flat_map(|image| &image.tags).map(String::as_str);
    let tags = tags.filter(|tag| tag.starts_with("labs/") && !keep.contains(tag));
    let without = have.iter().filter(|image| image.tags.is_empty()).map(|image| image.id.as_str());
    tags.chain(without).collect()
}

async fn save(
    engine: &Engine,
    file: &std::path::Path,
    wanted: &[Image],
    any: bool,
    events: &Events,
) -> Result<String> {
    let have = image::tags(engine).await?;
    let mut tags = Vec::new();
    for image in wanted {
        if have.contains(&image.tag) {
            tags.push(image.tag.clone());
        } else if !any {
            return Err(Error::usage(format!("The image {} is not built", image.name))
                .help(format!("'labs images build {}' builds it", image.name)));
        }
    }
    tags.sort_unstable();
    tags.dedup();
    if tags.is_empty() {
        return Err(Error::usage("No image is built").help("'labs images build' builds them"));
    }
    let step = format!("saving to {}", file.display());
    let tags_ref: Vec<&str> = tags.iter().map(String::as_str).collect();
    let began = Instant::now();
    let report = |t: Transfer| events.send(moved(&step, &t, began));
    events.step(step.clone(), engine.image_save(&tags_ref, file, report)).await?;
    Ok(lines(&tags))
}

async fn load(engine: &Engine, file: &std::path::Path, events: &Events) -> Result<String> {
    let step = format!("loading {}", file.display());
    let upload = Upload::file(file).await;
    let upload = upload.map_err(|e| e.help("name a file that 'labs images save' wrote"))?;
    let began = Instant::now();
    let report = |t: Transfer| events.send(moved(&step, &t, began));
    let tags = events.step(step.clone(), engine.image_load(upload, report)).await?;
    Ok(lines(&tags))
}

fn moved(step: &str, transfer: &Transfer, began: Instant) -> Event {
    let milliseconds = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    // Bytes a millisecond are kilobytes a second.
    let rate = transfer.done / milliseconds.max(1) / 1000;
    Event::Progress {
        step: step.to_owned(),
        text: format!("{} MB, {rate} MB/s", transfer.done / 1_000_000),
        done: transfer.done,
        total: transfer.total,
    }
}

fn document(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}

fn lines(lines: &[String]) -> String {
    lines.iter().map(|line| format!("{line}\n")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(id: &str, tags: &[&str]) -> ImageSummary {
        ImageSummary {
            id: id.to_owned(),
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            size: 0,
            created: 0,
            labels: std::collections::BTreeMap::new(),
        }
    }

    #[test]
    fn what_is_current_stays_with_what_it_stands_on() {
        let current = Images::new(Catalog::new(None)).named(&[]).unwrap();
        let tags: Vec<&str> = current.iter().flat_map(Image::tags).collect();
        assert!(tags.iter().any(|tag| tag.starts_with("labs/base:")), "{tags:?}");
        let have = [
            image("sha256:1", &tags),
            image("sha256:2", &["labs/redis:earlier", "mine/redis:1"]),
            image("sha256:3", &[]),
        ];
        assert_eq!(outdated(&have, &current), ["labs/redis:earlier", "sha256:3"]);
        assert!(outdated(&have, &[]).contains(&tags[0]));
    }
}
