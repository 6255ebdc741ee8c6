//! The prompt: the same as the screen, line by line, with nothing redrawn.

mod keys;
mod task;

use std::path::Path;

use console::style;
use keys::Key;

use super::shell;
use crate::catalog::lab::{Lab, Task};
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::report::reach;
use crate::report::text::{self, Detail};
use crate::session::Session;
use crate::session::start::{Reach, Started};
use crate::session::status::place;
use crate::store::SeatRow;
use crate::term::signal::{Ending, interrupted};
use crate::term::{self, markdown, print};
use crate::verdict::Verdict;

/// Shows a task and does what is typed, until the learner leaves.
///
/// # Errors
/// The store or the engine fails in a way that ends the session.
pub async fn run(session: &Session, started: &Started) -> Result<u8> {
    let Started { lab, seat, services, .. } = started;
    let mut screen = Screen { session, lab, seat, services, at: 0 };
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
        let outcome = match keys::parse(&line) {
            Ok(Key::Task) => screen.show_task(),
            Ok(Key::Check) => screen.check(true).await,
            Ok(Key::All) => screen.check(false).await,
            Ok(Key::Hint) => screen.hint(),
            Ok(Key::Next) => screen.go(1),
            Ok(Key::Previous) => screen.go(-1),
            Ok(Key::Shell) => screen.shell().await,
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
    print(&super::left(&lab.slug));
    Ok(code)
}

struct Screen<'a> {
    session: &'a Session,
    lab: &'a Lab,
    seat: &'a SeatRow,
    services: &'a [Reach],
    at: usize,
}

impl Screen<'_> {
    fn task(&self) -> &Task {
        &self.lab.tasks[self.at]
    }

    /// What is shown first: a terminal of the usual size has room for it above the prompt.
    fn open(&self) -> Result<()> {
        let progress = self.session.store.progress(&self.lab.slug)?;
        let task = task::view(self.lab, self.at, &progress, term::width());
        print(&opening(&self.seat.workspace, self.services, &task, term::width()));
        Ok(())
    }

    fn show_task(&self) -> Result<()> {
        let progress = self.session.store.progress(&self.lab.slug)?;
        print(&format!("{}\n", task::view(self.lab, self.at, &progress, term::width())));
        Ok(())
    }

    fn help(&self) {
        let reach = reach::full(&self.seat.workspace, self.services);
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
        print(&format!(
            "\n{}\n",
            text::lab(&result, Detail { verbose: false, width: term::width() })
        ));
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
        let hint = task
            .hints
            .get(shown.saturating_sub(1) as usize)
            .map_or("There is no hint.", String::as_str);
        print(&format!(
            "\nHint {shown} of {available}\n\n{}\n",
            markdown::render(hint, term::width())
        ));
        Ok(())
    }

    fn go(&mut self, by: isize) -> Result<()> {
        self.at = self.at.saturating_add_signed(by).min(self.lab.tasks.len().saturating_sub(1));
        self.session.store.set_place(&self.lab.slug, &self.task().id.value)?;
        self.show_task()
    }

    async fn shell(&self) -> Result<()> {
        let plan = self.session.plan(self.lab, self.seat.clone())?;
        let container = self.session.workbench(&plan).await?;
        self.session.events.shown().await;
        shell::run(&self.session.engine, &container, ExecSpec::new(["bash", "-l"])).await?;
        Ok(())
    }

    /// The next line that is typed; none at the end of input.
    async fn read(&self) -> Option<String> {
        print(&format!("{} ", style(format!("{} >", self.task().id.value)).bold()));
        let read = tokio::task::spawn_blocking(|| {
            let mut line = String::new();
            matches!(std::io::stdin().read_line(&mut line), Ok(n) if n > 0).then_some(line)
        });
        tokio::select! {
            line = read => line.ok().flatten(),
            _ = tokio::signal::ctrl_c() => None,
        }
    }
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
        let task = task::view(&lab, 0, &BTreeMap::new(), 80);
        let first = opening(Path::new("/home/somebody/labs/redis-queues"), &services, &task, 80);
        let first = console::strip_ansi_codes(&first);
        assert!(first.lines().all(|line| console::measure_text_width(line) <= 80), "{first}");
        // The last line is the prompt's.
        assert!(first.lines().count() <= 23, "{first}");
    }
}
