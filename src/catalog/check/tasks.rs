//! The tasks of a lab and their checks.

use std::collections::{BTreeMap, BTreeSet};

use super::{Subject, services, stays_inside, texts, unique};
use crate::catalog::lab::{Check, Lab, Task};
use crate::catalog::problem::Problem;
use crate::catalog::service::Protocol;
use crate::catalog::source::escape;
use crate::error::Result;
use crate::probe::{Probe, relay, service};

pub fn there(subject: &Subject, problems: &mut Vec<Problem>) {
    if subject.lab.tasks.is_empty() {
        let problem = subject.source.problem("/tasks", "The lab has no tasks");
        problems.push(problem.help("add at least one"));
    }
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        if task.checks.is_empty() {
            let pointer = format!("/tasks/{t}/checks");
            let what = format!("The task {:?} has no checks", task.id.value);
            problems.push(subject.source.problem(&pointer, what).help("add at least one"));
        }
    }
}

pub fn ids(subject: &Subject, problems: &mut Vec<Problem>) {
    let tasks = subject.lab.tasks.iter().enumerate();
    let of_tasks = tasks.map(|(t, task)| (format!("/tasks/{t}/id"), task.id.value.as_str()));
    unique(subject, "task", of_tasks, problems);
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        let checks = task.checks.iter().enumerate();
        let ids =
            checks.map(|(c, check)| (format!("/tasks/{t}/checks/{c}/id"), check.id.value.as_str()));
        unique(subject, "check", ids, problems);
    }
}

pub fn needs(subject: &Subject, problems: &mut Vec<Problem>) {
    let tasks = subject.lab.tasks.iter().enumerate().map(|(t, task)| Needing {
        pointer: format!("/tasks/{t}"),
        id: &task.id.value,
        needs: task.needs.iter().map(|need| need.value.as_str()).collect(),
    });
    earlier(
        subject,
        "task",
        "a task needs tasks that come before it",
        &tasks.collect::<Vec<_>>(),
        problems,
    );
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        let checks = task.checks.iter().enumerate().map(|(c, check)| Needing {
            pointer: format!("/tasks/{t}/checks/{c}"),
            id: &check.id.value,
            needs: check.needs.iter().map(|need| need.value.as_str()).collect(),
        });
        let help = "a check needs checks of the same task that come before it";
        earlier(subject, "check", help, &checks.collect::<Vec<_>>(), problems);
    }
}

/// Something that needs others of its kind.
struct Needing<'a> {
    pointer: String,
    id: &'a str,
    needs: Vec<&'a str>,
}

/// Needs must name what comes before.
fn earlier(
    subject: &Subject,
    kind: &str,
    help: &str,
    all: &[Needing],
    problems: &mut Vec<Problem>,
) {
    let place: BTreeMap<&str, usize> =
        all.iter().enumerate().rev().map(|(i, n)| (n.id, i)).collect();
    for (index, needing) in all.iter().enumerate() {
        for (n, need) in needing.needs.iter().enumerate() {
            let pointer = format!("{}/needs/{n}", needing.pointer);
            let problem = |what: String| subject.source.problem(&pointer, what);
            match place.get(need) {
                None => {
                    let earlier = all[..index].iter().map(|n| n.id);
                    let unknown = problem(format!("There is no {kind} {need:?}"));
                    problems.push(unknown.nearest(need, earlier, help));
                }
                Some(at) if *at >= index => {
                    let unfit = match circle(all, &place, index, *at) {
                        Some(circle) => problem(format!("The needs go in a circle: {circle}")),
                        None => problem(format!("The {kind} {need:?} comes later")),
                    };
                    problems.push(unfit.help(help));
                }
                Some(_) => {}
            }
        }
    }
}

/// The way from one back to itself through `via`, when there is one.
fn circle(
    all: &[Needing],
    place: &BTreeMap<&str, usize>,
    from: usize,
    via: usize,
) -> Option<String> {
    let mut came_from = BTreeMap::from([(via, from)]);
    let mut open = vec![via];
    while let Some(at) = open.pop() {
        if at == from {
            let mut names = vec![all[from].id];
            let mut back = came_from[&from];
            while back != from {
                names.push(all[back].id);
                back = came_from[&back];
            }
            names.push(all[from].id);
            names.reverse();
            return Some(names.join(" → "));
        }
        for next in all[at].needs.iter().filter_map(|need| place.get(need)) {
            if !came_from.contains_key(next) {
                came_from.insert(*next, at);
                open.push(*next);
            }
        }
    }
    None
}

/// Tasks whose needs name only what is there, and yet can never all be met.
pub fn reachable(subject: &Subject, problems: &mut Vec<Problem>) {
    let ids: BTreeSet<&str> = subject.lab.tasks.iter().map(|task| task.id.value.as_str()).collect();
    let mut reached = BTreeSet::new();
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        let id = task.id.value.as_str();
        let missing =
            task.needs.iter().enumerate().find(|(_, need)| !reached.contains(need.value.as_str()));
        let Some((n, need)) = missing else {
            reached.insert(id);
            continue;
        };
        let comes_before =
            subject.lab.tasks[..t].iter().any(|before| before.id.value == need.value);
        if ids.contains(need.value.as_str()) && comes_before {
            let what = format!("The task {id:?} can never be reached: {:?} cannot", need.value);
            let problem = subject.source.problem(&format!("/tasks/{t}/needs/{n}"), what);
            problems.push(problem.help(format!("mend the needs of {:?}", need.value)));
        }
    }
}

pub fn programs(subject: &Subject, problems: &mut Vec<Problem>) {
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        let Some(program) = task.program.as_ref().filter(|p| !stays_inside(&p.value)) else {
            continue;
        };
        let what = format!("The program {:?} is not inside the workspace", program.value);
        let problem = subject.source.problem(&format!("/tasks/{t}/program"), what);
        problems.push(problem.help("name it relative to starter/, without .."));
    }
}

/// What the probes themselves find without a live system.
pub fn probes(subject: &Subject, problems: &mut Vec<Problem>) {
    for (pointer, task, check) in checks(subject.lab) {
        let at_id = |what: &str| subject.source.problem(&format!("{pointer}/id"), what);
        let Some(probe) = check.probe() else {
            let problem = at_id("A check has exactly one probe");
            problems.push(problem.help("give it one of state, trace, workload, fault"));
            continue;
        };
        // An undefined variable is told where it stands.
        if !texts::undefined_below(subject, &pointer)
            && let Err(error) = probe.lint(&subject.lab.variables)
        {
            let mut problem = at_id(&error.what);
            problem.why = error.why.or(error.place);
            problem.help = error.help;
            problems.push(problem);
        }
        if probe.drives_program() && task.program.is_none() {
            let problem = at_id("A check runs the learner's program, but its task names none");
            problems.push(problem.help("give the task a program: FILE"));
        }
    }
}

/// The services that probes ask.
pub fn asked(subject: &Subject, problems: &mut Vec<Problem>) {
    for (pointer, _, check) in checks(subject.lab) {
        let asked = match check.probe() {
            Some(Probe::State(spec)) => {
                let other = spec.same_on.map(|other| (other, "state/same_on".to_owned()));
                [(spec.on, "state/on".to_owned())].into_iter().chain(other).collect()
            }
            Some(Probe::Trace(spec)) => {
                let named = spec.named().map(|(on, key)| (on.to_owned(), format!("trace/{key}")));
                named.into_iter().collect()
            }
            Some(Probe::Fault(spec)) => {
                let named = spec.named().into_iter();
                named.map(|(on, key)| (on, format!("fault/{key}"))).collect()
            }
            _ => Vec::new(),
        };
        for (on, key) in asked {
            services::known(subject, &on, &format!("{pointer}/{key}"), false, problems);
        }
    }
}

/// What is sent is what its service can be asked.
pub fn sent(subject: &Subject, problems: &mut Vec<Problem>) {
    let mut definitions = BTreeMap::new();
    for (pointer, _, check) in checks(subject.lab) {
        let Some(probe) = check.probe() else { continue };
        for sent in probe.sends() {
            let only = || subject.lab.services.keys().next().map(String::as_str);
            let Some(on) = sent.on.or_else(only) else { continue };
            let name = subject.lab.definition(on).to_owned();
            let definition =
                definitions.entry(name).or_insert_with_key(|name| subject.catalog.service(name));
            let words = sent.words.iter().map(|word| subject.lab.variables.render(word));
            // A service or a variable that is not there is told where it is named.
            let (Ok(definition), Ok(words)) = (definition, words.collect::<Result<Vec<_>>>())
            else {
                continue;
            };
            if let Err(error) = service::lint(definition, &words) {
                let at = format!("{pointer}/{}", sent.pointer);
                let mut problem = subject.source.problem(&at, error.what);
                (problem.why, problem.help) = (error.why, error.help);
                problems.push(problem);
            }
        }
    }
}

/// A scenario expects what can be seen of its service.
pub fn watched(subject: &Subject, problems: &mut Vec<Problem>) {
    for (pointer, _, check) in checks(subject.lab) {
        let Some(Probe::Trace(spec)) = check.probe() else { continue };
        let only = || subject.lab.services.keys().next().map(String::as_str);
        let Some(on) = spec.on.as_deref().or_else(only) else { continue };
        let Ok(definition) = subject.catalog.service(subject.lab.definition(on)) else { continue };
        if !spec.expect.is_empty() && !relay::protocol(definition.ready).tells_commands() {
            let what = format!("The commands to {on} are not told apart");
            let problem = subject.source.problem(&format!("{pointer}/trace/expect"), what);
            problems.push(problem.help("only those of Redis are: leave expect out"));
        }
        if spec.statements.is_empty() {
            continue;
        }
        let options = subject.lab.services.get(on).map(|service| &service.value.options);
        let books = |option: &String| option.replace('_', "-") == "--performance-schema=ON";
        let what = if definition.ready != Some(Protocol::Mysql) {
            format!("{on} executes no statements of SQL")
        } else if !options.is_some_and(|options| options.iter().any(books)) {
            format!("{on} keeps no book of statements")
        } else {
            continue;
        };
        let problem = subject.source.problem(&format!("{pointer}/trace/statements"), what);
        problems.push(problem.help("ask a MySQL that has options: [--performance-schema=ON]"));
    }
}

/// Misconceptions are of failures that can happen.
pub fn codes(subject: &Subject, problems: &mut Vec<Problem>) {
    for (pointer, _, check) in checks(subject.lab) {
        let Some(probe) = check.probe() else { continue };
        let codes = probe.codes();
        for code in check.misconceptions.keys().filter(|code| !codes.contains(&code.as_str())) {
            let pointer = format!("{pointer}/misconceptions/{}", escape(code));
            let what = format!("The check cannot fail with {code:?}");
            problems.push(unknown_code(
                subject.source.problem_of_key(&pointer, what),
                code,
                &codes,
            ));
        }
    }
}

pub fn unknown_code(problem: Problem, code: &str, codes: &[&'static str]) -> Problem {
    problem.expected(format!("one of {}", codes.join(", "))).nearest(
        code,
        codes.iter().copied(),
        "the codes are explained in docs/lab-format.md",
    )
}

/// The prompts and explanations.
pub fn markdown(subject: &Subject, problems: &mut Vec<Problem>) {
    for (t, task) in subject.lab.tasks.iter().enumerate() {
        for (suffix, kind) in [(".md", "prompt"), (".explanation.md", "explanation")] {
            let path = subject.path(&format!("tasks/{}{suffix}", task.id.value));
            if !subject.files().exists(&path) {
                let what = format!("There is no file {}", subject.files().place(&path));
                let problem = subject.source.problem(&format!("/tasks/{t}/id"), what);
                problems.push(problem.help(format!("write the {kind} of the task there")));
            }
        }
    }
}

/// Every check with its JSON pointer and its task.
pub fn checks(lab: &Lab) -> impl Iterator<Item = (String, &Task, &Check)> {
    lab.tasks.iter().enumerate().flat_map(|(t, task)| {
        let checks = task.checks.iter().enumerate();
        checks.map(move |(c, check)| (format!("/tasks/{t}/checks/{c}"), task, check))
    })
}
