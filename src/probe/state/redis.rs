//! State of a Redis server: one command that only reads.

use super::Spec;
use crate::error::Result;
use crate::probe::finding::{Evidence, Finding};
use crate::probe::redis::Answer;
use crate::probe::scene::Scene;

/// Commands that change nothing, from `COMMAND LIST FILTERBY ACLCAT read` and the introspection commands.
const READS: &[&str] = &[
    "BITCOUNT",
    "BITPOS",
    "CLIENT|LIST",
    "CONFIG|GET",
    "DBSIZE",
    "DUMP",
    "EXISTS",
    "EXPIRETIME",
    "GET",
    "GETRANGE",
    "HEXISTS",
    "HGET",
    "HGETALL",
    "HKEYS",
    "HLEN",
    "HMGET",
    "HSCAN",
    "HVALS",
    "INFO",
    "LATENCY|LATEST",
    "LINDEX",
    "LLEN",
    "LPOS",
    "LRANGE",
    "MEMORY|USAGE",
    "MGET",
    "OBJECT|ENCODING",
    "OBJECT|FREQ",
    "OBJECT|IDLETIME",
    "PEXPIRETIME",
    "PING",
    "PTTL",
    "PUBSUB|CHANNELS",
    "PUBSUB|NUMPAT",
    "PUBSUB|NUMSUB",
    "ROLE",
    "SCAN",
    "SCARD",
    "SISMEMBER",
    "SLOWLOG|GET",
    "SLOWLOG|LEN",
    "SMEMBERS",
    "SMISMEMBER",
    "SSCAN",
    "STRLEN",
    "TTL",
    "TYPE",
    "XINFO|CONSUMERS",
    "XINFO|GROUPS",
    "XINFO|STREAM",
    "XLEN",
    "XPENDING",
    "XRANGE",
    "XREVRANGE",
    "ZCARD",
    "ZCOUNT",
    "ZRANGE",
    "ZRANK",
    "ZREVRANGE",
    "ZSCAN",
    "ZSCORE",
];

pub fn reads_only(words: &[String]) -> bool {
    let Some(command) = words.first().map(|w| w.to_uppercase()) else { return false };
    if READS.contains(&command.as_str()) {
        return true;
    }
    words
        .get(1)
        .is_some_and(|sub| READS.contains(&format!("{command}|{}", sub.to_uppercase()).as_str()))
}

pub async fn observe(spec: &Spec, words: &[String], scene: &Scene<'_>) -> Result<Finding> {
    let client = scene.redis(&spec.on).await?;
    let line = shell_line(words);
    let evidence = |summary: &str| {
        let mut evidence = Evidence::new(summary).sent([line.clone()]);
        evidence.reproduce =
            Some(format!("labs exec workbench -- redis-cli -h {} {line}", spec.on));
        evidence
    };
    Ok(match client.ask(words).await? {
        Answer::Refused(message) => {
            let mut evidence = evidence(&format!("{} refused the command", spec.on));
            evidence.observed = Some(message);
            evidence.fail("value")
        }
        Answer::Value(observed) => match spec.expect.resolve(scene.variables)?.compare(&observed) {
            None => Finding::PASS,
            Some(mismatch) => {
                let nothing = observed.is_null() || observed.as_array().is_some_and(Vec::is_empty);
                let (code, what) =
                    if nothing { ("nothing", "nothing") } else { ("value", "something else") };
                evidence(&format!("{} answers {what}", spec.on)).mismatch(mismatch).fail(code)
            }
        },
    })
}

/// A command line that a shell takes apart into the same words.
pub fn shell_line(words: &[String]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    let quote = |word: &String| {
        if !word.is_empty() && word.chars().all(plain) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', r"'\''"))
        }
    };
    words.iter().map(quote).collect::<Vec<_>>().join(" ")
}
