//! The prompt: the same as the screen, line by line, with nothing redrawn, and in words that can be read out.

mod keys;
mod task;

pub use task::view;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::BufRead;
use std::path::Path;
use std::time::{Duration, Instant};

use console::style;
use keys::Key;

use super::visit;
use crate::catalog::lab::{Check, Lab, Task};
use crate::error::{Error, Result};
use crate::report::text::{self, Detail};
use crate::report::{reach, solution};
use crate::session::Session;
use crate::session::reset::Workspace;
use crate::session::start::{Reach, Started, Wanted};
use crate::session::status::place;
use crate::store::SeatRow;
use crate::term::signal::{Ending, interrupted};
use crate::term::{self, markdown, print};
use crate::verdict::{TaskResult, Verdict};

/// Less time than this is not recorded at once.
const COUNTED_EVERY: Duration = Duration::from_secs(60);

/// What cannot be seen by then is left to a check.
const LOOKS_WITHIN: Duration = Duration::from_secs(2);

/// Shows a task and does what is typed, until the learner leaves.
///
/// # Errors
/// The store or the engine fails in a way that ends the session.
pub async fn run(session: &Session, started: &Started) -> Result<u8> {
    let Started { lab, seat, services, .. } = started;
    let last = BTreeMap::new();
    let services = services.clone();
    let counted = Cell::new(Instant::now());
    let mut screen = Screen { session, started, lab, seat, services, at: 0, last, counted };
    // Listened to all the time: it ends what goes on, and then the prompt too.
    let mut ending = Ending::listen();
    let mut code = 0;
    screen.at = place(&session.store, lab)?;
    screen.open()?;
    loop {
        let line = tokio::select! {
            biased;
            signal = ending.comes() => {
                code = signal;
                break;
            }
            line = screen.read() => line,
        };
        let Some(line) = line else { break };
        if screen.counted.get().elapsed() >= COUNTED_EVERY {
            screen.count_time()?;
        }
        let parsed = keys::parse(&line);
        let word = parsed.as_ref().map_or("", |(_, word)| word);
        let outcome = match parsed.as_ref().map(|(key, _)| *key) {
            Ok(Key::Task) => screen.show_task(),
            Ok(Key::Check) => screen.check(true).await,
            Ok(Key::All) => screen.check(false).await,
            Ok(Key::Hint) => screen.hint(),
            Ok(Key::Next) if screen.at + 1 == lab.tasks.len() => {
                print("This is the last task.\n");
                Ok(())
            }
            Ok(Key::Next) => screen.go(screen.at + 1),
            Ok(Key::Previous) if screen.at == 0 => {
                print("This is the first task.\n");
                Ok(())
            }
            Ok(Key::Previous) => screen.go(screen.at - 1),
            Ok(Key::Jump(at)) if at >= lab.tasks.len() => {
                print(&format!("There are {} tasks.\n", lab.tasks.len()));
                Ok(())
            }
            Ok(Key::Jump(at)) => screen.go(at),
            Ok(Key::Shell) => screen.shell().await,
            Ok(Key::Client) => screen.client(word).await,
            Ok(Key::Logs) => screen.logs(word).await,
            Ok(Key::Repair) => screen.repair(word).await,
            Ok(Key::Up) => screen.up().await,
            Ok(Key::Evidence) => {
                screen.evidence();
                Ok(())
            }
            Ok(Key::Solution) => screen.solution(word),
            Ok(Key::Reset) => screen.reset(word).await,
            Ok(Key::Help) => {
                screen.help();
                Ok(())
            }
            Ok(Key::Quit) => break,
            Err(unknown) => {
                print(&format!("{unknown}\n"));
                Ok(())
            }
        };
        if let Err(error) = outcome {
            print(&format!(
                "{} {}\n",
                style("error:").red().bold(),
                term::escape::visible(&error.to_string())
            ));
        }
    }
    screen.count_time()?;
    print(&super::left(&lab.slug));
    Ok(code)
}

struct Screen<'a> {
    session: &'a Session,
    started: &'a Started,
    lab: &'a Lab,
    seat: &'a SeatRow,
    services: Vec<Reach>,
    at: usize,
    /// What came of the last check of each task.
    last: BTreeMap<String, TaskResult>,
    /// Since when the time spent is not recorded yet.
    counted: Cell<Instant>,
}

impl Screen<'_> {
    fn task(&self) -> &Task {
        &self.lab.tasks[self.at]
    }

    /// What is shown first: a terminal of the usual size has room for it above the prompt.
    fn open(&self) -> Result<()> {
        print(&opening(&self.seat.workspace, &self.services, &self.view()?, term::width()));
        Ok(())
    }

    fn show_task(&self) -> Result<()> {
        print(&format!("{}\n", self.view()?));
        Ok(())
    }

    fn view(&self) -> Result<String> {
        let store = &self.session.store;
        let progress = store.progress(&self.lab.slug)?;
        let spent = store.time(&self.lab.slug)? + self.counted.get().elapsed();
        Ok(task::view(self.lab, self.at, &progress, spent, term::width(), true))
    }

    /// Records the time that was spent.
    fn count_time(&self) -> Result<()> {
        let spent = self.counted.replace(Instant::now()).elapsed();
        self.session.store.add_time(&self.lab.slug, spent)
    }

    fn help(&self) {
        let reach = reach::full(&self.seat.workspace, &self.services);
        print(&format!("\n{}\n{reach}\n", keys::table()));
    }

    async fn check(&mut self, this_task: bool) -> Result<()> {
        let task = this_task.then(|| self.task().id.value.clone());
        let work = self.session.check(self.lab, self.seat, task.as_deref());
        let result = tokio::select! {
            result = work => result?,
            _ = interrupted() => {
                self.session.remove_abandoned_stands(&self.seat.id).await?;
                self.session.events.shown().await;
                print("\nThe check was interrupted.\n");
                return Ok(());
            }
        };
        self.session.events.shown().await;
        print(&format!("\n{}\n", text::lab(&result, read_out())));
        self.last.extend(result.tasks.iter().map(|task| (task.id.clone(), task.clone())));
        if this_task && result.verdict == Verdict::Pass {
            let before = self.at;
            self.at = place(&self.session.store, self.lab)?;
            if self.at != before {
                print(&format!("Next: {} (Enter shows it)\n", style(&self.task().title).bold()));
            }
        }
        Ok(())
    }

    fn hint(&self) -> Result<()> {
        let task = self.task();
        let available = u32::try_from(task.hints.len()).unwrap_or(u32::MAX);
        let shown = self.session.store.show_hint(&self.lab.slug, &task.id.value, available)?;
        let Some(hint) = task.hints.get(shown.saturating_sub(1) as usize) else {
            print("There is no hint for this task.\n");
            return Ok(());
        };
        print(&format!(
            "\nHint {shown} of {available}\n\n{}\n",
            markdown::render(hint, term::width())
        ));
        Ok(())
    }

    fn go(&mut self, to: usize) -> Result<()> {
        self.at = to;
        self.session.store.set_place(&self.lab.slug, &self.task().id.value)?;
        self.show_task()
    }

    fn evidence(&self) {
        let detail = Detail { verbose: true, ..read_out() };
        match self.last.get(&self.task().id.value) {
            Some(last) => print(&text::whole(last, detail)),
            None => print("This task has not been checked yet: 'c' does.\n"),
        }
    }

    fn solution(&self, word: &str) -> Result<()> {
        let Some(style) = self.lab.solutions.first() else {
            print("The lab ships no solution.\n");
            return Ok(());
        };
        let task = &self.task().id.value;
        let progress = self.session.store.progress(&self.lab.slug)?;
        let known = progress.get(task).is_some_and(|p| p.solution_seen || p.passed_at.is_some());
        if !known && word != "yes" {
            print("'solution yes' shows a right solution; that you looked is recorded.\n");
            return Ok(());
        }
        self.session.store.show_solution(&self.lab.slug, task)?;
        let steps = solution::of_task(&self.session.catalog, self.lab, style, task)?;
        print(&solution::text(&steps));
        Ok(())
    }

    /// The service that is meant: the one named, or the only one.
    ///
    /// # Errors
    /// There are several and none is named.
    fn service<'s>(&'s self, word: &'s str) -> Result<&'s str> {
        match self.services.as_slice() {
            _ if !word.is_empty() => Ok(word),
            [only] => Ok(&only.service),
            several => {
                let names: Vec<&str> = several.iter().map(|reach| reach.service.as_str()).collect();
                Err(Error::usage("Which service?").help(format!("one of {}", names.join(", "))))
            }
        }
    }

    async fn shell(&self) -> Result<()> {
        self.count_time()?;
        visit::workbench(self.session, self.started, None).await?;
        self.look().await
    }

    async fn client(&self, word: &str) -> Result<()> {
        let service = self.service(word)?;
        visit::workbench(self.session, self.started, Some(service)).await?;
        self.look().await
    }

    /// Shows what checks that disturb nobody see after the learner was somewhere, if they see it soon.
    async fn look(&self) -> Result<()> {
        let task = &self.task().id.value;
        let progress = self.session.store.progress(&self.lab.slug)?;
        let passed = progress.get(task).is_some_and(|p| p.passed_at.is_some());
        if passed || !self.task().checks.iter().any(Check::only_looks) {
            if let Some(stopped) = self.session.look_for_stopped(self.lab, self.seat).await? {
                print(&task::broken(&stopped));
            }
            return Ok(());
        }
        let looks = self.session.look(self.lab, self.seat, task);
        let seen = tokio::select! {
            seen = tokio::time::timeout(LOOKS_WITHIN, looks) => seen.ok().transpose()?,
            _ = interrupted() => None,
        };
        self.session.events.shown().await;
        let Some(seen) = seen else { return Ok(()) };
        if let Some(broken) = &seen.broken {
            print(&task::broken(broken));
            return Ok(());
        }
        for task in &seen.result.tasks {
            print(&task::seen(task, term::width()));
        }
        Ok(())
    }

    async fn logs(&self, word: &str) -> Result<()> {
        let service = self.service(word)?;
        self.session.plan(self.lab, self.seat.clone())?.expect_member(service)?;
        print(&visit::logs(self.session, self.started, service).await);
        Ok(())
    }

    async fn repair(&self, word: &str) -> Result<()> {
        visit::repair(self.session, self.started, self.service(word)?).await
    }

    async fn up(&mut self) -> Result<()> {
        let started = self.session.start(self.lab, Wanted::default()).await?;
        self.session.events.shown().await;
        self.services = started.services;
        Ok(())
    }

    async fn reset(&mut self, word: &str) -> Result<()> {
        let files = match word {
            "task" => {
                let done = self.session.reset_task(self.lab, self.seat.clone(), self.task());
                let done = done.await?;
                self.session.events.shown().await;
                self.last.remove(&done.task);
                print(&format!("{}\n", done.said()));
                return Ok(());
            }
            "data" => Workspace::Kept,
            "all" => Workspace::SetAside,
            _ => {
                print(
                    "'reset task' begins this task again, 'reset data' makes services and data anew,\n'reset all' also moves your files aside.\n",
                );
                return Ok(());
            }
        };
        let done = self.session.reset(self.lab, self.seat.clone(), files).await?;
        self.session.events.shown().await;
        self.services = done.services;
        Ok(())
    }

    /// The next line that is typed; none at the end of input.
    async fn read(&self) -> Option<String> {
        print(&format!("{} ", style(format!("{} >", self.task().id.value)).bold()));
        let read = tokio::task::spawn_blocking(|| {
            let mut line = Vec::new();
            let read = std::io::stdin().lock().read_until(b'\n', &mut line);
            // A sign of another encoding is a slip like any other.
            matches!(read, Ok(1..)).then(|| String::from_utf8_lossy(&line).into_owned())
        });
        tokio::select! {
            line = read => line.ok().flatten(),
            _ = tokio::signal::ctrl_c() => None,
        }
    }
}

/// Who wants lines may have them read out.
fn read_out() -> Detail {
    Detail { spoken: true, ..Detail::brief() }
}

fn opening(workspace: &Path, services: &[Reach], task: &str, width: usize) -> String {
    let reach = reach::brief(workspace, services, width);
    format!("{reach}{task}\n{}\n", style(keys::line(width)).dim())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::catalog::Catalog;

    #[test]
    fn what_is_shown_first_fits_a_terminal_of_the_usual_size() {
        let lab = Catalog::new(None).lab("redis-queues").unwrap();
        let service = "redis".to_owned();
        let address = "127.0.0.1:35228".parse().unwrap();
        let services = [Reach { service, address, ports: BTreeMap::new() }];
        let task = task::view(&lab, 0, &BTreeMap::new(), Duration::ZERO, 80, true);
        let first = opening(Path::new("/home/somebody/labs/redis-queues"), &services, &task, 80);
        let first = console::strip_ansi_codes(&first);
        assert!(first.lines().all(|line| console::measure_text_width(line) <= 80), "{first}");
        // The last line is the prompt's.
        assert!(first.lines().count() <= 23, "{first}");
    }
}
