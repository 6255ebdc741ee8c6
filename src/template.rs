//! Variables of a lab: `${name}` stands for a value and keeps its type.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::error::{Error, Result};

/// The values that `${name}` stands for in one seat.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Variables(pub BTreeMap<String, Value>);

/// No rendered text, and no resolved value, is larger: variables in variables grow fast. In bytes.
const MAX_BYTES: usize = 1 << 20;

impl Variables {
    /// Replaces every `${name}` in a text. `$${` stands for a literal `${`.
    ///
    /// # Errors
    /// A name that is not defined, a `${` that is not closed, or a result of more than 1 MiB.
    pub fn render(&self, text: &str) -> Result<String> {
        self.render_or_where(text).map_err(|(_, error)| error)
    }

    /// As [`Variables::render`], for the text of a file: errors name the line and column.
    pub fn render_file(&self, text: &str, file: &str) -> Result<String> {
        self.render_or_where(text).map_err(|(offset, error)| {
            let before = &text[..offset];
            let line = before.matches('\n').count() + 1;
            let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
            let place = format!("{file}:{line}:{column}");
            match error.place.clone() {
                Some(inner) => error.at(format!("{place}, {inner}")),
                None => error.at(place),
            }
        })
    }

    /// An error comes with the offset of what it is about, in bytes.
    fn render_or_where(&self, text: &str) -> Result<String, (usize, Error)> {
        let mut out = String::with_capacity(text.len());
        for (offset, piece) in Pieces::of(text) {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Reference(name) => match self.lookup(name).map_err(|e| (offset, e))? {
                    Value::String(text) => out.push_str(text),
                    other => out.push_str(&other.to_string()),
                },
                Piece::Unclosed => {
                    let error = Error::usage("A variable is not closed")
                        .at(excerpt(&text[offset..]))
                        .help("write ${name}");
                    return Err((offset, error));
                }
            }
            if out.len() > MAX_BYTES {
                return Err((offset, too_large()));
            }
        }
        Ok(out)
    }

    /// Resolves a value: a string that is just `${name}` becomes the variable with its type,
    /// other strings are rendered, lists and maps are walked.
    ///
    /// # Errors
    /// As [`Variables::render`].
    pub fn resolve(&self, value: &Value) -> Result<Value> {
        let mut room = MAX_BYTES;
        self.resolve_within(value, &mut room)
    }

    /// Takes what it makes from the room there is.
    fn resolve_within(&self, value: &Value, room: &mut usize) -> Result<Value> {
        let resolved = match value {
            Value::String(text) => {
                let resolved = match whole_reference(text) {
                    Some(name) => self.lookup(name)?,
                    None => &Value::String(self.render(text)?),
                };
                take(room, resolved)?;
                return Ok(resolved.clone());
            }
            Value::Array(items) => Value::Array(
                items.iter().map(|v| self.resolve_within(v, room)).collect::<Result<_>>()?,
            ),
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(k, v)| Ok((k.clone(), self.resolve_within(v, room)?)))
                    .collect::<Result<_>>()?,
            ),
            other => other.clone(),
        };
        Ok(resolved)
    }

    fn lookup(&self, name: &str) -> Result<&Value> {
        self.0.get(name).ok_or_else(|| undefined(name, self.0.keys().map(String::as_str)))
    }
}

/// The error for a reference to what is not there, with the nearest names.
pub fn undefined<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Error {
    let meant = crate::suggest::did_you_mean(name, names);
    Error::usage(format!("The variable {name:?} is not defined"))
        .help(meant.unwrap_or_else(|| "define it under variables".to_owned()))
}

/// Takes the size of a value from the room there is.
fn take(room: &mut usize, value: &Value) -> Result<()> {
    *room = room.checked_sub(1).ok_or_else(too_large)?;
    match value {
        Value::String(text) => *room = room.checked_sub(text.len()).ok_or_else(too_large)?,
        Value::Array(items) => items.iter().try_for_each(|item| take(room, item))?,
        Value::Object(map) => {
            for (key, value) in map {
                *room = room.checked_sub(key.len()).ok_or_else(too_large)?;
                take(room, value)?;
            }
        }
        _ => {}
    }
    Ok(())
}

fn too_large() -> Error {
    Error::usage("The variables make a value of more than 1 MiB")
        .help("variables that repeat variables grow fast: repeat less")
}

/// A part of a text with variables.
enum Piece<'a> {
    Text(&'a str),
    Reference(&'a str),
    /// The rest of the text: a `${` without its `}`.
    Unclosed,
}

/// The parts of a text, each with its offset in bytes.
struct Pieces<'a> {
    text: &'a str,
    offset: usize,
}

impl<'a> Pieces<'a> {
    fn of(text: &'a str) -> Self {
        Self { text, offset: 0 }
    }

    /// The next part, and how many bytes of the text it is.
    fn cut(rest: &'a str) -> (Piece<'a>, usize) {
        match rest.find("${") {
            None => (Piece::Text(rest), rest.len()),
            // `$${`: the first `$` only says that the others are meant literally.
            Some(1) if rest.starts_with('$') => (Piece::Text(&rest[1..3]), 3),
            Some(0) => match rest.find('}') {
                Some(end) => (Piece::Reference(&rest[2..end]), end + 1),
                None => (Piece::Unclosed, rest.len()),
            },
            Some(start) => {
                let start = if rest[..start].ends_with('$') { start - 1 } else { start };
                (Piece::Text(&rest[..start]), start)
            }
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = (usize, Piece<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.text[self.offset..];
        if rest.is_empty() {
            return None;
        }
        let (piece, length) = Self::cut(rest);
        let offset = self.offset;
        self.offset += length;
        Some((offset, piece))
    }
}

/// `${name}` and nothing else.
fn whole_reference(text: &str) -> Option<&str> {
    let name = text.strip_prefix("${")?.strip_suffix('}')?;
    (!name.contains(['$', '{', '}'])).then_some(name)
}

/// A `${name}` in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference<'a> {
    /// Where its `$` is, in bytes.
    pub at: usize,
    /// `None`: it is not closed.
    pub name: Option<&'a str>,
}

/// What a text refers to, as [`Variables::render`] reads it.
pub fn references(text: &str) -> impl Iterator<Item = Reference<'_>> {
    Pieces::of(text).filter_map(|(at, piece)| match piece {
        Piece::Text(_) => None,
        Piece::Reference(name) => Some(Reference { at, name: Some(name) }),
        Piece::Unclosed => Some(Reference { at, name: None }),
    })
}

fn excerpt(text: &str) -> String {
    text.chars().take(40).collect()
}

/// A value in a lab file: written out, or `${name}`.
#[derive(Debug, Clone, PartialEq)]
pub enum Var<T> {
    Literal(T),
    Reference(String),
}

impl<T: Clone + DeserializeOwned> Var<T> {
    /// The value in this seat.
    ///
    /// # Errors
    /// The variable is not defined, or its value has another type.
    pub fn get(&self, variables: &Variables) -> Result<T> {
        match self {
            Self::Literal(value) => Ok(value.clone()),
            Self::Reference(text) => {
                let value = variables.resolve(&Value::String(text.clone()))?;
                serde_json::from_value(value.clone()).map_err(|e| {
                    Error::usage(format!("{text} is {value}, which does not fit here")).because(e)
                })
            }
        }
    }
}

impl<T: Default> Default for Var<T> {
    fn default() -> Self {
        Self::Literal(T::default())
    }
}

/// Types that can stand in a lab file as a plain scalar.
pub trait Scalar: Sized {
    const EXPECTED: &'static str;
    /// The scalar, or a reference.
    fn schema() -> Schema;
    fn from_integer(_: u64) -> Option<Self> {
        None
    }
    fn from_text(_: &str) -> Option<Self> {
        None
    }
}

macro_rules! integer_scalar {
    ($($t:ty),*) => {$(
        impl Scalar for $t {
            const EXPECTED: &'static str = "a whole number or ${variable}";
            fn schema() -> Schema {
                json_schema!({
                    "title": Self::EXPECTED,
                    "type": ["integer", "string"],
                    "minimum": 0,
                    "pattern": r"^\$\{[^${}]+\}$",
                })
            }
            fn from_integer(n: u64) -> Option<Self> {
                <$t>::try_from(n).ok()
            }
        }
    )*};
}
integer_scalar!(u32, u64, usize);

/// A span of time, written `250ms`, `2s` or `1m`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span(pub Duration);

impl Scalar for Span {
    const EXPECTED: &'static str = "a duration such as 250ms, 2s or 1m, or ${variable}";
    fn schema() -> Schema {
        json_schema!({
            "title": Self::EXPECTED,
            "type": "string",
            "pattern": r"^([0-9]+(ms|s|m)|\$\{[^${}]+\})$",
        })
    }
    fn from_text(text: &str) -> Option<Self> {
        let digits = text.find(|c: char| !c.is_ascii_digit())?;
        let number: u64 = text[..digits].parse().ok()?;
        let millis = match &text[digits..] {
            "ms" => number,
            "s" => number.checked_mul(1000)?,
            "m" => number.checked_mul(60_000)?,
            _ => return None,
        };
        Some(Self(Duration::from_millis(millis)))
    }
}

impl<T: Scalar> JsonSchema for Var<T> {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        T::EXPECTED.into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        T::schema()
    }
}

impl<'de> Deserialize<'de> for Span {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Var::<Self>::deserialize(deserializer)? {
            Var::Literal(span) => Ok(span),
            Var::Reference(_) => Err(de::Error::custom(Self::EXPECTED)),
        }
    }
}

impl<'de, T: Scalar> Deserialize<'de> for Var<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ScalarVisitor<T>(std::marker::PhantomData<T>);
        impl<T: Scalar> Visitor<'_> for ScalarVisitor<T> {
            type Value = Var<T>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str(T::EXPECTED)
            }
            fn visit_u64<E: de::Error>(self, n: u64) -> Result<Self::Value, E> {
                let wrong = || E::invalid_value(de::Unexpected::Unsigned(n), &self);
                T::from_integer(n).map(Var::Literal).ok_or_else(wrong)
            }
            fn visit_i64<E: de::Error>(self, n: i64) -> Result<Self::Value, E> {
                let wrong = || E::invalid_value(de::Unexpected::Signed(n), &self);
                u64::try_from(n).ok().and_then(T::from_integer).map(Var::Literal).ok_or_else(wrong)
            }
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                if whole_reference(text).is_some() {
                    return Ok(Var::Reference(text.to_owned()));
                }
                let wrong = || E::invalid_value(de::Unexpected::Str(text), &self);
                T::from_text(text).map(Var::Literal).ok_or_else(wrong)
            }
        }
        deserializer.deserialize_any(ScalarVisitor(std::marker::PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn variables() -> Variables {
        serde_json::from_value(json!({"n": 5, "word": "ink", "list": ["a", "b"]})).unwrap()
    }

    #[test]
    fn a_whole_reference_keeps_its_type() {
        assert_eq!(
            variables().resolve(&json!({"eq": "${list}"})).unwrap(),
            json!({"eq": ["a", "b"]})
        );
        assert_eq!(variables().resolve(&json!("${n}")).unwrap(), json!(5));
    }

    #[test]
    fn text_is_rendered_and_a_doubled_dollar_is_literal() {
        assert_eq!(variables().render("${n} of ${word}, $${n}").unwrap(), "5 of ink, ${n}");
    }

    #[test]
    fn references_are_found_where_render_puts_values() {
        let found: Vec<_> = references("${a} $${b} $$${c} ${d").map(|r| (r.at, r.name)).collect();
        assert_eq!(found, [(0, Some("a")), (18, None)]);
        assert_eq!(variables().render("$$${n} $ $$ {n} $").unwrap(), "$${n} $ $$ {n} $");
    }

    #[test]
    fn an_error_in_a_file_names_line_and_column() {
        let place = |text| variables().render_file(text, "a.md").unwrap_err().place.unwrap();
        assert_eq!(place("one\nzwö ${wrd}"), "a.md:2:5");
        assert_eq!(place("${n} ${n"), "a.md:1:6, ${n");
    }

    #[test]
    fn a_text_that_grows_without_bound_is_refused() {
        let long = Variables([("x".to_owned(), json!("x".repeat(1000)))].into());
        assert!(long.render(&"${x}".repeat(2000)).is_err());
        assert!(long.resolve(&json!(vec!["${x}"; 2000])).is_err());
    }

    #[test]
    fn an_unknown_name_suggests_the_nearest() {
        let error = variables().render("${wrd}").unwrap_err();
        assert_eq!(error.help.as_deref(), Some("did you mean \"word\"?"));
    }

    #[test]
    fn numbers_and_durations_may_be_references() {
        let n: Var<u64> = serde_json::from_value(json!("${n}")).unwrap();
        assert_eq!(n.get(&variables()).unwrap(), 5);
        let span: Var<Span> = serde_json::from_value(json!("250ms")).unwrap();
        assert_eq!(span, Var::Literal(Span(Duration::from_millis(250))));
        assert!(serde_json::from_value::<Var<u64>>(json!("five")).is_err());
    }
}
