//! Styled text that is parted into lines.

use console::AnsiCodeIterator;

const RESET: &str = "\x1b[0m";

/// Lines of one text, each with its style for itself, as lines that are drawn alone have it: what is open at the end of one
/// ends there, and begins again on the next.
pub fn apart(lines: impl IntoIterator<Item = impl Into<String>>) -> Vec<String> {
    let mut open = String::new();
    let mut apart = |line: String| {
        let mut styled = open.clone();
        for (part, is_code) in AnsiCodeIterator::new(&line) {
            match part {
                RESET => open.clear(),
                code if is_code => open.push_str(code),
                _ => {}
            }
        }
        styled.push_str(&line);
        if !open.is_empty() {
            styled.push_str(RESET);
        }
        styled
    };
    lines.into_iter().map(|line| apart(line.into())).collect()
}

#[cfg(test)]
mod tests {
    use super::apart;

    #[test]
    fn a_style_ends_with_its_line_and_begins_again_on_the_next() {
        let lines = ["a \x1b[1m\x1b[36mb", "c", "d\x1b[0m e", "f"];
        let bold = "\x1b[1m\x1b[36m";
        let each = [
            format!("a {bold}b\x1b[0m"),
            format!("{bold}c\x1b[0m"),
            format!("{bold}d\x1b[0m e"),
            "f".to_owned(),
        ];
        assert_eq!(apart(lines), each);
    }
}
