//! Matchers: what an observation is expected to be. One set for all probe families.

use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::Value;

use crate::error::{Error, Result};
use crate::template::{Var, Variables};

/// Every matcher that is given must hold.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// The same value; numbers and their text are the same.
    #[serde(default, deserialize_with = "present")]
    pub eq: Option<Value>,
    /// Another value.
    #[serde(default, deserialize_with = "present")]
    pub ne: Option<Value>,
    pub at_least: Option<Var<u64>>,
    pub at_most: Option<Var<u64>>,
    /// A part of a text, or a member of a list.
    pub contains: Option<Value>,
    /// The same members in any order.
    pub unordered: Option<Value>,
    /// One of these values.
    pub one_of: Option<Value>,
    /// The same but for numbers, which may be a little off.
    pub near: Option<Near>,
    /// The number of members of a list, or of characters of a text.
    pub length: Option<Var<u64>>,
    /// Looks only at this place (a JSON pointer) of what is, or reads as, JSON.
    pub at: Option<String>,
    /// The items of this list of the service, in order. Only for what the program returns.
    pub same_as: Option<String>,
}

/// A value of numbers that need not be met exactly, such as averages in the rows of a result.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Near {
    pub to: Value,
    /// How far each number may be off.
    pub by: f64,
}

/// `eq: null` expects null; a key that is left out expects nothing.
fn present<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

/// How an observation differs from what was expected.
#[derive(Debug, Clone, PartialEq)]
pub struct Mismatch {
    pub expected: String,
    pub observed: String,
    /// The first place where the two differ.
    pub difference: Option<String>,
}

/// A matcher with every variable in place.
#[derive(Debug, Clone, Default)]
pub struct Expectation {
    pub eq: Option<Value>,
    pub ne: Option<Value>,
    pub at_least: Option<u64>,
    pub at_most: Option<u64>,
    pub contains: Option<Value>,
    pub unordered: Option<Value>,
    pub one_of: Option<Value>,
    pub near: Option<Near>,
    pub length: Option<u64>,
    pub at: Option<String>,
}

impl Matcher {
    /// # Errors
    /// It expects nothing at all, or a variable is missing.
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        self.same_as.iter().try_for_each(|key| variables.render(key).map(drop))?;
        if self.near.as_ref().is_some_and(|near| !near.by.is_finite() || near.by < 0.0) {
            return Err(Error::usage("No number is near to another by so much")
                .help("give `by` as zero or more"));
        }
        let resolved = self.resolve(variables)?;
        if resolved.is_empty() && self.same_as.is_none() {
            return Err(Error::usage("An expectation expects nothing").help(
                "use eq, ne, at_least, at_most, contains, unordered, one_of, near, length, at or same_as",
            ));
        }
        Ok(())
    }

    /// As [`Matcher::lint`], where there is no list to compare with.
    ///
    /// # Errors
    /// As there, and `same_as` is used.
    pub fn lint_without_service(&self, variables: &Variables) -> Result<()> {
        if self.same_as.is_some() {
            return Err(Error::usage(
                "same_as compares what the program returns; here is no such thing",
            ));
        }
        self.lint(variables)
    }

    /// Whether it expects nothing at all.
    pub fn is_nothing(&self) -> bool {
        self.same_as.is_none()
            && self.resolve(&Variables::default()).is_ok_and(|expectation| expectation.is_empty())
    }

    /// Puts the variables in place.
    ///
    /// # Errors
    /// A variable that is not defined or has the wrong type.
    pub fn resolve(&self, variables: &Variables) -> Result<Expectation> {
        let number = |var: &Option<Var<u64>>| var.as_ref().map(|v| v.get(variables)).transpose();
        let value = |v: &Option<Value>| v.as_ref().map(|v| variables.resolve(v)).transpose();
        Ok(Expectation {
            eq: value(&self.eq)?,
            ne: value(&self.ne)?,
            at_least: number(&self.at_least)?,
            at_most: number(&self.at_most)?,
            contains: value(&self.contains)?,
            unordered: value(&self.unordered)?,
            one_of: value(&self.one_of)?,
            near: match &self.near {
                Some(Near { to, by }) => Some(Near { to: variables.resolve(to)?, by: *by }),
                None => None,
            },
            length: number(&self.length)?,
            at: self.at.as_ref().map(|at| variables.render(at)).transpose()?,
        })
    }
}

impl Expectation {
    fn is_empty(&self) -> bool {
        let Self { eq, ne, at_least, at_most, contains, unordered, one_of, near, length, at } =
            self;
        [eq, ne, contains, unordered, one_of].iter().all(|v| v.is_none())
            && [at_least, at_most, length].iter().all(|n| n.is_none())
            && near.is_none()
            && at.is_none()
    }

    /// The values in it, to be filled in.
    pub fn values(&mut self) -> impl Iterator<Item = &mut Value> {
        [&mut self.eq, &mut self.ne, &mut self.contains, &mut self.unordered, &mut self.one_of]
            .into_iter()
            .flatten()
            .chain(self.near.iter_mut().map(|near| &mut near.to))
    }

    /// Compares an observation; `None` when all holds. Texts are made only for what does not hold:
    /// a list may have hundreds of thousands of items.
    pub fn compare(&self, observed: &Value) -> Option<Mismatch> {
        let (expected, difference) = match &self.at {
            None => self.broken(observed)?,
            Some(at) => match place(observed, at) {
                None => (format!("JSON with something at {at:?}"), None),
                Some(part) => {
                    let (expected, difference) = self.broken(&part)?;
                    (format!("{expected} at {at:?}"), difference)
                }
            },
        };
        Some(Mismatch { expected, observed: show(observed), difference })
    }

    fn broken(&self, observed: &Value) -> Option<(String, Option<String>)> {
        if let Some(v) = self.eq.as_ref().filter(|v| !same(observed, v)) {
            return Some((show(v), first_difference(v, observed)));
        }
        if let Some(v) = self.ne.as_ref().filter(|v| same(observed, v)) {
            return Some((format!("anything but {}", show(v)), None));
        }
        let number = as_number(observed);
        if let Some(n) = self.at_least.filter(|n| number.is_none_or(|o| o < signed(*n))) {
            return Some((format!("at least {n}"), None));
        }
        if let Some(n) = self.at_most.filter(|n| number.is_none_or(|o| o > signed(*n))) {
            return Some((format!("at most {n}"), None));
        }
        if let Some(v) = self.contains.as_ref().filter(|v| !contains(observed, v)) {
            return Some((format!("something that contains {}", show(v)), None));
        }
        if let Some(v) = self.unordered.as_ref().filter(|v| !same_members(observed, v)) {
            return Some((format!("{} in any order", show(v)), None));
        }
        let among =
            |v: &Value| v.as_array().is_some_and(|all| all.iter().any(|o| same(observed, o)));
        if let Some(v) = self.one_of.as_ref().filter(|v| !among(v)) {
            return Some((format!("one of {}", show(v)), None));
        }
        if let Some(near) = self.near.as_ref().filter(|near| !is_near(observed, &near.to, near.by))
        {
            return Some((format!("{}, each number within {}", show(&near.to), near.by), None));
        }
        let length = length(observed);
        let n = self.length.filter(|n| length != Some(*n))?;
        Some((format!("{n} members"), length.map(|l| format!("the length is {l}"))))
    }
}

/// A part of a value, or of the JSON that a text holds.
fn place(observed: &Value, at: &str) -> Option<Value> {
    match observed {
        Value::String(text) => serde_json::from_str::<Value>(text).ok()?.pointer(at).cloned(),
        other => other.pointer(at).cloned(),
    }
}

fn contains(observed: &Value, part: &Value) -> bool {
    match observed {
        Value::Array(items) => items.iter().any(|item| same(item, part)),
        other => text(other).contains(&text(part)),
    }
}

/// Values as a person compares them: Redis answers numbers as text in many places.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b))
        }
        (Value::Object(_) | Value::Null, _) | (_, Value::Object(_) | Value::Null) => a == b,
        (Value::Array(_), _) | (_, Value::Array(_)) => false,
        (Value::String(a), Value::String(b)) => a == b,
        _ => text(a) == text(b),
    }
}

fn is_near(observed: &Value, wanted: &Value, by: f64) -> bool {
    let number = |value: &Value| {
        let number = match value {
            Value::Number(n) => n.as_f64(),
            Value::String(text) => text.parse::<f64>().ok(),
            _ => None,
        };
        number.filter(|number| number.is_finite())
    };
    if same(observed, wanted) {
        return true;
    }
    match (observed, wanted) {
        (Value::Array(o), Value::Array(w)) => {
            o.len() == w.len() && o.iter().zip(w).all(|(o, w)| is_near(o, w, by))
        }
        (Value::Object(o), Value::Object(w)) => {
            let near = |(key, w): (&String, &Value)| o.get(key).is_some_and(|o| is_near(o, w, by));
            o.len() == w.len() && w.iter().all(near)
        }
        _ => match (number(observed), number(wanted)) {
            (Some(o), Some(w)) => by > 0.0 && (o - w).abs() <= by,
            _ => false,
        },
    }
}

fn same_members(a: &Value, b: &Value) -> bool {
    let (Value::Array(a), Value::Array(b)) = (a, b) else { return false };
    let sorted = |items: &[Value]| {
        let mut texts: Vec<String> = items.iter().map(text).collect();
        texts.sort();
        texts
    };
    sorted(a) == sorted(b)
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

fn as_number(value: &Value) -> Option<i64> {
    match value {
        Value::Number(n) => n.as_i64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}

fn signed(n: u64) -> i64 {
    i64::try_from(n).unwrap_or(i64::MAX)
}

fn length(value: &Value) -> Option<u64> {
    match value {
        Value::Array(items) => u64::try_from(items.len()).ok(),
        Value::String(text) => u64::try_from(text.chars().count()).ok(),
        _ => None,
    }
}

/// A value as it is shown: in full; the terminal report shortens, JSON does not.
pub fn show(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        other => other.to_string(),
    }
}

/// Where two values part: the first member of a list, or the whole.
pub fn first_difference(expected: &Value, observed: &Value) -> Option<String> {
    let (Value::Array(e), Value::Array(o)) = (expected, observed) else { return None };
    let at = e.iter().zip(o).position(|(e, o)| !same(e, o)).unwrap_or(e.len().min(o.len()));
    let side = |items: &[Value]| items.get(at).map_or("nothing".to_owned(), show);
    let lengths = if e.len() == o.len() {
        String::new()
    } else {
        format!(" ({} expected, {} found)", e.len(), o.len())
    };
    Some(format!("at position {at}: {} expected, {} found{lengths}", side(e), side(o)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn compare(matcher: Value, observed: &Value) -> Option<Mismatch> {
        let matcher: Matcher = serde_json::from_value(matcher).unwrap();
        matcher.resolve(&Variables::default()).unwrap().compare(observed)
    }

    #[test]
    fn numbers_and_their_text_are_the_same() {
        assert_eq!(compare(json!({"eq": 5}), &json!("5")), None);
        assert_eq!(compare(json!({"at_least": 3, "at_most": 5}), &json!("4")), None);
    }

    #[test]
    fn numbers_may_be_off_by_what_is_allowed_and_nothing_else_may() {
        let rows = json!([["book", "12.4999"], ["pen", "0.5"]]);
        let near = |by| json!({"near": {"to": [["book", 12.5], ["pen", 0.5]], "by": by}});
        assert_eq!(compare(near(0.001), &rows), None);
        let mismatch = compare(near(0.00001), &rows).unwrap();
        assert_eq!(
            mismatch.expected,
            "[[\"book\",12.5],[\"pen\",0.5]], each number within 0.00001"
        );
        let shares = json!({"near": {"to": {"a": 20, "b": 10}, "by": 2}});
        assert_eq!(compare(shares.clone(), &json!({"a": 19, "b": 11})), None);
        assert!(compare(shares.clone(), &json!({"a": 15, "b": 15})).is_some());
        assert!(compare(shares, &json!({"a": 20, "b": 10, "c": 0})).is_some());
        for other in [
            json!([["book", 12.5]]),
            json!([["pen", 12.5], ["pen", 0.5]]),
            json!(null),
            json!([["book", "nan"], ["pen", 0.5]]),
        ] {
            assert!(compare(near(1.0), &other).is_some(), "{other}");
        }
    }

    #[test]
    fn null_is_expected_when_written() {
        assert!(compare(json!({"eq": null}), &json!("x")).is_some());
        assert_eq!(compare(json!({"eq": null}), &Value::Null), None);
    }

    #[test]
    fn null_is_not_its_text() {
        assert!(compare(json!({"eq": "null"}), &Value::Null).is_some());
    }

    #[test]
    fn the_first_difference_of_lists_is_named() {
        let mismatch = compare(json!({"eq": ["a", "b", "c"]}), &json!(["a", "c"])).unwrap();
        assert_eq!(
            mismatch.difference.unwrap(),
            "at position 1: \"b\" expected, \"c\" found (3 expected, 2 found)"
        );
    }

    #[test]
    fn a_place_in_json_is_looked_at_alone() {
        let text = json!("{ \"pages\": [\"b\", \"a\"], \"visits\": 2 }");
        assert_eq!(compare(json!({"at": "/visits", "eq": 2}), &text), None);
        assert_eq!(compare(json!({"at": "/pages", "unordered": ["a", "b"]}), &text), None);
        let mismatch = compare(json!({"at": "/visits", "eq": 3}), &text).unwrap();
        assert_eq!(mismatch.expected, "3 at \"/visits\"");
        assert!(compare(json!({"at": "/other"}), &text).is_some());
        assert!(compare(json!({"at": "", "ne": 1}), &json!("no JSON")).is_some());
        assert!(compare(json!({"at": "", "ne": 1}), &Value::Null).is_none());
    }

    #[test]
    fn order_matters_only_when_asked() {
        assert!(compare(json!({"eq": ["a", "b"]}), &json!(["b", "a"])).is_some());
        assert_eq!(compare(json!({"unordered": ["a", "b"]}), &json!(["b", "a"])), None);
    }
}
