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
    Shell,
    Quit,
    Help,
}

struct Row {
    key: Key,
    word: &'static str,
    short: &'static str,
    does: &'static str,
}

const ROWS: [Row; 9] = [
    row(Key::Check, "check", "c", "check this task"),
    row(Key::All, "all", "a", "check every task"),
    row(Key::Hint, "hint", "h", "one more hint"),
    row(Key::Task, "task", "t", "show the task again, as Enter does"),
    row(Key::Next, "next", "n", "the next task"),
    row(Key::Previous, "previous", "p", "the one before"),
    row(Key::Shell, "shell", "s", "a shell beside the services, until 'exit'"),
    row(Key::Quit, "quit", "q", "leave; the seat goes on running"),
    row(Key::Help, "help", "?", "this, and how everything is reached"),
];

const fn row(key: Key, word: &'static str, short: &'static str, does: &'static str) -> Row {
    Row { key, word, short, does }
}

/// What a line means.
///
/// # Errors
/// Nothing; what to tell whoever typed it.
pub fn parse(line: &str) -> Result<Key, String> {
    let typed = line.trim();
    match typed {
        "" => return Ok(Key::Task),
        "exit" => return Ok(Key::Quit),
        _ => {}
    }
    let found = ROWS.iter().find(|row| row.word == typed || row.short == typed);
    found.map(|row| row.key).ok_or_else(|| {
        let meant = did_you_mean(typed, ROWS.iter().map(|row| row.word));
        let help = meant.unwrap_or_else(|| "'?' says what there is".to_owned());
        format!("There is no {typed:?} here: {help}")
    })
}

/// All of them in a line, or in two where that is narrow.
pub fn line(width: usize) -> String {
    // A key and its word are not parted.
    let keys: Vec<String> =
        ROWS.iter().map(|row| format!("{}\u{a0}{}", row.short, row.word)).collect();
    term::wrapped(&keys.join("  "), 2, width).replace('\u{a0}', " ")
}

/// All of them with what they do, a line each.
pub fn table() -> String {
    let line = |row: &Row| format!("  {:<8}  {}  {}\n", row.word, row.short, row.does);
    ROWS.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_or_its_letter_is_understood_and_a_slip_is_answered() {
        assert_eq!(parse(" check\n"), Ok(Key::Check));
        assert_eq!(parse("p"), Ok(Key::Previous));
        assert_eq!(parse("?"), Ok(Key::Help));
        assert_eq!(parse(""), Ok(Key::Task));
        assert_eq!(parse("exit"), Ok(Key::Quit));
        let slip = parse("chekc").unwrap_err();
        assert_eq!(slip, "There is no \"chekc\" here: did you mean \"check\"?");
        assert!(parse("42").unwrap_err().ends_with("'?' says what there is"));
    }

    #[test]
    fn the_keys_take_a_line_or_two_and_their_table_fits_a_narrow_terminal() {
        assert_eq!(
            line(80),
            "  c check  a all  h hint  t task  n next  p previous  s shell  q quit  ? help"
        );
        assert_eq!(
            line(60),
            "  c check  a all  h hint  t task  n next  p previous\n  s shell  q quit  ? help"
        );
        assert!(table().lines().all(|line| line.len() <= 60), "{}", table());
    }
}
