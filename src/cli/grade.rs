use std::path::{Path, PathBuf};
use std::time::Duration;

use clap_complete::ArgValueCompleter;
use tokio::sync::watch;

use super::completions;
use super::keyed::Keyed;
use super::output;
use crate::catalog::Catalog;
use crate::error::{Error, Result};
use crate::event::Events;
use crate::grade::Grader;
use crate::grade::batch::{self, Batch};
use crate::grade::submission::Submission;
use crate::report::format::Format;
use crate::report::text;
use crate::session::Session;
use crate::template::{Scalar, Span};
use crate::term::signal::interrupted;
use crate::verdict::{BatchResult, Verdict};

/// Grade what somebody else made, on a seat of its own
///
/// The files go into the workspace of a seat that is thrown away afterwards, the
/// script apply.sh among them is run, and all is checked. With --submissions
/// every folder in DIR is graded by itself; a batch that was ended goes on where
/// it stopped. Exit code 0 when all checks pass, 1 when some fail, 3 when it
/// could not be graded; of a batch 0 unless something could not be graded.
///
///   labs grade redis-queues --submission ada/
///   labs grade redis-queues --submissions handed-in/ --format junit --jobs 2
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Args {
    /// The lab, as 'labs list' names it
    #[arg(add = ArgValueCompleter::new(completions::labs))]
    lab: String,
    /// The folder with the files that were handed in
    #[arg(long, value_name = "DIR", required_unless_present = "submissions")]
    submission: Option<PathBuf>,
    /// Grade every folder in this one
    #[arg(long, value_name = "DIR", conflicts_with = "submission")]
    submissions: Option<PathBuf>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Write to this file; with --submissions, into this folder [default: DIR-grades]
    #[arg(long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// How many are graded at once [default: one for each two processors]
    #[arg(long, value_name = "N", requires = "submissions", value_parser = clap::value_parser!(u8).range(1..))]
    jobs: Option<u8>,
    /// How long one submission may take, such as 90s or 10m
    #[arg(long, value_name = "TIME", default_value = "10m", value_parser = time)]
    timeout: Duration,
    #[command(flatten)]
    keyed: Keyed,
    /// Print one JSON document
    #[arg(long)]
    pub json: bool,
}

impl Args {
    pub async fn run(self, catalog: Catalog, events: Events) -> Result<u8> {
        let session = Session::open(catalog, events)?;
        let (stop, stopped) = watch::channel(false);
        let work = async {
            match &self.submissions {
                Some(folder) => self.many(&session, stopped, folder).await,
                None => self.one(&session, stopped).await,
            }
        };
        tokio::pin!(work);
        tokio::select! {
            done = &mut work => Ok(done?.unwrap_or(3)),
            signal = interrupted() => {
                session.events.note("Interrupted: removing what was started");
                let _ = stop.send(true);
                work.await?;
                Ok(signal)
            }
        }
    }

    /// One submission; answers the exit code, or nothing when it was ended before.
    async fn one(&self, session: &Session, stopped: Stopped) -> Result<Option<u8>> {
        let grader = self.grader(session, stopped, &self.keyed)?;
        let submission = Submission::open(self.submission.as_deref().unwrap_or(Path::new(".")))?;
        if grader.prepare().await?.is_none() {
            return Ok(None);
        }
        let show = |event| session.events.send(event);
        let Some(grade) = grader.grade(&submission, &show).await else { return Ok(None) };
        let format = if self.json { Format::Json } else { self.format };
        if let Some(path) = &self.output {
            batch::write(path, format.file(&grade).as_bytes())?;
            session.events.note(format!(
                "{}\nwritten to {}",
                text::summary(&grade),
                path.display()
            ));
        }
        session.events.shown().await;
        if self.output.is_none() {
            output::print_text(&format.export(&grade));
        }
        Ok(Some(match grade.verdict {
            Verdict::Pass => 0,
            Verdict::Fail | Verdict::Blocked => 1,
            Verdict::Error => 3,
        }))
    }

    /// A batch: how many points somebody has earned is no failure of the command.
    async fn many(&self, session: &Session, stopped: Stopped, folder: &Path) -> Result<Option<u8>> {
        if self.keyed.learner.is_some() {
            return Err(Error::usage("The submissions of a batch are not all of one learner")
                .help("leave --learner out: each folder is named after its learner; or give the --seed of all"));
        }
        let batch = Batch {
            submissions: folder.to_owned(),
            output: match &self.output {
                Some(path) => path.clone(),
                None => batch::default_output(folder)?,
            },
            format: self.format,
            jobs: self.jobs.map_or_else(default_jobs, usize::from),
        };
        let grader = self.grader(session, stopped.clone(), &self.keyed)?;
        if grader.prepare().await?.is_none() {
            return Ok(None);
        }
        let each = |name: &str| {
            let mut keyed = self.keyed.clone();
            if keyed.seed.is_none() {
                keyed.learner = Some(name.to_owned());
            }
            self.grader(session, stopped.clone(), &keyed)
        };
        let Some(result) = grader.batch(&batch, &each).await? else { return Ok(None) };
        session.events.shown().await;
        if self.json {
            output::json(&result);
        } else {
            output::print_text(&text::batch(&result));
        }
        Ok(Some(exit_code(&result)))
    }

    fn grader<'a>(
        &self,
        session: &'a Session,
        stopped: Stopped,
        keyed: &Keyed,
    ) -> Result<Grader<'a>> {
        let seed = keyed.seed(&session.store, &self.lab)?;
        let lab = session.catalog.lab_with(&self.lab, &seed)?;
        Grader::new(session, lab, self.timeout, stopped)
    }
}

type Stopped = watch::Receiver<bool>;

fn exit_code(summary: &BatchResult) -> u8 {
    if summary.count(Verdict::Error) == 0 { 0 } else { 3 }
}

/// A seat keeps two processors busy.
fn default_jobs() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    (processors / 2).clamp(1, 8)
}

fn time(text: &str) -> Result<Duration, String> {
    let span = Span::from_text(text).filter(|span| span.0 >= Duration::from_secs(1));
    span.map(|span| span.0).ok_or_else(|| "a time of at least 1s, such as 90s or 10m".to_owned())
}
