//! Fresh values: `$name` in a probe stands for a random text that no program can know.

use std::collections::BTreeMap;

use rand::RngExt;
use serde_json::Value;

/// The values of one run: the same name is the same value.
#[derive(Debug, Default)]
pub struct Fresh(BTreeMap<String, String>);

impl Fresh {
    /// Gives a name its value instead of a random one.
    pub fn bind(&mut self, name: &str, value: &str) {
        self.0.insert(name.to_owned(), value.to_owned());
    }

    /// A text that is just `$name` becomes its value; others stay.
    pub fn fill_text(&mut self, text: &str) -> String {
        match text.strip_prefix('$') {
            Some(name) if is_name(name) => {
                self.0.entry(name.to_owned()).or_insert_with(|| random(name)).clone()
            }
            _ => text.to_owned(),
        }
    }

    /// Puts values in place of the names.
    pub fn fill(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.fill_text(text)),
            Value::Array(items) => items.iter().map(|item| self.fill(item)).collect(),
            Value::Object(map) => map.iter().map(|(k, v)| (k.clone(), self.fill(v))).collect(),
            other => other.clone(),
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c == '_' || c.is_ascii_digit())
}

/// A readable beginning, and 40 random bits.
pub fn random(stem: &str) -> String {
    let bits: u64 = rand::rng().random::<u64>() >> 24;
    format!("{stem}-{bits:010x}")
}

/// As [`random`], with characters that a program may take for its own.
pub fn awkward(stem: &str) -> String {
    format!("{}:a|b,c \"d\" é", random(stem))
}
