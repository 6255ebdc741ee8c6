//! A lab's Python packages: the same in its workbench and its runners, and in nobody else's; what is wrong is said.

use std::path::Path;

use serde_json::Value;
use tempfile::TempDir;

use crate::docker;
use crate::sandbox::{Ran, Sandbox, fixture};

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

#[test]
fn an_image_is_known_by_its_name() {
    let ran = Sandbox::with_fixture("packages").run(&["images", "build", "workbench/tiny-package"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains("did you mean \"workbench/tiny-packages\"?"), "{ran:#?}");
}
