//! What can be typed at the prompt.

use crate::suggest::did_you_mean;
use crate::term;

/// What the learner asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Check,
    All,
    Hint,
    Task,
    Next,
    Previous,
    /// The task of this number, from 0.
    Jump(usize),
    Shell,
    Client,
    Logs,
    Repair,
    Up,
    Evidence,
    Solution,
    Reset,
    Quit,
    Help,
}

struct Row {
    key: Key,
    word: &'static str,
    short: &'static str,
    does: &'static str,
    /// Whether the line of keys names it.
    often: bool,
}

const ROWS: [Row; 16] = [
    row(Key::Check, "check", "c", "check this task", true),
    row(Key::All, "all", "a", "check every task", true),
    row(Key::Hint, "hint", "h", "one more hint", true),
    row(Key::Task, "task", "t", "show the task again, as Enter does", true),
    row(Key::Next, "next", "n", "the next task", true),
    row(Key::Previous, "previous", "p", "the one before", true),
    row(Key::Shell, "shell", "s", "a shell beside the services, until 'exit'", true),
    row(Key::Client, "client", "o", "client SERVICE: its own client", false),
    row(Key::Logs, "logs", "l", "logs SERVICE: the last lines of its log", false),
    row(Key::Up, "up", "u", "start what has stopped", false),
    row(Key::Repair, "repair", "r", "repair SERVICE: a shell at its data", false),
    row(Key::Evidence, "evidence", "e", "the last check of this task in full", false),
    row(Key::Solution, "solution", "S", "'solution yes': a right one; it is recorded", false),
    row(Key::Reset, "reset", "R", "'reset task', 'reset data', or 'reset all'", false),
    row(Key::Quit, "quit", "q", "leave; the seat goes on running", true),
    row(Key::Help, "help", "?", "this, and how everything is reached", true),
];

const fn row(
    key: Key,
    word: &'static str,
    short: &'static str,
    does: &'static str,
    often: bool,
) -> Row {
    Row { key, word, short, does, often }
}

/// What a line means, and the word after it.
///
/// # Errors
/// Nothing; what to tell whoever typed it.
pub fn parse(line: &str) -> Result<(Key, &str), String> {
    let (typed, rest) = line.trim().split_once(' ').unwrap_or((line.trim(), ""));
    let rest = rest.trim();
    match typed {
        "" => return Ok((Key::Task, rest)),
        "exit" => return Ok((Key::Quit, rest)),
        _ => {}
    }
    if let Ok(nth @ 1..) = typed.parse::<usize>() {
        return Ok((Key::Jump(nth - 1), rest));
    }
    let found = ROWS.iter().find(|row| row.word == typed || row.short == typed);
    found.map(|row| (row.key, rest)).ok_or_else(|| {
        let meant = did_you_mean(typed, ROWS.iter().map(|row| row.word));
        let help = meant.unwrap_or_else(|| "'?' says what there is".to_owned());
        format!("There is no {typed:?} here: {help}")
    })
}

/// Those that are used often in a line, or in two where that is narrow.
pub fn line(width: usize) -> String {
    // A key and its word are not parted.
    let keys: Vec<String> = ROWS
        .iter()
        .filter(|row| row.often)
        .map(|row| format!("{}\u{a0}{}", row.short, row.word))
        .collect();
    term::wrapped(&keys.join(", "), 2, width).replace('\u{a0}', " ")
}

/// All of them with what they do, a line each.
pub fn table() -> String {
    let line = |row: &Row| format!("  {} or {}: {}\n", row.word, row.short, row.does);
    let numbers = "  a number: the task of that number\n";
    ROWS.iter().map(line).chain([numbers.to_owned()]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_or_its_letter_is_understood_and_a_slip_is_answered() {
        assert_eq!(parse(" check\n"), Ok((Key::Check, "")));
        assert_eq!(parse("p"), Ok((Key::Previous, "")));
        assert_eq!(parse("?"), Ok((Key::Help, "")));
        assert_eq!(parse(""), Ok((Key::Task, "")));
        assert_eq!(parse("exit"), Ok((Key::Quit, "")));
        let slip = parse("chekc").unwrap_err();
        assert_eq!(slip, "There is no \"chekc\" here: did you mean \"check\"?");
        assert_eq!(parse("3"), Ok((Key::Jump(2), "")));
        assert_eq!(parse("logs  redis "), Ok((Key::Logs, "redis")));
        assert!(parse("0").unwrap_err().ends_with("'?' says what there is"));
    }

    #[test]
    fn the_keys_take_a_line_or_two_and_their_table_fits_a_narrow_terminal() {
        assert_eq!(
            line(80),
            "  c check, a all, h hint, t task, n next, p previous, s shell, q quit, ? help"
        );
        assert_eq!(
            line(60),
            "  c check, a all, h hint, t task, n next, p previous,\n  s shell, q quit, ? help"
        );
        assert!(table().lines().all(|line| line.len() <= 60), "{}", table());
    }
}
