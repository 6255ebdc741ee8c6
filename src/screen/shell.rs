//! A command in a container on the learner's own terminal.

use std::io::Write;

use rustix::termios::{self, OptionalActions, Termios};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::engine::{Engine, ExecEnd, ExecSpec, Input, Streams, TtyControl, TtySession, TtySize};
use crate::error::{Error, Result};
use crate::session::Session;
use crate::session::plan::{Member, Plan};
use crate::term::signal::interrupted;

/// Runs a command with this process's terminal when it has one, else with its plain streams.
/// Answers the command's exit code.
///
/// # Errors
/// The engine refuses, or the terminal cannot be set.
pub async fn run(engine: &Engine, container: &str, mut spec: ExecSpec) -> Result<u8> {
    if !(termios::isatty(std::io::stdin()) && termios::isatty(std::io::stdout())) {
        return plain(engine, container, &spec).await;
    }
    let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".to_owned());
    spec.env.insert("TERM".to_owned(), known(&term).to_owned());
    // Not the locale: the image has its own, and hardly that of this machine.
    for name in ["COLORTERM", "NO_COLOR"] {
        if let Ok(value) = std::env::var(name) {
            spec.env.insert(name.to_owned(), value);
        }
    }
    let resized = signal(SignalKind::window_change()).map_err(unusable)?;
    let interrupted = interrupted();
    let TtySession { input, output, control } = engine.exec_tty(container, &spec, size()).await?;
    let raw = Raw::enter()?;
    let code = tokio::select! {
        code = bridge(input, output, &control, resized) => code,
        signal = interrupted => control.kill().await.map(|()| signal),
    };
    if code.is_err() {
        // Nobody sees or ends it any more; the first error is the one to tell.
        let _ = control.kill().await;
    }
    drop(raw);
    code
}

/// A shell at the data of a service that does not run; what it is made of goes with it.
///
/// # Errors
/// The service runs or keeps no data; the engine refuses.
pub async fn repair(session: &Session, plan: &Plan, member: &Member) -> Result<()> {
    let repair = session.begin_repair(plan, member).await?;
    let says = format!("You are at the data of {0}; 'exit' starts {0} again.", member.name);
    crate::term::print(&format!("\n{}\n", console::style(says).dim()));
    let code = run(&session.engine, &repair.container, ExecSpec::new(["bash"])).await;
    session.end_repair(repair).await?;
    code.map(drop)
}

/// Runs a command with this process's stdin, stdout and stderr, none of them a terminal to it.
///
/// # Errors
/// The engine refuses.
pub async fn plain(engine: &Engine, container: &str, spec: &ExecSpec) -> Result<u8> {
    // A person at a terminal types nothing for a command that did not ask; a pipe is passed on.
    let stdin = (!termios::isatty(std::io::stdin())).then(tokio::io::stdin);
    let streams = Streams { stdin, stdout: tokio::io::stdout(), stderr: tokio::io::stderr() };
    let mut signal = 130;
    let interrupted = interrupted();
    let cancel = async { signal = interrupted.await };
    Ok(match engine.exec(container, spec, streams, cancel).await? {
        ExecEnd::Exited(code) => exit_code(code),
        ExecEnd::Cancelled => signal,
        ExecEnd::OutputClosed => 141,
    })
}

fn unusable(error: std::io::Error) -> Error {
    Error::infrastructure("The terminal cannot be read or written").because(error)
}

async fn bridge(
    mut input: Input,
    mut output: impl AsyncRead + Unpin,
    control: &TtyControl,
    mut resized: Signal,
) -> Result<u8> {
    let mut keys = keys();
    let mut buffer = vec![0; 16 << 10];
    let mut typing = true;
    loop {
        tokio::select! {
            shown = output.read(&mut buffer) => match shown {
                Ok(0) | Err(_) => break,
                Ok(n) => {
                    let mut out = std::io::stdout().lock();
                    out.write_all(&buffer[..n]).and_then(|()| out.flush()).map_err(unusable)?;
                }
            },
            typed = keys.recv(), if typing => match typed {
                Some(bytes) => input.write_all(&bytes).await.map_err(unusable)?,
                None => typing = false,
            },
            _ = resized.recv() => control.resize(size()).await?,
        }
    }
    control.wait().await.map(exit_code)
}

/// What is typed, read by a thread of its own: a blocking read cannot be given up, so the thread
/// waits for readiness and ends with its receiver.
fn keys() -> tokio::sync::mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = tokio::sync::mpsc::channel(64);
    std::thread::spawn(move || {
        let stdin = std::io::stdin();
        let mut buffer = [0; 4096];
        while !sender.is_closed() {
            let mut poll = [rustix::event::PollFd::new(&stdin, rustix::event::PollFlags::IN)];
            let patience = rustix::event::Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
            match rustix::event::poll(&mut poll, Some(&patience)) {
                Ok(0) | Err(rustix::io::Errno::INTR) => continue,
                Ok(_) => {}
                Err(_) => return,
            }
            // What is typed after the command has ended is for somebody else.
            if sender.is_closed() {
                return;
            }
            match rustix::io::read(&stdin, &mut buffer) {
                Ok(0) | Err(_) => return,
                Ok(n) => {
                    if sender.blocking_send(buffer[..n].to_vec()).is_err() {
                        return;
                    }
                }
            }
        }
    });
    receiver
}

/// A terminal as the image knows it. Those that it has never heard of are like xterm, as nearly all are.
fn known(term: &str) -> &str {
    const KNOWN: [&str; 6] = ["xterm", "screen", "tmux", "linux", "vt", "rxvt"];
    const UNHEARD_OF: [&str; 2] = ["xterm-kitty", "xterm-ghostty"];
    let is_known = term == "dumb" || KNOWN.iter().any(|known| term.starts_with(known));
    if is_known && !UNHEARD_OF.contains(&term) { term } else { "xterm-256color" }
}

/// Waits for Enter; the end of input and a signal do, too.
pub async fn entered() {
    let mut keys = keys();
    tokio::select! {
        _ = keys.recv() => {}
        _ = interrupted() => {}
    }
}

fn size() -> TtySize {
    let (rows, columns) = console::Term::stdout().size();
    TtySize { rows, columns }
}

fn exit_code(code: i64) -> u8 {
    u8::try_from(code).unwrap_or(255)
}

/// Raw mode; the terminal is as before when this is dropped.
struct Raw(Termios);

impl Raw {
    fn enter() -> Result<Self> {
        let failed = |e| Error::infrastructure("The terminal cannot be set").because(e);
        let before = termios::tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Self(before))
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let _ = termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::known;

    #[test]
    fn a_terminal_that_the_image_does_not_know_is_like_xterm() {
        for term in ["xterm", "xterm-256color", "tmux-256color", "linux", "vt100", "dumb"] {
            assert_eq!(known(term), term);
        }
        for term in ["xterm-kitty", "xterm-ghostty", "alacritty", "foot", "wezterm", ""] {
            assert_eq!(known(term), "xterm-256color");
        }
    }
}
