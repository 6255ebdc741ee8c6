//! Images: which are needed, what they are built from, whether they are there, and building what is not.

mod base;
mod context;
mod packages;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;

use crate::catalog::lab::Lab;
use crate::catalog::{Catalog, unknown};
use crate::engine::{BuildProgress, BuildSpec, Engine};
use crate::error::Result;
use crate::event::{Event, Events};
use crate::outlook::{Outlook, Pace};

/// The label of every image we make; its value is the name of the folder it is built from.
pub const LABEL: &str = "labs.image";

/// The definitions that every seat has beside its services.
pub const GATE: &str = "gate";
pub const WORKBENCH: &str = "workbench";

/// An image that labs makes.
#[derive(Debug, Clone)]
pub struct Image {
    /// What people call it: the definition, or `workbench/LAB` where a lab has packages of its own.
    pub name: String,
    /// A hash of everything it is built from, so that an edit gives a new tag and no edit the old.
    pub tag: String,
    /// What it is built on.
    under: Option<Box<Image>>,
    recipe: Recipe,
    /// About what it adds on disk.
    megabytes: u32,
    /// About what making it takes on two cores.
    seconds: u32,
}

#[derive(Debug, Clone)]
enum Recipe {
    /// The file system of a Debian suite.
    Base(String),
    /// The folder under `docker/` of its name.
    Definition,
    /// The workbench with Python packages.
    Packages { lab: String, pins: Vec<String> },
}

/// The images of the definitions under `docker/`, and of the labs' packages.
#[derive(Clone)]
pub struct Images {
    catalog: Catalog,
    /// By name: hashing a context is worth doing once.
    known: Arc<Mutex<BTreeMap<String, Image>>>,
}

impl Images {
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, known: Arc::default() }
    }

    /// All that a seat of the lab needs.
    ///
    /// # Errors
    /// As [`Images::definition`].
    pub fn of_lab(&self, lab: &Lab) -> Result<Vec<Image>> {
        let mut names: Vec<&str> = lab.services.keys().map(|name| lab.definition(name)).collect();
        names.push(GATE);
        names.sort_unstable();
        names.dedup();
        let mut images =
            names.into_iter().map(|n| self.definition(n)).collect::<Result<Vec<_>>>()?;
        images.push(self.workbench(lab)?);
        Ok(images)
    }

    /// The image of the lab's workbench and runners.
    ///
    /// # Errors
    /// As [`Images::definition`].
    pub fn workbench(&self, lab: &Lab) -> Result<Image> {
        let workbench = self.definition(WORKBENCH)?;
        if lab.packages.python.is_empty() {
            return Ok(workbench);
        }
        let files = self.catalog.docker_files();
        packages::image(files, &lab.slug, lab.packages.pins(), workbench)
    }

    /// The image of a definition.
    ///
    /// # Errors
    /// There is no such definition, or it is faulty.
    pub fn definition(&self, name: &str) -> Result<Image> {
        if let Some(known) = self.known.lock().ok().and_then(|known| known.get(name).cloned()) {
            return Ok(known);
        }
        let files = self.catalog.docker_files();
        let definition = self.catalog.service(name)?.image;
        let base = base::image(files, &definition.base)?;
        let image = Image {
            name: name.to_owned(),
            tag: format!("labs/{name}:{}", context::hash(files, name, &base.tag)?),
            under: Some(Box::new(base)),
            recipe: Recipe::Definition,
            megabytes: definition.size_mb,
            seconds: definition.build_seconds,
        };
        if let Ok(mut known) = self.known.lock() {
            known.insert(name.to_owned(), image.clone());
        }
        Ok(image)
    }

    /// What the labs at hand need. A faulty lab needs nothing yet.
    ///
    /// # Errors
    /// A faulty definition.
    pub fn all(&self) -> Result<Vec<Image>> {
        let definitions = self.catalog.services();
        let mut all = definitions.iter().map(|n| self.definition(n)).collect::<Result<Vec<_>>>()?;
        for lab in self.catalog.labs().into_iter().filter_map(|(_, lab)| lab.ok()) {
            all.push(self.workbench(&lab)?);
        }
        // The workbench itself is what a lab without packages needs.
        let mut seen = Vec::new();
        all.retain(|image| {
            !seen.contains(&image.name) && {
                seen.push(image.name.clone());
                true
            }
        });
        Ok(all)
    }

    /// Some of [`Images::all`], by their names; all of them where none is named.
    ///
    /// # Errors
    /// There is no image of that name.
    pub fn named(&self, names: &[String]) -> Result<Vec<Image>> {
        let all = self.all()?;
        if names.is_empty() {
            return Ok(all);
        }
        let known: Vec<String> = all.iter().map(|image| image.name.clone()).collect();
        let one = |name: &String| {
            let found = all.iter().find(|image| image.name == *name).cloned();
            found.ok_or_else(|| unknown("image", name, &known, "see 'labs images list'"))
        };
        names.iter().map(one).collect()
    }

    /// Builds what is missing, after saying what it will cost.
    ///
    /// # Errors
    /// A build that failed, with its step and last lines.
    pub async fn ensure(&self, engine: &Engine, images: &[Image], events: &Events) -> Result<()> {
        // Asking for each by name is much faster than a list of all that the engine has.
        let there = images.iter().map(|image| engine.image_exists(&image.tag));
        if try_join_all(there).await?.into_iter().all(|there| there) {
            return Ok(());
        }
        let missing = to_build(images, &tags(engine).await?);
        announce(&missing, events);
        let mut pace = Pace::default();
        for (at, image) in missing.iter().enumerate() {
            let began = Instant::now();
            let after = missing[at + 1..].iter().map(|image| image.seconds).sum();
            self.build(engine, image, pace.outlook(image.seconds, after), events).await?;
            // Pulling a base, or making one, says nothing of the others.
            if !matches!(image.recipe, Recipe::Base(_)) {
                pace.took(image.seconds, began.elapsed());
            }
        }
        Ok(())
    }

    /// Builds one image; what it is built on is there.
    async fn build(
        &self,
        engine: &Engine,
        image: &Image,
        outlook: Outlook,
        events: &Events,
    ) -> Result<()> {
        let files = self.catalog.docker_files();
        let spec = match &image.recipe {
            Recipe::Base(suite) => {
                return base::make(files, engine, suite, &image.tag, outlook, events).await;
            }
            Recipe::Definition => spec(image, context::tar(files, &image.name)?, &image.name),
            Recipe::Packages { pins, .. } => packages::spec(files, image, pins)?,
        };
        let step = format!("image {}", image.name);
        let report = |p: BuildProgress| events.send(progress(&step, &p));
        let work = async {
            events.send(Event::Outlook { step: step.clone(), outlook });
            engine.image_build(&spec, report).await
        };
        let built = events.step(step.clone(), work).await;
        match (built, &image.recipe) {
            (Err(error), Recipe::Packages { lab, .. }) => Err(packages::explain(lab, error)),
            (built, _) => built.map(drop),
        }
    }
}

impl Image {
    /// The tags of the image and of what it is built on.
    pub fn tags(&self) -> Vec<&str> {
        let mut tags = self.under.as_deref().map(Image::tags).unwrap_or_default();
        tags.push(&self.tag);
        tags
    }
}

/// The tags of all images of ours that the engine has.
///
/// # Errors
/// The engine does not answer.
pub async fn tags(engine: &Engine) -> Result<Vec<String>> {
    Ok(engine.images(&[LABEL], None).await?.into_iter().flat_map(|image| image.tags).collect())
}

/// About how many megabytes images add on disk with what they are built on, but for those that are there.
pub fn megabytes(images: &[Image], have: &[String]) -> u32 {
    to_build(images, have).iter().map(|image| image.megabytes).sum()
}

/// What must be built so that the images are there, each after what it is built on.
fn to_build<'a>(images: &'a [Image], have: &[String]) -> Vec<&'a Image> {
    let mut order: Vec<&Image> = Vec::new();
    for image in images {
        let mut chain = Vec::new();
        let mut next = Some(image);
        while let Some(image) = next.filter(|image| !have.contains(&image.tag)) {
            chain.push(image);
            next = image.under.as_deref();
        }
        for image in chain.into_iter().rev() {
            if !order.iter().any(|other| other.tag == image.tag) {
                order.push(image);
            }
        }
    }
    order
}

fn announce(missing: &[&Image], events: &Events) {
    let names: Vec<&str> = missing.iter().map(|image| image.name.as_str()).collect();
    let megabytes: u32 = missing.iter().map(|image| image.megabytes).sum();
    let seconds: u32 = missing.iter().map(|image| image.seconds).sum();
    let took = Duration::from_secs(seconds.into()).as_secs_f64() / 60.0;
    events.note(format!(
        "Building {} ({}), once: about {megabytes} MB on disk and {took:.1} minutes",
        if names.len() == 1 { "an image" } else { "images" },
        names.join(", ")
    ));
}

/// How an image is built from a folder under `docker/`.
fn spec(image: &Image, context: Vec<u8>, folder: &str) -> BuildSpec {
    let base = image.under.as_ref().map(|under| under.tag.clone()).unwrap_or_default();
    BuildSpec {
        tag: image.tag.clone(),
        context,
        dockerfile: "Dockerfile".to_owned(),
        args: [("BASE".to_owned(), base)].into(),
        labels: labels(folder),
        network: None,
    }
}

fn labels(folder: &str) -> BTreeMap<String, String> {
    [(LABEL.to_owned(), folder.to_owned())].into()
}

fn progress(step: &str, p: &BuildProgress) -> Event {
    let text = p.line.as_deref().unwrap_or(&p.instruction);
    let first = text.lines().next().unwrap_or_default();
    Event::Progress {
        step: step.to_owned(),
        text: format!("step {}/{}  {}", p.step, p.of, first.trim()),
        done: u64::from(p.step.saturating_sub(1)),
        total: Some(u64::from(p.of)),
    }
}

#[cfg(test)]
mod tests;
