//! What a terminal needs: styles, Markdown, prompts.

pub mod escape;
pub mod markdown;

/// The width to wrap text to: the terminal's, at most 100 columns, 80 where there is none.
pub fn width() -> usize {
    let (_, columns) = console::Term::stdout().size_checked().unwrap_or((24, 80));
    usize::from(columns).clamp(40, 100)
}

/// A command line that a shell takes apart into the same words.
pub fn shell_line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
