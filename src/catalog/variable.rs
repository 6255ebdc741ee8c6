//! The variables of a lab: plain values, keyed ones, and how they become one set.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::Value;

use crate::error::{Error, Result};
use crate::seed::{Dice, Seed};
use crate::template::{Variables, references, undefined};

/// Letters of keyed words: none is taken for another letter or a digit, and none for two.
const CONSONANTS: &[u8] = b"bdfghkmnprstvz";
const VOWELS: &[u8] = b"aeu";
const WORD_LETTERS: std::ops::RangeInclusive<u32> = 2..=20;
/// Lists in lists, through however many variables.
const MAX_DEPTH: usize = 16;

/// A variable as `lab.yaml` has it. Texts in it may refer to other variables.
#[derive(Debug, Clone, PartialEq)]
pub enum Variable {
    Plain(Value),
    /// `{ keyed: … }`: drawn from the seat's seed.
    Keyed(Keyed),
}

impl JsonSchema for Variable {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Variable".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A value, or how it is drawn from the seat's seed",
            "if": { "type": "object", "required": ["keyed"] },
            "then": {
                "properties": { "keyed": generator.subschema_for::<Keyed>() },
                "additionalProperties": false,
            },
        })
    }
}

/// How a keyed value is drawn.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Keyed {
    /// One of the listed values.
    Choose(Vec<Value>),
    /// A whole number.
    Number(Bounds),
    /// A word that can be spoken, of this many small letters.
    Word(u32),
    /// Listed values in another order.
    Shuffle(Rows),
}

/// Both bounds can be drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    pub from: i64,
    pub to: i64,
}

#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Rows {
    pub of: Vec<Value>,
    /// Only so many of them; all when left out.
    pub take: Option<usize>,
}

impl Keyed {
    /// # Errors
    /// There is nothing to draw from.
    fn lint(&self) -> Result<()> {
        let fault = match self {
            Self::Choose(of) if of.is_empty() => "A keyed choice has nothing to choose from",
            Self::Number(Bounds { from, to }) if from > to => {
                "A keyed number has no number between from and to"
            }
            Self::Word(letters) if !WORD_LETTERS.contains(letters) => {
                return Err(Error::usage(format!("A keyed word cannot have {letters} letters"))
                    .help(format!("{} to {}", WORD_LETTERS.start(), WORD_LETTERS.end())));
            }
            Self::Shuffle(Rows { of, take }) if take.is_some_and(|n| n == 0 || n > of.len()) => {
                "A keyed shuffle takes none, or more than there are"
            }
            _ => return Ok(()),
        };
        Err(Error::usage(fault))
    }

    /// Part of the promise that a seed replays a seat: what is drawn, and in which order, must not change.
    fn draw(&self, dice: &mut Dice) -> Value {
        match self {
            Self::Choose(of) => dice.one(of).clone(),
            Self::Number(Bounds { from, to }) => {
                let steps = match to.abs_diff(*from) {
                    u64::MAX => dice.any(),
                    others => dice.below(others + 1),
                };
                Value::from(from.wrapping_add_unsigned(steps))
            }
            Self::Word(letters) => (0..*letters)
                .map(|i| char::from(*dice.one(if i % 2 == 0 { CONSONANTS } else { VOWELS })))
                .collect::<String>()
                .into(),
            Self::Shuffle(Rows { of, take }) => {
                let mut rows = of.clone();
                let taken = take.unwrap_or(rows.len());
                for i in 0..taken {
                    let other = i + dice.index(rows.len() - i);
                    rows.swap(i, other);
                }
                rows.truncate(taken);
                rows.into()
            }
        }
    }

    fn values(&self) -> &[Value] {
        match self {
            Self::Choose(of) => of,
            Self::Shuffle(rows) => &rows.of,
            Self::Number(_) | Self::Word(_) => &[],
        }
    }
}

impl Variable {
    /// The names of the variables that this one refers to.
    fn needs(&self) -> BTreeSet<&str> {
        let mut names = BTreeSet::new();
        match self {
            Self::Plain(value) => collect(value, &mut names),
            Self::Keyed(keyed) => keyed.values().iter().for_each(|v| collect(v, &mut names)),
        }
        names
    }
}

fn collect<'a>(value: &'a Value, names: &mut BTreeSet<&'a str>) {
    match value {
        Value::String(text) => names.extend(references(text).filter_map(|r| r.name)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, names)),
        Value::Object(map) => map.values().for_each(|value| collect(value, names)),
        _ => {}
    }
}

fn depth(value: &Value) -> usize {
    match value {
        Value::Array(items) => 1 + items.iter().map(depth).max().unwrap_or(0),
        Value::Object(map) => 1 + map.values().map(depth).max().unwrap_or(0),
        _ => 0,
    }
}

/// What the variables of a lab are in one seat. Those that are kept from the seat's start stay as they are.
///
/// # Errors
/// With the variable it is about: a name that is not defined, references in a circle, a keyed value that cannot be drawn.
pub fn settle<'a>(
    declared: &'a BTreeMap<String, Variable>,
    kept: &Variables,
    seed: &Seed,
    lab: &str,
) -> Result<Variables, (&'a str, Error)> {
    let mut settled = kept.clone();
    let mut waiting = BTreeMap::new();
    let mut needed_by: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut ready = Vec::new();
    for (name, variable) in declared.iter().filter(|(name, _)| !kept.0.contains_key(*name)) {
        let mut needs = variable.needs();
        if let Some(unknown) =
            needs.iter().find(|n| !declared.contains_key(**n) && !kept.0.contains_key(**n))
        {
            return Err((name, undefined(unknown, declared.keys().map(String::as_str))));
        }
        needs.retain(|need| !kept.0.contains_key(*need));
        for need in &needs {
            needed_by.entry(need).or_default().push(name);
        }
        if needs.is_empty() {
            ready.push(name.as_str());
        } else {
            waiting.insert(name.as_str(), needs);
        }
    }
    while let Some(name) = ready.pop() {
        let variable = &declared[name];
        let value = one(name, variable, &settled, seed, lab).map_err(|e| (name, e))?;
        settled.0.insert(name.to_owned(), value);
        for &other in needed_by.get(name).into_iter().flatten() {
            if let Some(needs) = waiting.get_mut(other) {
                needs.remove(name);
                if needs.is_empty() {
                    waiting.remove(other);
                    ready.push(other);
                }
            }
        }
    }
    match circle(&waiting) {
        Some(names) => Err((
            names[0],
            Error::usage("Variables refer to each other in a circle")
                .because(names.join(" → "))
                .help("give one of them a value of its own"),
        )),
        None => Ok(settled),
    }
}

fn one(
    name: &str,
    variable: &Variable,
    known: &Variables,
    seed: &Seed,
    lab: &str,
) -> Result<Value> {
    let value = match variable {
        Variable::Plain(value) => known.resolve(value)?,
        Variable::Keyed(keyed) => {
            keyed.lint()?;
            known.resolve(&keyed.draw(&mut seed.dice(lab, name)))?
        }
    };
    if depth(&value) > MAX_DEPTH {
        return Err(Error::usage(format!("A variable is nested more than {MAX_DEPTH} deep")));
    }
    Ok(value)
}

/// Some variables that wait for one another, the first one again at the end.
fn circle<'a>(waiting: &BTreeMap<&'a str, BTreeSet<&'a str>>) -> Option<Vec<&'a str>> {
    let (mut name, _) = waiting.first_key_value()?;
    let mut seen = BTreeMap::new();
    let mut path = Vec::new();
    // Each one that waits needs another one that waits, so the way leads back to where it was.
    while !seen.contains_key(name) {
        seen.insert(*name, path.len());
        path.push(*name);
        name = waiting.get(name)?.first()?;
    }
    let mut names = path.split_off(seen[name]);
    names.push(name);
    Some(names)
}

impl<'de> Deserialize<'de> for Variable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(VariableVisitor)
    }
}

/// Told apart by hand: an untagged enum would take a slip in a keyed value for a plain one.
struct VariableVisitor;

impl<'de> Visitor<'de> for VariableVisitor {
    type Value = Variable;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a value, or { keyed: … }")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Variable, A::Error> {
        const ALONE: &str = "keyed stands alone";
        let Some(first) = map.next_key::<String>()? else {
            return Ok(Variable::Plain(Value::Object(serde_json::Map::new())));
        };
        if first == "keyed" {
            let keyed = map.next_value()?;
            return match map.next_key::<String>()? {
                None => Ok(Variable::Keyed(keyed)),
                Some(_) => Err(A::Error::custom(ALONE)),
            };
        }
        let mut object = serde_json::Map::from_iter([(first, map.next_value()?)]);
        let rest = Value::deserialize(MapAccessDeserializer::new(map))?;
        if let Value::Object(rest) = rest {
            object.extend(rest);
        }
        if object.contains_key("keyed") {
            return Err(A::Error::custom(ALONE));
        }
        Ok(Variable::Plain(Value::Object(object)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Variable, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Variable::Plain)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Variable, E> {
        Ok(Variable::Plain(value.into()))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Variable, E> {
        Ok(Variable::Plain(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Variable, E> {
        Ok(Variable::Plain(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Variable, E> {
        Ok(Variable::Plain(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Variable, E> {
        Ok(Variable::Plain(value.into()))
    }

    fn visit_unit<E>(self) -> Result<Variable, E> {
        Ok(Variable::Plain(Value::Null))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::json;

    type Declared = BTreeMap<String, Variable>;

    fn declared(yaml: &str) -> Declared {
        serde_yaml::from_str(yaml).unwrap_or_else(|e| panic!("{e}\n{yaml}"))
    }

    fn settled(yaml: &str, seed: &str) -> Value {
        let seed = Seed::given(seed).unwrap();
        let declared = declared(yaml);
        let variables = settle(&declared, &Variables::default(), &seed, "lab");
        serde_json::to_value(variables.unwrap()).unwrap()
    }

    /// The error, and the variable it is about.
    fn refused(yaml: &str) -> (Error, String) {
        let declared = declared(yaml);
        let (at, error) =
            settle(&declared, &Variables::default(), &Seed::sample(), "lab").unwrap_err();
        (error, at.to_owned())
    }

    const ALL: &str = "
place: { keyed: { choose: [tickets, calls, cases] } }
desk: ${place}:waiting
first: { keyed: { number: { from: 100, to: 999 } } }
waiting: [\"T-${first}2\", \"T-${first}1\"]
word: { keyed: { word: 6 } }
rows: { keyed: { shuffle: { of: [1, two, \"${first}\", [4]], take: 3 } } }
as_it_is: \"${first}\"
";

    /// What a seed gives must never change: seats are replayed by it. Computed by another program.
    #[test]
    fn a_seed_gives_what_it_always_gave() {
        let all = settled(ALL, "s3");
        assert_eq!(all["place"], "tickets");
        assert_eq!(all["first"], 856);
        assert_eq!(all["word"], "medafa");
        assert_eq!(all["rows"], json!([1, [4], "two"]));
    }

    #[test]
    fn references_are_followed_and_keep_their_type() {
        let all = settled(ALL, "s3");
        let first = all["first"].as_u64().unwrap();
        assert_eq!(all["as_it_is"], json!(first));
        assert_eq!(all["waiting"], json!([format!("T-{first}2"), format!("T-{first}1")]));
        assert_eq!(all["desk"], format!("{}:waiting", all["place"].as_str().unwrap()));
    }

    #[test]
    fn a_variable_more_leaves_the_others_as_they_are() {
        let more = settled(&format!("{ALL}aaa: {{ keyed: {{ word: 4 }} }}\n"), "s3");
        for (name, value) in settled(ALL, "s3").as_object().unwrap() {
            assert_eq!(more[name], *value);
        }
    }

    #[test]
    fn kept_values_stay_and_new_ones_refer_to_them() {
        let kept = Variables([("place".to_owned(), json!("$${kept}"))].into());
        let all = settle(&declared(ALL), &kept, &Seed::sample(), "lab").unwrap();
        assert_eq!(all.0["place"], "$${kept}");
        assert_eq!(all.0["desk"], "$${kept}:waiting");
    }

    #[test]
    fn a_circle_is_shown_with_its_way() {
        let (error, name) = refused("a: 1\nb: [\"${c}\"]\nc: x${d}\nd: ${b}\ne: ${b}\n");
        assert_eq!(error.why.as_deref(), Some("b → c → d → b"));
        assert_eq!(name, "b");
        assert_eq!(refused("a: ${a}").0.why.as_deref(), Some("a → a"));
    }

    #[test]
    fn an_undefined_name_is_shown_with_the_nearest() {
        let (error, name) = refused("place: x\ndesk: ${plcae}:waiting\n");
        assert_eq!(
            (error.help.as_deref(), name.as_str()),
            (Some("did you mean \"place\"?"), "desk")
        );
        refused("rows: { keyed: { choose: [\"${gone}\"] } }");
    }

    #[test]
    fn nothing_to_draw_from_is_refused() {
        for kind in [
            "choose: []",
            "number: { from: 2, to: 1 }",
            "word: 1",
            "word: 21",
            "shuffle: { of: [a], take: 2 }",
            "shuffle: { of: [a], take: 0 }",
        ] {
            refused(&format!("x: {{ keyed: {{ {kind} }} }}"));
        }
    }

    #[test]
    fn a_slip_in_a_keyed_value_is_no_plain_value() {
        for (slip, said) in [
            ("{ keyed: { chose: [a] } }", "choose"),
            ("{ keyed: { number: { from: 1, till: 2 } } }", "till"),
            ("{ keyed: { word: 6 }, also: 1 }", "stands alone"),
            ("{ also: 1, keyed: { word: 6 } }", "stands alone"),
        ] {
            let error = serde_yaml::from_str::<Declared>(&format!("x: {slip}")).unwrap_err();
            assert!(error.to_string().contains(said), "{error}");
        }
    }

    #[test]
    fn variables_that_multiply_are_refused_in_time() {
        let mut yaml = "v0: xxxxxxxxxxxxxxxx\nl0: [x, x]\n".to_owned();
        for i in 1..60 {
            yaml.push_str(&format!("v{i}: \"${{v{0}}}${{v{0}}}\"\n", i - 1));
            yaml.push_str(&format!("l{i}: [\"${{l{0}}}\", x]\n", i - 1));
        }
        let (error, _) = refused(&yaml);
        assert!(error.what.contains("1 MiB") || error.what.contains("nested"), "{error}");
    }

    fn keyed() -> impl Strategy<Value = Keyed> {
        let values = proptest::collection::vec((0..9_i32).prop_map(Value::from), 1..12);
        let rows = (values.clone(), any::<proptest::sample::Index>(), any::<bool>());
        prop_oneof![
            values.prop_map(Keyed::Choose),
            (any::<i64>(), any::<i64>())
                .prop_map(|(a, b)| Keyed::Number(Bounds { from: a.min(b), to: a.max(b) })),
            WORD_LETTERS.prop_map(Keyed::Word),
            rows.prop_map(|(of, n, all)| {
                let take = (!all).then(|| 1 + n.index(of.len()));
                Keyed::Shuffle(Rows { of, take })
            }),
        ]
    }

    proptest! {
        #[test]
        fn what_is_drawn_is_what_was_offered(keyed in keyed(), seed in "[a-z]{1,8}") {
            let draw = || keyed.draw(&mut Seed::given(&seed).unwrap().dice("lab", "x"));
            let value = draw();
            prop_assert_eq!(&value, &draw());
            match &keyed {
                Keyed::Choose(of) => prop_assert!(of.contains(&value)),
                Keyed::Number(bounds) => {
                    let n = value.as_i64().unwrap();
                    prop_assert!((bounds.from..=bounds.to).contains(&n));
                }
                Keyed::Word(letters) => {
                    let word = value.as_str().unwrap();
                    prop_assert_eq!(word.len(), *letters as usize);
                    prop_assert!(!word.contains(['l', 'i', 'o', 'q', '0', '1']));
                }
                Keyed::Shuffle(rows) => {
                    let mut left = rows.of.clone();
                    let drawn = value.as_array().unwrap();
                    prop_assert_eq!(drawn.len(), rows.take.unwrap_or(rows.of.len()));
                    for row in drawn {
                        let place = left.iter().position(|other| other == row);
                        prop_assert!(place.is_some());
                        left.remove(place.unwrap());
                    }
                }
            }
        }
    }
}
