//! Loads a lab and checks what the types alone cannot say.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::files::Files;
use super::lab::{FORMAT, Lab, Task};
use super::load::{self, Spanned};
use super::{Catalog, rendered, unknown, variable};
use crate::error::{Error, Result};
use crate::seed::Seed;
use crate::template::Variables;

/// A lab with its Markdown, checked.
///
/// Values that a seat was started with take the place of the lab's own.
pub fn load(
    files: &Files,
    slug: &str,
    catalog: &Catalog,
    seed: &Seed,
    kept: &Variables,
) -> Result<Lab> {
    let path = format!("{slug}/lab.yaml");
    let mut lab: Lab = load::yaml(files, &path)?;
    slug.clone_into(&mut lab.slug);
    seed.clone_into(&mut lab.seed);
    let checker = Checker { files, path: &path };
    checker.format(&lab)?;
    lab.variables = variable::settle(&lab.declared, kept, seed, slug)
        .map_err(|(variable, error)| checker.at(error, variable))?;
    checker.services(&lab, catalog)?;
    checker.tasks(&lab)?;
    checker.solutions(&lab)?;
    checker.texts(&mut lab)?;
    checker.starter(&lab)?;
    Ok(lab)
}

/// What can stand in a file name, an address and a message without quotes.
fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn stays_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    !path.is_empty() && parts.all(|part| matches!(part, Component::Normal(_)))
}

/// Names that the parts of every seat have.
const RESERVED: [&str; 2] = ["workbench", "gate"];

struct Checker<'a> {
    files: &'a Files,
    path: &'a str,
}

impl Checker<'_> {
    fn format(&self, lab: &Lab) -> Result<()> {
        if lab.format.value == FORMAT {
            return Ok(());
        }
        Err(self
            .at(
                Error::usage(format!("The lab has format {}, expected {FORMAT}", lab.format.value)),
                &lab.format,
            )
            .help("a newer labs may read it"))
    }

    fn services(&self, lab: &Lab, catalog: &Catalog) -> Result<()> {
        let known = catalog.services();
        for (name, service) in &lab.services {
            let definition = lab.definition(name);
            if known.iter().any(|k| k == definition) {
                continue;
            }
            let error =
                unknown("service", definition, &known, "services are the folders under docker/");
            return Err(match &service.value.definition {
                Some(spanned) => self.at(error, spanned),
                None => self.at(error, service),
            });
        }
        let names: Vec<String> = lab.services.keys().cloned().collect();
        if let Some(name) = names.iter().find(|n| !is_slug(n) || RESERVED.contains(&n.as_str())) {
            return Err(Error::usage(format!("A service cannot be named {name:?}"))
                .at(self.files.place(self.path))
                .help("use small letters, digits and hyphens; workbench and gate are parts of every seat"));
        }
        for setup in &lab.setup {
            if let Some(name) = setup.value.0.keys().find(|name| !names.contains(name)) {
                return Err(self.at(
                    unknown("service", name, &names, "name one of the lab's services"),
                    setup,
                ));
            }
            for word in setup.value.0.values().flatten() {
                lab.variables.render(word).map_err(|e| self.at(e, setup))?;
            }
        }
        Ok(())
    }

    fn tasks(&self, lab: &Lab) -> Result<()> {
        if lab.tasks.is_empty() {
            return Err(Error::usage("The lab has no tasks")
                .at(self.files.place(self.path))
                .help("add at least one"));
        }
        let ids: Vec<String> = lab.tasks.iter().map(|t| t.id.value.clone()).collect();
        self.unique("task", lab.tasks.iter().map(|t| &t.id))?;
        for (index, task) in lab.tasks.iter().enumerate() {
            for need in &task.needs {
                if !ids[..index].contains(&need.value) {
                    let earlier = "a task needs tasks that come before it";
                    return Err(self.at(unknown("task", &need.value, &ids[..index], earlier), need));
                }
            }
            self.checks(lab, task)?;
        }
        Ok(())
    }

    fn checks(&self, lab: &Lab, task: &Task) -> Result<()> {
        self.unique("check", task.checks.iter().map(|c| &c.id))?;
        let ids: Vec<String> = task.checks.iter().map(|c| c.id.value.clone()).collect();
        for (index, check) in task.checks.iter().enumerate() {
            for need in &check.needs {
                if !ids[..index].contains(&need.value) {
                    let earlier = "a check needs checks of the same task that come before it";
                    return Err(
                        self.at(unknown("check", &need.value, &ids[..index], earlier), need)
                    );
                }
            }
            let probe = check.probe().ok_or_else(|| {
                self.at(Error::usage("A check has exactly one probe"), &check.id)
                    .help("give it one of state, trace, workload, fault")
            })?;
            probe.lint(&lab.variables).map_err(|e| self.at(e, &check.id))?;
            if probe.drives_program() && task.program.is_none() {
                return Err(self
                    .at(
                        Error::usage("A check runs the learner's program, but its task names none"),
                        &check.id,
                    )
                    .help("give the task a program: FILE"));
            }
        }
        Ok(())
    }

    fn solutions(&self, lab: &Lab) -> Result<()> {
        self.unique("solution", lab.solutions.iter().map(|s| &s.id))?;
        self.unique("wrong solution", lab.wrong.iter().map(|w| &w.id))?;
        let ids: Vec<String> = lab.solutions.iter().map(|s| s.id.value.clone()).collect();
        let overs =
            lab.solutions.iter().enumerate().filter_map(|(i, s)| Some((i, s.over.as_ref()?)));
        let wrong_overs = lab.wrong.iter().map(|w| (ids.len(), &w.over));
        for (earlier, over) in overs.chain(wrong_overs) {
            if !ids[..earlier].contains(&over.value) {
                return Err(self.at(
                    unknown("solution", &over.value, &ids, "name one of the lab's solutions"),
                    over,
                ));
            }
        }
        let solutions =
            lab.solutions.iter().map(|s| (format!("solutions/{}", s.id.value), &s.steps));
        let wrong = lab.wrong.iter().map(|w| (format!("wrong/{}", w.id.value), &w.steps));
        let tasks: Vec<String> = lab.tasks.iter().map(|t| t.id.value.clone()).collect();
        for (folder, steps) in solutions.chain(wrong) {
            for step in steps {
                if !tasks.contains(&step.task.value) {
                    return Err(self.at(
                        unknown("task", &step.task.value, &tasks, "see the lab's tasks"),
                        &step.task,
                    ));
                }
                if step.run.is_some() == step.copy.is_some() {
                    return Err(self.at(
                        Error::usage("A step either runs a command or copies a file"),
                        &step.task,
                    ));
                }
                if let Some(run) = &step.run {
                    lab.variables.render(run).map_err(|e| self.at(e, &step.task))?;
                }
                if let Some(copy) = &step.copy {
                    if !stays_inside(&copy.value) {
                        let what = format!(
                            "The file {:?} is not inside the solution's folder",
                            copy.value
                        );
                        return Err(self
                            .at(Error::usage(what), copy)
                            .help("name it relative to that folder, without .."));
                    }
                    let file = format!("{}/{folder}/{}", lab.slug, copy.value);
                    if !self.files.exists(&file) {
                        return Err(self.at(Error::usage(format!("There is no file {file}")), copy));
                    }
                    self.template(lab, &file)?;
                }
            }
        }
        let checks: Vec<String> = lab
            .tasks
            .iter()
            .flat_map(|t| t.checks.iter().map(|c| format!("{}/{}", t.id.value, c.id.value)))
            .collect();
        for wrong in &lab.wrong {
            if let Some(name) = wrong.fails.keys().find(|name| !checks.contains(name)) {
                return Err(
                    self.at(unknown("check", name, &checks, "write it as task/check"), &wrong.id)
                );
            }
        }
        Ok(())
    }

    /// Reads the Markdown, and puts the variables in place in all that learners read.
    fn texts(&self, lab: &mut Lab) -> Result<()> {
        let variables = &lab.variables;
        for task in &mut lab.tasks {
            (task.prompt, task.explanation) = {
                let text = |suffix: &str| {
                    let path = format!("{}/tasks/{}{suffix}", lab.slug, task.id.value);
                    variables.render_file(&self.files.read_text(&path)?, &self.files.place(&path))
                };
                (text(".md")?, text(".explanation.md")?)
            };
            for (hint, number) in task.hints.iter_mut().zip(1..) {
                *hint = variables
                    .render(hint)
                    .map_err(|e| self.at_part(e, &task.id, &format!("hint {number}")))?;
            }
            for check in &mut task.checks {
                check.claim = variables
                    .render(&check.claim)
                    .map_err(|e| self.at_part(e, &check.id, "claim"))?;
                for (code, text) in &mut check.misconceptions {
                    *text = variables.render(text).map_err(|e| {
                        self.at_part(e, &check.id, &format!("misconception {code}"))
                    })?;
                }
            }
        }
        Ok(())
    }

    /// The files that a workspace starts with can be rendered.
    fn starter(&self, lab: &Lab) -> Result<()> {
        let folder = format!("{}/starter", lab.slug);
        for name in self.files.below(&folder) {
            self.template(lab, &format!("{folder}/{name}"))?;
        }
        Ok(())
    }

    fn template(&self, lab: &Lab, path: &str) -> Result<()> {
        if rendered::is_template(path) {
            rendered::file(self.files, path, &lab.variables)?;
        }
        Ok(())
    }

    fn unique<'a>(&self, kind: &str, ids: impl Iterator<Item = &'a Spanned<String>>) -> Result<()> {
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for id in ids {
            if !is_slug(&id.value) {
                let what = format!(
                    "The {kind} {:?} is not named with small letters, digits and hyphens",
                    id.value
                );
                return Err(self.at(Error::usage(what), id));
            }
            if let Some(line) = seen.insert(&id.value, id.referenced.line()) {
                let what = format!("The {kind} {:?} exists twice", id.value);
                return Err(self
                    .at(Error::usage(what), id)
                    .because(format!("the first is in line {line}")));
            }
        }
        Ok(())
    }

    /// As `at`, for an error in a text that belongs to the named value.
    fn at_part<T>(&self, error: Error, value: &Spanned<T>, part: &str) -> Error {
        let part = match &error.place {
            Some(inner) => format!("{part}: {inner}"),
            None => part.to_owned(),
        };
        self.at(error.at(part), value)
    }

    /// Adds the place of a value, unless the error knows a better one.
    fn at<T>(&self, mut error: Error, value: &Spanned<T>) -> Error {
        let place = load::place(self.files, self.path, value);
        error.place = Some(match error.place {
            Some(inner) => format!("{place}, {inner}"),
            None => place,
        });
        error
    }
}
