//! What the relay must have seen of a scenario.

use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer};
use serde_json::Value;

use crate::error::Result;
use crate::probe::expect::Matcher;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::relay::{Mark, Record, Relay, ReplyKind};
use crate::template::{Var, Variables};

/// How often the records are looked at while a scenario goes on.
pub const LOOK_EVERY: Duration = Duration::from_millis(20);

/// What the relay must have seen: how many commands, how large the replies.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    pub commands: Commands,
    /// Only commands sent while a `watch` step went on.
    pub during: Option<During>,
    pub at_least: Option<Var<u64>>,
    pub at_most: Option<Var<u64>>,
    /// The number of items in each reply.
    pub reply_items: Option<Matcher>,
    /// The size of each reply, in bytes.
    pub reply_bytes: Option<Matcher>,
    /// How long those that came back with nothing had said they would wait, all together, in milliseconds.
    pub patience: Option<Matcher>,
    /// The same of each of them alone.
    pub each_patience: Option<Matcher>,
    /// For how much of the time of `watch` and `outlast` steps one of the commands was waiting for its answer, in percent.
    pub waiting: Option<Matcher>,
    /// The longest time of such a step in which none of them was, in milliseconds.
    pub gap: Option<Matcher>,
}

/// Begin and end, in microseconds on the relay's clock.
pub type Window = (u64, u64);

/// The time of a scenario in which the program was left alone.
#[derive(Debug, Default)]
pub struct Watched {
    /// The `watch` steps.
    pub watches: Vec<Window>,
    /// The `outlast` steps.
    pub outlasted: Vec<Window>,
}

#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum During {
    Watch,
}

/// `any`, `waiting`, or a list of command names.
#[derive(Debug, Clone)]
pub enum Commands {
    Any,
    /// Those that keep the client waiting.
    Waiting,
    OneOf(Vec<String>),
}

impl<'de> Deserialize<'de> for Commands {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let wrong =
            || serde::de::Error::custom("expected `any`, `waiting` or a list of command names");
        match Value::deserialize(deserializer)? {
            Value::String(word) if word == "any" => Ok(Self::Any),
            Value::String(word) if word == "waiting" => Ok(Self::Waiting),
            Value::Array(names) => {
                let name = |n: Value| n.as_str().map(str::to_uppercase).ok_or_else(wrong);
                names.into_iter().map(name).collect::<Result<_, _>>().map(Self::OneOf)
            }
            _ => Err(wrong()),
        }
    }
}

impl JsonSchema for Commands {
    fn inline_schema() -> bool {
        true
    }
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Commands".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "title": "any, waiting, or a list of command names",
            "type": ["string", "array"],
            "pattern": "^(any|waiting)$",
            "items": { "type": "string" },
        })
    }
}

impl Commands {
    fn includes(&self, record: &Record) -> bool {
        match self {
            Self::Any => true,
            Self::Waiting => record.blocks,
            Self::OneOf(names) => names.contains(&record.command),
        }
    }

    fn describe(&self) -> String {
        match self {
            Self::Any => "commands".to_owned(),
            Self::Waiting => "commands that wait".to_owned(),
            Self::OneOf(names) => names.join(", "),
        }
    }
}

impl Seen {
    pub fn lint(&self, variables: &Variables) -> Result<()> {
        let Self { reply_items, reply_bytes, waiting, gap, patience, each_patience, .. } = self;
        let matchers = [reply_items, reply_bytes, waiting, gap, patience, each_patience];
        matchers.into_iter().flatten().try_for_each(|m| m.lint(variables))?;
        self.at_least.iter().chain(&self.at_most).try_for_each(|n| n.get(variables).map(drop))
    }
}

pub fn judge(
    seen: &Seen,
    records: &[Record],
    watched: &Watched,
    variables: &Variables,
) -> Result<Option<Finding>> {
    let in_time = |r: &&Record| match seen.during {
        None => true,
        Some(During::Watch) => {
            watched.watches.iter().any(|(begin, end)| (*begin..=*end).contains(&r.start_us))
        }
    };
    let counted: Vec<&Record> =
        records.iter().filter(|r| seen.commands.includes(r)).filter(in_time).collect();
    let count = counted.len() as u64;
    let names = seen.commands.describe();
    let time = if seen.during.is_some() { " while it was watched" } else { "" };
    let number = |v: &Option<Var<u64>>| v.as_ref().map(|v| v.get(variables)).transpose();
    let broken = |expected: String| {
        let mut evidence = Evidence::new(format!("Redis saw {count} {names}{time}"));
        evidence.expected = Some(expected);
        evidence.observed = Some(count.to_string());
        let shown: Vec<&Record> =
            if counted.is_empty() { records.iter().collect() } else { counted.clone() };
        evidence.history = lines(&shown);
        Some(evidence.fail("commands"))
    };
    if let Some(n) = number(&seen.at_least)?
        && count < n
    {
        return Ok(broken(format!("at least {n} {names}")));
    }
    if let Some(n) = number(&seen.at_most)?
        && count > n
    {
        return Ok(broken(format!("at most {n} {names}")));
    }
    // A command sent before the watch began may wait through all of it.
    let sent: Vec<&Record> = records.iter().filter(|r| seen.commands.includes(r)).collect();
    let alone = watched.watches.iter().chain(&watched.outlasted);
    let (percent, gap) = waiting(&sent, alone);
    let told = [
        (
            &seen.waiting,
            percent,
            format!(
                "For {percent} % of the time that was watched the service was waiting to answer"
            ),
        ),
        (&seen.gap, gap, format!("For {gap} ms on end no command was waiting for the service")),
    ];
    for (matcher, value, summary) in told {
        let Some(matcher) = matcher else { continue };
        if let Some(mismatch) = matcher.resolve(variables)?.compare(&Value::from(value)) {
            let mut evidence = Evidence::new(summary).mismatch(mismatch);
            evidence.history = lines(&records.iter().collect::<Vec<_>>());
            return Ok(Some(evidence.fail("commands")));
        }
    }
    let in_vain = |r: &&&Record| r.reply.as_ref().is_some_and(|r| r.kind == ReplyKind::Null);
    let patient: Vec<&Record> = counted.iter().filter(in_vain).copied().collect();
    if let Some(matcher) = &seen.each_patience {
        let matcher = matcher.resolve(variables)?;
        for (record, patience) in patient.iter().filter_map(|r| Some((*r, r.patience_ms?))) {
            if let Some(mismatch) = matcher.compare(&Value::from(patience)) {
                let summary = format!(
                    "A command that came back with nothing had asked for {patience} ms of waiting"
                );
                let mut evidence = Evidence::new(summary).mismatch(mismatch);
                evidence.history = lines(&[record]);
                return Ok(Some(evidence.fail("patience")));
            }
        }
    }
    if let Some(matcher) = &seen.patience {
        let total: u64 = patient.iter().filter_map(|r| r.patience_ms).sum();
        if let Some(mismatch) = matcher.resolve(variables)?.compare(&Value::from(total)) {
            let summary =
                format!("Commands that came back with nothing asked for {total} ms of waiting");
            let mut evidence = Evidence::new(summary).mismatch(mismatch);
            evidence.history = lines(&patient);
            return Ok(Some(evidence.fail("patience")));
        }
    }
    if let Some(matcher) = &seen.reply_bytes {
        let matcher = matcher.resolve(variables)?;
        for record in &counted {
            let Some(bytes) = record.reply.as_ref().map(|r| r.bytes) else { continue };
            if let Some(mismatch) = matcher.compare(&Value::from(bytes)) {
                let mut evidence = Evidence::new(format!("A single command fetched {bytes} bytes"))
                    .mismatch(mismatch);
                evidence.history = lines(&[record]);
                return Ok(Some(evidence.fail("reply_bytes")));
            }
        }
    }
    let Some(matcher) = &seen.reply_items else { return Ok(None) };
    let matcher = matcher.resolve(variables)?;
    for record in counted {
        let Some(items) = record.reply.as_ref().and_then(|r| r.values) else { continue };
        if let Some(mismatch) = matcher.compare(&Value::from(items)) {
            let mut evidence =
                Evidence::new(format!("A single command fetched {items} items")).mismatch(mismatch);
            evidence.history = lines(&[record]);
            return Ok(Some(evidence.fail("reply_items")));
        }
    }
    Ok(None)
}

/// How much of the time was covered by commands under way, in percent, and the longest gap, in milliseconds.
fn waiting<'a>(records: &[&Record], windows: impl Iterator<Item = &'a Window>) -> (u64, u64) {
    let (mut total, mut covered, mut gap) = (0, 0, 0);
    for (begin, end) in windows {
        total += end - begin;
        let mut reached = *begin;
        for record in records {
            let from = record.start_us.max(reached);
            let to = record.end_us.unwrap_or(u64::MAX).min(*end);
            if to > from {
                gap = gap.max(from - reached);
                covered += to - from;
                reached = to;
            }
        }
        gap = gap.max(end - reached);
    }
    ((100 * covered).checked_div(total).unwrap_or(0), gap / 1000)
}

/// The first commands, with their times from the first one on.
pub fn lines(records: &[&Record]) -> Vec<String> {
    const SHOWN: usize = 12;
    let zero = records.first().map_or(0, |r| r.start_us);
    let mut lines: Vec<String> = records
        .iter()
        .take(SHOWN)
        .map(|r| {
            let at = Duration::from_micros(r.start_us.saturating_sub(zero)).as_secs_f64() * 1000.0;
            format!("{at:8.1} ms  {}", r.line())
        })
        .collect();
    if records.len() > SHOWN {
        lines.push(format!("… and {} more", records.len() - SHOWN));
    }
    lines
}

/// The bounds on commands that no later step can mend.
pub fn limits<'a>(expect: &'a [Seen], variables: &Variables) -> Result<Vec<(&'a Commands, u64)>> {
    let bounds = expect.iter().filter(|seen| seen.during.is_none());
    bounds
        .filter_map(|seen| Some((&seen.commands, seen.at_most.as_ref()?)))
        .map(|(c, n)| Ok((c, n.get(variables)?)))
        .collect()
}

/// Returns when one of the bounds is broken: a program that asks too often is not waited for.
pub async fn broken(limits: &[(&Commands, u64)], relay: &Relay, mark: Mark) {
    if limits.is_empty() {
        return std::future::pending().await;
    }
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        let over = |(commands, most): &(&Commands, u64)| {
            relay.count_since(mark, |r| !r.handshake && commands.includes(r)) as u64 > *most
        };
        if limits.iter().any(over) {
            return;
        }
    }
}
