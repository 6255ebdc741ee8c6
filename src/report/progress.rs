//! Progress of longer work, on stderr.

use std::collections::HashMap;
use std::fmt::Write;
use std::time::{Duration, Instant};

use console::style;
use indicatif::{MultiProgress, ProgressBar, ProgressState, ProgressStyle};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinHandle;

use crate::event::{Event, Events};
use crate::outlook::Outlook;
use crate::term;
use crate::term::ascii::fitted;
use crate::term::escape::visible;

/// Steps shorter than this are not worth a line where nothing can be redrawn.
const WORTH_A_LINE: Duration = Duration::from_secs(1);

/// What turns while something goes on, in ASCII and in Unicode; the last stands at the end.
const TURNS: [&str; 2] = ["|/-\\ ", "⠁⠂⠄⡀⢀⠠⠐⠈ "];

/// Shows what happens until the last sender of the events is gone.
pub struct Progress {
    events: Events,
    shown: JoinHandle<()>,
}

impl Progress {
    /// Begins to show: redrawn on a terminal that can be, if it may be, as lines elsewhere; what may not be redrawn may be
    /// read out, and is said in words.
    pub fn start(redrawn: bool) -> Self {
        let (events, receiver) = Events::channel();
        Self { events, shown: tokio::spawn(show(receiver, redrawn)) }
    }

    pub fn events(&self) -> Events {
        self.events.clone()
    }

    /// Waits until everything sent is shown. Every other sender must be gone.
    pub async fn finish(self) {
        drop(self.events);
        let _ = self.shown.await;
    }
}

async fn show(mut receiver: UnboundedReceiver<Event>, redrawn: bool) {
    let mut screen = Screen::new(redrawn);
    while let Some(event) = receiver.recv().await {
        screen.take(event);
    }
    screen.clear();
}

struct Screen {
    spoken: bool,
    bars: Option<MultiProgress>,
    steps: HashMap<String, Step>,
}

struct Step {
    bar: ProgressBar,
    began: Instant,
    outlook: Option<Outlook>,
    /// How far it was when a line was last printed.
    said: Option<u64>,
}

impl Screen {
    fn new(redrawn: bool) -> Self {
        let spoken = !redrawn;
        let attended = console::Term::stderr().features().is_attended();
        let redrawn = redrawn && attended && term::can_be_redrawn();
        Self { spoken, bars: redrawn.then(MultiProgress::new), steps: HashMap::new() }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Note(text) => self.line(&visible(&text)),
            Event::Begun { step } => self.begin(step),
            Event::Outlook { step, outlook } => {
                if let Some(step) = self.steps.get_mut(&step) {
                    step.outlook = Some(outlook);
                    step.bar.set_style(spinner(step.outlook));
                }
            }
            Event::Progress { step, text, done, total } => {
                self.advance(&step, &visible(&text), done, total);
            }
            Event::Done { step, detail } => {
                let sign = if self.spoken { "done:" } else { "✓" };
                self.end(&step, &style(sign).green().for_stderr().to_string(), &detail);
            }
            Event::Failed { step } => {
                let sign = if self.spoken { "failed:" } else { "✗" };
                self.end(&step, &style(sign).red().for_stderr().to_string(), "");
            }
            Event::Over { step } => {
                if let Some(step) = self.steps.remove(&step) {
                    step.bar.finish_and_clear();
                }
            }
            Event::Shown(shown) => shown.notify_one(),
            Event::CheckDone { .. } | Event::TaskDone(_) => {}
        }
    }

    fn begin(&mut self, step: String) {
        let bar = match &self.bars {
            Some(bars) => {
                let bar = bars.add(ProgressBar::new_spinner());
                bar.set_style(spinner(None));
                bar.set_prefix(step.clone());
                bar.set_message(step.clone());
                bar.enable_steady_tick(Duration::from_millis(80));
                bar
            }
            None => ProgressBar::hidden(),
        };
        self.steps.insert(step, Step { bar, began: Instant::now(), outlook: None, said: None });
    }

    fn advance(&mut self, name: &str, text: &str, done: u64, total: Option<u64>) {
        let Some(step) = self.steps.get_mut(name) else { return };
        if let Some(total) = total
            && step.bar.length() != Some(total)
        {
            step.bar.set_length(total);
            step.bar.set_style(bar(step.outlook));
        }
        step.bar.set_position(done);
        let alone = step.bar.length().is_none();
        step.bar.set_message(if alone { format!("{name}  {text}") } else { text.to_owned() });
        // Where nothing is redrawn, a line for each piece of longer work is enough.
        if self.bars.is_none() && step.said != Some(done) && step.began.elapsed() >= WORTH_A_LINE {
            let left = step.outlook.map(|outlook| outlook.words(step.began.elapsed()));
            let left = left.map(|left| format!("  ({left})")).unwrap_or_default();
            eprintln!("{}", fitted(&format!("{name}: {text}{left}")));
            step.said = Some(done);
        }
    }

    fn end(&mut self, name: &str, mark: &str, detail: &str) {
        let Some(step) = self.steps.remove(name) else { return };
        step.bar.finish_and_clear();
        let took = step.began.elapsed();
        if took >= WORTH_A_LINE || self.bars.is_some() {
            let detail =
                if detail.is_empty() { String::new() } else { format!("  {}", visible(detail)) };
            let time = style(format!("{:.1} s", took.as_secs_f64())).dim().for_stderr();
            self.line(&format!("{mark} {name}  {time}{detail}"));
        }
    }

    fn line(&self, text: &str) {
        let text = fitted(text);
        match &self.bars {
            Some(bars) => {
                let _ = bars.println(&*text);
            }
            None => eprintln!("{text}"),
        }
    }

    fn clear(&self) {
        if let Some(bars) = &self.bars {
            let _ = bars.clear();
        }
    }
}

/// Cut at the terminal's edge: a line that wraps is not cleared.
fn spinner(outlook: Option<Outlook>) -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {wide_msg} {left}{elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_spinner())
        .with_key("left", left(outlook))
        .tick_chars(TURNS[usize::from(fitted("…") == "…")])
}

fn bar(outlook: Option<Outlook>) -> ProgressStyle {
    ProgressStyle::with_template("{spinner} {prefix}  [{bar:24}] {wide_msg} {left}{elapsed}")
        .unwrap_or_else(|_| ProgressStyle::default_bar())
        .with_key("left", left(outlook))
        .tick_chars(TURNS[usize::from(fitted("…") == "…")])
        .progress_chars(&fitted("━╸─"))
}

/// What is left, told anew with each drawing.
fn left(outlook: Option<Outlook>) -> impl Fn(&ProgressState, &mut dyn Write) + Clone {
    move |state, out| {
        if let Some(outlook) = outlook {
            let _ = write!(out, "{}  ", outlook.words(state.elapsed()));
        }
    }
}
