//! The table of a batch, for a spreadsheet or a grade book.

use crate::verdict::Row;

/// One line a submission, after a line with the names of the columns.
pub fn table(rows: &[Row]) -> String {
    let mut writer = ::csv::Writer::from_writer(Vec::new());
    let tasks = rows.first().map(|row| row.tasks.as_slice()).unwrap_or_default();
    let names = ["submission", "verdict", "score", "max_score"].map(str::to_owned);
    let tasks = tasks.iter().map(|(id, _)| format!("task {id}"));
    let last = ["failed", "error", "seconds", "seed"].map(str::to_owned);
    // Writing into memory cannot fail, and every line has as many cells.
    let _ = writer.write_record(names.into_iter().chain(tasks).chain(last));
    for row in rows {
        let _ = writer.write_record(cells(row));
    }
    let bytes = writer.into_inner().unwrap_or_default();
    String::from_utf8_lossy(&bytes).into_owned()
}

fn cells(row: &Row) -> Vec<String> {
    // What has no score has no points either.
    let points = |points: u32| row.score.map(|_| points.to_string()).unwrap_or_default();
    let mut cells = vec![
        harmless(&row.submission),
        row.verdict.to_string(),
        row.score.map(|score| score.to_string()).unwrap_or_default(),
        row.max_score.to_string(),
    ];
    cells.extend(row.tasks.iter().map(|(_, earned)| points(*earned)));
    cells.push(row.failed.join("; "));
    cells.push(harmless(row.error.as_deref().unwrap_or_default()));
    cells.push(format!("{:.1}", std::time::Duration::from_millis(row.milliseconds).as_secs_f64()));
    cells.push(harmless(&row.seed));
    cells
}

/// A spreadsheet takes a cell that begins so for a formula, and the submitters choose their names.
fn harmless(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    if formula { format!("'{cell}") } else { cell.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::table;
    use crate::verdict::{Row, Verdict};

    fn row(submission: &str, score: Option<u32>) -> Row {
        Row {
            submission: submission.to_owned(),
            verdict: if score.is_some() { Verdict::Fail } else { Verdict::Error },
            score,
            max_score: 30,
            seed: "@autumn".to_owned(),
            kept: false,
            failed: vec!["wrong/order: order".to_owned(), "wrong/one: value".to_owned()],
            error: score.is_none().then(|| "It \"broke\",\nand ended".to_owned()),
            milliseconds: 1250,
            tasks: vec![("right".to_owned(), 10), ("wrong".to_owned(), 0)],
        }
    }

    #[test]
    fn cells_are_quoted_and_no_name_is_a_formula() {
        let table = table(&[row("=HYPERLINK(\"x\")", Some(10)), row("müller, eva", None)]);
        insta::assert_snapshot!(table, @r#"
        submission,verdict,score,max_score,task right,task wrong,failed,error,seconds,seed
        "'=HYPERLINK(""x"")",fail,10,30,10,0,wrong/order: order; wrong/one: value,,1.2,'@autumn
        "müller, eva",error,,30,,,wrong/order: order; wrong/one: value,"It ""broke"",
        and ended",1.2,'@autumn
        "#);
    }
}
