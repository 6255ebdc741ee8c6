//! A full disk: what is said about it, and what is left there.

use std::process::Command;

use crate::sandbox::{Ran, Sandbox};

const LAB: &str = "tiny-queue";
/// The size of the disk, in KiB.
const SIZE: u32 = 512;

/// Runs a script in which `"$@"` is labs with these arguments, in a home where `disk/` is a disk of its own, of which so
/// many KiB are free. None where this user may not mount one.
fn on_disk(sandbox: &Sandbox, free: u32, args: &[&str], script: &str) -> Option<Ran> {
    std::fs::create_dir_all(sandbox.home().join("disk")).unwrap();
    if !Command::new("unshare").args(["-m", "true"]).status().is_ok_and(|s| s.success()) {
        return None;
    }
    let labs = sandbox.command(args);
    let script = format!(
        "mount -t tmpfs -o size={SIZE}k tmpfs disk && head -c {} /dev/zero >disk/other || exit 99\n\
         {script}",
        u64::from(SIZE - free) << 10
    );
    let mut command = Command::new("unshare");
    command.args(["-m", "sh", "-c", &script, "sh"]).arg(labs.get_program()).args(labs.get_args());
    command.current_dir(sandbox.home());
    for (name, value) in labs.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    Some(command.output().unwrap().into())
}

#[test]
fn a_record_that_does_not_fit_on_its_disk_says_that_the_disk_is_full() {
    let sandbox = Sandbox::new();
    let mut fits = false;
    let script = "XDG_DATA_HOME=$PWD/disk \"$@\"";
    for free in (0..=256).step_by(16) {
        let Some(ran) = on_disk(&sandbox, free, &["status"], script) else { return };
        fits |= ran.code == 0;
        if ran.code != 0 {
            assert_eq!(ran.code, 3, "{free} KiB: {ran:#?}");
            for said in ["labs.db", "disk is full", "df -h"] {
                assert!(ran.stderr.contains(said), "{said:?}, {free} KiB: {ran:#?}");
            }
        }
    }
    assert!(fits);
}

#[test]
fn a_workspace_on_a_full_disk_keeps_no_half_of_a_file() {
    let sandbox = Sandbox::with_fixture("labs");
    let run = ["run", LAB, "--detach", "--workspace", "disk/work"];
    let script = "\"$@\"; code=$?; ls disk/work; exit $code";
    let Some(ran) = on_disk(&sandbox, 0, &run, script) else { return };
    assert_eq!((ran.code, ran.stdout.as_str()), (3, ""), "{ran:#?}");
    for said in ["The workspace cannot be written", "disk/work/queue.py", "df -h"] {
        assert!(ran.stderr.contains(said), "{said:?}: {ran:#?}");
    }
}
