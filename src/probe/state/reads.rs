//! What is known to only read.

/// Commands that change nothing, of Redis from `COMMAND LIST FILTERBY ACLCAT read` and the introspection commands, of
/// RabbitMQ `queue NAME` and `GET PATH`.
const READS: &[&str] = &[
    "BITCOUNT",
    "BITPOS",
    "CLIENT|LIST",
    "CONFIG|GET",
    "DBSIZE",
    "DUMP",
    "EVAL_RO",
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
    "QUEUE",
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

/// Whether a command of Redis changes nothing.
pub fn command(words: &[String]) -> bool {
    let Some(command) = words.first().map(|w| w.to_uppercase()) else { return false };
    if READS.contains(&command.as_str()) {
        return true;
    }
    words
        .get(1)
        .is_some_and(|sub| READS.contains(&format!("{command}|{}", sub.to_uppercase()).as_str()))
}

/// How SQL statements begin that change nothing; the session's own rights are not relied on.
const STATEMENTS: &[&str] =
    &["SELECT", "SHOW", "EXPLAIN", "WITH", "TABLE", "VALUES", "DESCRIBE", "CHECKSUM"];

/// Whether an SQL statement changes nothing: one statement, which begins as those that read, and keeps nothing.
pub fn statement(text: &str) -> bool {
    let upper = text.to_uppercase();
    let first = upper.split(|c: char| !c.is_ascii_alphabetic()).find(|word| !word.is_empty());
    let words = || upper.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    first.is_some_and(|word| STATEMENTS.contains(&word))
        && !text.trim_end().trim_end_matches(';').contains(';')
        && !words().any(|word| ["INTO", "ANALYZE", "GET_LOCK"].contains(&word))
        && !words()
            .zip(words().skip(1))
            .any(|pair| pair == ("FOR", "UPDATE") || pair == ("FOR", "SHARE"))
}
