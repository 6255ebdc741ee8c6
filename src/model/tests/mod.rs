mod at_least_once;
mod brute;
mod collections;
mod counter;
mod crosscheck;
mod fan_out;
mod mutex;
mod register;
mod simulate;

use proptest::test_runner::Config as ProptestConfig;

use super::{Action, History, Judgement, Model, Operation, Outcome, Violation};

/// Failing cases are printed, not kept in a file.
fn cases(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// An operation; the client is of no matter.
fn operation(action: Action, start: u64, end: Option<u64>, outcome: Outcome) -> Operation {
    Operation { client: "c".to_owned(), action, start, end, outcome }
}

fn put(value: &str, start: u64, end: u64) -> Operation {
    ranked(value, 0, start, end)
}

fn ranked(value: &str, rank: i64, start: u64, end: u64) -> Operation {
    operation(
        Action::Put { value: value.to_owned(), priority: Some(rank) },
        start,
        Some(end),
        Outcome::Ok(None),
    )
}

fn take(value: &str, start: u64, end: u64) -> Operation {
    operation(Action::Take, start, Some(end), Outcome::Ok(Some(value.to_owned())))
}

fn empty(start: u64, end: u64) -> Operation {
    operation(Action::Take, start, Some(end), Outcome::Ok(None))
}

fn unknown_take(start: u64) -> Operation {
    operation(Action::Take, start, None, Outcome::Unknown)
}

fn history(operations: &[Operation]) -> History {
    History { operations: operations.to_vec() }
}

#[track_caller]
fn violation(model: Model, history: &History) -> Violation {
    match model.check(history) {
        Judgement::Illegal(violation) => violation,
        other => panic!("{model} accepted {}: {other:?}", dump(history)),
    }
}

/// All of a history as text, for a failing test.
fn dump(history: &History) -> String {
    let all: Vec<usize> = (0..history.operations.len()).collect();
    format!("\n{}\n", super::render(history, &history.in_start_order(all)).join("\n"))
}

#[test]
fn names_go_there_and_back() {
    for model in Model::ALL {
        assert_eq!(model.to_string().parse(), Ok(*model));
    }
    let error = "queue".parse::<Model>().unwrap_err();
    assert!(error.contains("\"queue\"") && error.contains("fifo"), "{error}");
}

#[test]
fn an_excerpt_is_rendered_in_columns() {
    let mut history = history(&[
        ranked("k1", 2, 1_000, 2_500),
        Operation { client: "worker-10".to_owned(), ..take("k1", 12_000, 13_050) },
        unknown_take(14_000),
        empty(20_000, 20_001),
    ]);
    history.operations.rotate_left(1);
    let lines = super::render(&history, &[3, 0, 1, 2]);
    assert_eq!(
        lines,
        [
            "c           0.000 …  1.500 ms  put \"k1\" priority 2  ok",
            "worker-10  11.000 … 12.050 ms  take                 \"k1\"",
            "c          13.000 …      ? ms  take                 unknown",
            "c          19.000 … 19.001 ms  take                 empty",
        ]
    );
}
