//! Lab files that are broken or mean harm: a clear error, in bounded time and memory.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use labs::author::lint;
use labs::catalog::Catalog;
use proptest::prelude::*;
use tempfile::TempDir;

use crate::sandbox::{Ran, Sandbox, fixture};

/// A debug build on a busy machine; what is not bounded takes hours.
const WITHIN: Duration = Duration::from_secs(30);
/// Address space, in KiB; what is not bounded takes all there is.
const MEMORY: &str = "1000000";

/// Runs under a limit of memory and says how long it took.
fn bounded(sandbox: &Sandbox, args: &[&str]) -> Ran {
    let mut shell = sandbox.after(&format!("ulimit -v {MEMORY}"), args);
    let began = Instant::now();
    let ran: Ran = shell.output().unwrap().into();
    assert!(began.elapsed() < WITHIN, "{args:?} took {:?}", began.elapsed());
    ran
}

/// Every command that reads the lab refuses it, and says so.
fn refused(labs: &Path, lab: &str, said: &str) {
    let sandbox = Sandbox::with_labs(labs);
    for args in [&["author", "lint", lab][..], &["info", lab], &["run", lab], &["list"]] {
        let ran = bounded(&sandbox, args);
        assert_eq!(ran.code, 2, "{args:?}: {}", shortened(&ran));
        let told = format!("{}{}", ran.stdout, ran.stderr);
        assert!(told.contains(said), "{args:?} does not say {said:?}: {}", shortened(&ran));
        assert!(told.len() < 1 << 20, "{args:?} says {} bytes", told.len());
        assert!(!told.contains("panicked"), "{args:?}: {}", shortened(&ran));
    }
}

fn shortened(ran: &Ran) -> String {
    format!("{ran:#?}").chars().take(3000).collect()
}

/// A folder with one lab, whose `lab.yaml` says this.
struct OneLab(TempDir);

impl OneLab {
    fn new(yaml: impl AsRef<[u8]>) -> Self {
        let one = Self::empty();
        std::fs::write(one.lab().join("lab.yaml"), yaml).unwrap();
        one
    }

    /// Without a `lab.yaml`.
    fn empty() -> Self {
        let one = Self(TempDir::new().unwrap());
        std::fs::create_dir(one.lab()).unwrap();
        one
    }

    /// A lab without a fault.
    fn sound() -> Self {
        let one = Self::empty();
        let from = fixture("labs/tiny-keys");
        let copied = Command::new("cp").arg("-r").arg(from.join(".")).arg(one.lab()).status();
        assert!(copied.unwrap().success());
        one
    }

    fn lab(&self) -> PathBuf {
        self.0.path().join("lab")
    }

    fn refused(&self, said: &str) {
        refused(self.0.path(), "lab", said);
    }
}

#[test]
fn each_file_of_the_corpus_is_refused_for_what_it_is() {
    let corpus = fixture("hostile");
    let said = [
        ("aliases-explode", "too many keys and values"),
        ("binary", "UTF-8"),
        ("comments-only", "empty"),
        ("copy-escapes", "not inside"),
        ("deep-flow", "nest"),
        ("deep-maps", "nest"),
        ("empty", "empty"),
        ("endless-alias", "alias"),
        ("id-escapes", "small letters, digits and hyphens"),
        ("invalid-utf8", "UTF-8"),
        ("merge-key", "<<"),
        ("no-such-anchor", "YAML"),
        ("not-a-map", "expected"),
        ("program-escapes", "not inside"),
        ("tag", "tag"),
        ("two-documents", "document"),
        ("unclosed-quote", "YAML"),
    ];
    let mut there: Vec<String> = std::fs::read_dir(&corpus)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    assert_eq!(there, said.map(|(name, _)| name));
    for (name, said) in said {
        let one = OneLab::new(std::fs::read(corpus.join(name).join("lab.yaml")).unwrap());
        one.refused(said);
    }
}

#[test]
fn what_is_shown_does_not_speak_to_the_terminal() {
    let one = OneLab::sound();
    let file = one.lab().join("lab.yaml");
    let text = std::fs::read_to_string(&file).unwrap();
    let (title, rest) = text.split_once("title: ").unwrap();
    let (_, rest) = rest.split_once('\n').unwrap();
    std::fs::write(&file, format!("{title}title: \"A \\e[2Jlab\"\n{rest}")).unwrap();
    let sandbox = Sandbox::with_labs(one.0.path());
    for args in [&["author", "lint", "lab"][..], &["info", "lab"], &["run", "lab"], &["list"]] {
        let ran = bounded(&sandbox, args);
        let told = format!("{}{}", ran.stdout, ran.stderr);
        let shown = told.contains("A \\u{1b}[2Jlab") && !told.contains('\u{1b}');
        assert!(shown, "{args:?}: {}", shortened(&ran));
        assert_eq!(ran.code, 2, "{args:?}: {}", shortened(&ran));
    }
}

#[test]
fn a_hundred_megabytes_are_not_read() {
    let one = OneLab::empty();
    let file = std::fs::File::create(one.lab().join("lab.yaml")).unwrap();
    file.set_len(100_000_000).unwrap();
    one.refused("100000000 bytes, at most 1048576");
}

#[test]
fn a_mebibyte_of_anything_ends_soon() {
    let full = |piece: &str| piece.repeat((1 << 20) / piece.len());
    let mut many_tasks = String::from(
        "format: 1\ntitle: t\ntopic: redis\nlevel: beginner\nminutes: 1\nsummary: s\nquestions: []\n\
         services: { redis: {} }\ntasks:\n",
    );
    for n in 0..8_000 {
        many_tasks.push_str(&format!(
            "- {{ id: t{n}, title: t, points: 1, needs: [u{n}], checks: [] }}\n"
        ));
    }
    let mut variables = String::from("variables: [x");
    variables.push_str(&full(", \"${a}\""));
    for (yaml, said) in [
        (full("a: 1\n"), "twice"),
        (full("- 1\n"), "too many"),
        (full("["), "nest"),
        (full("{a: "), "nest"),
        (full("? "), "key is not a text"),
        (full("- "), "nest"),
        (full("# nothing\n"), "empty"),
        (format!("title: {}", full("x")), "missing"),
        (format!("title: \"{}", full("x")), "YAML"),
        (format!("a: &a {}\nb: [{}*a]", "x".repeat(1 << 19), "*a, ".repeat(1 << 15)), "too many"),
        (format!("tasks:\n{}", full("- { id: a, needs: [b] }\n")), "too many"),
        (format!("tasks:\n{}", "- { id: a, needs: [b] }\n".repeat(12_000)), "missing"),
        (many_tasks, "too many tasks"),
        (variables, "lab.yaml"),
    ] {
        let one = OneLab::new(&yaml[..yaml.len().min(1 << 20)]);
        one.refused(said);
    }
}

#[test]
fn a_folder_in_place_of_a_file_is_said_to_be_one() {
    let one = OneLab::empty();
    std::fs::create_dir(one.lab().join("lab.yaml")).unwrap();
    one.refused("it is a folder");
    let one = OneLab::sound();
    std::fs::remove_file(one.lab().join("tasks/door.md")).unwrap();
    std::fs::create_dir(one.lab().join("tasks/door.md")).unwrap();
    one.refused("tasks/door.md");
}

#[test]
fn a_pipe_is_not_waited_for() {
    let one = OneLab::empty();
    let pipe = one.lab().join("lab.yaml");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, rustix::fs::Mode::RWXU).unwrap();
    one.refused("no ordinary file");
}

#[test]
fn links_that_lead_out_of_the_lab_are_not_followed() {
    let secret = TempDir::new().unwrap();
    let outside = secret.path().join("secret.md");
    std::fs::write(&outside, "format: 1").unwrap();
    for file in ["lab.yaml", "tasks/door.md"] {
        let one = OneLab::sound();
        std::fs::remove_file(one.lab().join(file)).unwrap();
        symlink(&outside, one.lab().join(file)).unwrap();
        one.refused(file);
    }
    let one = OneLab::sound();
    std::fs::remove_dir_all(one.lab().join("tasks")).unwrap();
    symlink(secret.path(), one.lab().join("tasks")).unwrap();
    one.refused("tasks/door.md");
}

#[test]
fn links_that_lead_nowhere_or_round_are_said_to() {
    for target in ["nowhere", "lab.yaml"] {
        let one = OneLab::empty();
        symlink(target, one.lab().join("lab.yaml")).unwrap();
        one.refused("cannot be read");
    }
}

#[test]
fn a_link_within_the_lab_is_a_file_like_others() {
    let one = OneLab::sound();
    std::fs::rename(one.lab().join("tasks/door.md"), one.lab().join("door.md")).unwrap();
    symlink("../door.md", one.lab().join("tasks/door.md")).unwrap();
    Sandbox::with_labs(one.0.path()).ok(&["info", "lab"]);
}

/// Reads a lab in every way there is; whatever it says, that ends.
fn survives(lab: &OneLab) {
    let catalog = Catalog::new(Some(lab.0.path().to_owned()));
    let began = Instant::now();
    let loaded = catalog.lab("lab");
    let problems = lint::lint(&catalog, "lab").unwrap();
    assert!(began.elapsed() < WITHIN, "{:?}", began.elapsed());
    if let Err(error) = loaded {
        assert!(!problems.is_empty(), "refused, yet clean: {error}");
    }
}

/// A change to a file: bytes taken out at a place, others put in.
fn mutated(original: &[u8], changes: &[(prop::sample::Index, usize, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = original.to_vec();
    for (at, out, new) in changes {
        let at = at.index(bytes.len() + 1);
        let end = (at + out).min(bytes.len());
        bytes.splice(at..end, new.iter().copied());
    }
    bytes
}

/// What means something in YAML, or in a lab.
const TELLING: &[&str] = &[
    "", "\n", " ", ":", "- ", "[", "]", "{", "}", "&a ", "*a", "!!str ", "<<: ", "\"", "'", "|",
    ">", "%", "---", "...", "? ", "${", "}", "$${", "~", "\u{feff}", "0x", "1e999", "\t", "#", "é",
    "../",
];

fn pieces() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        prop::sample::select(TELLING).prop_map(|piece| piece.as_bytes().to_vec()),
        prop::collection::vec(any::<u8>(), 0..4),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

    #[test]
    fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        survives(&OneLab::new(bytes));
    }

    #[test]
    fn any_text_made_of_yaml_is_survived(pieces in prop::collection::vec(pieces(), 0..80)) {
        survives(&OneLab::new(pieces.concat()));
    }

    #[test]
    fn any_change_to_a_sound_lab_is_survived(
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0_usize..12, pieces()), 1..5),
    ) {
        let one = OneLab::sound();
        let path = one.lab().join("lab.yaml");
        let original = std::fs::read(&path).unwrap();
        std::fs::write(&path, mutated(&original, &changes)).unwrap();
        survives(&one);
    }
}
