//! The command line: parse, call, print, exit code. One file a command.

mod author;
mod check;
mod completions;
mod doctor;
mod exec;
mod gc;
mod goto;
mod grade;
mod hint;
mod images;
mod info;
mod keyed;
mod list;
mod logs;
mod man;
mod output;
mod progress;
mod questions;
mod reset;
mod restart;
mod run;
mod shell;
mod solution;
mod status;
mod stop;
mod target;
mod tasks;

use std::path::{Path, PathBuf};

use clap::{CommandFactory, Parser, Subcommand};
use clap_complete::CompleteEnv;

use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::report::progress::Progress;
use crate::session::{Session, scratch};
use crate::store::Store;
use crate::term::signal::interrupted;

/// Hands-on labs about real services, graded by probing the live systems.
#[derive(Debug, Parser)]
#[command(
    name = "labs",
    version,
    arg_required_else_help = true,
    after_help = "\
Start with:
  labs list                 what there is to learn
  labs run redis-queues     start a lab, or go on with it

Exit codes: 0 done or all pass, 1 some check failed, 2 wrong usage or a faulty lab,
3 the engine, an image or a service failed."
)]
struct Cli {
    /// Take the labs from this folder instead of the built-in ones
    #[arg(long, value_name = "DIR", env = "LABS_DIR", global = true, hide_env_values = true)]
    labs_dir: Option<PathBuf>,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    List(list::Args),
    Info(info::Args),
    Questions(questions::Args),
    Progress(progress::Args),
    Run(run::Args),
    Status(status::Args),
    Tasks(tasks::Args),
    Goto(goto::Args),
    Check(check::Args),
    Hint(hint::Args),
    Solution(solution::Args),
    Shell(shell::Args),
    Exec(exec::Args),
    Restart(restart::Args),
    Logs(logs::Args),
    Reset(reset::Args),
    Stop(stop::Args),
    Gc(gc::Args),
    Author(author::Args),
    Grade(grade::Args),
    Images(images::Args),
    Doctor(doctor::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// Parses the command line and does what it says; answers the exit code.
pub fn main() -> u8 {
    CompleteEnv::with_factory(Cli::command).var(completions::VARIABLE).complete();
    let cli = Cli::parse();
    let json = cli.command.json();
    match run(cli) {
        Ok(code) => code,
        Err(error) => {
            output::error(&error, json);
            error.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<u8> {
    if let Some(folder) = cli.labs_dir.as_deref().filter(|_| cli.command.reads_labs()) {
        must_be_a_folder(folder)?;
    }
    let catalog = Catalog::new(cli.labs_dir);
    match cli.command {
        // These touch no engine, so they start no runtime either.
        Command::List(args) => Ok(args.run(&catalog)),
        Command::Info(args) => args.run(&catalog),
        Command::Questions(args) => args.run(&catalog),
        Command::Progress(args) => args.run(&catalog),
        Command::Completions(args) => args.run(),
        Command::Man(args) => args.run(Cli::command()),
        command => {
            let runtime = runtime()?;
            let result = runtime.block_on(dispatch(command, catalog));
            // A thread that waits for input cannot be given up, only left.
            runtime.shutdown_background();
            result
        }
    }
}

fn must_be_a_folder(labs_dir: &Path) -> Result<()> {
    let what = match std::fs::metadata(labs_dir) {
        Ok(found) if found.is_dir() => return Ok(()),
        Ok(_) => "The labs folder is no folder",
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => "The labs folder does not exist",
        Err(_) => "The labs folder cannot be read",
    };
    let help =
        "name a folder of labs with --labs-dir or LABS_DIR, or neither for the built-in labs";
    Err(Error::usage(what).at(labs_dir.display().to_string()).help(help))
}

/// Runs a command while its progress is shown; what is left of that on the screen goes before an error comes.
async fn dispatch(command: Command, catalog: Catalog) -> Result<u8> {
    let progress = Progress::start(command.redraws());
    let cleans_up = command.cleans_up();
    let sweeps = command.asks_the_engine().then(|| catalog.clone());
    let result = tokio::select! {
        // First, and no signal is listened to before: one that comes while a question is asked ends labs as usual.
        biased;
        result = execute(command, catalog, progress.events()) => result,
        signal = async { interrupted().await }, if !cleans_up => Ok(signal),
    };
    if let (Some(catalog), Ok(_)) = (sweeps, &result) {
        sweep(catalog, progress.events()).await;
    }
    progress.finish().await;
    result
}

/// Removes seats that nobody has used for long, and what a killed command has left of throw-away ones, when there are
/// any. What fails is tried again by the next command.
async fn sweep(catalog: Catalog, events: Events) {
    let Ok(store) = Store::glance() else { return };
    let due = store.expired_seats().is_ok_and(|due| !due.is_empty());
    if !due && !scratch::is_any(&store) {
        return;
    }
    let Ok(session) = Session::open(catalog, events) else { return };
    for swept in [session.collect_scratch().await.map(drop), session.end_expired().await.map(drop)]
    {
        if let Err(error) = swept {
            session.events.note(error.to_string());
        }
    }
}

async fn execute(command: Command, catalog: Catalog, events: Events) -> Result<u8> {
    match command {
        Command::List(_)
        | Command::Info(_)
        | Command::Questions(_)
        | Command::Progress(_)
        | Command::Completions(_)
        | Command::Man(_) => Ok(0),
        Command::Run(args) => args.run(catalog, events).await,
        Command::Status(args) => args.run(catalog).await,
        Command::Tasks(args) => args.run(&catalog),
        Command::Goto(args) => args.run(catalog, events).await,
        Command::Check(args) => args.run(catalog, events).await,
        Command::Hint(args) => args.run(&catalog),
        Command::Solution(args) => args.run(&catalog),
        Command::Shell(args) => args.run(catalog).await,
        Command::Exec(args) => args.run(catalog).await,
        Command::Restart(args) => args.run(catalog, events).await,
        Command::Logs(args) => args.run(catalog).await,
        Command::Reset(args) => args.run(catalog, events).await,
        Command::Stop(args) => args.run(catalog, events).await,
        Command::Gc(args) => args.run(catalog, events).await,
        Command::Grade(args) => args.run(catalog, events).await,
        Command::Images(args) => args.run(catalog, events).await,
        Command::Doctor(args) => args.run(catalog).await,
        Command::Author(args) => args.run(catalog, events).await,
    }
}

fn runtime() -> Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(|e| {
        crate::error::Error::infrastructure("The program cannot start its threads").because(e)
    })
}

impl Command {
    /// Whether it needs the labs that there are: not to end one, and not to begin one.
    fn reads_labs(&self) -> bool {
        match self {
            Self::Stop(_) | Self::Gc(_) | Self::Completions(_) | Self::Man(_) => false,
            Self::Author(a) => a.reads_labs(),
            _ => true,
        }
    }

    /// Whether it has more to do when it is interrupted than to give up; then it sees to that itself.
    fn cleans_up(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Check(_)
                | Self::Goto(_)
                | Self::Shell(_)
                | Self::Exec(_)
                | Self::Logs(_)
                | Self::Grade(_)
                | Self::Author(_)
        )
    }

    /// Whether lines may be redrawn.
    fn redraws(&self) -> bool {
        !matches!(self, Self::Run(args) if args.is_read_out())
    }

    /// Whether it talks to the engine anyway.
    fn asks_the_engine(&self) -> bool {
        matches!(
            self,
            Self::Run(_)
                | Self::Status(_)
                | Self::Goto(_)
                | Self::Check(_)
                | Self::Shell(_)
                | Self::Exec(_)
                | Self::Restart(_)
                | Self::Logs(_)
                | Self::Reset(_)
                | Self::Stop(_)
                | Self::Grade(_)
                | Self::Images(_)
                | Self::Doctor(_)
                | Self::Author(_)
        )
    }

    /// Whether the command was asked for a JSON document.
    fn json(&self) -> bool {
        match self {
            Self::List(a) => a.json,
            Self::Info(a) => a.json,
            Self::Questions(a) => a.json,
            Self::Run(a) => a.json,
            Self::Status(a) => a.json,
            Self::Tasks(a) => a.json,
            Self::Goto(a) => a.json,
            Self::Progress(a) => a.json(),
            Self::Check(a) => a.json,
            Self::Hint(a) => a.json,
            Self::Solution(a) => a.json,
            Self::Restart(a) => a.json,
            Self::Reset(a) => a.json,
            Self::Stop(a) => a.json,
            Self::Gc(a) => a.json,
            Self::Grade(a) => a.json,
            Self::Images(a) => a.json(),
            Self::Doctor(a) => a.json,
            Self::Author(a) => a.json(),
            Self::Shell(_)
            | Self::Exec(_)
            | Self::Logs(_)
            | Self::Completions(_)
            | Self::Man(_) => false,
        }
    }
}
