//! What a list shows of each lab. Reading a lab wholly takes milliseconds, and there may be many: what one of the binary's
//! own says of itself is remembered by the digest of its files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Catalog;
use super::files::Files;
use super::lab::{Lab, Level};
use crate::error::Result;

/// A lab in short.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    pub lab: String,
    pub title: String,
    pub topic: String,
    pub level: Level,
    pub minutes: u32,
    pub points: u32,
    /// The ids of its tasks.
    pub tasks: Vec<String>,
    pub summary: String,
}

/// Summaries of sound labs by the digest of their files.
pub type Known = BTreeMap<String, Summary>;

impl Catalog {
    /// All labs in short; a faulty one is an error of its own. Those that are not `known` are read, at once, and are
    /// known from then on; what there is no more is forgotten.
    pub fn summaries(&self, known: &mut Known) -> Vec<(String, Result<Summary>)> {
        let before = std::mem::take(known);
        let found = self.of_each(|slug| {
            // A folder of labs is being written, and may hold anything.
            let digest = match self.lab_files() {
                Files::Folder(_) => None,
                _ => self.digest(slug).ok(),
            };
            let summary = digest.as_ref().and_then(|digest| before.get(digest)).cloned();
            (digest, summary.map_or_else(|| self.lab(slug).map(Summary::from), Ok))
        });
        let keep = |(slug, (digest, summary)): (String, (Option<String>, Result<Summary>))| {
            if let (Some(digest), Ok(sound)) = (digest, &summary) {
                known.insert(digest, sound.clone());
            }
            (slug, summary)
        };
        found.into_iter().map(keep).collect()
    }
}

impl From<Lab> for Summary {
    fn from(lab: Lab) -> Self {
        Self {
            points: lab.points(),
            tasks: lab.tasks.into_iter().map(|task| task.id.value).collect(),
            lab: lab.slug,
            title: lab.title,
            topic: lab.topic,
            level: lab.level,
            minutes: lab.minutes,
            summary: lab.summary,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_is_not_read_again_and_what_changed_is() {
        let catalog = Catalog::new(None);
        let mut known = Known::new();
        let first: Vec<Summary> = sound(catalog.summaries(&mut known));
        assert_eq!(known.len(), first.len());
        for summary in known.values_mut() {
            summary.title.push_str(", known");
        }
        assert!(sound(catalog.summaries(&mut known)).iter().all(|s| s.title.ends_with(", known")));
        let mut stale: Known = [("another digest".to_owned(), first[0].clone())].into();
        assert_eq!(sound(catalog.summaries(&mut stale)), first);
        assert!(!stale.contains_key("another digest"));
    }

    fn sound(found: Vec<(String, Result<Summary>)>) -> Vec<Summary> {
        found.into_iter().map(|(_, summary)| summary.unwrap()).collect()
    }
}
