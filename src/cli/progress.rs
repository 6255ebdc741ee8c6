use std::fs::File;
use std::io::Read;
use std::path::PathBuf;

use clap::Subcommand;

use super::list::summaries;
use super::output;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::report::standing::{self, LabStanding};
use crate::store::{Portable, Store};

/// No progress is larger, in bytes.
const LARGEST: u64 = 256 << 20;

/// Show what you have done so far, and what is next; move it to another machine
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Print one JSON document
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Write all progress as one JSON document
    Export {
        /// The file to write, which must not exist, or - for standard output [default: -]
        file: Option<PathBuf>,
    },
    /// Add the progress of an exported document to what is here; nothing is counted twice
    Import {
        /// The file to read, or - for standard input
        file: PathBuf,
        /// Print one JSON document
        #[arg(long)]
        json: bool,
    },
}

impl Args {
    pub fn json(&self) -> bool {
        match &self.command {
            Some(Command::Import { json, .. }) => *json,
            Some(Command::Export { .. }) => false,
            None => self.json,
        }
    }

    pub fn run(self, catalog: &Catalog) -> Result<u8> {
        match self.command {
            None => show(catalog, self.json),
            Some(Command::Export { file }) => export(file),
            Some(Command::Import { file, json }) => import(&file, json),
        }
    }
}

fn show(catalog: &Catalog, json: bool) -> Result<u8> {
    let store = Store::open()?;
    let attempts = store.attempts()?;
    let mut labs = Vec::new();
    // What is wrong with a lab is said by 'labs list'.
    for summary in summaries(catalog, Some(&store)).into_iter().filter_map(|(_, lab)| lab.ok()) {
        let progress = store.progress(&summary.lab)?;
        labs.push(LabStanding::new(&summary, &progress, &attempts));
    }
    let standing = standing::Standing::new(labs, &attempts, &jiff::Zoned::now());
    if json {
        output::json(&standing);
    } else {
        output::print_text(&standing.text());
    }
    Ok(0)
}

fn export(file: Option<PathBuf>) -> Result<u8> {
    let progress = Store::open()?.export()?;
    let Some(path) = file.filter(|path| path.as_os_str() != "-") else {
        output::json(&progress);
        return Ok(0);
    };
    let failed = |e: std::io::Error| {
        let error = Error::usage("The progress cannot be written").at(path.display().to_string());
        match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                error.because("the file exists").help("name another")
            }
            _ => error.because(e),
        }
    };
    let out = File::create_new(&path).map_err(failed)?;
    serde_json::to_writer_pretty(&out, &progress)
        .map_err(|e| failed(e.into()))
        .inspect_err(|_| drop(std::fs::remove_file(&path)))?;
    output::print_text(&format!(
        "{} attempts are in {}\nOn the other machine: labs progress import {}\n",
        progress.attempts.len(),
        path.display(),
        path.display()
    ));
    Ok(0)
}

fn import(path: &PathBuf, json: bool) -> Result<u8> {
    let place = path.display().to_string();
    let unreadable = |e: &dyn std::fmt::Display| {
        Error::usage("The progress cannot be read")
            .at(&place)
            .because(e)
            .help("name a file that 'labs progress export' wrote")
    };
    let reader: Box<dyn Read> = if path.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(File::open(path).map_err(|e| unreadable(&e))?)
    };
    let mut text = String::new();
    reader.take(LARGEST + 1).read_to_string(&mut text).map_err(|e| unreadable(&e))?;
    if text.len() as u64 > LARGEST {
        return Err(unreadable(&format!("it is larger than {} MiB", LARGEST >> 20)));
    }
    let progress = Portable::read(&text).map_err(|error| error.at(&place))?;
    let new = Store::open()?.import(&progress)?;
    let known = progress.attempts.len() - new;
    if json {
        output::json(&serde_json::json!({ "new": new, "known": known }));
    } else {
        output::print_text(&format!("{new} attempts are new here, {known} were here already\n"));
    }
    Ok(0)
}
