use std::path::Path;

use super::*;

/// A catalog of two labs, the second with these packages.
fn catalog(folder: &Path, packages: &str) -> Catalog {
    for (slug, packages) in [("plain", ""), ("other", packages)] {
        let lab = folder.join(slug);
        std::fs::create_dir_all(lab.join("tasks")).unwrap();
        for name in ["one.md", "one.explanation.md"] {
            std::fs::write(lab.join("tasks").join(name), "Text.\n").unwrap();
        }
        let text = format!(
            "format: 1\ntitle: T\ntopic: t\nlevel: beginner\nminutes: 5\nsummary: S\nquestions: []\n\
             services: {{ redis: {{}} }}\npackages: {{ python: [{packages}] }}\ntasks:\n\
             - {{ id: one, title: One, points: 1, checks: [ {{ id: a, claim: A, state: {{ on: redis, \
             send: [GET, k], expect: {{ eq: v }} }} }} ] }}\n"
        );
        std::fs::write(lab.join("lab.yaml"), text).unwrap();
    }
    Catalog::new(Some(folder.to_owned()))
}

fn workbench(packages: &str) -> Image {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path(), packages);
    let lab = catalog.lab("other").unwrap();
    Images::new(catalog).workbench(&lab).unwrap()
}

fn names(images: &[Image]) -> Vec<&str> {
    images.iter().map(|image| image.name.as_str()).collect()
}

#[test]
fn equal_packages_have_equal_images_others_have_others() {
    let two = workbench("redis==6.4.0, wrapt==1.17.3");
    assert_eq!(workbench("wrapt==1.17.3, redis==6.4.0").tag, two.tag);
    assert_ne!(workbench("redis==6.4.0, wrapt==1.17.2").tag, two.tag);
    assert_ne!(workbench("redis==6.4.0").tag, two.tag);
    assert_eq!(workbench("").name, "workbench");
}

#[test]
fn a_lab_with_packages_needs_its_own_workbench_and_others_do_not() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path(), "redis==6.4.0");
    let images = Images::new(catalog.clone());
    let of = |slug: &str| images.of_lab(&catalog.lab(slug).unwrap()).unwrap();
    assert_eq!(names(&of("plain")), ["gate", "redis", "workbench"]);
    assert_eq!(names(&of("other")), ["gate", "redis", "workbench/other"]);
    let all = images.all().unwrap();
    let workbenches: Vec<_> =
        names(&all).into_iter().filter(|name| name.starts_with("workbench")).collect();
    assert_eq!(workbenches, ["workbench", "workbench/other"]);
}

#[test]
fn what_is_missing_is_built_from_the_ground_up_and_once() {
    let folder = tempfile::tempdir().unwrap();
    let catalog = catalog(folder.path(), "redis==6.4.0");
    let images = Images::new(catalog.clone());
    let needed = images.of_lab(&catalog.lab("other").unwrap()).unwrap();
    let order = |have: &[&str]| -> Vec<&str> {
        let have: Vec<String> = have.iter().map(|tag| (*tag).to_owned()).collect();
        to_build(&needed, &have).into_iter().map(|image| image.name.as_str()).collect()
    };
    let every = ["base/trixie", "gate", "redis", "workbench", "workbench/other"];
    assert_eq!(order(&[]), every);
    let tags: Vec<&str> = needed.iter().map(|image| image.tag.as_str()).collect();
    // What stands on an image that is gone goes on standing.
    assert_eq!(order(&tags), [""; 0]);
    assert_eq!(order(&tags[..2]), ["base/trixie", "workbench", "workbench/other"]);
}
