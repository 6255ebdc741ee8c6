//! Terminals whose locale knows ASCII alone get other signs.

use std::borrow::Cow;
use std::sync::LazyLock;

static ONLY_ASCII: LazyLock<bool> = LazyLock::new(|| {
    let set = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    is_ascii(["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).as_deref())
});

/// Whether a locale knows no Unicode. Where none is set, terminals of today do.
fn is_ascii(locale: Option<&str>) -> bool {
    locale.is_some_and(|locale| {
        let locale = locale.to_ascii_lowercase();
        !locale.contains("utf-8") && !locale.contains("utf8")
    })
}

/// A text as this terminal can show it.
pub fn fitted(text: &str) -> Cow<'_, str> {
    if *ONLY_ASCII { Cow::Owned(plain(text)) } else { Cow::Borrowed(text) }
}

/// The same, with what has no sign in ASCII by its number: of what is drawn, nothing else may reach the terminal.
pub fn drawn(text: &str) -> Cow<'_, str> {
    if *ONLY_ASCII { Cow::Owned(numbered(&plain(text))) } else { Cow::Borrowed(text) }
}

fn numbered(text: &str) -> String {
    let mut numbered = String::with_capacity(text.len());
    for sign in text.chars() {
        if sign.is_ascii() {
            numbered.push(sign);
        } else {
            numbered.extend(sign.escape_unicode());
        }
    }
    numbered
}

fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for sign in text.chars() {
        match sign {
            // Three dots for the one: alone it would pass for the end of a sentence.
            '…' => plain.push_str("..."),
            '≥' => plain.push_str(">="),
            '≤' => plain.push_str("<="),
            '≠' => plain.push_str("!="),
            _ => plain.push(sign_in_ascii(sign)),
        }
    }
    plain
}

fn sign_in_ascii(sign: char) -> char {
    match sign {
        '✓' | '┌' | '┐' | '└' | '┘' | '├' | '┤' | '┬' | '┴' | '┼' => '+',
        '✗' | '×' => 'x',
        '●' | '★' | '•' => '*',
        '○' => 'o',
        '◌' => '~',
        '›' | '→' => '>',
        '·' | '░' => '.',
        '←' => '<',
        '↑' => '^',
        '↓' => 'v',
        '─' | '━' | '╸' | '–' | '—' | '−' => '-',
        '│' => '|',
        '“' | '”' => '"',
        '’' => '\'',
        '▁' | '▂' => '_',
        '▃' | '▄' | '▅' => '=',
        '▆' | '▇' | '█' => '#',
        _ => sign,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_locale_says_what_it_knows() {
        for ascii in ["C", "POSIX", "en_US", "de_DE.ISO-8859-1"] {
            assert!(is_ascii(Some(ascii)), "{ascii}");
        }
        for unicode in ["C.UTF-8", "en_US.utf8", "de_DE.UTF-8@euro"] {
            assert!(!is_ascii(Some(unicode)), "{unicode}");
        }
        assert!(!is_ascii(None));
    }

    #[test]
    fn what_has_no_sign_in_ascii_is_drawn_by_its_number() {
        assert_eq!(numbered(&plain("→ “é” \u{1b}[1m")), "> \"\\u{e9}\" \u{1b}[1m");
    }

    #[test]
    fn every_sign_of_the_screen_has_one_in_ascii() {
        let signs = "✓✗●○◌★›←→…·↑↓─━│█░▁▇•–“”’≥≤≠";
        let plain = plain(signs);
        assert!(plain.is_ascii(), "{plain}");
    }
}
