//! The screen of a task, alive while the learner works: it is drawn whole, checks again when something was saved or has
//! changed, and does what a key asks for.

mod canvas;
mod cost;
mod keys;
mod page;
mod state;
mod watch;

use std::time::{Duration, Instant};

use crossterm::event::{Event as Typed, EventStream};
use futures_util::StreamExt;
use futures_util::future::LocalBoxFuture;
use rustix::process::{Signal, kill_current_process_group};
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;

use self::canvas::Canvas;
use self::keys::Key;
use self::state::{Act, State};
use super::visit;
use crate::error::{Error, Result};
use crate::event::{Event, Events};
use crate::session::Session;
use crate::session::check::Looked;
use crate::session::start::{Started, Wanted};
use crate::term;
use crate::term::signal::Ending;
use crate::verdict::LabResult;

/// How often files and services are looked at.
const LOOKED_EVERY: Duration = Duration::from_secs(1);
/// How often services are looked at for their own sake, where no check does.
const SERVICES_EVERY: Duration = Duration::from_secs(3);
/// Nothing having happened for so long, services are looked at less often.
const AT_REST_AFTER: Duration = Duration::from_secs(60);
const AT_REST_EVERY: Duration = Duration::from_secs(5);
/// A task whose check took longer is not checked unasked.
const UNASKED_AT_MOST: Duration = Duration::from_secs(10);

/// What goes on besides the keys.
struct Work<'a> {
    what: What,
    began: Instant,
    result: LocalBoxFuture<'a, Result<Looked>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What {
    /// Checks that disturb nobody.
    Look,
    /// Whether services run, and nothing else.
    Services,
    /// All checks of a task, asked for or not.
    Task { asked: bool },
    /// The whole lab.
    Lab,
}

impl What {
    /// Whether nobody waits for it.
    fn only_looks(self) -> bool {
        matches!(self, Self::Look | Self::Services)
    }
}

/// Draws, waits for what happens, does it; answers the exit code.
///
/// # Errors
/// The store or the terminal fails.
pub async fn run(mut session: Session, mut started: Started) -> Result<u8> {
    let (events, mut happened) = Events::channel();
    session.events = events;
    // Listened to all the time: it ends what goes on, and then the screen too.
    let mut ending = Ending::listen();
    let mut said = String::new();
    loop {
        let seat = started.seat.clone();
        let sits = Box::pin(sit(&session, &started, &said, &mut ending, &mut happened));
        let end = session.mindful_of_disk(&seat, sits).await?;
        match end {
            End::Left(code) => {
                let runs = session.store.seat_of(&started.lab.slug)?.is_some();
                term::print(&if runs { super::left(&started.lab.slug) } else { ended(&started) });
                return Ok(code);
            }
            End::Anew(again, says) => (started, said) = (*again, says),
        }
    }
}

/// What is said when somebody else has ended the seat.
fn ended(started: &Started) -> String {
    format!(
        "\nThe seat has ended. Your files are in {}\n  labs run {}   starts another\n",
        started.seat.workspace.display(),
        started.lab.slug
    )
}

/// How a sitting ends.
enum End {
    Left(u8),
    /// Services were started, and may be reached elsewhere; even the seat may be another. With what is to be said then.
    Anew(Box<Started>, String),
}

type Happened = tokio::sync::mpsc::UnboundedReceiver<Event>;

async fn sit(
    session: &Session,
    started: &Started,
    said: &str,
    ending: &mut Ending,
    happened: &mut Happened,
) -> Result<End> {
    let mut state = State::open(session, started)?;
    state.says(said);
    let mut canvas = Canvas::enter()?;
    let mut typed = EventStream::new();
    let mut work: Option<Work> = None;
    let mut ticks = tokio::time::interval(LOOKED_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        canvas.draw(state.draw(Canvas::size(), work.as_ref().map(|w| (w.what, w.began))))?;
        let act = tokio::select! {
            code = ending.comes() => Act::Leave(code),
            event = typed.next() => match event {
                Some(Ok(Typed::Key(key))) => match keys::read(&key) {
                    Some(Key::Interrupt) if state.is_busy() => Act::Stop,
                    Some(key) => state.key(key)?,
                    None => Act::Nothing,
                },
                Some(Ok(Typed::Resize(..))) => {
                    canvas.forget();
                    Act::Nothing
                }
                Some(Ok(Typed::Paste(_))) => {
                    state.pasted();
                    Act::Nothing
                }
                Some(Ok(_)) => Act::Nothing,
                Some(Err(_)) | None => Act::Leave(0),
            },
            Some(event) = happened.recv() => {
                state.happened(event);
                Act::Nothing
            }
            result = async { (&mut work.as_mut()?.result).await.into() }, if work.is_some() => {
                let done = work.take().map(|w| (w.what, w.began.elapsed()));
                match (done, result) {
                    (Some((what, took)), Some(result)) => state.done(what, took, result)?,
                    _ => Act::Nothing,
                }
            }
            _ = ticks.tick() => {
                if state.time_is_due() {
                    state.count_time()?;
                }
                // A service that does not answer is waited for long; what was saved does not wait for it.
                match &work {
                    Some(work) if !work.what.only_looks() => Act::Nothing,
                    looks => match state.follow()? {
                        Act::Nothing => state.tick(looks.is_some()),
                        other => other,
                    },
                }
            }
        };
        match act {
            Act::Nothing => {}
            Act::Leave(code) => {
                state.count_time()?;
                stop(session, started, &mut work).await?;
                return Ok(End::Left(code));
            }
            Act::Stop => {
                stop(session, started, &mut work).await?;
                state.stopped()?;
            }
            Act::Begin(what) => {
                // Looking is given up for what was asked for.
                let looks = work.as_ref().is_none_or(|w| w.what.only_looks());
                if looks {
                    state.begun(what);
                    work = Some(begin(session, started, state.task_id().to_owned(), what));
                }
            }
            Act::Redraw => canvas.forget(),
            Act::Suspend => {
                state.count_time()?;
                // Its deadlines would run on while it stands still.
                stop(session, started, &mut work).await?;
                drop(typed);
                drop(canvas);
                // Who has started labs in the same group, as sudo does, is to let go of the terminal, too.
                kill_current_process_group(Signal::TSTP)
                    .map_err(|e| Error::infrastructure("labs cannot be suspended").because(e))?;
                canvas = Canvas::enter()?;
                typed = EventStream::new();
                if state.is_busy() {
                    state.stopped()?;
                }
            }
            Act::Shell | Act::Client(_) => {
                state.count_time()?;
                stop(session, started, &mut work).await?;
                drop(typed);
                drop(canvas);
                let been = match act {
                    Act::Client(service) => visit::client(session, started, &service).await,
                    _ => visit::workbench(session, started, None).await.map(drop),
                };
                canvas = Canvas::enter()?;
                typed = EventStream::new();
                state.back(been)?;
            }
            Act::Start => {
                stop(session, started, &mut work).await?;
                state.starts();
                state.count_time()?;
                // One that is there has a workspace.
                let anew = session.store.seat_of(&started.lab.slug)?.is_none();
                let workspace = anew.then(|| started.seat.workspace.clone());
                let wanted = Wanted { workspace, ..Wanted::default() };
                let key = Notify::new();
                let start = start(session, started, wanted, &key, ending);
                let start = shown(&mut canvas, &mut state, &mut typed, happened, Some(&key), start);
                match start.await? {
                    Ok(Start::Done(again)) => return Ok(End::Anew(again, String::new())),
                    Ok(Start::GivenUp(Some(code))) => return Ok(End::Left(code)),
                    Ok(Start::GivenUp(None)) => state.says("Given up: 'u' begins again."),
                    Err(error) => state.failed(&error),
                }
            }
            Act::Repair(service) => {
                stop(session, started, &mut work).await?;
                drop(typed);
                drop(canvas);
                let done = visit::repair(session, started, &service).await;
                canvas = Canvas::enter()?;
                typed = EventStream::new();
                state.back(done)?;
            }
            Act::Logs(service) => {
                let text = visit::logs(session, started, &service).await;
                state.read_log(&service, text);
            }
            Act::ResetTask => {
                stop(session, started, &mut work).await?;
                state.says("what the task has left is undone …");
                let task = started.lab.task(state.task_id()).cloned();
                let Some(task) = task else { continue };
                let reset = session.reset_task(&started.lab, started.seat.clone(), &task);
                match shown(&mut canvas, &mut state, &mut typed, happened, None, reset).await? {
                    Ok(done) => state.task_reset(&done),
                    Err(error) => state.failed(&error),
                }
            }
            Act::Reset(files) => {
                stop(session, started, &mut work).await?;
                state.says("everything is made anew …");
                state.count_time()?;
                let reset = session.reset(&started.lab, started.seat.clone(), files);
                match shown(&mut canvas, &mut state, &mut typed, happened, None, reset).await? {
                    Ok(done) => {
                        let said = done.said().unwrap_or_default();
                        let again = Started { services: done.services, ..started.clone() };
                        return Ok(End::Anew(Box::new(again), said));
                    }
                    Err(error) => state.failed(&error),
                }
            }
        }
    }
}

/// What came of a start.
enum Start {
    Done(Box<Started>),
    /// With the exit code, where it was a signal.
    GivenUp(Option<u8>),
}

/// Starts what is not there, until a key or a signal gives that up: then what was made for it is removed.
async fn start(
    session: &Session,
    started: &Started,
    wanted: Wanted,
    key: &Notify,
    ending: &mut Ending,
) -> Result<Start> {
    let signal = tokio::select! {
        again = session.start(&started.lab, wanted) => return Ok(Start::Done(Box::new(again?))),
        () = key.notified() => None,
        code = ending.comes() => Some(code),
    };
    let abandoned = session.abandon(&started.lab.slug);
    session.events.passing("removing what was started", abandoned).await?;
    Ok(Start::GivenUp(signal))
}

/// Shows what longer work says of itself, until it is over. What is typed meanwhile was not meant for what comes after
/// it; Ctrl-C is told to work that can be given up, and what cannot is not left half done.
async fn shown<T>(
    canvas: &mut Canvas,
    state: &mut State<'_>,
    typed: &mut EventStream,
    happened: &mut Happened,
    interrupt: Option<&Notify>,
    work: impl Future<Output = T>,
) -> Result<T> {
    let mut work = std::pin::pin!(work);
    let mut ticks = tokio::time::interval(LOOKED_EVERY);
    let mut open = true;
    state.goes_on_since(Some(Instant::now()));
    state.offers(interrupt.map(|_| "Ctrl-C gives it up"));
    loop {
        canvas.draw(state.draw(Canvas::size(), None))?;
        tokio::select! {
            done = &mut work => {
                state.goes_on_since(None);
                state.offers(None);
                return Ok(done);
            }
            Some(event) = happened.recv() => state.goes_on(event),
            event = typed.next(), if open => match event {
                Some(Ok(Typed::Resize(..))) => canvas.forget(),
                Some(Ok(Typed::Key(key))) if keys::read(&key) == Some(Key::Interrupt) => {
                    match interrupt {
                        Some(interrupt) => interrupt.notify_one(),
                        None => state.offers(Some("This cannot be interrupted: wait for its end")),
                    }
                }
                Some(_) => {}
                None => open = false,
            },
            _ = ticks.tick() => {}
        }
    }
}

fn begin<'a>(session: &'a Session, started: &'a Started, task: String, what: What) -> Work<'a> {
    let Started { lab, seat, .. } = started;
    let result: LocalBoxFuture<'a, _> = match what {
        What::Look => Box::pin(async move { session.look(lab, seat, &task).await }),
        What::Services => Box::pin(async move {
            let broken = session.look_for_stopped(lab, seat).await?;
            let result = LabResult::new(lab, &seat.id, Vec::new(), Duration::ZERO);
            Ok(Looked { broken, result, waited: Duration::ZERO })
        }),
        What::Task { asked: true } => {
            Box::pin(async move { session.check(lab, seat, Some(&task)).await.map(Looked::from) })
        }
        What::Task { asked: false } => {
            Box::pin(async move { session.check_unasked(lab, seat, &task).await.map(Looked::from) })
        }
        What::Lab => {
            Box::pin(async move { session.check(lab, seat, None).await.map(Looked::from) })
        }
    };
    Work { what, began: Instant::now(), result }
}

/// Gives up what goes on, and removes what it leaves.
async fn stop(session: &Session, started: &Started, work: &mut Option<Work<'_>>) -> Result<()> {
    if work.take().is_some_and(|work| !work.what.only_looks()) {
        session.remove_abandoned_stands(&started.seat.id).await?;
    }
    Ok(())
}
