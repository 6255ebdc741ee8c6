use super::*;
use crate::catalog::Catalog;

use generate::{Change, Language};

fn change(before: &str, after: &str) -> Change {
    serde_json::from_value(serde_json::json!({
        "operator": "swap-ends", "description": "", "digest": digest::sha256(format!("{before} {after}")),
        "start": 0, "end": before.len(), "new": after,
    }))
    .unwrap()
}

fn subject(text: &str, ordinal: usize) -> Subject {
    Subject {
        concern: Concern::File("fifo.py".to_owned()),
        language: Language::Python,
        text: text.to_owned(),
        name: "fifo.py".to_owned(),
        ordinal,
        tasks: vec!["fifo".to_owned()],
        place: "solutions/lists/fifo.py".to_owned(),
    }
}

fn lab() -> (Catalog, Lab) {
    let catalog = Catalog::new(None);
    let lab = catalog.lab("redis-queues").unwrap();
    (catalog, lab)
}

#[test]
fn an_id_is_that_of_the_mutated_part_alone() {
    let edit = change("rpush", "lpush");
    let mine = id("lists", &subject("rpush\n", 0), &edit);
    assert!(mine.starts_with("lists/fifo.py/"), "{mine}");
    assert_eq!(mine, id("lists", &subject("rpush\n\ndef other(): ...\n", 0), &edit));
    assert_ne!(mine, id("lists", &subject("rpush\n", 0), &change("rpush", "rpop")));
    assert_ne!(mine, id("lists", &subject("rpush\n", 1), &edit), "an equal step");
    assert_ne!(mine, id("lua", &subject("rpush\n", 0), &edit));
}

#[test]
fn a_diff_shows_the_line_and_the_file() {
    let (text, other) = ("one\ntwo\nthree\n", "one\n2\nthree\n");
    assert_eq!(first_change(text, other), 2);
    assert_eq!(
        diff("fifo.py", text, other),
        "--- fifo.py\n+++ fifo.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
    );
    // A command line has no line end.
    assert_eq!(
        diff("by-hand", "LLEN x", "LLEN y"),
        "--- by-hand\n+++ by-hand\n@@ -1 +1 @@\n-LLEN x\n+LLEN y\n"
    );
}

#[test]
fn subjects_are_the_programs_and_command_lines_of_a_solution_itself() {
    let (catalog, lab) = lab();
    let names = |id: &str| -> Vec<(String, usize)> {
        let solution = lab.solutions.iter().find(|s| s.id.value == id).unwrap();
        let subjects = subject::of_solution(catalog.lab_files(), &lab, solution).unwrap();
        subjects.into_iter().map(|s| (s.name, s.ordinal)).collect()
    };
    let lists = names("lists");
    assert_eq!(lists[..3], [("by-hand".into(), 0), ("by-hand".into(), 0), ("by-hand".into(), 1)]);
    assert!(lists.contains(&("fifo.py".into(), 0)));
    let raw = names("raw");
    assert!(raw.contains(&("fifo.py".into(), 0)), "{raw:?}");
    assert!(!raw.iter().any(|(name, _)| name == "resp.py"), "a helper: {raw:?}");
    assert!(!raw.iter().any(|(name, _)| name == "by-hand"), "of the solution beneath: {raw:?}");
}

#[test]
fn a_mutant_takes_the_place_of_its_step_alone() {
    let (_, lab) = lab();
    let lists = &lab.solutions[0];
    let steps = crate::catalog::solution::steps(&lab, lists).unwrap();
    let mutant = |concern: Concern| {
        let subject = Subject { concern, ..subject("rpush\n", 0) };
        super::mutant(lists, &subject, &change("rpush", "lpush"))
    };
    let places = |mutant: &Mutant| -> Vec<usize> {
        let replaced =
            |(place, step): &(usize, &Placed)| mutant.in_place_of(*place, step).is_some();
        steps.iter().enumerate().filter(replaced).map(|(place, _)| place).collect()
    };
    assert_eq!(places(&mutant(Concern::Step(2))), [2]);
    let of_file = mutant(Concern::File("fifo.py".to_owned()));
    let copied: Vec<_> = places(&of_file);
    assert_eq!(copied.len(), 1);
    assert_eq!(steps[copied[0]].step.task.value, "fifo");
    assert_eq!(of_file.in_place_of(copied[0], &steps[copied[0]]), Some("lpush\n"));
}

#[test]
fn an_equivalent_is_found_by_its_id_and_stale_when_there_is_none() {
    let (_, mut lab) = lab();
    let mutant = mutant(&lab.solutions[0], &subject("rpush\n", 0), &change("rpush", "lpush"));
    assert_eq!(mutant.equivalent(&lab), None);
    let entries = format!(
        "[{{ mutants: [{}], reason: Both ends are one }}, {{ mutants: [lists/fifo.py/00000000], reason: Gone }}]",
        mutant.id
    );
    lab.equivalent = serde_yaml::from_str(&entries).unwrap();
    assert_eq!(mutant.equivalent(&lab), Some("Both ends are one"));
    let stale: Vec<_> = super::stale(&lab, &[mutant]);
    assert_eq!(stale, ["lists/fifo.py/00000000"]);
}

#[test]
fn the_score_leaves_equivalents_out() {
    let score = Score { made: 12, caught: 9, equivalent: 2, left_out: 0 };
    assert!((score.ratio() - 0.9).abs() < f64::EPSILON);
    assert!((Score::default().ratio() - 1.0).abs() < f64::EPSILON);
}
