//! A home of its own for each test; what a test starts ends with it.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// A user who has never run labs.
pub struct Sandbox {
    home: TempDir,
    labs_dir: Option<PathBuf>,
}

/// What a command printed, and its exit code.
#[derive(Debug)]
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Sandbox {
    pub fn new() -> Self {
        Self { home: TempDir::new().unwrap(), labs_dir: None }
    }

    /// Uses the labs under `tests/fixtures/<folder>`.
    pub fn with_fixture(folder: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(folder);
        Self { home: TempDir::new().unwrap(), labs_dir: Some(root) }
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    pub fn workspace(&self, lab: &str) -> PathBuf {
        self.home.path().join("labs").join(lab)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_labs"));
        command.args(args).current_dir(self.home.path()).env("HOME", self.home.path());
        for name in ["XDG_DATA_HOME", "LABS_DIR", "SUDO_UID", "SUDO_GID"] {
            command.env_remove(name);
        }
        if let Some(folder) = &self.labs_dir {
            command.env("LABS_DIR", folder);
        }
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        self.command(args).output().unwrap().into()
    }

    /// Runs a command that must succeed.
    pub fn ok(&self, args: &[&str]) -> Ran {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "labs {args:?}: {ran:#?}");
        ran
    }

    /// Runs a command with `--json` and parses its one document, whatever the exit code.
    pub fn json(&self, args: &[&str]) -> Value {
        let mut args = args.to_vec();
        args.push("--json");
        let ran = self.run(&args);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("labs {args:?}: {e}\n{ran:#?}"))
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
