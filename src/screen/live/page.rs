//! What the screen shows, as lines: a head, a part that scrolls, a foot.

use std::collections::BTreeMap;

use console::{Style, measure_text_width, style};

use super::keys;
use crate::catalog::lab::{Lab, Task};
use crate::report::text::{self, Detail};
use crate::store::TaskProgress;
use crate::term::ascii::drawn;
use crate::term::{self, markdown, tabs};
use crate::verdict::{TaskResult, Verdict};

/// What is said takes so many lines at most.
const SAID_IN: usize = 2;
/// What is kept free beside it, also for how far the middle is scrolled: `↑ 999  ↓ 999`.
const GAP: usize = 2;
const SCROLLED: usize = GAP + 12;

/// Everything that is on the screen.
pub struct Page<'a> {
    pub lab: &'a Lab,
    pub at: usize,
    pub progress: &'a BTreeMap<String, TaskProgress>,
    /// Minutes since the screen was opened.
    pub minutes: u64,
    /// What is known of each check of the task, in their order.
    pub marks: &'a [Mark],
    /// What came of the last check: below each check why it has not passed.
    pub evidence: Option<&'a TaskResult>,
    /// Below the checks: what the last key brought.
    pub news: &'a str,
    /// In place of the task: a title, and lines to read.
    pub sheet: Option<(&'a str, &'a [String])>,
    /// How everything is reached.
    pub reach: &'a str,
    /// What goes on, or is asked.
    pub status: &'a str,
    /// In place of the keys: what the next one answers.
    pub question: Option<&'a str>,
    pub scroll: usize,
}

/// What is known of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    Unknown,
    /// It is being found out.
    Open,
    Known(Verdict),
}

/// The lines of a screen.
pub struct Drawn {
    pub lines: Vec<String>,
    /// How far the middle can be scrolled.
    pub furthest: usize,
    /// How many lines of it are seen.
    pub room: usize,
    /// Where in the middle the checks begin.
    pub checks_at: usize,
    /// Where the news begin.
    pub news_at: usize,
}

impl Page<'_> {
    pub fn draw(&self, width: usize, height: usize) -> Drawn {
        let text_width = text_width(width);
        let head = self.head(width);
        let [above, keys] = self.foot(text_width);
        let (middle, [checks_at, news_at]) = match self.sheet {
            Some((_, lines)) => (lines.to_vec(), [0, 0]),
            None => self.task(text_width),
        };
        let around = head.len() + above.len() + keys.len();
        let room = |said: usize| height.saturating_sub(around + said).max(1);
        let scrolls = middle.len() > room(SAID_IN);
        let beside = if scrolls { SCROLLED } else { GAP };
        let mut status = self.said(width.saturating_sub(beside));
        let foot = above.len() + status.len() + keys.len();
        let room = room(status.len());
        let furthest = middle.len().saturating_sub(room);
        let from = self.scroll.min(furthest);
        let mut lines = head;
        lines.extend(middle.into_iter().skip(from).take(room));
        lines.resize(height.saturating_sub(foot).max(lines.len()), String::new());
        lines.extend(above);
        let note = if furthest > 0 { scrolled(from, furthest - from) } else { String::new() };
        let last = status.pop().unwrap_or_default();
        lines.extend(status);
        lines.push(self::beside(&last, &style(note).dim().to_string(), width));
        lines.extend(keys);
        Drawn { lines, furthest, room, checks_at, news_at }
    }

    fn task_shown(&self) -> &Task {
        &self.lab.tasks[self.at]
    }

    fn passed(&self, task: &Task) -> bool {
        self.progress.get(&task.id.value).is_some_and(|p| p.passed_at.is_some())
    }

    /// Where one is in the lab, on one line.
    fn head(&self, width: usize) -> Vec<String> {
        let tasks = &self.lab.tasks;
        let dots: String = (tasks.iter().enumerate())
            .map(|(at, task)| {
                let dot = if self.passed(task) { style("●").green() } else { style("○") };
                if at == self.at { dot.bold().underlined() } else { dot }.to_string()
            })
            .collect();
        let points: u32 = tasks.iter().filter(|t| self.passed(t)).map(|t| t.points).sum();
        let all: u32 = tasks.iter().map(|t| t.points).sum();
        let left = format!("{}  {dots}", style(&self.lab.title).bold());
        let right = format!("{points} of {all} points  {} min", self.minutes);
        let title = if let Some((title, _)) = self.sheet {
            style(title).bold().to_string()
        } else {
            let task = self.task_shown();
            let worth = if self.passed(task) {
                style("passed").green().to_string()
            } else {
                term::points(task.points)
            };
            format!("{}. {}  {}", self.at + 1, style(&task.title).bold(), style(worth).dim())
        };
        vec![
            beside(&left, &style(right).dim().to_string(), width),
            String::new(),
            title,
            String::new(),
        ]
    }

    /// The prompt, the checks with what is known of them, and the news; where checks and news begin.
    fn task(&self, width: usize) -> (Vec<String>, [usize; 2]) {
        let task = self.task_shown();
        let prompt = markdown::drawn(&task.prompt, width);
        let mut lines = fitted(prompt.trim_end(), width);
        lines.push(String::new());
        let checks_at = lines.len();
        for (check, mark) in task.checks.iter().zip(self.marks) {
            let claim = term::wrapped(&drawn(&check.claim), 4, width);
            let mut claim = claim.trim_start().lines();
            lines.push(format!("  {} {}", mark.sign(), claim.next().unwrap_or_default()));
            lines.extend(claim.map(str::to_owned));
            let found = |task: &'_ TaskResult| {
                let check = task.checks.iter().find(|found| found.id == check.id.value)?;
                Some(text::why(
                    check,
                    task,
                    Detail { verbose: false, width, drawn: true, spoken: false },
                ))
            };
            lines.extend(self.evidence.and_then(found).iter().flat_map(|why| self::lines(why)));
        }
        let mut news_at = lines.len();
        if !self.news.is_empty() {
            lines.push(String::new());
            news_at = lines.len();
            lines.extend(fitted(self.news.trim_end(), width));
        }
        (lines, [checks_at, news_at])
    }

    /// The status, a line of which is there in any case.
    fn said(&self, width: usize) -> Vec<String> {
        let mut lines = term::fit(&format!("  {}", self.status), width.max(1));
        if lines.len() > SAID_IN {
            lines.truncate(SAID_IN);
            lines[SAID_IN - 1].push('…');
        }
        lines
    }

    /// What is above the status and below it.
    fn foot(&self, width: usize) -> [Vec<String>; 2] {
        let mut above = vec![String::new()];
        if self.sheet.is_none() {
            let reach = self.reach.trim_end().lines();
            above.extend(reach.map(|line| style(line).dim().to_string()));
        }
        let keys = match self.question {
            Some(question) => {
                let lines = term::wrapped(question, 2, width);
                let bold = lines.lines().map(|line| style(line).bold().to_string());
                bold.collect::<Vec<_>>().join("\n")
            }
            None if self.sheet.is_some() => keys::sheet_line(width),
            None => keys::line(width),
        };
        [above, keys.lines().map(str::to_owned).collect()]
    }
}

impl Mark {
    fn sign(self) -> String {
        let (sign, colour) = match self {
            Self::Unknown => ("○", Style::new().dim()),
            Self::Open => ("◌", Style::new().cyan()),
            Self::Known(Verdict::Pass) => ("✓", Style::new().green()),
            Self::Known(Verdict::Fail) => ("✗", Style::new().red()),
            Self::Known(Verdict::Blocked) => ("·", Style::new().dim()),
            Self::Known(Verdict::Error) => ("!", Style::new().magenta()),
        };
        colour.apply_to(sign).to_string()
    }
}

/// How wide text is laid out on a terminal of this width.
pub fn text_width(width: usize) -> usize {
    width.clamp(20, term::WIDEST)
}

/// The lines of a text that is laid out.
pub fn lines(text: &str) -> Vec<String> {
    tabs::expanded(text).lines().map(str::to_owned).collect()
}

/// The lines of a text, none wider than this.
pub fn fitted(text: &str, width: usize) -> Vec<String> {
    text.lines().flat_map(|line| term::fit(line, width)).collect()
}

fn scrolled(above: usize, below: usize) -> String {
    match (above, below) {
        (0, below) => format!("↓ {below} more"),
        (above, 0) => format!("↑ {above} more"),
        (above, below) => format!("↑ {above}  ↓ {below}"),
    }
}

/// Two texts at both ends of a line; the left one is cut where there is no room.
fn beside(left: &str, right: &str, width: usize) -> String {
    let room = width.saturating_sub(measure_text_width(right) + GAP);
    let left = console::truncate_str(left, room, "…");
    let gap = width.saturating_sub(measure_text_width(&left) + measure_text_width(right));
    format!("{left}{}{right}", " ".repeat(gap))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;

    fn drawn(width: usize, height: usize, scroll: usize, news: &str) -> Drawn {
        saying("says", width, height, scroll, news)
    }

    fn saying(status: &str, width: usize, height: usize, scroll: usize, news: &str) -> Drawn {
        let lab = Catalog::new(None).lab("redis-queues").unwrap();
        let page = Page {
            lab: &lab,
            at: 1,
            progress: &BTreeMap::new(),
            minutes: 7,
            marks: &[Mark::Known(Verdict::Pass), Mark::Open, Mark::Unknown, Mark::Unknown],
            evidence: None,
            news,
            sheet: None,
            reach: "  workspace ~/labs/redis-queues, redis 127.0.0.1:36062\n",
            status,
            question: None,
            scroll,
        };
        page.draw(width, height)
    }

    fn plain(drawn: &Drawn) -> String {
        console::strip_ansi_codes(&drawn.lines.join("\n")).into_owned()
    }

    #[test]
    fn a_task_fits_a_terminal_of_the_usual_size() {
        let page = plain(&drawn(80, 24, 0, ""));
        let page: Vec<&str> = page.lines().map(str::trim_end).collect();
        insta::assert_snapshot!(page.join("\n"), @"
        Queues on Redis  ○○○○○○○○                                 0 of 100 points  7 min

        2. First in, first out  10 points

        Write put(job) and take() in fifo.py: a queue that hands jobs out in the order
        they came.

        • Several processes call both at the same time; what they share is Redis,
          nothing else.
        • Every job goes to exactly one taker. Two jobs of the same text are two jobs,
          and any text is a job, the empty one too.
        • take does not wait: it returns None when the queue is empty.

        The names of the keys are yours.

          ✓ With nothing there it answers None at once
          ◌ Two equal jobs are two jobs, and any text comes back as it was
          ○ Jobs leave in the order they came, each one once, also with several workers
          ○ No job is lost or doubled, whatever happens between the commands of take


          workspace ~/labs/redis-queues, redis 127.0.0.1:36062
          says
          c check  h hint  n next  s shell  o client  e evidence  ? all keys  q quit
        ");
    }

    #[test]
    fn a_page_fills_the_terminal_and_goes_nowhere_beyond() {
        for (width, height) in [(60, 20), (80, 24), (140, 40), (20, 5)] {
            for scroll in [0, 3, 1000] {
                let page = drawn(width, height, scroll, &"news\n".repeat(30));
                let wide = |line: &&String| measure_text_width(line) > width;
                // What cannot be parted is cut when it is drawn.
                if width >= 60 {
                    assert_eq!(page.lines.iter().find(wide), None, "{width}x{height}");
                }
                assert!(height < 10 || page.lines.len() == height, "{width}x{height}");
            }
        }
    }

    #[test]
    fn what_is_said_takes_two_lines_at_most() {
        let status = "'u' starts it again: The service redis was stopped, and said nothing of why";
        let page = plain(&saying(status, 60, 20, 0, &"news\n".repeat(30)));
        let page: Vec<&str> = page.lines().map(str::trim_end).collect();
        assert_eq!(page.len(), 20);
        assert_eq!(page[16], "  'u' starts it again: The service redis was");
        assert!(page[17].starts_with("  stopped, and said nothing of why  "), "{}", page[17]);
        assert!(page[17].ends_with(" more"), "{}", page[17]);
        let page = plain(&saying(&"word ".repeat(60), 60, 20, 0, ""));
        let said = page.lines().filter(|line| line.contains("word word"));
        assert_eq!(said.count(), 2);
        assert!(page.contains('…'), "{page}");
    }

    #[test]
    fn what_does_not_fit_is_reached_by_scrolling() {
        let top = drawn(80, 20, 0, &"news\n".repeat(30));
        assert!(plain(&top).contains(&format!("↓ {} more", top.furthest)));
        let bottom = drawn(80, 20, 1000, &"news\n".repeat(30));
        assert!(plain(&bottom).contains(&format!("↑ {} more", bottom.furthest)));
        assert!(plain(&bottom).contains("\nnews\n") && !plain(&bottom).contains("fifo.py"));
    }
}
