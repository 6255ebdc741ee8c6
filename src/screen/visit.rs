//! What a learner goes to from the task and comes back from: a shell, a client, a repair, a log.

use std::time::{Duration, Instant};

use console::style;

use super::shell;
use crate::engine::{ExecSpec, LogRequest};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::start::Started;
use crate::session::status::place;
use crate::term::escape::visible;
use crate::term::{self, markdown};

/// A shell in the workbench, or a service's client, on the whole terminal; answers how long it was there.
pub async fn workbench(
    session: &Session,
    started: &Started,
    client_of: Option<&str>,
) -> Result<Duration> {
    let plan = session.plan(&started.lab, started.seat.clone())?;
    let command = match client_of {
        None => vec!["bash".to_owned(), "-l".to_owned()],
        Some(service) => {
            let member = plan.expect_member(service)?;
            if !session.runs(&plan.container(service)).await? {
                return Err(Error::usage(format!("{service} has stopped"))
                    .help("'u' starts it, 'r' opens a shell at its data, 'l' shows its log"));
            }
            member.client()
        }
    };
    let task = prompt_of(session, started)?;
    term::print(&format!("\n{task}\n{}\n", style("Ctrl-D comes back to the task.").dim()));
    let container = session.workbench(&plan).await?;
    let began = Instant::now();
    shell::run(&session.engine, &container, ExecSpec::new(command)).await?;
    Ok(began.elapsed())
}

/// A service's client, as [`workbench`] has it. What one that ends at once has printed stays until it is read.
pub async fn client(session: &Session, started: &Started, service: &str) -> Result<()> {
    const AT_ONCE: Duration = Duration::from_secs(2);
    if workbench(session, started, Some(service)).await? < AT_ONCE {
        term::print(&format!("\n{}\n", style("Enter comes back to the task.").bold()));
        shell::entered().await;
    }
    Ok(())
}

/// The prompt of the task, so that it can be read in the shell too.
fn prompt_of(session: &Session, started: &Started) -> Result<String> {
    let at = place(&session.store, &started.lab)?;
    let task = started.lab.tasks.get(at).map_or("", |task| task.prompt.as_str());
    Ok(markdown::render(task, term::width()))
}

/// A shell at a stopped service's data, and the service's start after it.
pub async fn repair(session: &Session, started: &Started, service: &str) -> Result<()> {
    let plan = session.plan(&started.lab, started.seat.clone())?;
    let member = plan.expect_member(service)?;
    shell::repair(session, &plan, member).await?;
    term::print(&format!("{service} is starting …\n"));
    session.restart(&plan, member).await.map(drop)
}

pub async fn logs(session: &Session, started: &Started, service: &str) -> String {
    const LAST: usize = 500;
    const WITHIN: Duration = Duration::from_secs(3);
    let read = async {
        let plan = session.plan(&started.lab, started.seat.clone())?;
        let container = plan.container(service);
        let request = LogRequest { last: Some(LAST), follow: false, since: None };
        let mut lines = session.engine.logs(&container, &request);
        let mut text = String::new();
        while let Some(line) = lines.next().await.transpose()? {
            text.push_str(&visible(&String::from_utf8_lossy(&line.bytes)));
            if !text.ends_with('\n') {
                text.push('\n');
            }
        }
        Ok::<_, Error>(text)
    };
    match tokio::time::timeout(WITHIN, read).await {
        Ok(Ok(text)) if text.is_empty() => "It has written nothing yet.".to_owned(),
        Ok(Ok(text)) => text,
        Ok(Err(error)) => visible(&error.to_string()),
        Err(_) => "The engine did not give the log in time; try again.".to_owned(),
    }
}
