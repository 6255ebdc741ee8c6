//! Markdown on a terminal.

use console::{Style, style};
use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::escape::visible;
use super::{drawable, fit, styled};

/// Renders Markdown, wrapped to a width in columns, with a line feed at the end.
pub fn render(source: &str, width: usize) -> String {
    rendered(source, Renderer { width, ..Renderer::default() })
}

/// The same for a screen that is drawn: it is laid out by the signs that the terminal has.
pub fn drawn(source: &str, width: usize) -> String {
    rendered(source, Renderer { width, drawn: true, ..Renderer::default() })
}

fn rendered(source: &str, mut renderer: Renderer) -> String {
    for event in Parser::new_ext(source, Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH) {
        renderer.take(event);
    }
    renderer.flush("", "");
    let mut out = renderer.out;
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

#[derive(Default)]
struct Renderer {
    width: usize,
    drawn: bool,
    out: String,
    /// The styled text of the current paragraph.
    inline: String,
    styles: Vec<Style>,
    /// One entry a nested list: the next number, or none for bullets.
    lists: Vec<Option<u64>>,
    /// The bullet or number that the next paragraph begins with.
    marker: Option<String>,
    code: bool,
    link: Option<String>,
    table: Vec<Vec<String>>,
}

impl Renderer {
    fn take(&mut self, event: Event<'_>) {
        match event {
            Event::Start(tag) => self.start(tag),
            Event::End(tag) => self.end(tag),
            Event::Text(text) if self.code => self.code_lines(&text),
            // A terminal makes nothing of HTML: it is what somebody wrote.
            Event::Text(text) | Event::Html(text) | Event::InlineHtml(text) => self.text(&text),
            Event::Code(text) => {
                let code = style(self.shown(&text)).cyan().to_string();
                self.inline.push_str(&code);
            }
            Event::SoftBreak => self.inline.push(' '),
            Event::HardBreak => self.inline.push('\n'),
            Event::Rule => {
                let rule = self.shown(&"─".repeat(self.width.min(40)));
                self.out.push_str(&style(rule).dim().to_string());
                self.out.push_str("\n\n");
            }
            _ => {}
        }
    }

    fn start(&mut self, tag: Tag<'_>) {
        match tag {
            Tag::Heading { .. } | Tag::Strong => self.styles.push(Style::new().bold()),
            Tag::Emphasis => self.styles.push(Style::new().italic()),
            // The text of an autolink is its address.
            Tag::Link { link_type: LinkType::Autolink | LinkType::Email, .. } => {}
            Tag::Link { dest_url, .. } => self.link = Some(dest_url.into_string()),
            Tag::List(first) => {
                self.flush_paragraph();
                self.lists.push(first);
            }
            Tag::Item => {
                let marker = match self.lists.last_mut() {
                    Some(Some(number)) => {
                        *number += 1;
                        format!("{}. ", *number - 1)
                    }
                    _ => self.shown("• "),
                };
                self.marker = Some(marker);
            }
            Tag::CodeBlock(_) => {
                self.flush_paragraph();
                self.code = true;
            }
            Tag::TableRow | Tag::TableHead => self.table.push(Vec::new()),
            _ => {}
        }
    }

    fn end(&mut self, tag: TagEnd) {
        match tag {
            TagEnd::Heading(_) => {
                self.styles.pop();
                self.flush_paragraph();
                self.out.push('\n');
            }
            TagEnd::Strong | TagEnd::Emphasis => {
                self.styles.pop();
            }
            TagEnd::Link => {
                if let Some(url) = self.link.take() {
                    let url = format!(" ({})", self.shown(&url));
                    self.inline.push_str(&style(url).dim().to_string());
                }
            }
            TagEnd::Paragraph | TagEnd::HtmlBlock => {
                self.flush_paragraph();
                if self.lists.is_empty() {
                    self.out.push('\n');
                }
            }
            TagEnd::Item => self.flush_paragraph(),
            TagEnd::List(_) => {
                self.lists.pop();
                if self.lists.is_empty() {
                    self.out.push('\n');
                }
            }
            TagEnd::CodeBlock => {
                self.code = false;
                self.out.push('\n');
            }
            TagEnd::TableCell => {
                let cell = std::mem::take(&mut self.inline);
                if let Some(row) = self.table.last_mut() {
                    row.push(cell);
                }
            }
            TagEnd::Table => self.draw_table(),
            _ => {}
        }
    }

    fn shown(&self, text: &str) -> String {
        if self.drawn { drawable(text) } else { visible(text) }
    }

    fn text(&mut self, text: &str) {
        let text = self.shown(text);
        match self.styles.last() {
            Some(style) => self.inline.push_str(&style.apply_to(text).to_string()),
            None => self.inline.push_str(&text),
        }
    }

    fn code_lines(&mut self, text: &str) {
        for line in self.shown(text).lines() {
            self.out.push_str(&format!("    {}\n", style(line).cyan()));
        }
    }

    /// Writes the current paragraph, behind its list marker when it has one.
    fn flush_paragraph(&mut self) {
        let indent = "  ".repeat(self.lists.len());
        match self.marker.take() {
            Some(marker) => {
                let outer = "  ".repeat(self.lists.len().saturating_sub(1));
                let hang = " ".repeat(marker.chars().count());
                self.flush(&format!("{outer}{marker}"), &format!("{outer}{hang}"));
            }
            None => self.flush(&indent, &indent),
        }
    }

    fn flush(&mut self, first: &str, rest: &str) {
        let text = std::mem::take(&mut self.inline);
        if text.is_empty() {
            return;
        }
        let text = text.trim_end_matches('\n');
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .break_words(false);
        for line in styled::apart(textwrap::wrap(text, options)) {
            self.out.push_str(&line);
            self.out.push('\n');
        }
    }

    fn draw_table(&mut self) {
        let rows = std::mem::take(&mut self.table);
        let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
        let widest = |column: usize| {
            let cells = rows.iter().filter_map(|row| row.get(column));
            cells.map(|cell| console::measure_text_width(cell)).max().unwrap_or(0)
        };
        let widths = column_widths((0..columns).map(widest).collect(), self.width);
        for row in rows {
            let cells: Vec<Vec<String>> =
                row.iter().zip(&widths).map(|(cell, &width)| fit(cell, width)).collect();
            for nth in 0..cells.iter().map(Vec::len).max().unwrap_or(0) {
                let mut line = String::new();
                for (cell, &width) in cells.iter().zip(&widths) {
                    let part = cell.get(nth).map_or("", String::as_str);
                    let padding = width.saturating_sub(console::measure_text_width(part));
                    line.push_str(&format!("{part}{}  ", " ".repeat(padding)));
                }
                self.out.push_str(line.trim_end());
                self.out.push('\n');
            }
        }
        self.out.push('\n');
    }
}

/// The widest columns give up what a table has too much.
fn column_widths(mut widths: Vec<usize>, room: usize) -> Vec<usize> {
    const NARROWEST: usize = 12;
    let gaps = 2 * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > room {
        match widths.iter_mut().max() {
            Some(widest) if *widest > NARROWEST => *widest -= 1,
            _ => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::render;

    #[test]
    fn wraps_lists_and_keeps_code() {
        let source = "# Title\n\nOne two three four five six seven.\n\n- first point is rather long\n- second\n\n```sh\nredis-cli PING\n```\n";
        let plain = console::strip_ansi_codes(&render(source, 24)).into_owned();
        assert_eq!(
            plain,
            "Title\n\nOne two three four five\nsix seven.\n\n• first point is rather\n  long\n• second\n\n    redis-cli PING\n"
        );
    }

    #[test]
    fn a_table_that_is_too_wide_goes_on_below() {
        let source = "| a | b |\n|---|---|\n| one | many words that do not fit |\n| two | x |\n";
        let plain = console::strip_ansi_codes(&render(source, 22)).into_owned();
        assert_eq!(plain, "a    b\none  many words that\n     do not fit\ntwo  x\n");
    }

    #[test]
    fn html_is_text_and_an_autolink_stands_there_once() {
        let source = "Give <job> a name.\n\n<b>\nbold\n</b>\n\n<https://example.org>, [there](https://example.org)\n";
        let plain = console::strip_ansi_codes(&render(source, 80)).into_owned();
        assert_eq!(
            plain,
            "Give <job> a name.\n\n<b>\nbold\n</b>\n\nhttps://example.org, there (https://example.org)\n"
        );
    }

    #[test]
    fn tables_are_aligned() {
        let plain = console::strip_ansi_codes(&render("| a | b |\n|---|---|\n| long | x |\n", 80))
            .into_owned();
        assert_eq!(plain, "a     b\nlong  x\n");
    }
}
