//! Lines as they are read out: columns become parts of a sentence, signs become words.

/// A line of columns, with `…` between two times and `→` before an answer. What is in quotes stays as it is.
pub fn line(text: &str) -> String {
    let text = text.trim();
    let mut out = String::with_capacity(text.len());
    let mut quoted = false;
    let mut chars = text.char_indices();
    while let Some((at, c)) = chars.next() {
        let rest = &text[at + c.len_utf8()..];
        match c {
            '\\' if quoted => {
                out.push(c);
                out.extend(chars.next().map(|(_, escaped)| escaped));
            }
            '"' => {
                quoted = !quoted;
                out.push(c);
            }
            _ if quoted => out.push(c),
            ' ' if rest.starts_with(' ') => {}
            ' ' => {
                let apart = text[..at].ends_with(' ');
                let joined = text[..at].trim_end().ends_with('…') || rest.starts_with('…');
                out.push_str(if apart && !joined { ", " } else { " " });
            }
            // Between two times; elsewhere it says that something is left out.
            '…' if out.ends_with(' ') && rest.starts_with(' ') => out.push_str("to"),
            '…' => out.push_str("..."),
            '→' => out.push_str("gives"),
            _ => out.push(c),
        }
    }
    out
}

/// What was sent, with `→` before what came back. What was sent stays as it was, since it is compared and copied.
pub fn answered(text: &str) -> String {
    const ARROW: &str = " → ";
    let even = |text: &str, quote| text.matches(quote).count() % 2 == 0;
    let unquoted = |at: &usize| even(&text[..*at], '\'') && even(&text[..*at], '"');
    match text.rmatch_indices(ARROW).map(|(at, _)| at).find(unquoted) {
        Some(at) => format!("{} gives {}", &text[..at], &text[at + ARROW.len()..]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{answered, line};

    #[test]
    fn what_was_sent_stays_as_it_was() {
        assert_eq!(answered("SET k 'a  →  b'"), "SET k 'a  →  b'");
        assert_eq!(answered("take() → None"), "take() gives None");
        assert_eq!(answered("SELECT a\n  FROM t"), "SELECT a\n  FROM t");
    }

    #[test]
    fn columns_are_parts_of_a_sentence() {
        let operation = "put-1     0.000 …  15.747 ms  put \"a  → …\\\" b\"  ok";
        assert_eq!(line(operation), "put-1, 0.000 to 15.747 ms, put \"a  → …\\\" b\", ok");
        assert_eq!(line("     1.5 ms  LPOP jobs"), "1.5 ms, LPOP jobs");
        assert_eq!(line("take() → None"), "take() gives None");
        assert_eq!(line("… and 3 more"), "... and 3 more");
        assert_eq!(line("SET key value …"), "SET key value ...");
    }
}
