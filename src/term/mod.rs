//! What a terminal needs: styles, Markdown, prompts.

pub mod ascii;
pub mod escape;
pub mod markdown;
pub mod signal;
pub mod spoken;
mod styled;
pub mod tabs;

use std::io::Write;

/// Text is not wider, however wide the terminal.
pub const WIDEST: usize = 100;

/// The width to wrap text to: the terminal's, at most 100 columns, 80 where there is none.
pub fn width() -> usize {
    let (_, columns) = console::Term::stdout().size_checked().unwrap_or((24, 80));
    usize::from(columns).clamp(40, WIDEST)
}

/// How wide the terminal is; unbounded where there is none.
pub fn columns() -> usize {
    console::Term::stdout().size_checked().map_or(usize::MAX, |(_, columns)| usize::from(columns))
}

/// A line cut at the terminal's right edge; whole where there is none.
pub fn cut(line: &str) -> std::borrow::Cow<'_, str> {
    match console::Term::stdout().size_checked() {
        Some((_, columns)) => {
            let more = ascii::fitted("…");
            console::truncate_str(line, usize::from(columns), &more).into_owned().into()
        }
        None => line.into(),
    }
}

/// So many points.
pub fn points(count: u32) -> String {
    if count == 1 { "1 point".to_owned() } else { format!("{count} points") }
}

/// Whether a terminal can be drawn upon, as far as it says.
pub fn can_be_redrawn() -> bool {
    std::env::var("TERM").is_ok_and(|term| term != "dumb")
}

/// Prints to stdout for people. Nobody reading is no error.
pub fn print(text: &str) {
    print_as_it_is(&ascii::fitted(text));
}

/// Prints to stdout for programs.
pub fn print_as_it_is(text: &str) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// A text that may hold anything, as it is laid out on a screen that is drawn: by signs that the terminal has, none of
/// them wider than it measures.
pub fn drawable(text: &str) -> String {
    tabs::expanded(&ascii::drawn(&escape::visible(text))).into_owned()
}

/// How much of something is done, in so many columns.
pub fn bar(done: usize, all: usize, width: usize) -> String {
    // A beginning is seen, and so is that something is left.
    let full = match done {
        0 => 0,
        done if done >= all => width,
        done => (done * width / all).max(1).min(width.saturating_sub(1)),
    };
    format!("{}{}", "█".repeat(full), "░".repeat(width - full))
}

/// A sentence in lines of so many columns, indented; words stay whole.
pub fn wrapped(text: &str, indent: usize, width: usize) -> String {
    let indent = " ".repeat(indent);
    let options = textwrap::Options::new(width)
        .initial_indent(&indent)
        .subsequent_indent(&indent)
        .break_words(false)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::fill(text, options)
}

/// A line of a value in lines of so many columns: parted behind spaces and commas, and within what is longer.
pub fn folded(line: &str, width: usize) -> Vec<String> {
    let options = textwrap::Options::new(width.max(1))
        .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
        .word_separator(textwrap::WordSeparator::Custom(pieces))
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    textwrap::wrap(line, options).into_iter().map(Into::into).collect()
}

fn pieces(line: &str) -> Box<dyn Iterator<Item = textwrap::core::Word<'_>> + '_> {
    let ends = |at: &(usize, char)| {
        let next = line[at.0 + at.1.len_utf8()..].chars().next();
        next.is_some_and(|next| matches!(at.1, ' ' | ',') && next != ' ')
    };
    let cuts = line.char_indices().filter(ends).map(|(at, _)| at + 1);
    let mut start = 0;
    let pieces =
        cuts.chain([line.len()]).map(move |end| &line[std::mem::replace(&mut start, end)..end]);
    Box::new(pieces.map(textwrap::core::Word::from))
}

/// A styled line in lines that fit, without tabs, those after the first as far to the right as it begins; nothing of it
/// is lost.
pub fn fit(line: &str, width: usize) -> Vec<String> {
    let line = &*tabs::expanded(line);
    if console::measure_text_width(line) <= width {
        return vec![line.to_owned()];
    }
    let plain = console::strip_ansi_codes(line);
    let indent = plain.len() - plain.trim_start().len();
    let indent = " ".repeat(indent.min(width / 2));
    let options = textwrap::Options::new(width)
        .subsequent_indent(&indent)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    styled::apart(textwrap::wrap(line, options))
}

/// A command line in lines of so many columns, where its pieces fit, that are put together again: by a shell between its
/// words, by Python between the statements of a program in quotes.
pub fn folded_command(line: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for piece in pieces_of_command(line) {
        // Room for the sign that the command goes on.
        let wide = |last: &String| {
            console::measure_text_width(last) + console::measure_text_width(piece) + 3 > width
        };
        match lines.last_mut() {
            Some(last) if wide(last) => {
                last.push_str(" \\");
                lines.push(piece.to_owned());
            }
            Some(last) => {
                last.push(' ');
                last.push_str(piece);
            }
            None => lines.push(piece.to_owned()),
        }
    }
    lines
}

/// What a command line can be parted into at spaces: words, and the statements of a program of Python in quotes.
fn pieces_of_command(line: &str) -> Vec<&str> {
    let program = line.contains("python3 -c ");
    let (mut pieces, mut start) = (Vec::new(), 0);
    // Within the shell's quotes; within a text of Python's.
    let (mut quoted, mut text) = (false, false);
    let mut before = ' ';
    let mut chars = line.char_indices();
    while let Some((at, c)) = chars.next() {
        let parts = match c {
            '\'' => {
                quoted = !quoted;
                false
            }
            // What it escapes says nothing.
            '\\' if !quoted || text => {
                chars.next();
                false
            }
            '"' if quoted && program => {
                text = !text;
                false
            }
            ' ' => !quoted || program && !text && before == ';',
            _ => false,
        };
        if parts {
            pieces.push(&line[start..at]);
            start = at + 1;
        }
        before = c;
    }
    pieces.push(&line[start..]);
    pieces
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

#[cfg(test)]
mod tests {
    use super::{fit, folded, folded_command};

    #[test]
    fn a_command_is_parted_between_its_words_and_goes_on_behind_a_backslash() {
        let line = "labs exec workbench -- python3 -c 'import a; b'";
        let folded = ["labs exec workbench -- \\", "python3 -c 'import a; b'"];
        assert_eq!(folded_command(line, 27), folded);
        let by_statement = ["labs exec workbench \\", "-- python3 -c \\", "'import a; b'"];
        assert_eq!(folded_command(line, 22), by_statement);
        let folded = ["python3 -c \\", "'import a; \\", "b; c'"];
        assert_eq!(folded_command("python3 -c 'import a; b; c'", 14), folded);
        // Elsewhere what is in quotes stays in one piece.
        assert_eq!(folded_command("eval 'a; b'", 4), ["eval \\", "'a; b'"]);
        // A quote within quotes ends nothing, and a text of Python's is no place to part.
        let line = r"sql 'at > '\''1 2'\'' or 3' end";
        assert_eq!(folded_command(line, 1), ["sql \\", r"'at > '\''1 2'\'' or 3' \", "end"]);
        let line = r#"python3 -c 'f.put("a; \"b; c"); d'"#;
        let parted = ["python3 \\", "-c \\", r#"'f.put("a; \"b; c"); \"#, "d'"];
        assert_eq!(folded_command(line, 1), parted);
        assert_eq!(folded_command("one two", 80), ["one two"]);
    }

    #[test]
    fn a_line_that_does_not_fit_goes_on_below_and_loses_nothing() {
        assert_eq!(fit("  one two three", 9), ["  one two", "  three"]);
        assert_eq!(fit("    abcdefghij", 8), ["    abcd", "    efgh", "    ij"]);
        assert_eq!(fit("\tone\ttwo", 12), ["        one", "      two"]);
        let styled = console::style("one two").red().force_styling(true).to_string();
        assert_eq!(fit(&styled, 7), [styled.as_str()]);
        assert_eq!(fit(&styled, 4), ["\x1b[31mone\x1b[0m", "\x1b[31mtwo\x1b[0m"]);
    }

    #[test]
    fn a_value_is_parted_where_it_has_parts_and_loses_nothing() {
        assert_eq!(folded("[1,22,333, 4444]", 8), ["[1,22,", "333,", "4444]"]);
        assert_eq!(folded("  kept  apart", 20), ["  kept  apart"]);
        assert_eq!(folded("abcdefgh ij", 3), ["abc", "def", "gh", "ij"]);
        assert_eq!(folded("größer,größer", 7), ["größer,", "größer"]);
        assert_eq!(folded("", 7), [""]);
    }
}
