//! Building an image from a Dockerfile, with the classic builder that every engine has.

use std::collections::{BTreeMap, VecDeque};
use std::pin::pin;
use std::time::Duration;

use bollard::models::BuildInfo;
use bollard::query_parameters::BuildImageOptions;
use futures_util::StreamExt;

use super::Engine;
use super::container::map;
use crate::error::{Error, Result};
use crate::failpoint;

/// How long a step may say nothing.
const SILENT: Duration = Duration::from_secs(900);
/// Lines of output told with a failure.
const LAST_LINES: usize = 20;

/// An image to be built.
#[derive(Debug, Clone, Default)]
pub struct BuildSpec {
    pub tag: String,
    /// The context as a tar, compressed or not.
    pub context: Vec<u8>,
    /// Its path in the context.
    pub dockerfile: String,
    pub args: BTreeMap<String, String>,
    pub labels: BTreeMap<String, String>,
    /// The network of RUN steps, as `host`; `None` is the engine's default.
    pub network: Option<String>,
}

/// A line of a build's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildProgress {
    /// Counted from 1; 0 before the first.
    pub step: u32,
    pub of: u32,
    /// The step's instruction.
    pub instruction: String,
    /// What it wrote; `None` where the step begins.
    pub line: Option<String>,
}

impl Engine {
    /// Builds an image and returns its id. Dropping the future ends the build; what finished stays cached.
    pub async fn image_build(
        &self,
        spec: &BuildSpec,
        mut progress: impl FnMut(BuildProgress) + Send,
    ) -> Result<String> {
        let what = format!("build the image {}", spec.tag);
        let options = BuildImageOptions {
            dockerfile: spec.dockerfile.clone(),
            t: Some(spec.tag.clone()),
            buildargs: Some(map(&spec.args)),
            labels: Some(map(&spec.labels)),
            networkmode: spec.network.clone(),
            rm: true,
            forcerm: true,
            ..Default::default()
        };
        let context = bollard::body_full(spec.context.clone().into());
        let mut answers = pin!(self.docker.build_image(options, None, Some(context)));
        let mut follower = Follower::default();
        let mut id = None;
        loop {
            let answer = tokio::time::timeout(SILENT, answers.next())
                .await
                .map_err(|_| follower.failure(&what, self.timed_out(&what, SILENT)))?;
            failpoint::step();
            match answer {
                Some(Ok(info)) => {
                    id = built_id(&info).or(id);
                    let text = info.stream.or(info.status.map(|status| status + "\n"));
                    if let Some(text) = text {
                        follower.read(&text, &mut progress);
                    }
                }
                Some(Err(error)) => {
                    return Err(follower.failure(&what, self.explain(&what, &error)));
                }
                None => break,
            }
        }
        id.ok_or_else(|| {
            let cut =
                Error::infrastructure(&what).because("the engine ended the build without an image");
            follower.failure(&what, cut)
        })
    }
}

fn built_id(info: &BuildInfo) -> Option<String> {
    info.aux.as_ref().and_then(|aux| aux.id.clone())
}

/// Turns the builder's text into steps and lines.
#[derive(Default)]
struct Follower {
    step: u32,
    of: u32,
    instruction: String,
    /// The beginning of a line whose end has not come.
    begun: String,
    /// The last lines of the step.
    last: VecDeque<String>,
}

impl Follower {
    fn read(&mut self, text: &str, progress: &mut impl FnMut(BuildProgress)) {
        self.begun.push_str(text);
        while let Some(end) = self.begun.find(['\n', '\r']) {
            let line: String = self.begun.drain(..=end).collect();
            let line = line.trim_end();
            if !line.is_empty() {
                self.line(line, progress);
            }
        }
    }

    fn line(&mut self, line: &str, progress: &mut impl FnMut(BuildProgress)) {
        let begins = parse_step(line);
        if let Some((step, of, instruction)) = begins {
            (self.step, self.of, self.instruction) = (step, of, instruction.to_owned());
            self.last.clear();
        } else {
            if self.last.len() == LAST_LINES {
                self.last.pop_front();
            }
            self.last.push_back(line.to_owned());
        }
        progress(BuildProgress {
            step: self.step,
            of: self.of,
            instruction: self.instruction.clone(),
            line: begins.is_none().then(|| line.to_owned()),
        });
    }

    /// Adds the step and its last lines to an error.
    fn failure(&self, what: &str, mut error: Error) -> Error {
        if self.step == 0 {
            return error;
        }
        error.what = format!("cannot {what}: step {} of {} failed", self.step, self.of);
        error = error.at(&self.instruction);
        let mut why = error.why.take().unwrap_or_default();
        for line in self.last.iter().chain((!self.begun.is_empty()).then_some(&self.begun)) {
            why.push('\n');
            why.push_str(line);
        }
        error.because(why)
    }
}

/// `Step 3/7 : RUN make`.
fn parse_step(line: &str) -> Option<(u32, u32, &str)> {
    let (counts, instruction) = line.strip_prefix("Step ")?.split_once(" : ")?;
    let (step, of) = counts.split_once('/')?;
    Some((step.parse().ok()?, of.parse().ok()?, instruction))
}

#[cfg(test)]
mod tests {
    use super::super::fault;
    use super::*;

    fn follow(pieces: &[&str]) -> (Follower, Vec<BuildProgress>) {
        let (mut follower, mut seen) = (Follower::default(), Vec::new());
        for piece in pieces {
            follower.read(piece, &mut |progress| seen.push(progress));
        }
        (follower, seen)
    }

    #[test]
    fn steps_and_lines_are_told_apart_however_they_arrive() {
        let (_, seen) = follow(&[
            "Step 1/2 : FROM base",
            "\n",
            " ---> 123\n",
            "Step 2/2 :",
            " RUN x\nfir",
            "st\rsecond\n",
        ]);
        let lines: Vec<_> =
            seen.iter().map(|progress| (progress.step, progress.line.as_deref())).collect();
        assert_eq!(
            lines,
            [(1, None), (1, Some(" ---> 123")), (2, None), (2, Some("first")), (2, Some("second"))]
        );
        assert_eq!(seen[2].instruction, "RUN x");
    }

    #[test]
    fn a_step_that_ran_out_of_disk_says_what_helps() {
        let (follower, _) =
            follow(&["Step 2/3 : RUN dpkg -i x\n", "dpkg: error: No space left on device\n"]);
        let error = follower
            .failure("build the image x", fault::refused("build", "returned a non-zero code: 1"));
        assert!(
            error.is_full_disk() && error.help.as_deref().unwrap().contains("df -h"),
            "{error}"
        );
    }

    #[test]
    fn a_failure_names_the_step_and_ends_with_its_last_lines() {
        let chatter = (0..50).map(|n| format!("line {n}\n")).collect::<Vec<_>>().concat();
        let (follower, _) = follow(&["Step 2/3 : RUN make\n", &chatter, "no newline"]);
        let error = follower
            .failure("build the image x", fault::refused("build", "returned a non-zero code: 2"));
        assert_eq!(error.what, "cannot build the image x: step 2 of 3 failed");
        assert_eq!(error.place.as_deref(), Some("RUN make"));
        let why = error.why.unwrap();
        assert!(why.starts_with("returned a non-zero code: 2\nline 30\n"), "{why}");
        assert!(why.ends_with("line 49\nno newline"), "{why}");
    }
}
