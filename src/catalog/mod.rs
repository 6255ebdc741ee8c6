//! The catalog: files turned into checked values. Nothing after it reads YAML.

pub mod check;
pub mod files;
pub mod lab;
pub mod load;
pub mod problem;
pub mod question;
pub mod rendered;
pub mod schema;
pub mod service;
pub mod solution;
pub mod source;
pub mod summary;
pub mod text;
pub mod variable;

use std::path::PathBuf;
use std::thread::ScopedJoinHandle;

use files::Files;
use lab::Lab;
use question::Question;
use service::Service;

use crate::digest;
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::suggest::did_you_mean;
use crate::template::Variables;

/// The labs, services and questions at hand.
#[derive(Debug, Clone)]
pub struct Catalog {
    labs: Files,
    docker: Files,
    questions: Files,
}

impl Catalog {
    /// The catalog of the binary, or with the labs of another folder.
    pub fn new(labs_dir: Option<PathBuf>) -> Self {
        Self {
            labs: labs_dir.map_or(Files::Labs, Files::Folder),
            docker: Files::Docker,
            questions: Files::Questions,
        }
    }

    pub fn slugs(&self) -> Vec<String> {
        self.labs.folders_with("lab.yaml")
    }

    /// One lab, checked, where nobody reads its keyed values.
    ///
    /// # Errors
    /// An unknown name (with the nearest ones), or a faulty file.
    pub fn lab(&self, slug: &str) -> Result<Lab> {
        self.lab_with(slug, &Seed::sample())
    }

    /// A lab with the values that a seed gives.
    ///
    /// # Errors
    /// As [`Catalog::lab`].
    pub fn lab_with(&self, slug: &str, seed: &Seed) -> Result<Lab> {
        self.lab_of_seat(slug, seed, &Variables::default())
    }

    /// A lab as one seat sees it: with the values that the seat was started with; its seed gives
    /// those of variables that are new in the lab.
    ///
    /// # Errors
    /// As [`Catalog::lab`].
    pub fn lab_of_seat(&self, slug: &str, seed: &Seed, kept: &Variables) -> Result<Lab> {
        self.named(slug)?;
        check::load(&self.labs, slug, self, seed, kept)
    }

    /// That there is a lab of this name, faulty or not.
    ///
    /// # Errors
    /// An unknown name, with the nearest ones.
    pub fn named(&self, slug: &str) -> Result<()> {
        let slugs = self.slugs();
        if slugs.iter().any(|s| s == slug) {
            return Ok(());
        }
        Err(unknown("lab", slug, &slugs, "see 'labs list'"))
    }

    /// All labs; a faulty one is an error of its own.
    pub fn labs(&self) -> Vec<(String, Result<Lab>)> {
        self.of_each(|slug| self.lab(slug))
    }

    /// What is found out about each lab. It takes milliseconds to read one, so it is done at once.
    fn of_each<T: Send>(&self, find_out: impl Fn(&str) -> T + Sync) -> Vec<(String, T)> {
        let find_out = &find_out;
        std::thread::scope(|scope| {
            let one = |slug: String| {
                scope.spawn(move || {
                    let found = find_out(&slug);
                    (slug, found)
                })
            };
            let looking: Vec<_> = self.slugs().into_iter().map(one).collect();
            let done = |lab: ScopedJoinHandle<_>| {
                lab.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            looking.into_iter().map(done).collect()
        })
    }

    /// A digest of a lab's files.
    ///
    /// # Errors
    /// One of them cannot be read.
    pub fn digest(&self, slug: &str) -> Result<String> {
        let mut parts = vec![slug.to_owned()];
        for name in self.labs.below(slug) {
            let content = self.labs.read(&format!("{slug}/{name}"))?;
            parts.push(format!("{name} {}", digest::sha256(content)));
        }
        Ok(digest::sha256(parts.join("\n")))
    }

    /// A service definition under `docker/`.
    ///
    /// # Errors
    /// An unknown name or a faulty file.
    pub fn service(&self, name: &str) -> Result<Service> {
        let names = self.services();
        if !names.iter().any(|n| n == name) {
            return Err(unknown("service", name, &names, "services are the folders under docker/"));
        }
        let mut service: Service = load::yaml(&self.docker, &format!("{name}/service.yaml"))?;
        name.clone_into(&mut service.name);
        if let Some(port) = service.unlisted.iter().find(|port| !service.ports.contains_key(*port))
        {
            return Err(Error::usage(format!("The unlisted port {port:?} is none of the ports"))
                .at(format!("{name}/service.yaml"))
                .help("name it in ports too"));
        }
        Ok(service)
    }

    pub fn services(&self) -> Vec<String> {
        self.docker.folders_with("service.yaml")
    }

    /// The files of a lab's folder.
    pub fn lab_files(&self) -> &Files {
        &self.labs
    }

    /// The build contexts of the images.
    pub fn docker_files(&self) -> &Files {
        &self.docker
    }

    /// The question bank.
    ///
    /// # Errors
    /// A faulty file.
    pub fn questions(&self) -> Result<Vec<Question>> {
        question::load(&self.questions)
    }
}

/// The error for a name that is not there, with the nearest ones.
pub fn unknown(kind: &str, name: &str, names: &[String], otherwise: &str) -> Error {
    let meant = did_you_mean(name, names.iter().map(String::as_str));
    Error::usage(format!("There is no {kind} {name:?}"))
        .help(meant.unwrap_or_else(|| otherwise.to_owned()))
}
