//! A lab as its `lab.yaml` says it.

use std::collections::BTreeMap;
use std::num::NonZeroU8;

use schemars::JsonSchema;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::load::Spanned;
use super::variable::Variable;
use crate::probe::{Probe, fault, state, trace, workload};
use crate::seed::Seed;
use crate::template::Variables;

/// The format of `lab.yaml` that this program reads.
pub const FORMAT: u32 = 1;

#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lab {
    /// The version of this format: 1.
    #[schemars(with = "u32")]
    pub format: Spanned<u32>,
    /// The name of the folder; not in the file.
    #[serde(skip)]
    pub slug: String,
    pub title: String,
    /// What `labs list` groups by.
    pub topic: String,
    pub level: Level,
    /// How long a learner needs for all tasks, in minutes.
    pub minutes: u32,
    /// One or two sentences for `labs info`.
    pub summary: String,
    /// Ids of the question bank that the lab answers.
    #[schemars(with = "Vec<String>")]
    pub questions: Vec<Spanned<String>>,
    /// Name, which is the host name in the seat, and definition.
    #[serde(deserialize_with = "in_numbers")]
    #[schemars(with = "BTreeMap<String, ServiceUse>")]
    pub services: BTreeMap<String, Spanned<ServiceUse>>,
    /// Libraries that the workbench and the runners have beyond their image's own.
    #[serde(default)]
    pub packages: Packages,
    /// What `${name}` stands for in prompts, hints, templates, set-up, checks and solutions.
    #[serde(default, rename = "variables")]
    pub declared: BTreeMap<String, Variable>,
    /// What the declared variables are in one seat; not in the file.
    #[serde(skip)]
    pub variables: Variables,
    /// What the keyed ones were drawn from; not in the file.
    #[serde(skip, default = "Seed::sample")]
    pub seed: Seed,
    /// Done once, on fresh services.
    #[serde(default)]
    #[schemars(with = "Vec<Setup>")]
    pub setup: Vec<Spanned<Setup>>,
    pub tasks: Vec<Task>,
    #[serde(default)]
    pub solutions: Vec<Solution>,
    #[serde(default)]
    pub wrong: Vec<Wrong>,
    /// Mutants of right solutions that are right themselves.
    #[serde(default)]
    pub equivalent: Vec<Equivalent>,
}

#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize, JsonSchema,
)]
#[serde(rename_all = "kebab-case")]
pub enum Level {
    Beginner,
    Intermediate,
    Advanced,
}

impl std::fmt::Display for Level {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Beginner => "beginner",
            Self::Intermediate => "intermediate",
            Self::Advanced => "advanced",
        })
    }
}

/// A service of the seat.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceUse {
    /// The definition under `docker/`, when it is not the service's own name.
    #[serde(rename = "use")]
    #[schemars(with = "Option<String>")]
    pub definition: Option<Spanned<String>>,
    /// So many of them, named `NAME-1`, `NAME-2`, …
    pub count: Option<NonZeroU8>,
    /// The folder of the workspace whose files it reads when it starts.
    #[schemars(with = "Option<String>")]
    pub files: Option<Spanned<String>>,
    /// What is added to the command that starts it; `{n}` is its number where there are several.
    #[serde(default)]
    pub options: Vec<String>,
    /// The name in the file, which `count` adds a number to.
    #[serde(skip)]
    pub declared: String,
}

/// Makes single services of those that are declared in numbers.
fn in_numbers<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<BTreeMap<String, Spanned<ServiceUse>>, D::Error> {
    let mut services = BTreeMap::new();
    for (name, mut service) in BTreeMap::<String, Spanned<ServiceUse>>::deserialize(deserializer)? {
        service.value.declared.clone_from(&name);
        let numbered: Vec<(String, Spanned<ServiceUse>)> = match service.value.count {
            Some(count) => (1..=count.get())
                .map(|n| {
                    let mut one = service.clone();
                    for option in &mut one.value.options {
                        *option = option.replace("{n}", &n.to_string());
                    }
                    (format!("{name}-{n}"), one)
                })
                .collect(),
            None => vec![(name, service)],
        };
        for (name, service) in numbered {
            if services.insert(name.clone(), service).is_some() {
                return Err(D::Error::custom(format!("two services are named {name:?}")));
            }
        }
    }
    Ok(services)
}

/// Libraries of a lab, by the language that they are for.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Packages {
    /// From the Python Package Index, each as `NAME==VERSION`, with all that they need.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub python: Vec<Spanned<String>>,
}

/// One step of the set-up: the service's name and the command it gets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Setup(pub BTreeMap<String, Vec<String>>);

/// One practical thing to do.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Task {
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    pub title: String,
    /// Given when all checks pass; all or none.
    pub points: u32,
    /// The file in the workspace that the checks of this task run.
    #[schemars(with = "Option<String>")]
    pub program: Option<Spanned<String>>,
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub needs: Vec<Spanned<String>>,
    /// Markdown, from nudge to near-solution.
    #[serde(default)]
    pub hints: Vec<String>,
    /// A command line for the workbench that undoes what the task leaves in the services, so that it alone can be begun again.
    pub reset: Option<String>,
    pub checks: Vec<Check>,
    /// From `tasks/<id>.md`.
    #[serde(skip)]
    pub prompt: String,
    /// From `tasks/<id>.explanation.md`.
    #[serde(skip)]
    pub explanation: String,
}

/// One claim about the learner's work.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Check {
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    /// The sentence the learner reads.
    pub claim: String,
    /// Checks of the same task that must pass first.
    #[serde(default)]
    #[schemars(with = "Vec<String>")]
    pub needs: Vec<Spanned<String>>,
    /// Holds on a fresh lab and must go on holding.
    #[serde(default)]
    pub guard: bool,
    /// What to tell a learner whose work fails with a code.
    #[serde(default)]
    pub misconceptions: BTreeMap<String, String>,
    /// Ask the live service, match the answer.
    state: Option<state::Spec>,
    /// What the service saw: how the work is done.
    trace: Option<trace::Spec>,
    /// Drive the program from several processes, hold what happens against a model.
    workload: Option<workload::Spec>,
    /// The same, with harm done meanwhile.
    fault: Option<fault::Spec>,
}

impl Check {
    /// The one probe that proves the claim; `None` when there is not exactly one.
    pub fn probe(&self) -> Option<Probe> {
        let mut probes = [
            self.state.clone().map(Box::new).map(Probe::State),
            self.trace.clone().map(Box::new).map(Probe::Trace),
            self.workload.clone().map(|workload| Probe::Workload(Box::new(workload))),
            self.fault.clone().map(|fault| Probe::Fault(Box::new(fault))),
        ]
        .into_iter()
        .flatten();
        let probe = probes.next();
        if probes.next().is_some() { None } else { probe }
    }

    /// Whether it is known from a look at the seat's own services, with nothing run.
    pub fn only_looks(&self) -> bool {
        self.probe().is_some_and(|probe| !probe.needs_stand())
    }
}

/// A right solution: every check passes.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Solution {
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    pub title: String,
    /// The solution whose steps serve the tasks not mentioned here.
    #[schemars(with = "Option<String>")]
    pub over: Option<Spanned<String>>,
    pub steps: Vec<Step>,
}

/// A wrong solution: a mistake people make, and the checks that catch it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Wrong {
    #[schemars(with = "String")]
    pub id: Spanned<String>,
    /// The mistake in one sentence.
    pub mistake: String,
    #[schemars(with = "String")]
    pub over: Spanned<String>,
    pub steps: Vec<Step>,
    /// `task/check` → the failure code it must fail with.
    pub fails: BTreeMap<String, String>,
    /// The same of checks that notice the mistake by chance: a race that comes to light now and then.
    #[serde(default)]
    pub may_fail: BTreeMap<String, String>,
}

/// Mutants of right solutions that no check can tell from them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Equivalent {
    /// The ids, as `labs author verify --mutants` lists them.
    #[schemars(with = "Vec<String>")]
    pub mutants: Vec<Spanned<String>>,
    /// Why what they do is right.
    pub reason: String,
}

/// One step of a solution.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    #[schemars(with = "String")]
    pub task: Spanned<String>,
    /// A command line for the workbench's shell.
    pub run: Option<String>,
    /// A file from the solution's folder, copied into the workspace.
    #[schemars(with = "Option<String>")]
    pub copy: Option<Spanned<String>>,
}

impl Packages {
    /// The Python packages in one order, however they are written.
    pub fn pins(&self) -> Vec<String> {
        let mut pins: Vec<String> = self.python.iter().map(|pin| pin.value.clone()).collect();
        pins.sort_unstable();
        pins
    }
}

impl Lab {
    pub fn task(&self, id: &str) -> Option<&Task> {
        self.tasks.iter().find(|t| t.id.value == id)
    }

    pub fn points(&self) -> u32 {
        self.tasks.iter().map(|t| t.points).sum()
    }

    /// The definition under `docker/` that a service of this lab uses.
    pub fn definition<'a>(&'a self, service: &'a str) -> &'a str {
        let Some(used) = self.services.get(service).map(|s| &s.value) else { return service };
        used.definition.as_ref().map_or(&used.declared, |d| &d.value)
    }
}

#[cfg(test)]
mod tests {
    use super::Lab;
    use crate::catalog::Catalog;

    /// A lab with these services, or what is wrong.
    fn lab(services: &str) -> Result<Lab, String> {
        let folder = tempfile::tempdir().unwrap();
        let tasks = folder.path().join("lab/tasks");
        std::fs::create_dir_all(&tasks).unwrap();
        for name in ["one.md", "one.explanation.md"] {
            std::fs::write(tasks.join(name), "Text.\n").unwrap();
        }
        let text = format!(
            "format: 1\ntitle: T\ntopic: t\nlevel: beginner\nminutes: 5\nsummary: S\nquestions: []\n\
             services: {{ main: {{ use: redis }}, {services} }}\ntasks:\n\
             - {{ id: one, title: One, points: 1, checks: [ {{ id: a, claim: A, state: {{ on: main, \
             send: [GET, k], expect: {{ eq: v }} }} }} ] }}\n"
        );
        std::fs::write(folder.path().join("lab/lab.yaml"), text).unwrap();
        let catalog = Catalog::new(Some(folder.path().to_owned()));
        catalog.lab("lab").map_err(|error| error.to_string())
    }

    /// As [`lab`]: the names of its services and their definitions.
    fn services(services: &str) -> Result<Vec<(String, String)>, String> {
        let lab = lab(services)?;
        let names = lab.services.keys();
        Ok(names.map(|name| (name.clone(), lab.definition(name).to_owned())).collect())
    }

    #[test]
    fn services_in_numbers_are_single_ones_with_numbers() {
        let found = services("copy: { use: redis, count: 2 }, mysql: { count: 1 }").unwrap();
        let expected =
            [("copy-1", "redis"), ("copy-2", "redis"), ("main", "redis"), ("mysql-1", "mysql")];
        let expected = expected.map(|(name, of)| (name.to_owned(), of.to_owned()));
        assert_eq!(found, expected);
    }

    #[test]
    fn an_option_tells_services_in_numbers_apart() {
        let lab = lab("copy: { use: redis, count: 2, options: [--port, '70{n}'] }").unwrap();
        let options = |name: &str| lab.services[name].value.options.join(" ");
        assert_eq!([options("copy-1"), options("copy-2")], ["--port 701", "--port 702"]);
    }

    #[test]
    fn what_cannot_be_in_numbers_is_told() {
        let twice = services("copy: { use: redis, count: 2 }, copy-2: { use: redis }");
        assert!(twice.unwrap_err().contains("two services are named \"copy-2\""));
        assert!(services("copy: { use: redis, count: 0 }").is_err());
        let unknown = services("copy: { use: radis, count: 3 }").unwrap_err();
        assert!(unknown.contains("radis") && unknown.contains("lab.yaml:8:48"), "{unknown}");
    }
}
