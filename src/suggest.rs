//! The name somebody may have meant.

/// No slip is in a longer name, in bytes: comparing them would take long.
const LONGEST: usize = 100;

/// The candidate most like `name`, when one is near enough to be a typing slip.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    candidates
        .into_iter()
        .filter(|c| c.len() <= LONGEST)
        .map(|c| (strsim::jaro_winkler(&name.to_lowercase(), &c.to_lowercase()), c))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, c)| c)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn finds_a_slip_and_rejects_a_stranger() {
        let names = ["redis-queues", "mysql-indexes"];
        assert_eq!(nearest("redis-queue", names), Some("redis-queues"));
        assert_eq!(nearest("kafka", names), None);
    }
}
