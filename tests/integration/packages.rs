//! A lab's Python packages: the same in its workbench and its runners, and in nobody else's; what is wrong is said.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::docker;
use crate::kill::{FEW, at_each_step, dies};
use crate::sandbox::{Ran, Sandbox, fixture, until};

const LAB: &str = "tiny-packages";
/// The image of the lab's workbench, as people call it.
const IMAGE: &str = "workbench/tiny-packages";

/// What `images list` says of an image.
fn listed(sandbox: &Sandbox, name: &str) -> Value {
    let images = sandbox.json(&["images", "list"])["images"].clone();
    let found = images.as_array().unwrap().iter().find(|image| image["name"] == name).cloned();
    found.unwrap_or_else(|| panic!("{name} is not in {images:#}"))
}

/// What Python prints in the seat's workbench.
fn python(sandbox: &Sandbox, program: &str) -> String {
    let line = ["exec", "workbench", "--lab", LAB, "--", "python3", "-c", program];
    sandbox.ok(&line).stdout.trim().to_owned()
}

/// A copy of the lab with other packages, and a home in which labs reads it.
struct Edited {
    sandbox: Sandbox,
    labs: TempDir,
}

impl Edited {
    fn new(packages: &str) -> Self {
        let labs = TempDir::new().unwrap();
        let (from, to) = (fixture("packages").join(LAB), labs.path().join(LAB));
        for folder in ["tasks", "solutions/right"] {
            std::fs::create_dir_all(to.join(folder)).unwrap();
            for file in std::fs::read_dir(from.join(folder)).unwrap() {
                let file = file.unwrap();
                std::fs::copy(file.path(), to.join(folder).join(file.file_name())).unwrap();
            }
        }
        let edited = Self { sandbox: Sandbox::with_labs(labs.path()), labs };
        edited.name(packages);
        edited
    }

    fn name(&self, packages: &str) {
        let lab = |folder: &Path| folder.join(LAB).join("lab.yaml");
        let text = std::fs::read_to_string(lab(&fixture("packages"))).unwrap();
        let edited = text.replace("[inflection==0.5.1]", &format!("[{packages}]"));
        std::fs::write(lab(self.labs.path()), edited).unwrap();
    }

    /// Starts a seat, which must not succeed, with settings of pip.
    fn refused(&self, settings: &[(&str, &str)]) -> Ran {
        let mut command = self.sandbox.command(&["run", LAB, "--detach"]);
        let ran: Ran = command.envs(settings.iter().copied()).output().unwrap().into();
        assert_eq!(self.sandbox.json(&["status"])["seats"], serde_json::json!([]), "{ran:#?}");
        assert!(!self.sandbox.workspace(LAB).exists(), "{ran:#?}");
        ran
    }
}

#[test]
fn the_workbench_and_the_runners_of_a_lab_have_its_packages() {
    let sandbox = Sandbox::with_fixture("packages");
    let image = listed(&sandbox, IMAGE);
    assert_ne!(image["tag"], listed(&sandbox, "workbench")["tag"]);
    let tag = image["tag"].as_str().unwrap();
    let absent = image["present"] == false || docker::remove_image(tag);
    let ran = sandbox.ok(&["run", LAB, "--detach"]);
    let built = ran.stderr.contains(&format!("Building an image ({IMAGE}), once"));
    assert_eq!(built, absent, "{ran:#?}");
    assert_eq!(listed(&sandbox, IMAGE)["present"], true);

    // Compiled beforehand: the root is read-only.
    let compiled = "import inflection, os; print(os.path.exists(inflection.__cached__))";
    assert_eq!(python(&sandbox, compiled), "True");
    let right = fixture("packages").join(LAB).join("solutions/right/plural.py");
    sandbox.write(LAB, "plural.py", std::fs::read(right).unwrap());
    assert_eq!(python(&sandbox, "import plural; print(plural.plural('octopus'))"), "octopi");
    let (result, code) = sandbox.json_and_code(&["check", LAB]);
    assert_eq!((code, &result["verdict"]), (0, &"pass".into()), "{result:#}");

    // It is there now, so nothing is built again.
    let again = sandbox.ok(&["reset", LAB, "--yes"]);
    assert!(!again.stderr.contains("Building"), "{again:#?}");
    sandbox.ok(&["stop", LAB]);
    docker::remove_image(tag);
}

#[test]
fn packages_that_were_added_are_there_when_the_seat_goes_on() {
    let edited = Edited::new("");
    let sandbox = &edited.sandbox;
    sandbox.ok(&["run", LAB, "--detach"]);
    let there = "import importlib.util; print(importlib.util.find_spec('inflection') is not None)";
    assert_eq!(python(sandbox, there), "False");
    edited.name("inflection==0.5.0");
    sandbox.ok(&["run", LAB, "--detach"]);
    assert_eq!(python(sandbox, there), "True");
    let tag = listed(sandbox, IMAGE)["tag"].as_str().unwrap().to_owned();
    sandbox.ok(&["stop", LAB]);
    docker::remove_image(&tag);
}

#[test]
fn packages_that_others_need_must_be_named() {
    let ran = Edited::new("deprecation==2.1.0").refused(&[]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    let said = "they need others, which must be named too: packaging==";
    assert!(ran.stderr.contains(said), "{ran:#?}");
    assert!(ran.stderr.contains("tiny-packages/lab.yaml"), "{ran:#?}");
}

#[test]
fn a_version_that_there_is_not_is_named() {
    let ran = Edited::new("inflection==0.0.99").refused(&[]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("found for inflection==0.0.99"), "{ran:#?}");
}

#[test]
fn an_index_out_of_reach_is_no_fault_of_the_lab() {
    let nobody = ("PIP_INDEX_URL", "http://127.0.0.1:9/simple");
    let ran = Edited::new("inflection==0.4.0").refused(&[nobody]);
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.stderr.contains("the package index is out of reach"), "{ran:#?}");
    assert!(ran.stderr.contains("labs images load FILE"), "{ran:#?}");
}

#[test]
fn certificates_that_cannot_be_read_are_named() {
    let nowhere = ("PIP_CERT", "/nonexistent/certificates.pem");
    let ran = Edited::new("inflection==0.4.0").refused(&[nowhere]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("/nonexistent/certificates.pem"), "{ran:#?}");
}

/// Packages that no other step has asked for, so that the builder has no image of them yet.
fn packages_of(step: u32) -> BTreeSet<String> {
    let choose = |name: &str, versions: &[&str], number: u32| {
        let version = versions.get(number as usize % (versions.len() + 1));
        version.map(|version| format!("{name}=={version}"))
    };
    let six = ["1.12.0", "1.13.0", "1.14.0", "1.15.0", "1.16.0", "1.17.0"];
    let all = [
        choose("six", &six, step),
        choose("inflection", &["0.5.0", "0.5.1"], step / 7),
        choose("toml", &["0.10.1", "0.10.2"], step / 21),
    ];
    // With one that no other test has; in the order in which they are installed.
    all.into_iter().flatten().chain(["pluggy==1.5.0".to_owned()]).collect()
}

/// The engine ends a build that nobody listens to.
#[test]
fn a_build_killed_at_any_step_leaves_nothing_and_the_next_makes_the_image() {
    let edited = Edited::new("");
    let sandbox = &edited.sandbox;
    let mut at_work = 0;
    at_each_step(FEW, |step| {
        let packages: Vec<String> = packages_of(step).into_iter().collect();
        edited.name(&packages.join(", "));
        let argument = format!("PACKAGES={}", packages.join(" "));
        let installs = || docker::is_there_with(&argument);
        docker::forget_step(&argument);
        let died = dies(sandbox, &["images", "build", IMAGE], step);
        let when = format!("build killed at step {step}");
        at_work += u32::from(installs());
        until(&format!("nothing goes on ({when})"), || !installs());
        sandbox.ok(&["images", "build", IMAGE]);
        let image = listed(sandbox, IMAGE);
        assert_eq!(image["present"], true, "{when}");
        docker::remove_image(image["tag"].as_str().unwrap());
        docker::forget_step(&argument);
        died
    });
    eprintln!("{at_work} of them while packages were installed");
}

#[test]
fn an_image_is_known_by_its_name() {
    let ran = Sandbox::with_fixture("packages").run(&["images", "build", "workbench/tiny-package"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("did you mean \"workbench/tiny-packages\"?"), "{ran:#?}");
}
