//! Images: what they are built from, whether they are there, and building what is not.

mod base;
mod context;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use crate::catalog::Catalog;
use crate::catalog::service::Service;
use crate::engine::{BuildProgress, BuildSpec, Engine};
use crate::error::Result;
use crate::event::{Event, Events};

/// The label of every image we make; its value is the definition's name.
pub const LABEL: &str = "labs.image";

/// The time that making a base takes on two cores where no registry answers.
const BASE_SECONDS: u32 = 35;

/// The images of the definitions under `docker/`.
#[derive(Clone)]
pub struct Images {
    catalog: Catalog,
    /// Tags by name: hashing a context is worth doing once.
    tags: Arc<Mutex<BTreeMap<String, String>>>,
}

impl Images {
    pub fn new(catalog: Catalog) -> Self {
        Self { catalog, tags: Arc::default() }
    }

    /// The tag of a definition's image: a hash of everything it is built from, so an edited
    /// Dockerfile has a new tag and an unchanged one the old.
    ///
    /// # Errors
    /// There is no such definition, or it is faulty.
    pub fn tag(&self, name: &str) -> Result<String> {
        if let Some(tag) = self.tags.lock().ok().and_then(|tags| tags.get(name).cloned()) {
            return Ok(tag);
        }
        let definition = self.catalog.service(name)?;
        let base = self.base_tag(&definition.image.base)?;
        let tag = format!("labs/{name}:{}", self.hash(name, &base)?);
        if let Ok(mut tags) = self.tags.lock() {
            tags.insert(name.to_owned(), tag.clone());
        }
        Ok(tag)
    }

    /// The tag of the base image of a Debian suite.
    pub(super) fn base_tag(&self, suite: &str) -> Result<String> {
        Ok(format!("labs/base:{suite}-{}", self.hash("base", suite)?))
    }

    /// Builds what is missing, after saying what it will cost.
    ///
    /// # Errors
    /// A build that failed, with its step and last lines.
    pub async fn ensure(&self, engine: &Engine, names: &[&str], events: &Events) -> Result<()> {
        let missing = self.missing(engine, names).await?;
        if missing.is_empty() {
            return Ok(());
        }
        self.announce(engine, &missing, events).await?;
        for definition in &missing {
            self.build(engine, definition, events).await?;
        }
        Ok(())
    }

    /// Builds one image, and its base when that is missing.
    pub async fn build(
        &self,
        engine: &Engine,
        definition: &Service,
        events: &Events,
    ) -> Result<()> {
        let suite = &definition.image.base;
        let base = self.base_tag(suite)?;
        if !engine.image_exists(&base).await? {
            base::make(self.catalog.docker_files(), engine, suite, &base, events).await?;
        }
        let name = &definition.name;
        let spec = BuildSpec {
            tag: self.tag(name)?,
            context: context::tar(self.catalog.docker_files(), name)?,
            dockerfile: "Dockerfile".to_owned(),
            args: [("BASE".to_owned(), base)].into(),
            labels: labels(name),
            network: None,
        };
        let step = format!("image {name}");
        let report = |p: BuildProgress| events.send(progress(&step, &p));
        events.step(step.clone(), engine.image_build(&spec, report)).await?;
        Ok(())
    }

    /// The definitions whose image the engine does not have.
    pub async fn missing(&self, engine: &Engine, names: &[&str]) -> Result<Vec<Service>> {
        let have: Vec<String> =
            engine.images(&[LABEL], None).await?.into_iter().flat_map(|image| image.tags).collect();
        let mut missing = Vec::new();
        for name in names {
            if !have.contains(&self.tag(name)?) {
                missing.push(self.catalog.service(name)?);
            }
        }
        Ok(missing)
    }

    async fn announce(&self, engine: &Engine, missing: &[Service], events: &Events) -> Result<()> {
        let mut seconds: u32 = missing.iter().map(|s| s.image.build_seconds).sum();
        let mut suites: Vec<&str> = missing.iter().map(|s| s.image.base.as_str()).collect();
        suites.sort_unstable();
        suites.dedup();
        for suite in suites {
            if !engine.image_exists(&self.base_tag(suite)?).await? {
                seconds += BASE_SECONDS;
            }
        }
        let megabytes: u32 = missing.iter().map(|s| s.image.size_mb).sum();
        let names: Vec<&str> = missing.iter().map(|s| s.name.as_str()).collect();
        let took = Duration::from_secs(seconds.into()).as_secs_f64() / 60.0;
        events.note(format!(
            "Building {} ({}), once: about {megabytes} MB on disk and {took:.1} minutes",
            if names.len() == 1 { "an image" } else { "images" },
            names.join(", ")
        ));
        Ok(())
    }

    /// The first 12 hexadecimal digits of a hash over a folder and what lies under it.
    fn hash(&self, folder: &str, under: &str) -> Result<String> {
        let files = self.catalog.docker_files();
        let mut bytes = under.as_bytes().to_vec();
        for path in context::files(files, folder) {
            let content = files.read(&format!("{folder}/{path}"))?;
            bytes.extend(format!("\0{path}\0{}\0", content.len()).into_bytes());
            bytes.extend_from_slice(&content);
        }
        let mut digest = crate::digest::sha256(bytes);
        digest.truncate(12);
        Ok(digest)
    }
}

pub(super) fn labels(name: &str) -> BTreeMap<String, String> {
    [(LABEL.to_owned(), name.to_owned())].into()
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
