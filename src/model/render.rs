//! An excerpt as aligned lines of text, for evidence.

use super::history::{Action, History, Operation, Outcome};

/// One line an operation: client, interval in milliseconds from the excerpt's start, call, outcome.
///
/// Values are shown in full; columns are as wide as their widest cell.
pub fn render(history: &History, excerpt: &[usize]) -> Vec<String> {
    let operations: Vec<&Operation> = excerpt.iter().map(|&i| &history.operations[i]).collect();
    let origin = operations.iter().map(|operation| operation.start).min().unwrap_or(0);
    let rows: Vec<[String; 5]> =
        operations.iter().map(|operation| row(operation, origin)).collect();
    let width =
        |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [client, start, end, call] = [0, 1, 2, 3].map(width);
    rows.iter()
        .map(|row| {
            format!(
                "{:client$}  {:>start$} … {:>end$} ms  {:call$}  {}",
                row[0], row[1], row[2], row[3], row[4]
            )
        })
        .collect()
}

fn row(operation: &Operation, origin: u64) -> [String; 5] {
    let end = operation.end.map_or_else(|| "?".to_owned(), |end| milliseconds(end - origin));
    [
        operation.client.clone(),
        milliseconds(operation.start - origin),
        end,
        call(&operation.action),
        outcome(operation),
    ]
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{:03}", microseconds / 1000, microseconds % 1000)
}

fn call(action: &Action) -> String {
    match action {
        Action::Put { value, priority: None } => format!("put {value:?}"),
        Action::Put { value, priority: Some(priority) } => {
            format!("put {value:?} priority {priority}")
        }
        Action::Take => "take".to_owned(),
        Action::Ack { value } => format!("ack {value:?}"),
        Action::Recover => "recover".to_owned(),
        Action::Publish { value } => format!("publish {value:?}"),
        Action::Subscribe => "subscribe".to_owned(),
        Action::Receive { value } => format!("receive {value:?}"),
        Action::Unsubscribe => "unsubscribe".to_owned(),
        Action::Set { value } => format!("set {value}"),
        Action::Add => "add".to_owned(),
        Action::Draw => "draw".to_owned(),
        Action::Acquire { .. } => "acquire".to_owned(),
        Action::Release => "release".to_owned(),
        Action::Die => "is killed".to_owned(),
        Action::Write { value } => format!("write {value:?}"),
        Action::Read => "read".to_owned(),
    }
}

fn outcome(operation: &Operation) -> String {
    match (&operation.outcome, &operation.action, operation.end) {
        (Outcome::Failed, ..) => "failed".to_owned(),
        (Outcome::Unknown, ..) | (_, _, None) => "unknown".to_owned(),
        (Outcome::Ok(Some(_)), Action::Draw | Action::Acquire { .. }, _) => "granted".to_owned(),
        (Outcome::Ok(None), Action::Draw | Action::Acquire { .. }, _) => "refused".to_owned(),
        (Outcome::Ok(Some(_)), Action::Release, _) => "released".to_owned(),
        (Outcome::Ok(None), Action::Release, _) => "not held".to_owned(),
        (Outcome::Ok(None), Action::Read, _) => "nothing".to_owned(),
        (Outcome::Ok(Some(value)), Action::Add, _) => value.clone(),
        (Outcome::Ok(Some(value)), ..) => format!("{value:?}"),
        (Outcome::Ok(None), Action::Take, _) => "empty".to_owned(),
        (Outcome::Ok(None), ..) => "ok".to_owned(),
    }
}
