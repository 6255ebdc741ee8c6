//! The board of a round: which check a lane takes next, what it waits for, and what is known of each task.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use crate::catalog::lab::{Check, Task};
use crate::catalog::load::Spanned;
use crate::template::Variables;
use crate::verdict::{CheckResult, TaskResult, Verdict};

/// The failure after which the program's other checks would only say the same.
const NOT_LOADED: &str = "load";

/// The checks of one round; those of a task may go to several lanes.
pub struct Board<'a> {
    /// In the order in which they are taken.
    entries: Vec<Entry<'a>>,
    /// What is known of each task.
    tasks: BTreeMap<&'a str, State>,
}

struct Entry<'a> {
    turn: Turn<'a>,
    /// The check that is the first to load the task's program, for each other that does.
    loads: Option<&'a Check>,
    stage: Stage,
}

/// A check, and the task it belongs to.
#[derive(Debug, Clone, Copy)]
pub struct Turn<'a> {
    pub task: &'a Task,
    pub check: &'a Check,
}

enum Stage {
    Open,
    Running,
    Done(Box<CheckResult>),
}

/// Whether a task's needs are met by another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// It is part of this round, and not decided yet.
    Open,
    /// Now or earlier.
    Passed,
    Failed,
}

/// What a lane does next.
#[derive(Debug)]
pub enum Next<'a> {
    Check(Turn<'a>),
    /// Not to be tried, since this has not passed.
    Blocked(Turn<'a>, String),
    /// All that is left needs what is running now.
    Wait,
    Done,
}

impl<'a> Board<'a> {
    /// The first check of each program comes first, so that one that cannot be loaded is known early; of the others
    /// that which begins the longest way to the end (list scheduling by critical path, Graham 1969).
    pub fn new(
        tasks: &[&'a Task],
        passed: impl Iterator<Item = &'a str>,
        variables: &Variables,
    ) -> Self {
        let mut states: BTreeMap<&str, State> =
            tasks.iter().map(|t| (t.id.value.as_str(), State::Open)).collect();
        // What passed once stays passed.
        states.extend(passed.map(|id| (id, State::Passed)));
        let mut entries = Vec::new();
        for task in tasks {
            let loads = loads(task);
            for check in &task.checks {
                let first = loads.is_some_and(|first| std::ptr::eq(first, check));
                let loads = loads.filter(|_| !first && drives(check));
                entries.push(Entry { turn: Turn { task, check }, loads, stage: Stage::Open });
            }
        }
        let ways = ways(&entries, &states, variables);
        let mut placed: Vec<_> = ways.into_iter().zip(entries).collect();
        placed.sort_by_key(|(way, entry)| {
            let first = drives(entry.turn.check) && entry.loads.is_none();
            (!first, Reverse(*way))
        });
        let entries = placed.into_iter().map(|(_, entry)| entry).collect();
        Self { entries, tasks: states }
    }

    /// Takes the next check that waits for nothing.
    pub fn next(&mut self) -> Next<'a> {
        let open = |entry: &Entry| matches!(entry.stage, Stage::Open);
        let Some(found) = self.entries.iter().position(|e| open(e) && !self.waits(e)) else {
            return if self.entries.iter().any(open) { Next::Wait } else { Next::Done };
        };
        let turn = self.entries[found].turn;
        let blocked = self.blocked_by(&self.entries[found]);
        self.entries[found].stage = Stage::Running;
        blocked.map_or(Next::Check(turn), |by| Next::Blocked(turn, by))
    }

    /// Notes what came of a check that was taken; returns the task's result with the last of them.
    pub fn done(&mut self, turn: Turn<'a>, result: CheckResult) -> Option<TaskResult> {
        let Turn { task, check } = turn;
        let taken = |e: &&mut Entry| std::ptr::eq(e.turn.check, check);
        self.entries.iter_mut().find(taken)?.stage = Stage::Done(Box::new(result));
        let results = task.checks.iter().map(|check| self.result(check).cloned());
        let result = TaskResult::new(task, results.collect::<Option<_>>()?);
        let pass = result.verdict == Verdict::Pass;
        let state = self.tasks.entry(&task.id.value).or_insert(State::Open);
        if *state != State::Passed {
            *state = if pass { State::Passed } else { State::Failed };
        }
        Some(result)
    }

    /// Nothing more is taken, whatever was open.
    pub fn close(&mut self) {
        self.entries.clear();
    }

    fn result(&self, check: &Check) -> Option<&CheckResult> {
        let entry = self.entries.iter().find(|entry| std::ptr::eq(entry.turn.check, check))?;
        if let Stage::Done(result) = &entry.stage { Some(result) } else { None }
    }

    /// Whether something that the check needs is not decided yet.
    fn waits(&self, entry: &Entry) -> bool {
        let open = |task: &str| self.tasks.get(task) == Some(&State::Open);
        entry.turn.task.needs.iter().any(|need| open(&need.value))
            || entry.needs().chain(entry.loads).any(|check| self.result(check).is_none())
    }

    /// What the check needs and has not passed.
    fn blocked_by(&self, entry: &Entry) -> Option<String> {
        let passed = |task: &str| self.tasks.get(task) == Some(&State::Passed);
        if let Some(need) = entry.turn.task.needs.iter().find(|need| !passed(&need.value)) {
            return Some(format!("task {}", need.value));
        }
        let failed = |check: &&Check| {
            self.result(check).is_some_and(|result| result.verdict != Verdict::Pass)
        };
        let not_loaded = |check: &&Check| {
            let failure = self.result(check).and_then(|result| result.failure.as_ref());
            failure.is_some_and(|failure| failure.code == NOT_LOADED)
        };
        let by = entry.needs().find(failed).or_else(|| entry.loads.filter(not_loaded))?;
        Some(format!("check {}", by.id.value))
    }
}

/// The first check that runs the task's program.
fn loads(task: &Task) -> Option<&Check> {
    task.checks.iter().find(|check| drives(check))
}

fn drives(check: &Check) -> bool {
    check.probe().is_some_and(|probe| probe.drives_program())
}

fn id<'a>(task: &'a Task, check: &'a Check) -> (&'a str, &'a str) {
    (&task.id.value, &check.id.value)
}

/// How long it takes, about, from the begin of each check until the last one that waits for it is over. What is waited
/// for comes before what waits.
fn ways(entries: &[Entry], states: &BTreeMap<&str, State>, variables: &Variables) -> Vec<Duration> {
    let mut ways: Vec<Duration> = Vec::new();
    // What waits for a task, and for a check of a task.
    let mut after_task: BTreeMap<&str, Duration> = BTreeMap::new();
    let mut after_check: BTreeMap<(&str, &str), Duration> = BTreeMap::new();
    for entry in entries.iter().rev() {
        let Turn { task, check } = entry.turn;
        let own = check.probe().map_or(Duration::ZERO, |probe| probe.takes(variables));
        let after = after_task.get(task.id.value.as_str()).max(after_check.get(&id(task, check)));
        let way = own.saturating_add(after.copied().unwrap_or_default());
        let open = |need: &&Spanned<String>| states.get(need.value.as_str()) == Some(&State::Open);
        for need in task.needs.iter().filter(open) {
            let after = after_task.entry(&need.value).or_default();
            *after = way.max(*after);
        }
        for needed in entry.needs().chain(entry.loads) {
            let after = after_check.entry(id(task, needed)).or_default();
            *after = way.max(*after);
        }
        ways.push(way);
    }
    ways.reverse();
    ways
}

impl<'a> Entry<'a> {
    /// The checks of the same task that must pass first.
    fn needs(&self) -> impl Iterator<Item = &'a Check> {
        let Turn { task, check } = self.turn;
        let needed = |id: &str| check.needs.iter().any(|need| need.value == id);
        task.checks.iter().filter(move |other| needed(&other.id.value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalog;
    use crate::catalog::lab::Lab;
    use crate::probe::finding::{Evidence, Finding};

    fn lab() -> Lab {
        Catalog::new(None).lab("redis-queues").unwrap()
    }

    fn board<'a>(lab: &'a Lab, passed: &[&'a str]) -> Board<'a> {
        let tasks: Vec<_> = lab.tasks.iter().collect();
        Board::new(&tasks, passed.iter().copied(), &lab.variables)
    }

    fn failing(check: &Check, code: &str) -> CheckResult {
        let Finding::Fail(failure) = Evidence::new("It does not").fail(code) else {
            unreachable!()
        };
        CheckResult { failure: Some(*failure), ..CheckResult::new(check, Verdict::Fail) }
    }

    /// Takes what can be taken at once.
    fn free<'a>(board: &mut Board<'a>) -> Vec<Turn<'a>> {
        let mut taken = Vec::new();
        while let Next::Check(turn) = board.next() {
            taken.push(turn);
        }
        taken
    }

    fn names(turns: &[Turn]) -> Vec<String> {
        turns.iter().map(|t| format!("{}/{}", t.task.id.value, t.check.id.value)).collect()
    }

    /// Plays the rest of a round: what fails and with which code, what comes of the others.
    fn play<'a>(mut board: Board<'a>, fails: &[(&str, &str)]) -> BTreeMap<String, TaskResult> {
        let mut results = BTreeMap::new();
        let mut running: Vec<Turn<'a>> = Vec::new();
        loop {
            let (turn, result) = match board.next() {
                Next::Check(turn) => {
                    running.push(turn);
                    continue;
                }
                Next::Blocked(turn, by) => {
                    let blocked = CheckResult::new(turn.check, Verdict::Blocked);
                    (turn, CheckResult { blocked_by: Some(by), ..blocked })
                }
                Next::Done if running.is_empty() => return results,
                Next::Wait | Next::Done => {
                    let turn = running.pop().unwrap();
                    let code = fails.iter().find(|(name, _)| names(&[turn])[0] == *name);
                    let pass = || CheckResult::new(turn.check, Verdict::Pass);
                    (turn, code.map_or_else(pass, |(_, code)| failing(turn.check, code)))
                }
            };
            if let Some(result) = board.done(turn, result) {
                assert!(results.insert(result.id.clone(), result).is_none());
            }
        }
    }

    #[test]
    fn a_round_in_which_all_passes_checks_everything() {
        let lab = lab();
        let results = play(board(&lab, &[]), &[]);
        assert!(results.values().all(|r| r.verdict == Verdict::Pass), "{results:#?}");
        for task in &lab.tasks {
            let ids: Vec<_> = results[&task.id.value].checks.iter().map(|c| &c.id).collect();
            assert_eq!(ids, task.checks.iter().map(|c| &c.id.value).collect::<Vec<_>>());
        }
    }

    #[test]
    fn programs_are_loaded_once_first_and_what_is_needed_is_waited_for() {
        let lab = lab();
        let first = names(&free(&mut board(&lab, &[])));
        let of = |task: &str| first.iter().filter(|n| n.starts_with(task)).count();
        assert_eq!((of("fifo/"), of("lifo/"), of("reliable/")), (1, 1, 0), "{first:?}");
        let again = names(&free(&mut board(&lab, &["fifo"])));
        assert_eq!(again.iter().filter(|n| n.starts_with("reliable/")).count(), 1, "{again:?}");
    }

    #[test]
    fn of_those_that_can_begin_the_longest_way_to_the_end_does() {
        let lab = lab();
        let mut board = board(&lab, &[]);
        let first = free(&mut board);
        for turn in first {
            board.done(turn, CheckResult::new(turn.check, Verdict::Pass));
        }
        // It lets more than a second pass, and another waits for it.
        assert_eq!(names(&free(&mut board))[0], "blocking/gives-up");
    }

    #[test]
    fn what_needs_a_program_that_is_not_loaded_is_blocked() {
        let lab = lab();
        let first = &lab.task("fifo").unwrap().checks[0].id.value;
        let results = play(board(&lab, &[]), &[(&format!("fifo/{first}"), "load")]);
        let blocked = |task: &str| {
            let checks = results[task].checks.iter();
            checks.filter_map(|c| c.blocked_by.clone()).collect::<Vec<_>>()
        };
        let others = lab.task("fifo").unwrap().checks.iter().skip(1);
        let by = others.map(|c| c.needs.first().map_or(first, |need| &need.value));
        assert_eq!(blocked("fifo"), by.map(|by| format!("check {by}")).collect::<Vec<_>>());
        let needing = lab.task("reliable").unwrap().checks.len();
        assert_eq!(blocked("reliable"), vec!["task fifo"; needing]);
        assert_eq!(results["lifo"].verdict, Verdict::Pass);
    }

    #[test]
    fn other_failures_block_only_what_needs_the_check() {
        let lab = lab();
        let results = play(board(&lab, &[]), &[("lifo/at-once", "result")]);
        let blocked = results["lifo"].checks.iter().filter(|c| c.blocked_by.is_some());
        let needing = lab.task("lifo").unwrap().checks.iter();
        let needing = needing.filter(|c| c.needs.iter().any(|n| n.value == "at-once"));
        let blocked: Vec<_> = blocked.map(|c| &c.id).collect();
        assert_eq!(blocked, needing.map(|c| &c.id.value).collect::<Vec<_>>());
        assert!(!blocked.is_empty());
    }
}
