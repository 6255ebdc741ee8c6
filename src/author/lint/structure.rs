//! The structure of `lab.yaml`, held against its schema.

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{ValidationError, Validator};
use serde_json::{Map, Value, json};

use crate::catalog::problem::{MAX_PROBLEMS, Problem};
use crate::catalog::schema;
use crate::catalog::source::{Node, Source, escape};
use crate::suggest::{did_you_mean, nearest};

/// What was found.
pub struct Structure {
    pub problems: Vec<Problem>,
    /// The lab with something in place of what does not fit.
    pub repaired: Value,
    /// Where that was done, as JSON pointers.
    pub pointers: Vec<String>,
}

/// A repair can uncover more: a key put where one was missing is a map with missing keys.
const ROUNDS: usize = 4;

/// Holds a lab against the schema.
pub fn examine(source: &Source, lab: Value) -> Structure {
    let schema = schema::lab();
    let mut structure = Structure { problems: Vec::new(), repaired: lab, pointers: Vec::new() };
    let Ok(validator) = jsonschema::draft202012::new(&schema) else { return structure };
    for round in 0..ROUNDS {
        let misfits = misfits(&validator, &schema, &structure.repaired);
        if misfits.is_empty() {
            break;
        }
        let misspelled: Vec<String> = misfits.iter().filter_map(Misfit::meant).collect();
        for misfit in misfits {
            // Later rounds find what a repair made, which is nobody's problem.
            if round == 0 && !(misfit.is_missing() && misspelled.contains(&misfit.at())) {
                structure.problems.push(misfit.problem(source));
            }
            misfit.repair(&mut structure.repaired, &schema, source);
            structure.pointers.push(misfit.at());
        }
    }
    structure
}

/// One thing that does not fit.
struct Misfit {
    /// Of the value, or of the map that has or lacks a key.
    pointer: String,
    /// What belongs there.
    schema: Value,
    how: How,
}

enum How {
    UnknownKey(String),
    MissingKey(String),
    Other(String),
}

fn misfits(validator: &Validator, schema: &Value, lab: &Value) -> Vec<Misfit> {
    let errors = validator.iter_errors(lab).take(MAX_PROBLEMS);
    errors.flat_map(|error| misfit(&error, schema)).collect()
}

fn misfit(error: &ValidationError, schema: &Value) -> Vec<Misfit> {
    let keyword = error.schema_path().as_str();
    let parent = keyword.rsplit_once('/').map_or("", |(parent, _)| parent);
    let belongs = schema.pointer(parent).cloned().unwrap_or_default();
    let found = |how| Misfit {
        pointer: error.instance_path().as_str().to_owned(),
        schema: belongs.clone(),
        how,
    };
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .take(MAX_PROBLEMS)
            .map(|key| found(How::UnknownKey(key.clone())))
            .collect(),
        Kind::Required { property } => {
            vec![found(How::MissingKey(property.as_str().unwrap_or_default().to_owned()))]
        }
        Kind::Type { .. } => {
            vec![found(How::Other(format!("This is {}", kind_of(error.instance()))))]
        }
        Kind::MinProperties { .. } => vec![found(How::Other("The map has no key".to_owned()))],
        Kind::MaxProperties { .. } => {
            vec![found(How::Other("The map has several keys".to_owned()))]
        }
        _ => {
            let value = error.instance().to_string();
            let shown: String = value.chars().take(60).collect();
            vec![found(How::Other(format!("The value {shown} does not fit")))]
        }
    }
}

impl Misfit {
    /// What the misfit is about, as a JSON pointer.
    fn at(&self) -> String {
        match &self.how {
            How::UnknownKey(key) | How::MissingKey(key) => {
                format!("{}/{}", self.pointer, escape(key))
            }
            How::Other(_) => self.pointer.clone(),
        }
    }

    fn is_missing(&self) -> bool {
        matches!(self.how, How::MissingKey(_))
    }

    /// The key that an unknown one may be a slip for, as a JSON pointer.
    fn meant(&self) -> Option<String> {
        let How::UnknownKey(key) = &self.how else { return None };
        let near = nearest(key, self.properties().map(|(key, _)| key.as_str()));
        Some(format!("{}/{}", self.pointer, escape(near.first()?)))
    }

    fn problem(&self, source: &Source) -> Problem {
        match &self.how {
            How::UnknownKey(key) => {
                let problem =
                    source.problem_of_key(&self.at(), format!("There is no key {key:?} here"));
                let keys: Vec<&str> = self.properties().map(|(key, _)| key.as_str()).collect();
                let problem = problem.expected(format!("one of {}", keys.join(", ")));
                match did_you_mean(key, keys) {
                    Some(question) => problem.help(question),
                    None => problem,
                }
            }
            How::MissingKey(key) => {
                let problem = source.problem(&self.pointer, format!("The key {key:?} is missing"));
                let schema = self.properties().find(|(k, _)| *k == key).map(|(_, schema)| schema);
                let about = schema.and_then(|s| s["description"].as_str()).map(first_sentence);
                match about {
                    Some(about) => problem.help(format!("{key}: {about}")),
                    None => problem,
                }
            }
            How::Other(what) => {
                let expected = expected(&self.schema);
                let problem = source.problem(&self.pointer, what).expected(&expected);
                let quotes = expected == "text" && what.contains("number");
                if quotes { problem.help("put it in quotes") } else { problem }
            }
        }
    }

    fn properties(&self) -> impl Iterator<Item = (&String, &Value)> {
        self.schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    }

    /// Puts something that fits in its place.
    fn repair(&self, lab: &mut Value, schema: &Value, source: &Source) {
        let Some(value) = lab.pointer_mut(&self.pointer) else { return };
        match &self.how {
            How::UnknownKey(key) => {
                value.as_object_mut().map(|map| map.remove(key));
            }
            How::MissingKey(key) => {
                let belongs = self.properties().find(|(k, _)| *k == key);
                let neutral = belongs.map_or(Value::Null, |(_, belongs)| neutral(belongs, schema));
                value.as_object_mut().map(|map| map.insert(key.clone(), neutral));
            }
            How::Other(_) => {
                // A number where text belongs is the text it is written as.
                let any_text = self.schema.get("pattern").or(self.schema.get("enum")).is_none();
                let node = source.node(&self.pointer).filter(|_| any_text);
                *value = match (neutral(&self.schema, schema), node.and_then(Node::text)) {
                    (Value::String(_), Some(text)) => text.into(),
                    (neutral, _) => neutral,
                };
            }
        }
    }
}

/// A value that fits a schema, and says nothing.
fn neutral(belongs: &Value, schema: &Value) -> Value {
    if let Some(target) = belongs["$ref"].as_str() {
        return schema
            .pointer(target.trim_start_matches('#'))
            .map_or(Value::Null, |s| neutral(s, schema));
    }
    if let Some(first) = belongs["enum"].get(0) {
        return first.clone();
    }
    let kinds = match &belongs["type"] {
        Value::Array(kinds) => kinds.first().and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kinds {
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(false),
        Some("array") => json!([]),
        Some("object") => neutral_map(belongs, schema),
        Some("string") if belongs["pattern"].as_str().is_some_and(|p| p.contains("ms")) => {
            json!("1s")
        }
        Some("string") if belongs.get("pattern").is_some() => json!("any"),
        Some("string") => json!(""),
        _ => Value::Null,
    }
}

/// A map with what it must have.
fn neutral_map(belongs: &Value, schema: &Value) -> Value {
    let properties = belongs["properties"].as_object();
    let required = belongs["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    let any = properties.into_iter().flat_map(Map::keys).map(String::as_str);
    let any = any.take(usize::from(belongs["minProperties"] == 1));
    let fill = |key: &str| (key.to_owned(), neutral(&belongs["properties"][key], schema));
    Value::Object(required.chain(any).map(fill).collect())
}

fn expected(schema: &Value) -> String {
    if let Some(title) = schema["title"].as_str() {
        return title.to_owned();
    }
    if let Some(names) = schema["enum"].as_array() {
        let names: Vec<&str> = names.iter().filter_map(Value::as_str).collect();
        return format!("one of {}", names.join(", "));
    }
    if schema["maxProperties"] == 1 {
        let keys = schema["properties"].as_object().into_iter().flat_map(Map::keys);
        let keys: Vec<&str> = keys.map(String::as_str).collect();
        return format!("a map with one of the keys {}", keys.join(", "));
    }
    match schema["type"].as_str() {
        Some("string") => "text",
        Some("integer") => "a whole number",
        Some("number") => "a number",
        Some("boolean") => "true or false",
        Some("array") => "a list",
        Some("object") => "a map",
        _ => "something else",
    }
    .to_owned()
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}

fn first_sentence(text: &str) -> &str {
    let line = text.lines().next().unwrap_or_default();
    line.split_once(". ").map_or(line, |(first, _)| first).trim_end_matches('.')
}
