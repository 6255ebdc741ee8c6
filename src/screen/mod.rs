//! The prompt loop of `labs run` in a terminal.

pub mod shell;

use std::io::Write;

use console::style;

use crate::catalog::lab::{Lab, Task};
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::report::text::{self, Detail};
use crate::session::Session;
use crate::session::status::first_open;
use crate::store::SeatRow;
use crate::term::signal::{Ending, interrupted};
use crate::term::{self, markdown};
use crate::verdict::Verdict;

const HELP: &str = "  check (c)      check this task        all (a)       check every task
  hint (h)       one more hint          task (t)      show the task again
  next (n)       the next task          previous (p)  the one before
  shell (s)      a shell beside the services; 'exit' comes back
  quit (q)       leave; the seat goes on running
";

/// Shows a task and does what is typed, until the learner leaves.
///
/// # Errors
/// The store or the engine fails in a way that ends the session.
pub async fn run(session: &Session, lab: &Lab, seat: &SeatRow) -> Result<u8> {
    let mut screen = Screen { session, lab, seat, at: 0 };
    // Listened to all the time: it ends what goes on, and then the prompt too.
    let mut ending = Ending::listen();
    let mut code = 0;
    screen.at = screen.first_open()?;
    screen.show_task()?;
    print(&format!("{HELP}\n"));
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
        let outcome = match line.trim() {
            "" | "task" | "t" => screen.show_task(),
            "check" | "c" => screen.check(true).await,
            "all" | "a" => screen.check(false).await,
            "hint" | "h" => screen.hint(),
            "next" | "n" => screen.go(1),
            "previous" | "p" => screen.go(-1),
            "shell" | "s" => screen.shell().await,
            "quit" | "q" | "exit" => break,
            "help" | "?" => {
                print(HELP);
                Ok(())
            }
            other => {
                print(&format!("There is no {other:?} here:\n{HELP}"));
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
    print(&format!(
        "\nThe seat goes on running. Come back with 'labs run {0}', end it with 'labs stop {0}'.\n",
        lab.slug
    ));
    Ok(code)
}

struct Screen<'a> {
    session: &'a Session,
    lab: &'a Lab,
    seat: &'a SeatRow,
    at: usize,
}

impl Screen<'_> {
    fn task(&self) -> &Task {
        &self.lab.tasks[self.at]
    }

    /// The first task that is not passed, else the last.
    fn first_open(&self) -> Result<usize> {
        let progress = self.session.store.progress(&self.lab.slug)?;
        Ok(first_open(self.lab, &progress).unwrap_or(self.lab.tasks.len().saturating_sub(1)))
    }

    fn show_task(&self) -> Result<()> {
        let task = self.task();
        let progress = self.session.store.progress(&self.lab.slug)?;
        let passed = |t: &Task| progress.get(&t.id.value).is_some_and(|p| p.passed_at.is_some());
        let dots: String =
            self.lab.tasks.iter().map(|t| if passed(t) { '●' } else { '○' }).collect();
        let state = if passed(task) {
            style("passed").green().to_string()
        } else {
            format!("{} points", task.points)
        };
        print(&format!(
            "\n{}  task {} of {}  {dots}  {state}\n\n",
            style(&self.lab.title).bold(),
            self.at + 1,
            self.lab.tasks.len()
        ));
        print(&format!("{}\n", markdown::render(&task.prompt, term::width())));
        for check in &task.checks {
            let claim = term::wrapped(&check.claim, 4, term::width());
            print(&format!("  {} {}\n", style("○").dim(), claim.trim_start()));
        }
        print("\n");
        Ok(())
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
        print(&format!(
            "\n{}\n",
            text::lab(&result, Detail { verbose: false, width: term::width() })
        ));
        if this_task && result.verdict == Verdict::Pass {
            let before = self.at;
            self.at = self.first_open()?;
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
        self.show_task()
    }

    async fn shell(&self) -> Result<()> {
        let plan = self.session.plan(self.lab, self.seat.clone())?;
        let container = self.session.workbench(&plan).await?;
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

fn print(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
