use std::ffi::OsStr;

use clap::ValueEnum;
use clap_complete::CompletionCandidate;
use clap_complete::env::{Bash, EnvCompleter, Fish, Zsh};

use super::output;
use crate::catalog::Catalog;
use crate::catalog::lab::Lab;
use crate::error::{Error, Result};
use crate::session::plan::WORKBENCH;
use crate::store::Store;

/// The variable by which a shell asks for completions.
pub const VARIABLE: &str = "LABS_COMPLETE";

/// Print what makes a shell complete the command line, with the names of labs and
/// tasks
///
/// bash:  source <(labs completions bash)      in ~/.bashrc
/// zsh:   source <(labs completions zsh)       in ~/.zshrc
/// fish:  labs completions fish | source       in ~/.config/fish/config.fish
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Args {
    pub fn run(self) -> Result<u8> {
        let completer: &dyn EnvCompleter = match self.shell {
            Shell::Bash => &Bash,
            Shell::Zsh => &Zsh,
            Shell::Fish => &Fish,
        };
        let mut script = Vec::new();
        completer
            .write_registration(VARIABLE, "labs", "labs", "labs", &mut script)
            .map_err(|e| Error::infrastructure("The completions cannot be written").because(e))?;
        output::print_text(&String::from_utf8_lossy(&script));
        Ok(0)
    }
}

/// The names of the labs.
pub fn labs(typed: &OsStr) -> Vec<CompletionCandidate> {
    begins_with(catalog().slugs(), typed)
}

/// The names of the labs, and of the tasks of the labs that run; behind the name of a lab, of its tasks.
pub fn labs_and_tasks(typed: &OsStr) -> Vec<CompletionCandidate> {
    let tasks = |lab: &Lab| lab.tasks.iter().map(|task| task.id.value.clone()).collect();
    let catalog = catalog();
    let labs = catalog.slugs();
    let named = words_before().into_iter().rev().find(|word| labs.contains(word));
    let candidates = match named.and_then(|lab| catalog.lab(&lab).ok()) {
        Some(lab) => tasks(&lab),
        None => labs.into_iter().chain(of_seats(tasks)).collect(),
    };
    begins_with(candidates, typed)
}

/// The words of the command line before the one that is completed. The shell's script gives them as arguments behind
/// `--`, and says which one it is.
fn words_before() -> Vec<String> {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let mut words: Vec<String> = words.skip_while(|word| word != "--").skip(1).collect();
    let at = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|at| at.parse().ok());
    words.truncate(at.unwrap_or(words.len().saturating_sub(1)));
    words
}

/// The names of the services of the labs that run, and of the workbench.
pub fn services(typed: &OsStr) -> Vec<CompletionCandidate> {
    let names = |lab: &Lab| lab.services.keys().cloned().chain([WORKBENCH.to_owned()]).collect();
    begins_with(of_seats(names), typed)
}

fn catalog() -> Catalog {
    Catalog::new(std::env::var_os("LABS_DIR").map(Into::into))
}

/// What cannot be read completes nothing: this is no place for an error.
fn of_seats(names: impl Fn(&Lab) -> Vec<String>) -> Vec<String> {
    let seats = Store::glance().and_then(|store| store.seats()).unwrap_or_default();
    let catalog = catalog();
    let labs = seats
        .iter()
        .filter_map(|seat| catalog.lab_of_seat(&seat.lab, &seat.seed, &seat.variables).ok());
    labs.flat_map(|lab| names(&lab)).collect()
}

fn begins_with(mut names: Vec<String>, typed: &OsStr) -> Vec<CompletionCandidate> {
    let typed = typed.to_string_lossy();
    names.retain(|name| name.starts_with(&*typed));
    names.sort_unstable();
    names.dedup();
    names.into_iter().map(CompletionCandidate::new).collect()
}
