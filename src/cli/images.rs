use std::path::PathBuf;

use clap::Subcommand;
use serde_json::json;

use super::output;
use crate::catalog::Catalog;
use crate::engine::{Engine, Transfer, Upload};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::image::{Images, LABEL};

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
    /// Remove images of earlier versions; with --all the current ones too
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
        let images = Images::new(catalog.clone());
        let engine = Engine::connect()?;
        let result = match self.command {
            Command::Build { names, json } => {
                build(&catalog, &images, &engine, &names, json, &events).await
            }
            Command::List { json } => list(&catalog, &images, &engine, json).await,
            Command::Prune { all, json } => prune(&catalog, &images, &engine, all, json).await,
            Command::Save { file, names } => {
                save(&catalog, &images, &engine, &file, &names, &events).await
            }
            Command::Load { file } => load(&engine, &file, &events).await,
        };
        events.shown().await;
        output::print_text(&result?);
        Ok(0)
    }
}

async fn build(
    catalog: &Catalog,
    images: &Images,
    engine: &Engine,
    names: &[String],
    json: bool,
    events: &Events,
) -> Result<String> {
    let all = catalog.services();
    let names: Vec<&str> =
        if names.is_empty() { &all } else { names }.iter().map(String::as_str).collect();
    images.ensure(engine, &names, events).await?;
    let mut tags = Vec::new();
    for name in names {
        tags.push(images.tag(name)?);
    }
    Ok(if json { document(&json!({ "images": tags })) } else { lines(&tags) })
}

async fn list(catalog: &Catalog, images: &Images, engine: &Engine, json: bool) -> Result<String> {
    let have = engine.images(&[LABEL], None).await?;
    let mut rows = Vec::new();
    for name in catalog.services() {
        let tag = images.tag(&name)?;
        let size = have.iter().find(|i| i.tags.contains(&tag)).map(|i| i.size);
        rows.push((name, tag, size));
    }
    if json {
        let rows: Vec<_> = rows
            .iter()
            .map(|(n, t, s)| json!({"name": n, "tag": t, "present": s.is_some(), "bytes": s}))
            .collect();
        return Ok(document(&json!({ "images": rows })));
    }
    let rows: Vec<String> = rows
        .into_iter()
        .map(|(name, tag, size)| {
            let size = size.map_or("not built".to_owned(), |s| format!("{} MB", s / 1_000_000));
            format!("{name:<10} {size:>10}  {tag}")
        })
        .collect();
    Ok(lines(&rows))
}

async fn prune(
    catalog: &Catalog,
    images: &Images,
    engine: &Engine,
    all: bool,
    json: bool,
) -> Result<String> {
    let mut keep = Vec::new();
    if !all {
        for name in catalog.services() {
            keep.push(images.tag(&name)?);
            keep.push(images.base_tag(&catalog.service(&name)?.image.base)?);
        }
    }
    let mut removed = Vec::new();
    let mut in_use = Vec::new();
    let have = engine.images(&[LABEL], None).await?;
    for tag in have
        .into_iter()
        .flat_map(|i| i.tags)
        .filter(|t| t.starts_with("labs/") && !keep.contains(t))
    {
        match engine.image_remove(&tag).await {
            Ok(_) => removed.push(tag),
            Err(_) => in_use.push(tag),
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

async fn save(
    catalog: &Catalog,
    images: &Images,
    engine: &Engine,
    file: &std::path::Path,
    names: &[String],
    events: &Events,
) -> Result<String> {
    let have: Vec<String> =
        engine.images(&[LABEL], None).await?.into_iter().flat_map(|i| i.tags).collect();
    let mut tags = Vec::new();
    for name in if names.is_empty() { catalog.services() } else { names.to_vec() } {
        let tag = images.tag(&name)?;
        if have.contains(&tag) {
            tags.push(tag);
        } else if !names.is_empty() {
            return Err(Error::usage(format!("The image {name} is not built"))
                .help(format!("'labs images build {name}' builds it")));
        }
    }
    if tags.is_empty() {
        return Err(Error::usage("No image is built").help("'labs images build' builds them"));
    }
    let step = format!("saving to {}", file.display());
    let tags_ref: Vec<&str> = tags.iter().map(String::as_str).collect();
    let report = |t: Transfer| events.send(moved(&step, &t));
    events.step(step.clone(), engine.image_save(&tags_ref, file, report)).await?;
    Ok(lines(&tags))
}

async fn load(engine: &Engine, file: &std::path::Path, events: &Events) -> Result<String> {
    let step = format!("loading {}", file.display());
    let upload = Upload::file(file).await?;
    let report = |t: Transfer| events.send(moved(&step, &t));
    let tags = events.step(step.clone(), engine.image_load(upload, report)).await?;
    Ok(lines(&tags))
}

fn moved(step: &str, transfer: &Transfer) -> Event {
    Event::Progress {
        step: step.to_owned(),
        text: format!("{} MB", transfer.done / 1_000_000),
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
