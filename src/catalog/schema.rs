//! The JSON Schema (2020-12) of `lab.yaml`, from the Rust types.

use schemars::Schema;
use schemars::generate::SchemaSettings;
use schemars::transform::{Transform, transform_subschemas};
use serde_json::{Map, Value, json};

use super::lab::Lab;

/// The name of the file that the repository's labs name.
pub const FILE: &str = "lab.schema.json";

/// The schema of `lab.yaml`.
pub fn lab() -> Value {
    let settings = SchemaSettings::draft2020_12().for_deserialize().with_transform(Plain);
    let mut schema = settings.into_generator().into_root_schema_for::<Lab>();
    schema.insert("title".to_owned(), "lab.yaml".into());
    schema.to_value()
}

/// The schema as a file.
pub fn text() -> String {
    format!("{:#}\n", lab())
}

/// Says alternatives in a way in which a misfit has one plain reason.
#[derive(Debug, Clone)]
struct Plain;

impl Transform for Plain {
    fn transform(&mut self, schema: &mut Schema) {
        transform_subschemas(self, schema);
        let Some(object) = schema.as_object_mut() else { return };
        without_null(object);
        if let Some(Value::Array(cases)) = object.get("oneOf").cloned()
            && let Some(plain) = named_values(&cases).or_else(|| single_keys(&cases))
        {
            object.remove("oneOf");
            object.extend(plain);
        }
    }
}

/// What is optional is left out, not null.
fn without_null(object: &mut Map<String, Value>) {
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|t| t != "null");
        if let [one] = &types[..] {
            let one = one.clone();
            object.insert("type".to_owned(), one);
        }
    }
    if let Some(Value::Array(cases)) = object.get("anyOf") {
        let others: Vec<Value> =
            cases.iter().filter(|c| **c != json!({"type": "null"})).cloned().collect();
        if let ([Value::Object(one)], true) = (&others[..], cases.len() == 2) {
            object.remove("anyOf");
            object.extend(one.clone().into_iter().filter(|(key, _)| key != "description"));
        }
    }
    if object.get("default") == Some(&Value::Null) {
        object.remove("default");
    }
}

/// An enum of names. What is said of single ones goes into the description of all.
fn named_values(cases: &[Value]) -> Option<Map<String, Value>> {
    let (mut names, mut lines) = (Vec::new(), Vec::new());
    for case in cases {
        let values = match (case.get("const"), case.get("enum")) {
            (Some(value), _) => vec![value.clone()],
            (None, Some(Value::Array(values))) => values.clone(),
            _ => return None,
        };
        if let (Some(Value::String(text)), [Value::String(name)]) =
            (case.get("description"), &values[..])
        {
            lines.push(format!("{name}: {text}"));
        }
        names.extend(values);
    }
    let mut plain = object(json!({ "type": "string", "enum": names }));
    if !lines.is_empty() {
        plain.insert("description".to_owned(), lines.join("\n").into());
    }
    Some(plain)
}

/// An enum of maps with one key each.
fn single_keys(cases: &[Value]) -> Option<Map<String, Value>> {
    let mut properties = Map::new();
    for case in cases {
        let (name, schema) = case.get("properties")?.as_object()?.iter().next()?;
        let mut schema = schema.clone();
        if let (Some(schema), Some(text)) = (schema.as_object_mut(), case.get("description")) {
            schema.insert("description".to_owned(), text.clone());
        }
        properties.insert(name.clone(), schema);
    }
    Some(object(json!({
        "type": "object",
        "properties": properties,
        "additionalProperties": false,
        "minProperties": 1,
        "maxProperties": 1,
    })))
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `LABS_BLESS=1 cargo test --lib schema` writes the file anew.
    #[test]
    fn the_schema_in_the_tree_is_the_generated_one() {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("labs").join(FILE);
        if std::env::var_os("LABS_BLESS").is_some() {
            std::fs::write(&path, text()).unwrap();
        }
        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            text(),
            "write it anew with LABS_BLESS=1"
        );
    }

    #[test]
    fn a_misfit_has_one_reason() {
        let text = text();
        assert!(!text.contains("anyOf") && !text.contains("oneOf"), "{text}");
    }
}
