//! What the keys of the screen do.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

use crate::term;

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    /// Goes on: checks, or after a pass to the next task.
    Enter,
    Check,
    All,
    Hint,
    Next,
    Previous,
    /// The task of this number, from 0.
    Task(usize),
    Shell,
    Client,
    Logs,
    Repair,
    /// Starts what has stopped.
    Start,
    Evidence,
    Solution,
    Reset,
    Help,
    Quit,
    Lines(isize),
    Pages(isize),
    Top,
    Bottom,
    Back,
    /// Answers a question, and nothing else.
    Yes,
    /// One that means nothing.
    Other,
    Interrupt,
    Suspend,
    Redraw,
}

struct Row {
    key: Key,
    letter: char,
    word: &'static str,
    does: &'static str,
    /// Whether the foot of the screen names it.
    often: bool,
}

const ROWS: [Row; 15] = [
    row(Key::Check, 'c', "check", "check this task; saving a file does it too", true),
    row(Key::All, 'a', "all", "check every task", false),
    row(Key::Hint, 'h', "hint", "the last hint again, or one more", true),
    row(Key::Next, 'n', "next", "the next task", true),
    row(Key::Previous, 'p', "previous", "the one before", false),
    row(Key::Shell, 's', "shell", "a shell beside the services, until 'exit'", true),
    row(Key::Client, 'o', "client", "a service's own client, such as redis-cli", true),
    row(Key::Logs, 'l', "logs", "the last lines of a service's log", false),
    row(Key::Start, 'u', "up", "start what has stopped", false),
    row(Key::Repair, 'r', "repair", "a shell at the data of a stopped service", false),
    row(Key::Evidence, 'e', "evidence", "the last check in full", true),
    row(Key::Solution, 'S', "Solution", "a right solution; it asks first", false),
    row(Key::Reset, 'R', "Reset", "this task, all data, or all; it asks first", false),
    row(Key::Help, '?', "all keys", "this, and how everything is reached", true),
    row(Key::Quit, 'q', "quit", "leave; the seat goes on running", true),
];

const fn row(key: Key, letter: char, word: &'static str, does: &'static str, often: bool) -> Row {
    Row { key, letter, word, does, often }
}

/// What a key means; nothing when one is let go.
pub fn read(event: &KeyEvent) -> Option<Key> {
    if event.kind == KeyEventKind::Release {
        return None;
    }
    if event.modifiers.contains(KeyModifiers::CONTROL) {
        return match event.code {
            KeyCode::Char('c') => Some(Key::Interrupt),
            KeyCode::Char('z') => Some(Key::Suspend),
            KeyCode::Char('l') => Some(Key::Redraw),
            _ => Some(Key::Other),
        };
    }
    match event.code {
        KeyCode::Enter => Some(Key::Enter),
        KeyCode::Right => Some(Key::Next),
        KeyCode::Left => Some(Key::Previous),
        KeyCode::Up | KeyCode::Char('k') => Some(Key::Lines(-1)),
        KeyCode::Down | KeyCode::Char('j') => Some(Key::Lines(1)),
        KeyCode::PageUp => Some(Key::Pages(-1)),
        KeyCode::PageDown | KeyCode::Char(' ') => Some(Key::Pages(1)),
        KeyCode::Home | KeyCode::Char('g') => Some(Key::Top),
        KeyCode::End | KeyCode::Char('G') => Some(Key::Bottom),
        KeyCode::Esc | KeyCode::Backspace => Some(Key::Back),
        KeyCode::Char(digit @ '1'..='9') => {
            digit.to_digit(10).map(|nth| Key::Task(nth as usize - 1))
        }
        KeyCode::Char('y' | 'Y') => Some(Key::Yes),
        KeyCode::Char(letter) => match ROWS.iter().find(|row| row.letter == letter) {
            Some(row) => Some(row.key),
            // With caps lock on, it is the small letter that is meant.
            None if letter.is_ascii_uppercase() => {
                read(&KeyEvent::new(KeyCode::Char(letter.to_ascii_lowercase()), event.modifiers))
            }
            None => Some(Key::Other),
        },
        _ => Some(Key::Other),
    }
}

/// The keys that are used often, in a line or two.
pub fn line(width: usize) -> String {
    let often = ROWS.iter().filter(|row| row.often);
    laid_out(often.map(|row| format!("{} {}", row.letter, row.word)).collect(), width)
}

/// The keys of a text that is read.
pub fn sheet_line(width: usize) -> String {
    let keys = ["q back", "↑ ↓ space scroll", "g top", "G end"];
    laid_out(keys.map(str::to_owned).to_vec(), width)
}

/// What a sign before a check says.
pub const SIGNS: &str = "  ✓ holds  ✗ does not  ○ not known yet  ◌ being checked\n  · waits for another check  ! could not be checked\n";

/// All of them with what they do.
pub fn table() -> String {
    let line = |key: &str, does: &str| format!("  {key:<11} {does}\n");
    let rows = ROWS.iter().map(|row| line(&format!("{}  {}", row.letter, row.word), row.does));
    let more = [
        line("Enter", "check, or go on after a pass"),
        line("1 … 9", "the task of that number"),
        line("← →", "the task before, the next one"),
        line("↑ ↓ j k", "scroll by a line; PgUp, PgDn, space by a page"),
        line("g G", "to the beginning, to the end"),
        line("Esc", "put away what is below the checks"),
        line("Ctrl-L", "draw the screen anew"),
        line("Ctrl-C", "end a check, or a start, that goes on"),
        line("Ctrl-Z", "suspend, and end a check; 'fg' comes back"),
    ];
    rows.chain(more).collect()
}

/// A key and its word are not parted.
fn laid_out(keys: Vec<String>, width: usize) -> String {
    let keys: Vec<String> = keys.into_iter().map(|key| key.replace(' ', "\u{a0}")).collect();
    term::wrapped(&keys.join("  "), 2, width).replace('\u{a0}', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(code: KeyCode, modifiers: KeyModifiers) -> Option<Key> {
        read(&KeyEvent::new(code, modifiers))
    }

    #[test]
    fn keys_mean_what_their_table_says() {
        for row in &ROWS {
            assert_eq!(typed(KeyCode::Char(row.letter), KeyModifiers::NONE), Some(row.key));
        }
        assert_eq!(typed(KeyCode::Char('3'), KeyModifiers::NONE), Some(Key::Task(2)));
        assert_eq!(typed(KeyCode::Char('c'), KeyModifiers::CONTROL), Some(Key::Interrupt));
        assert_eq!(typed(KeyCode::Char('x'), KeyModifiers::NONE), Some(Key::Other));
        for (capital, key) in [('C', Key::Check), ('J', Key::Lines(1)), ('X', Key::Other)] {
            assert_eq!(typed(KeyCode::Char(capital), KeyModifiers::SHIFT), Some(key));
        }
        assert_eq!(typed(KeyCode::F(1), KeyModifiers::NONE), Some(Key::Other));
    }

    #[test]
    fn the_foot_takes_a_line_or_two_and_the_table_fits_a_narrow_terminal() {
        assert_eq!(
            line(80),
            "  c check  h hint  n next  s shell  o client  e evidence  ? all keys  q quit"
        );
        assert_eq!(line(60).lines().count(), 2);
        assert!(table().lines().all(|line| line.chars().count() <= 60), "{}", table());
    }
}
