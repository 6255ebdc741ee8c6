//! Whose an error is that comes again: the submission's, when a right solution on such a seat has none.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::submission::Submission;
use super::{Grader, Outcome, fail};
use crate::probe::finding::Evidence;
use crate::verdict::{CheckResult, ErrorReport, LabResult, TaskResult, Verdict};

/// The failure of a check that a submission keeps from being made.
const PREVENTED: &str = "prevented";

/// Whether some check ended in an error both times, after the files were handed in.
pub(super) fn is_repeated(first: &Outcome, second: &Outcome) -> bool {
    first.handed_in && second.handed_in && !errors(first).is_disjoint(&errors(second))
}

/// Task and check.
fn errors(outcome: &Outcome) -> BTreeSet<(&str, &str)> {
    let tasks = outcome.result.tasks.iter();
    let checks = tasks.flat_map(|t| t.checks.iter().map(move |c| (t, c)));
    let wrong = checks.filter(|(_, check)| check.verdict == Verdict::Error);
    wrong.map(|(task, check)| (task.id.as_str(), check.id.as_str())).collect()
}

impl Grader<'_> {
    /// Whether the lab's first right solution passes on such a seat, in the time of a submission; `None` when it was
    /// ended before.
    pub(super) async fn right_solution_passes(&self) -> Option<bool> {
        let files = self.session.catalog.lab_files();
        let Some(right) = self.lab.solutions.first() else { return Some(false) };
        let Ok(right) = Submission::of_solution(&self.lab, right, files) else {
            return Some(false);
        };
        let quiet = |_| {};
        let outcome = self.on_seat(&right, Instant::now() + self.limit, &quiet).await?;
        Some(outcome.result.verdict == Verdict::Pass)
    }

    /// The outcome with a failure in the place of each error.
    pub(super) fn blamed(&self, outcome: Outcome) -> Outcome {
        let LabResult { seat, tasks, milliseconds, .. } = outcome.result;
        let tasks = tasks.into_iter().filter_map(|task| {
            let checks = task.checks.into_iter().map(prevented).collect();
            Some(TaskResult::new(self.lab.task(&task.id)?, checks))
        });
        let result = LabResult {
            milliseconds,
            ..LabResult::new(&self.lab, &seat, tasks.collect(), std::time::Duration::ZERO)
        };
        Outcome { result, ..outcome }
    }
}

fn prevented(mut check: CheckResult) -> CheckResult {
    let Some(ErrorReport { what, why, .. }) = check.error.take() else { return check };
    let mut evidence = Evidence::new(
        "The check could not be made with this submission, on two seats one after the other; on a third, with a \
         right solution, it could",
    );
    evidence.observed = Some(match why {
        Some(why) => format!("{what}\n{why}"),
        None => what,
    });
    fail(check, evidence, PREVENTED)
}
