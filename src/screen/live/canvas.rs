//! The whole terminal as a page: drawn line by line, of which only those that differ are sent.

use std::io::{self, Stdout, Write, stdout};
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crossterm::cursor::{Hide, MoveTo, Show};
use crossterm::event::{self, DisableBracketedPaste, EnableBracketedPaste};
use crossterm::queue;
use crossterm::style::Print;
use crossterm::terminal::{
    self, BeginSynchronizedUpdate, Clear, ClearType, DisableLineWrap, EnableLineWrap,
    EndSynchronizedUpdate, EnterAlternateScreen, LeaveAlternateScreen,
};

use crate::error::{Error, Result};
use crate::term::ascii::drawn;

/// Whether the terminal is to be given back.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal in raw mode on its other screen; given back when dropped.
pub struct Canvas {
    out: Stdout,
    /// What stands there, line by line.
    drawn: Vec<String>,
}

impl Canvas {
    /// # Errors
    /// The terminal cannot be set.
    pub fn enter() -> Result<Self> {
        let mut canvas = Self { out: stdout(), drawn: Vec::new() };
        canvas.take().map_err(unusable)?;
        Ok(canvas)
    }

    fn take(&mut self) -> io::Result<()> {
        give_back_before_a_panic_is_told();
        TAKEN.store(true, Ordering::SeqCst);
        terminal::enable_raw_mode()?;
        // What is pasted comes as one, not as keys that do something.
        queue!(self.out, EnterAlternateScreen, EnableBracketedPaste, Hide)?;
        // A sign that is wider here than it measures is not to reach into the next line.
        queue!(self.out, DisableLineWrap, Clear(ClearType::All))?;
        self.out.flush()?;
        // What was typed before there was anything to be seen was not meant for it.
        while event::poll(Duration::ZERO)? {
            event::read()?;
        }
        Ok(())
    }

    /// Columns and lines.
    pub fn size() -> (usize, usize) {
        let (columns, lines) = terminal::size().unwrap_or((80, 24));
        (usize::from(columns.max(1)), usize::from(lines.max(1)))
    }

    /// Shows these lines, each cut at the right edge, and nothing below them.
    ///
    /// # Errors
    /// The terminal cannot be written.
    pub fn draw(&mut self, lines: Vec<String>) -> Result<()> {
        let (width, height) = Self::size();
        let mut lines: Vec<String> = lines
            .into_iter()
            .take(height)
            .map(|line| console::truncate_str(&drawn(&line), width, &drawn("…")).into_owned())
            .collect();
        lines.resize(height, String::new());
        if self.drawn.len() != lines.len() {
            self.drawn.clear();
        }
        self.update(&lines).map_err(unusable)?;
        self.drawn = lines;
        Ok(())
    }

    fn update(&mut self, lines: &[String]) -> io::Result<()> {
        let fresh = self.drawn.is_empty();
        let differ = |(at, line): &(usize, &String)| fresh || self.drawn.get(*at) != Some(*line);
        let changed: Vec<(usize, &String)> = lines.iter().enumerate().filter(differ).collect();
        if changed.is_empty() {
            return Ok(());
        }
        queue!(self.out, BeginSynchronizedUpdate)?;
        if fresh {
            queue!(self.out, Clear(ClearType::All))?;
        }
        for (at, line) in changed {
            let row = u16::try_from(at).unwrap_or(u16::MAX);
            queue!(self.out, MoveTo(0, row), Clear(ClearType::CurrentLine), Print(line))?;
        }
        queue!(self.out, EndSynchronizedUpdate)?;
        self.out.flush()
    }

    /// Everything is drawn anew the next time.
    pub fn forget(&mut self) {
        self.drawn.clear();
    }
}

impl Drop for Canvas {
    fn drop(&mut self) {
        // Nothing can be said any more where this fails.
        let _ = give_back();
    }
}

/// Once: leaving the other screen again would bring the cursor back to where it was before.
fn give_back() -> io::Result<()> {
    if !TAKEN.swap(false, Ordering::SeqCst) {
        return Ok(());
    }
    let mut out = stdout();
    queue!(out, EnableLineWrap, DisableBracketedPaste, Show, LeaveAlternateScreen)?;
    out.flush()?;
    terminal::disable_raw_mode()
}

/// What a panic of the thread that draws says would go with the other screen.
fn give_back_before_a_panic_is_told() {
    static HOOKED: Once = Once::new();
    HOOKED.call_once(|| {
        let (draws, tell) = (thread::current().id(), panic::take_hook());
        panic::set_hook(Box::new(move |panic| {
            if thread::current().id() == draws {
                let _ = give_back();
            }
            tell(panic);
        }));
    });
}

fn unusable(error: io::Error) -> Error {
    Error::infrastructure("The terminal cannot be read or written").because(error)
}
