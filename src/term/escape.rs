//! Untrusted bytes must not reach the terminal's own language.

/// Replaces control characters (but line feed and tab) by their visible escapes.
pub fn visible(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' | '\t' => out.push(c),
            c if c.is_control() || is_bidi_control(c) => out.extend(c.escape_default()),
            c => out.push(c),
        }
    }
    out
}

/// A JSON document that says the same and may be shown by a terminal: what its writer leaves as it is, which can only
/// stand within texts, is escaped there.
pub fn in_json(document: &str) -> String {
    let mut out = String::with_capacity(document.len());
    for c in document.chars() {
        match c {
            // Between values; within texts it is escaped already.
            '\n' => out.push(c),
            // None of them is beyond U+FFFF.
            c if c.is_control() || is_bidi_control(c) => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)));
            }
            c => out.push(c),
        }
    }
    out
}

/// A text in one line, as `printf %b` and a double-quoted text of YAML take it apart again.
pub fn in_one_line(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => out.push_str(r"\\"),
            '\r' => out.push_str(r"\r"),
            '\n' => out.push_str(r"\n"),
            '\t' => out.push_str(r"\t"),
            c if c.is_ascii_control() => out.push_str(&format!(r"\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

/// Characters that reorder what stands around them, so that a text reads other than it is.
fn is_bidi_control(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::{in_json, in_one_line, visible};

    #[test]
    fn escapes_are_shown_not_sent() {
        assert_eq!(visible("a\u{1b}[2Jb\r\n\tc"), "a\\u{1b}[2Jb\\r\n\tc");
        assert_eq!(visible("\u{9b}31m\u{202e}"), "\\u{9b}31m\\u{202e}");
    }

    #[test]
    fn a_document_for_programs_says_the_same_and_does_nothing_to_a_terminal() {
        let said = serde_json::json!({ "\u{1b}[2J": ["\u{7f}\u{9b}31m\u{202e}\r\n\t", "größer 队列 \\u009b"] });
        let shown = in_json(&serde_json::to_string_pretty(&said).unwrap());
        assert_eq!(shown, visible(&shown));
        assert!(shown.contains("\\u009b31m\\u202e") && shown.contains("größer 队列"), "{shown}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&shown).unwrap(), said);
    }

    #[test]
    fn lines_become_one() {
        assert_eq!(in_one_line("a\r\n\tb\\\u{1}2é"), r"a\r\n\tb\\\x012é");
    }
}
