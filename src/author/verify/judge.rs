//! What the verdicts of a round of checks say about a rule: pure, so that each judgement can be shown to notice.

use std::collections::{BTreeMap, BTreeSet};

use crate::catalog::lab::Lab;
use crate::probe::codes::SERVICE_STOPPED;
use crate::verdict::{ErrorReport, LabResult, Verdict};

/// What one check came to.
#[derive(Debug, Clone)]
pub struct Said {
    pub verdict: Verdict,
    /// The code of a failure.
    pub code: Option<String>,
    /// What a failure or an error tells a reader; it may be told in other words each time.
    pub tells: Option<String>,
}

impl Said {
    /// The code of a failure, else the verdict: what a lab promises.
    fn short(&self) -> String {
        self.code.clone().unwrap_or_else(|| self.verdict.to_string())
    }
}

impl PartialEq for Said {
    fn eq(&self, other: &Self) -> bool {
        (self.verdict, &self.code) == (other.verdict, &other.code)
    }
}

/// `task/check` → what it came to.
pub type Found = BTreeMap<String, Said>;

impl std::fmt::Display for Said {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.short())?;
        self.tells.iter().try_for_each(|tells| write!(f, " ({tells})"))
    }
}

/// What every check of a round came to.
pub fn found(result: &LabResult) -> Found {
    let checks = result.tasks.iter().flat_map(|t| t.checks.iter().map(move |c| (t, c)));
    checks
        .map(|(task, check)| {
            let failure = check.failure.as_ref();
            let said = Said {
                verdict: check.verdict,
                code: failure.map(|f| f.code.clone()),
                tells: failure
                    .map(|f| f.evidence.summary.clone())
                    .or_else(|| check.error.as_ref().map(in_one_line)),
            };
            (format!("{}/{}", task.id, check.id), said)
        })
        .collect()
}

/// What happened, and why.
fn in_one_line(error: &ErrorReport) -> String {
    let why = error.why.iter().map(|why| format!(": {why}"));
    std::iter::once(error.what.clone()).chain(why).collect()
}

/// Those of some tasks.
pub fn of_tasks(found: &Found, tasks: &BTreeSet<&str>) -> Found {
    only(found, |name, _| name.split_once('/').is_some_and(|(task, _)| tasks.contains(task)))
}

pub fn not_passed(found: &Found) -> Found {
    only(found, |_, said| said.verdict != Verdict::Pass)
}

/// In one line, for a message.
pub fn listed<K: AsRef<str>, V: std::fmt::Display>(found: &BTreeMap<K, V>) -> String {
    if found.is_empty() {
        return "nothing".to_owned();
    }
    let one = |(check, what): (&K, &V)| format!("{}: {what}", check.as_ref());
    found.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// What is not as it must be before anybody has done anything.
pub fn fresh(lab: &Lab, found: &Found) -> Vec<String> {
    let mut faults = Vec::new();
    for task in &lab.tasks {
        let id = &task.id.value;
        let of_task = of_tasks(found, &BTreeSet::from([id.as_str()]));
        if of_task.values().all(|said| said.verdict == Verdict::Pass) {
            faults.push(format!("the task {id} passes"));
        }
        for (name, said) in &of_task {
            let guard =
                task.checks.iter().any(|c| c.guard && *name == format!("{id}/{}", c.id.value));
            if said.verdict == Verdict::Error {
                faults.push(format!("{name}: {said}"));
            } else if guard && said.verdict == Verdict::Fail {
                faults.push(format!("the guard {name} does not hold: {said}"));
            }
        }
    }
    faults
}

/// A right solution passes everything.
pub fn right(found: &Found) -> Option<String> {
    fault("does not pass", &not_passed(found))
}

/// A wrong solution fails just what it names, for the reason it names. What depends on a failed check is blocked, and
/// says nothing of its own: so may what was promised, where another check has noticed the mistake by chance.
pub fn wrong(
    promised: &BTreeMap<String, String>,
    by_chance: &BTreeMap<String, String>,
    found: &Found,
) -> Option<String> {
    let is_chance = |name: &str, said: &Said| by_chance.get(name) == Some(&said.short());
    let chance = found.iter().any(|(name, said)| is_chance(name, said));
    let failed = only(found, |name, said| match said.verdict {
        Verdict::Pass => false,
        Verdict::Blocked => promised.contains_key(name) && !chance,
        Verdict::Fail | Verdict::Error => !is_chance(name, said),
    });
    let is_blocked = |name: &String| found.get(name).is_some_and(|s| s.verdict == Verdict::Blocked);
    let short = |name: &String| failed.get(name).map(Said::short);
    let missing: BTreeMap<_, _> = promised
        .iter()
        .filter(|(name, code)| short(name).as_ref() != Some(code) && !(chance && is_blocked(name)))
        .collect();
    let surplus = only(&failed, |name, said| promised.get(name) != Some(&said.short()));
    (!missing.is_empty() || !surplus.is_empty()).then(|| {
        format!("promised and not so: {}; not promised: {}", listed(&missing), listed(&surplus))
    })
}

/// Whether some check fails. (What is blocked says nothing, and an error is ours.)
pub fn noticed(found: &Found) -> bool {
    found.values().any(|said| said.verdict == Verdict::Fail)
}

/// While copies of a service were killed from outside, no check blames the learner.
pub fn killed_during(found: &Found) -> Option<String> {
    fault("blamed on the learner", &only(found, |_, said| said.verdict == Verdict::Fail))
}

/// Whether what was done from outside met a check.
pub fn was_met(found: &Found) -> bool {
    found.values().any(|said| said.verdict == Verdict::Error)
}

/// With a service gone that was killed from outside, nothing can be said about the learner's work.
pub fn killed(found: &Found) -> Option<String> {
    let said = only(found, |_, s| !matches!(s.verdict, Verdict::Error | Verdict::Blocked));
    fault("with the service gone", &said)
        .or_else(|| (!was_met(found)).then(|| "with the service gone no check errors".to_owned()))
}

/// With a service that the learner shut down, whatever asks it fails, and some check says why.
pub fn shut_down(found: &Found) -> Option<String> {
    let others = only(found, |_, s| !matches!(s.verdict, Verdict::Fail | Verdict::Blocked));
    let told = found.values().any(|said| said.code.as_deref() == Some(SERVICE_STOPPED));
    fault("with the service shut down", &others).or_else(|| {
        (!told).then(|| format!("with the service shut down no check says so: {}", listed(found)))
    })
}

/// While something else answers in a service's place.
pub fn impostor(found: &Found) -> Option<String> {
    fault("passes", &only(found, |_, said| said.verdict == Verdict::Pass))
}

/// After a service has come back nothing errors; what it kept may be gone.
pub fn back(found: &Found) -> Option<String> {
    fault("after it has come back", &only(found, |_, said| said.verdict == Verdict::Error))
}

/// Checked once more, in whatever way, everything comes to the same.
pub fn same(how: &str, first: &Found, again: &Found) -> Option<String> {
    (first != again).then(|| {
        let (first, again) = (listed(&not_passed(first)), listed(&not_passed(again)));
        format!("did not pass at first: {first}; {how}: {again}")
    })
}

fn only(found: &Found, meant: impl Fn(&str, &Said) -> bool) -> Found {
    let mut found = found.clone();
    found.retain(|name, said| meant(name, said));
    found
}

fn fault(what: &str, found: &Found) -> Option<String> {
    (!found.is_empty()).then(|| format!("{what}: {}", listed(found)))
}

#[cfg(test)]
mod tests;
