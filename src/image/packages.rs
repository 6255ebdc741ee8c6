//! The workbench of a lab that names Python packages: one layer more than the ordinary one.

use super::{Image, Recipe, context};
use crate::catalog::files::Files;
use crate::engine::BuildSpec;
use crate::error::{Error, Result};

/// What it is built from, under `docker/`.
const FOLDER: &str = "packages";
/// Settings of pip that hold in the build as they do on this machine, and stay in a stage that is not kept.
const SETTINGS: [&str; 2] = ["PIP_INDEX_URL", "PIP_PROXY"];
/// The same, of which the file goes along.
const CERTIFICATE: &str = "PIP_CERT";
/// How `docker/packages/install` ends when the packages are at fault, and when nothing can be fetched.
const WRONG: &str = "returned a non-zero code: 65";
const OUT_OF_REACH: &str = "returned a non-zero code: 69";

/// How its line that says why begins; the builder has more to say after it.
const REASON: &str = "labs: ";

/// About what a package takes with its bytecode: client libraries are small.
const MEGABYTES_EACH: u32 = 2;
const SECONDS: u32 = 15;

/// The image of a lab's workbench: equal packages make equal images.
pub fn image(docker: &Files, lab: &str, pins: Vec<String>, workbench: Image) -> Result<Image> {
    let under = format!("{}\n{}", workbench.tag, pins.join("\n"));
    let count = u32::try_from(pins.len()).unwrap_or(u32::MAX);
    Ok(Image {
        name: format!("{}/{lab}", workbench.name),
        tag: format!("labs/{FOLDER}:{}", context::hash(docker, FOLDER, &under)?),
        under: Some(Box::new(workbench)),
        recipe: Recipe::Packages { lab: lab.to_owned(), pins },
        megabytes: MEGABYTES_EACH.saturating_mul(count),
        seconds: SECONDS.saturating_add(count),
    })
}

/// # Errors
/// The certificate that is to go along cannot be read.
pub fn spec(docker: &Files, image: &Image, pins: &[String]) -> Result<BuildSpec> {
    let certificate = std::env::var(CERTIFICATE).ok().filter(|path| !path.is_empty());
    let certificate = certificate.map(|path| {
        std::fs::read(&path).map_err(|e| {
            Error::usage(format!("The certificates of {CERTIFICATE} cannot be read"))
                .at(&path)
                .because(e)
                .help(format!("name a file that is there, or unset {CERTIFICATE}"))
        })
    });
    let certificate = certificate.transpose()?.map(|content| ("cert.pem", content));
    let mut spec = super::spec(image, context::tar_with(docker, FOLDER, certificate)?, FOLDER);
    spec.args.insert("PACKAGES".to_owned(), pins.join(" "));
    for name in SETTINGS {
        spec.args.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    Ok(spec)
}

/// The error of a build as its reader can mend it: the installation says why.
pub fn explain(lab: &str, error: Error) -> Error {
    let said = error.why.as_deref().unwrap_or_default();
    let why = said.lines().rev().find_map(|line| line.strip_prefix(REASON)).unwrap_or(said);
    if said.contains(WRONG) {
        return Error::usage(format!("The Python packages of {lab} cannot be installed"))
            .at(format!("{lab}/lab.yaml: packages"))
            .because(why)
            .help("name packages and versions that the index has as wheels, and all that they need, as NAME==VERSION");
    }
    let help = format!(
        "connect the engine to the network ({}, {CERTIFICATE} count as they do for pip), or bring the \
         images from another machine: there 'labs images save FILE', here 'labs images load FILE'",
        SETTINGS.join(", ")
    );
    if said.contains(OUT_OF_REACH) {
        return Error::infrastructure(format!("The Python packages of {lab} cannot be fetched"))
            .because(why)
            .help(help);
    }
    Error { help: error.help.or(Some(help)), ..error }
}
