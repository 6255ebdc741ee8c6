//! The base images: pulled where a registry answers, else made by `mmdebstrap`.

use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::AsyncReadExt;
use tokio::process::{Child, Command};

use super::{Image, Recipe, context, labels, progress};
use crate::catalog::files::Files;
use crate::engine::{BuildProgress, BuildSpec, Engine, Upload};
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::outlook::Outlook;

/// The time that making a base takes on two cores where no registry answers.
const SECONDS: u32 = 35;

/// How long mmdebstrap may clean up when it is asked to end.
const ENDS_WITHIN: Duration = Duration::from_secs(5);

/// The base image of a suite.
pub fn image(docker: &Files, suite: &str) -> Result<Image> {
    Ok(Image {
        name: format!("base/{suite}"),
        tag: format!("labs/base:{suite}-{}", context::hash(docker, "base", suite)?),
        under: None,
        recipe: Recipe::Base(suite.to_owned()),
        // What stands on it counts it.
        megabytes: 0,
        seconds: SECONDS,
    })
}

/// Makes the base image of a suite.
///
/// # Errors
/// Neither way works; says what to do.
pub async fn make(
    docker: &Files,
    engine: &Engine,
    suite: &str,
    tag: &str,
    outlook: Outlook,
    events: &Events,
) -> Result<()> {
    let step = format!("image base/{suite}");
    let work = async {
        events.send(Event::Outlook { step: step.clone(), outlook });
        let pulled = match pull(docker, engine, suite, tag, &step, events).await {
            Ok(()) => return Ok(()),
            Err(error) if error.is_full_disk() => return Err(error),
            Err(error) => error,
        };
        let made = bootstrap(docker, engine, suite, tag, &step, events).await;
        made.map_err(|made| {
            let why = format!("from a registry: {}\nwith mmdebstrap: {}", brief(&pulled), brief(&made));
            Error::infrastructure(format!("The base image for {suite} can neither be pulled nor made"))
                .because(why)
                .help(
                    "connect to a registry, or install mmdebstrap and be root (Debian, Ubuntu: apt-get install mmdebstrap), \
                     or bring images from another machine: there 'labs images save FILE', here 'labs images load FILE'",
                )
        })
    };
    events.step(step.clone(), work).await
}

async fn pull(
    docker: &Files,
    engine: &Engine,
    suite: &str,
    tag: &str,
    step: &str,
    events: &Events,
) -> Result<()> {
    let spec = BuildSpec {
        tag: tag.to_owned(),
        context: context::tar(docker, "base")?,
        dockerfile: "Dockerfile".to_owned(),
        args: [("SUITE".to_owned(), suite.to_owned())].into(),
        labels: labels("base"),
        network: None,
    };
    let report = |p: BuildProgress| events.send(progress(step, &p));
    engine.image_build(&spec, report).await.map(drop)
}

async fn bootstrap(
    docker: &Files,
    engine: &Engine,
    suite: &str,
    tag: &str,
    step: &str,
    events: &Events,
) -> Result<()> {
    let folder = unpack(docker)?;
    let mut command = Command::new("bash");
    command
        .arg(folder.path().join("mmdebstrap"))
        .arg(suite)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .env("TMPDIR", folder.path());
    let mut group = Group::spawn(&mut command)?;
    let (Some(mut tar), Some(mut said)) = (group.child.stdout.take(), group.child.stderr.take())
    else {
        return Err(Error::infrastructure("mmdebstrap has no output"));
    };
    // It writes its tar in one piece at the end, and an import of nothing would be an empty image.
    let mut archive = Vec::new();
    let mut messages = String::new();
    events.send(Event::Progress {
        step: step.to_owned(),
        text: "no registry answers: making it with mmdebstrap".to_owned(),
        done: 0,
        total: None,
    });
    let (read, heard) =
        tokio::join!(tar.read_to_end(&mut archive), said.read_to_string(&mut messages));
    let status = group.child.wait().await;
    drop(group);
    match (status, read, heard) {
        (Ok(status), Ok(_), Ok(_)) if status.success() => {}
        _ => {
            let tail: Vec<&str> = messages.lines().rev().take(5).collect();
            let why = tail.into_iter().rev().collect::<Vec<_>>().join("\n");
            return Err(Error::infrastructure("mmdebstrap failed").because(why));
        }
    }
    let label = format!("LABEL {}=base", super::LABEL);
    engine.image_import(Upload::bytes(archive), tag, &[&label, r#"CMD ["bash"]"#], |_| {}).await
}

/// A process with all that it started: ended when this is dropped. mmdebstrap cleans up at SIGTERM, and what it leaves
/// lies in a temporary folder of ours, which can go only when nobody writes there any more.
struct Group {
    child: Child,
    id: Option<Pid>,
}

impl Group {
    fn spawn(command: &mut Command) -> Result<Self> {
        let child = command.process_group(0).spawn();
        let child =
            child.map_err(|e| Error::infrastructure("bash cannot be started").because(e))?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, id })
    }

    fn lives(&mut self, id: Pid) -> bool {
        // One that nobody has waited for counts as alive.
        let _ = self.child.try_wait();
        test_kill_process_group(id).is_ok()
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        let Some(id) = self.id else { return };
        let began = Instant::now();
        // One that has ended is no error.
        let _ = kill_process_group(id, Signal::TERM);
        while self.lives(id) {
            if began.elapsed() > ENDS_WITHIN {
                let _ = kill_process_group(id, Signal::KILL);
                return;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

/// The script reads the files beside it, so they are laid out as they are in the project.
fn unpack(docker: &Files) -> Result<tempfile::TempDir> {
    let failed = |e: std::io::Error| {
        Error::infrastructure("The temporary folder cannot be written").because(e)
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    let mut archive = std::io::Cursor::new(context::tar(docker, "base")?);
    tar::Archive::new(&mut archive).unpack(folder.path()).map_err(failed)?;
    Ok(folder)
}

/// The last thing an error says, on one line.
fn brief(error: &Error) -> String {
    let why = error.why.as_deref().unwrap_or(&error.what);
    why.lines().last().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_build_that_is_given_up_ends_with_all_that_it_started() {
        let folder = tempfile::tempdir().unwrap();
        let mut command = Command::new("bash");
        command.current_dir(folder.path());
        command.args([
            "-c",
            "trap 'sleep 0.2; touch cleaned' TERM; sleep 3600 & : >begun; wait; wait",
        ]);
        let group = Group::spawn(&mut command).unwrap();
        let id = group.id.unwrap();
        while !folder.path().join("begun").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(group);
        assert!(test_kill_process_group(id).is_err());
        assert!(folder.path().join("cleaned").exists());
    }
}
