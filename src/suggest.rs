//! The names somebody may have meant.

/// No slip is in a longer name, in bytes: comparing them would take long.
const LONGEST: usize = 100;
/// From here on a name is near enough to be a typing slip, or to be begun and not ended.
const NEAR: f64 = 0.75;
/// How near a name is of which a part was written, `queues` for redis-queues; fewer letters are part of anything.
const PART: f64 = 0.8;
const PART_LETTERS: usize = 3;
/// How much less near than the nearest the others may be: beside a plain slip nothing else is meant.
const BEHIND: f64 = 0.05;
/// More are no help to choose from.
const NAMED: usize = 3;

/// The candidates that are about as like `name` as the one most like it, when that is near enough; the nearest first.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    if name.len() > LONGEST {
        return Vec::new();
    }
    let name = name.to_lowercase();
    let mut near: Vec<(f64, &str)> = candidates
        .into_iter()
        .filter(|c| c.len() <= LONGEST)
        .map(|c| (nearness(&name, &c.to_lowercase()), c))
        .filter(|(score, _)| *score > NEAR)
        .collect();
    near.sort_by(|a, b| b.0.total_cmp(&a.0));
    let best = near.first().map_or(0.0, |(score, _)| *score);
    near.retain(|(score, _)| best - score <= BEHIND);
    let mut names: Vec<&str> = Vec::new();
    for (_, candidate) in near {
        if names.len() < NAMED && !names.contains(&candidate) {
            names.push(candidate);
        }
    }
    names
}

fn nearness(name: &str, candidate: &str) -> f64 {
    let slip = strsim::jaro_winkler(name, candidate);
    let is_part = name.chars().count() >= PART_LETTERS && candidate.contains(name);
    if is_part { slip.max(PART) } else { slip }
}

/// The question to somebody who wrote an unknown name; none where nothing is near.
pub fn did_you_mean<'a>(
    name: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<String> {
    let quoted: Vec<String> =
        nearest(name, candidates).iter().map(|near| format!("{near:?}")).collect();
    let (last, others) = quoted.split_last()?;
    Some(match others {
        [] => format!("did you mean {last}?"),
        others => format!("did you mean {} or {last}?", others.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::{did_you_mean, nearest};

    const LABS: [&str; 5] =
        ["mysql-slow-log", "redis-persistence", "redis-queues", "redis-replication", "redis-walks"];

    #[test]
    fn a_slip_is_told_from_a_stranger() {
        assert_eq!(nearest("redis-queue", LABS), ["redis-queues"]);
        assert_eq!(nearest("kafka", LABS), [""; 0]);
        assert_eq!(did_you_mean("kafka", LABS), None);
        assert_eq!(did_you_mean("MySQL", LABS).unwrap(), "did you mean \"mysql-slow-log\"?");
    }

    #[test]
    fn what_could_be_several_names_no_more_than_three() {
        let said = did_you_mean("redis", LABS).unwrap();
        assert_eq!(
            said,
            "did you mean \"redis-walks\", \"redis-queues\" or \"redis-persistence\"?"
        );
        assert_eq!(
            did_you_mean("fifi", ["fifa", "fifo"]).unwrap(),
            "did you mean \"fifa\" or \"fifo\"?"
        );
    }

    #[test]
    fn a_part_of_a_name_is_enough() {
        assert_eq!(nearest("queues", LABS), ["redis-queues"]);
        assert_eq!(nearest("ue", LABS), [""; 0]);
    }

    #[test]
    fn a_name_that_is_there_twice_is_named_once() {
        assert_eq!(nearest("fif", ["fifo", "lifo", "fifo"]), ["fifo"]);
    }
}
