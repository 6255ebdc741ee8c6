//! A home of its own for each test; what a test starts ends with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use crate::docker;

/// Longer than anything a test waits for takes on a busy machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// A script that succeeds where a `sleep 3600` runs; it does not find itself.
pub const SLEEPS: &str = "grep -qszx '360[0]' /proc/[0-9]*/cmdline";
/// What a terminal would obey: clear the screen, begin a command in one character, write from right to left.
pub const OBEYED: &str = "\u{1b}[2J\u{9b}31m\u{202e}";
/// The same as it may be shown.
pub const SHOWN: &str = r"\u{1b}[2J\u{9b}31m\u{202e}";
/// How often a condition is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// What labs says of a network that stays.
const COMPLAINT: &str = "cannot remove";

/// A user who has never run labs.
pub struct Sandbox {
    home: TempDir,
    labs_dir: Option<PathBuf>,
    /// Networks that the engine does not let go, though nothing is on them.
    miscounted: Mutex<Vec<String>>,
}

/// What a command printed, and its exit code; -1 when a signal ended it.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { home: TempDir::new().unwrap(), labs_dir: None, miscounted: Mutex::default() }
    }

    /// Uses the labs under `tests/fixtures/<folder>`.
    pub fn with_fixture(folder: &str) -> Self {
        Self::with_labs(&fixture(folder))
    }

    /// Uses the labs of a folder.
    pub fn with_labs(folder: &Path) -> Self {
        let mut sandbox = Self::new();
        sandbox.labs_dir = Some(folder.to_owned());
        sandbox
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn workspace(&self, lab: &str) -> PathBuf {
        self.home.path().join("labs").join(lab)
    }

    /// Replaces a file of the learner.
    pub fn write(&self, lab: &str, file: &str, content: impl AsRef<[u8]>) {
        std::fs::write(self.workspace(lab).join(file), content).unwrap();
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labs"));
        command.args(args).current_dir(self.home.path()).env("HOME", self.home.path());
        for name in ["XDG_DATA_HOME", "LABS_DIR", "LABS_LEARNER", "SUDO_UID", "SUDO_GID"]
            .into_iter()
            .chain(["LC_ALL", "LC_CTYPE", "LANG"])
        {
            command.env_remove(name);
        }
        if let Some(folder) = &self.labs_dir {
            command.env("LABS_DIR", folder);
        }
        command
    }

    /// The same as a shell starts it, which does this first.
    pub fn after(&self, script: &str, args: &[&str]) -> Command {
        let labs = self.command(args);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{script}; exec \"$@\""), "sh"]);
        shell.arg(labs.get_program()).args(labs.get_args());
        shell.current_dir(labs.get_current_dir().unwrap());
        for (name, value) in labs.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        let mut ran: Ran = self.command(args).output().unwrap().into();
        // Shown where a test fails: why something had to be tried again, for one.
        eprint!("{}", ran.stderr);
        if ran.stderr.contains(COMPLAINT) {
            let is_all = self.is_the_engines_fault(&ran);
            if args.first() == Some(&"gc") && ran.code == 3 && is_all {
                ran.code = 0;
            }
        }
        ran
    }

    /// Whether all that is complained of are networks that the engine has miscounted. From then on they are no leaks of labs.
    fn is_the_engines_fault(&self, ran: &Ran) -> bool {
        let mut found = self.labelled().networks;
        found.retain(|name| ran.stderr.contains(name.as_str()) && docker::is_miscounted(name));
        let complaints = ran.stderr.matches(COMPLAINT).count();
        let all = complaints > 0 && found.len() == complaints;
        self.miscounted.lock().unwrap().extend(found);
        all
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "labs {args:?}: {ran:#?}");
        ran
    }

    /// Runs a command with `--json` and parses its one document, whatever the exit code.
    pub fn json(&self, args: &[&str]) -> Value {
        self.json_and_code(args).0
    }

    /// As [`Sandbox::json`], with the exit code.
    pub fn json_and_code(&self, args: &[&str]) -> (Value, i32) {
        let mut args = args.to_vec();
        args.push("--json");
        let ran = self.run(&args);
        let document = serde_json::from_str(&ran.stdout)
            .unwrap_or_else(|e| panic!("labs {args:?}: {e}\n{ran:#?}"));
        (document, ran.code)
    }

    /// What the seat's own Redis answers in the workbench.
    pub fn redis(&self, lab: &str, words: &[&str]) -> String {
        let line = ["exec", "workbench", "--lab", lab, "--", "redis-cli", "-h", "redis"];
        self.ok(&[&line, words].concat()).stdout
    }

    /// What this home's labs has on the engine.
    pub fn on_engine(&self) -> docker::Found {
        let mut found = self.labelled();
        let miscounted = self.miscounted.lock().unwrap();
        found.networks.retain(|name| !miscounted.contains(name));
        found
    }

    fn labelled(&self) -> docker::Found {
        let ledger = self.home.path().join(".local/share/labs/labs.db");
        let installation: String = rusqlite::Connection::open(ledger)
            .unwrap()
            .query_row("SELECT id FROM installation", [], |row| row.get(0))
            .unwrap();
        docker::labelled(&format!("labs.owner={installation}"))
    }
}

/// A folder under `tests/fixtures`.
pub fn fixture(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder)
}

/// Waits until something is so.
pub fn until(what: &str, mut so: impl FnMut() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < PATIENCE, "not so after {PATIENCE:?}: {what}");
        std::thread::sleep(LOOK_EVERY);
    }
}

impl Ran {
    /// Nothing that was printed has a terminal do anything.
    pub fn assert_harmless(&self) {
        let harmful = ['\u{1b}', '\u{9b}', '\u{202e}'];
        assert!(!self.stdout.contains(harmful) && !self.stderr.contains(harmful), "{self:#?}");
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let Ok(status) = self.command(&["status", "--json"]).output() else { return };
        let status: Value = serde_json::from_slice(&status.stdout).unwrap_or_default();
        for seat in status["seats"].as_array().into_iter().flatten() {
            let _ = self.command(&["stop", seat["lab"].as_str().unwrap_or_default()]).output();
        }
        let _ = self.command(&["gc"]).output();
    }
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}
