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

impl Variables {
    /// Replaces every `${name}` in a text. `$${` stands for a literal `${`.
    ///
    /// # Errors
    /// A name that is not defined, or a `${` that is not closed.
    pub fn render(&self, text: &str) -> Result<String> {
        let mut out = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("${") {
            if rest[..start].ends_with('$') {
                out.push_str(&rest[..start - 1]);
                out.push_str("${");
                rest = &rest[start + 2..];
                continue;
            }
            out.push_str(&rest[..start]);
            let inner = &rest[start + 2..];
            let end = inner.find('}').ok_or_else(|| {
                Error::usage("A variable is not closed")
                    .at(excerpt(&rest[start..]))
                    .help("write ${name}")
            })?;
            match self.lookup(&inner[..end])? {
                Value::String(text) => out.push_str(text),
                other => out.push_str(&other.to_string()),
            }
            rest = &inner[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// Resolves a value: a string that is just `${name}` becomes the variable with its type,
    /// other strings are rendered, lists and maps are walked.
    pub fn resolve(&self, value: &Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => match whole_reference(text) {
                Some(name) => self.lookup(name)?.clone(),
                None => Value::String(self.render(text)?),
            },
            Value::Array(items) => {
                Value::Array(items.iter().map(|v| self.resolve(v)).collect::<Result<_>>()?)
            }
            Value::Object(map) => Value::Object(
                map.iter()
                    .map(|(k, v)| Ok((k.clone(), self.resolve(v)?)))
                    .collect::<Result<_>>()?,
            ),
            other => other.clone(),
        })
    }

    fn lookup(&self, name: &str) -> Result<&Value> {
        self.0.get(name).ok_or_else(|| {
            let mut error = Error::usage(format!("The variable {name:?} is not defined"));
            if let Some(near) = crate::suggest::nearest(name, self.0.keys().map(String::as_str)) {
                error = error.help(format!("did you mean {near:?}?"));
            }
            error
        })
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
    let mut from = 0;
    std::iter::from_fn(move || {
        loop {
            let at = from + text.get(from..)?.find("${")?;
            let inner = at + 2;
            if text[from..at].ends_with('$') {
                from = inner;
                continue;
            }
            let end = text[inner..].find('}').map(|end| inner + end);
            from = end.map_or(text.len(), |end| end + 1);
            return Some(Reference { at, name: end.map(|end| &text[inner..end]) });
        }
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
        let found: Vec<_> = references("${n}, $${n}, ${word} ${").map(|r| (r.at, r.name)).collect();
        assert_eq!(found, [(0, Some("n")), (13, Some("word")), (21, None)]);
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
