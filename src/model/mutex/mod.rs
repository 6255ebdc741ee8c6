//! `mutex`: one holder at a time; who releases is the holder; what is free can be had.
//!
//! A worker **has** the lock from the effect of an acquire that was granted to that of its release that said so. A
//! lock that its holder does not release, or not in time, comes free when its **lease** ends: never sooner than
//! the least that the acquire says, counted from its start; never later than the most, counted from its end; and
//! any time after the holder's death. A lease may last longer where the holder at last releases the lock itself,
//! since it may have renewed it. What is unknown was had or not. Without a lease and a release a lock is never
//! free again.
//!
//! A release that says that the lock was not held leaves everything as it was. An acquire is refused when another
//! has the lock at some moment of the call, or calls too: who locks several nodes, and fails at some of them
//! because another is at it, gives up as rightly as that other.
//!
//! The bounds of when a lock came free do not depend on when exactly it was got. So holders can be put in an
//! order when no two of them must have had it at once, and each refusal that nobody's call excuses is judged by
//! itself: what happened before it and after it have nothing to do with each other.

mod hold;

use super::history::{History, Operation};
use super::judgement::{Judgement, Violation};
use hold::{Hold, Lock};

/// Judges a history of acquires and releases, O(n²), and O(n²) for each refusal that needs a holder.
pub(super) fn check(history: &History) -> Judgement {
    let lock = Lock::of(history);
    let found = lock.shared().or_else(|| lock.baseless()).or_else(|| lock.lost());
    found.or_else(|| lock.stuck()).map_or(Judgement::Legal, Judgement::Illegal)
}

impl Lock<'_> {
    fn at(&self, index: usize) -> &Operation {
        &self.history.operations[index]
    }

    fn violation(&self, code: &'static str, message: String, shown: Vec<usize>) -> Violation {
        Violation { code, message, excerpt: self.history.in_start_order(shown) }
    }

    /// Two who must have had the lock at once: the pair that shows first, better one that nobody's release explains.
    /// Who said that it no longer had the lock is believed; whether that can have been is another question.
    fn shared(&self) -> Option<Violation> {
        let believed = |hold: &Hold| hold.refused.map_or(u64::MAX, |i| self.at(i).deadline());
        let holds: Vec<_> =
            self.holds.iter().map(|hold| hold.at_least(hold.until.min(believed(hold)))).collect();
        let mut pairs = Vec::new();
        for (position, second) in holds.iter().enumerate() {
            let excluded = holds[..position].iter().filter(|first| first.excludes(second));
            pairs.extend(excluded.map(|first| (first, second, self.theft(first, second))));
        }
        let (first, second, theft) =
            pairs.into_iter().min_by_key(|(_, second, theft)| (theft.is_some(), second.by))?;
        let (one, two) = (first.client, second.client);
        let mut shown = [first.bounds(), second.bounds()].concat();
        let (code, message) = match theft {
            None => ("overlap", format!("{one} and {two} had the lock at the same time")),
            Some(release) if first.released == Some(release) => (
                "stolen",
                format!(
                    "{two} got the lock when the lease of {one} may have ended, \
                     yet the release of {one} said after that that {one} had it"
                ),
            ),
            Some(release) => {
                shown.push(release);
                let thief = &self.at(release).client;
                (
                    "stolen",
                    format!(
                        "{two} got the lock while {one} had it: {thief} had called release without having it"
                    ),
                )
            }
        };
        Some(self.violation(code, message, shown))
    }

    /// The release without which two would not have had the lock at once: one that came when its own lease was over
    /// already, or one by somebody else.
    fn theft(&self, first: &Hold, second: &Hold) -> Option<usize> {
        let late = first.lease_ends.is_some_and(|until| !first.at_least(until).excludes(second));
        first.released.filter(|_| late).or_else(|| self.thief(first, second.by))
    }

    /// A release by somebody else that may have freed what a holder had, before an instant.
    fn thief(&self, hold: &Hold, by: u64) -> Option<usize> {
        // Who had the lock when this one had it too frees it for both.
        let shared = self.holds.iter().filter(|other| other.excludes(hold));
        let releases =
            self.foreign.iter().copied().chain(shared.filter_map(|other| other.released));
        let may = releases.filter(|&release| {
            let operation = self.at(release);
            operation.client != hold.client
                && operation.start <= by
                && operation.over_by() >= hold.from
        });
        may.max_by_key(|&release| self.at(release).start)
    }

    /// A release that said that its caller had the lock, though it had none.
    fn baseless(&self) -> Option<Violation> {
        let &(release, before) = self.baseless.first()?;
        let (from, by) = (self.at(release).start, self.at(release).deadline());
        let client = &self.at(release).client;
        let others = self.holds.iter().filter(|hold| hold.client != client);
        let there = others.filter(|hold| hold.from <= by && hold.until_by >= from);
        if let Some(hold) = there.max_by_key(|hold| (hold.by < by && hold.until > from, hold.by)) {
            let message =
                format!("{client} released the lock, though it was {} who had it", hold.client);
            let shown = [hold.operations(), vec![release]].concat();
            return Some(self.violation("stolen", message, shown));
        }
        let mut shown = vec![release];
        shown.extend(before.into_iter().flat_map(|hold: usize| self.holds[hold].operations()));
        let message = format!("a release said that {client} had the lock, though it did not");
        Some(self.violation("invented", message, shown))
    }

    /// A holder whose release said that it has nothing, before that can have been. Nobody is blamed for it where
    /// another one lost the lock without anybody's help.
    fn lost(&self) -> Option<Violation> {
        let mut lost: Vec<_> = (self.holds.iter())
            .filter_map(|hold| Some((hold, self.at(hold.refused?).deadline())))
            .filter(|(hold, by)| hold.until > *by)
            .map(|(hold, by)| (hold, self.thief(hold, by)))
            .collect();
        lost.sort_by_key(|(_, thief)| thief.is_some());
        let &(hold, thief) = lost.first()?;
        let (client, mut shown) = (hold.client, hold.operations());
        shown.extend(thief);
        let what = format!("{client} no longer had the lock that it had got");
        let (code, message) = match (thief, hold.lease_ends) {
            (Some(thief), _) => {
                let other = &self.at(thief).client;
                ("stolen", format!("{what}: {other} had called release without having it"))
            }
            (None, Some(_)) => ("lost", format!("{what}, and its lease was not over")),
            (None, None) => ("lost", format!("{what}, and nobody had freed it")),
        };
        Some(self.violation(code, message, shown))
    }

    /// A refusal at a time when nobody can have had the lock.
    fn stuck(&self) -> Option<Violation> {
        let refusal = *self.refusals.iter().find(|&&refusal| !self.explained(refusal))?;
        let (client, start) = (&self.at(refusal).client, self.at(refusal).start);
        let before = |holds: &'_ [Hold<'_>]| holds.iter().rposition(|hold| hold.by < start);
        let last = before(&self.holds).map(|i| &self.holds[i]);
        let last = last.or_else(|| before(&self.possible).map(|i| &self.possible[i]));
        // Whose hold could be the reason is shown with who had the lock after it.
        let mut shown: Vec<&Hold> = last.into_iter().collect();
        while let Some(reason) = self.reason(refusal, &shown) {
            let longer = reason.at_least(reason.lasting(start, self.history));
            shown.push(self.others(reason).find(|other| longer.excludes(other))?);
        }
        let why = match last {
            None => "nobody had ever got it".to_owned(),
            Some(Hold { client, released: Some(_), .. }) => format!("{client} had released it"),
            Some(Hold { client, died: Some(_), .. }) => {
                format!("{client} was dead, and its lease was over")
            }
            Some(Hold { client, .. }) => format!("the lease of {client} was over"),
        };
        let message = format!("{client} did not get the lock although {why}");
        let holds = shown.iter().flat_map(|hold| hold.operations());
        Some(self.violation("stuck", message, holds.chain([refusal]).collect()))
    }

    fn explained(&self, refusal: usize) -> bool {
        let (from, by) = (self.at(refusal).start, self.at(refusal).deadline());
        let meanwhile = self.calls.iter().any(|&other| {
            other != refusal && self.at(other).start <= by && self.at(other).over_by() >= from
        });
        let holds: Vec<&Hold> = self.holds.iter().chain(&self.possible).collect();
        meanwhile || self.reason(refusal, &holds).is_some()
    }

    /// Who of these can have had the lock at a refusal during which nobody else called: so each of them got it
    /// before, or later.
    fn reason<'h>(&self, refusal: usize, holds: &[&'h Hold<'h>]) -> Option<&'h Hold<'h>> {
        let from = self.at(refusal).start;
        holds.iter().copied().filter(|hold| hold.by < from).find(|hold| {
            let longer = hold.at_least(hold.lasting(from, self.history));
            let others = |other: &&Hold| other.certain && other.acquire != hold.acquire;
            longer.until <= longer.until_by
                && !holds.iter().copied().filter(others).any(|other| longer.excludes(other))
        })
    }

    fn others(&self, hold: &Hold) -> impl Iterator<Item = &Hold<'_>> {
        self.holds.iter().filter(|other| other.acquire != hold.acquire)
    }
}
