//! What a terminal needs: styles, Markdown, prompts.

pub mod escape;
pub mod markdown;

/// The width to wrap text to: the terminal's, at most 100 columns, 80 where there is none.
pub fn width() -> usize {
    let (_, columns) = console::Term::stdout().size_checked().unwrap_or((24, 80));
    usize::from(columns).clamp(40, 100)
}
