//! Tabs, of whose width no measure of a text knows.

use std::borrow::Cow;

const STOP: usize = 8;

/// A text with spaces in place of its tabs, as many as a terminal would leave.
pub fn expanded(text: &str) -> Cow<'_, str> {
    if !text.contains('\t') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + STOP);
    for line in text.split_inclusive('\n') {
        let mut column = 0;
        for (at, part) in line.split('\t').enumerate() {
            if at > 0 {
                let gap = STOP - column % STOP;
                out.push_str(&" ".repeat(gap));
                column += gap;
            }
            out.push_str(part);
            column += console::measure_text_width(part);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::expanded;

    #[test]
    fn a_tab_goes_to_the_next_stop() {
        assert_eq!(expanded("a\tb\n\tc\t"), "a       b\n        c       ");
        assert_eq!(expanded("12345678\t9"), "12345678        9");
        assert_eq!(expanded("\x1b[1mab\x1b[0m\té"), "\x1b[1mab\x1b[0m      é");
    }
}
