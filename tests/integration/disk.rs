//! A full disk: what is said about it, and what is left there.

use std::io::{Read, Write};
use std::process::{Command, Stdio};

use crate::sandbox::{Ran, Sandbox};

const LAB: &str = "tiny-queue";
const KEYS: &str = "tiny-keys";
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

/// A disk of its own at a place that the engine sees too; gone when this is dropped.
struct Disk(std::path::PathBuf);

impl Disk {
    /// None where this user may not mount one.
    fn mount(at: std::path::PathBuf, mib: u32) -> Option<Self> {
        std::fs::create_dir_all(&at).unwrap();
        let size = format!("size={mib}m");
        let mount =
            Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(&at).output();
        mount.is_ok_and(|ran| ran.status.success()).then_some(Self(at))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

#[test]
fn a_seat_that_fills_its_disk_is_stopped_before_it_is_full() {
    let sandbox = Sandbox::with_fixture("labs");
    let Some(disk) = Disk::mount(sandbox.home().join("disk"), 1100) else { return };
    let work = disk.0.display().to_string();
    sandbox.ok(&["run", LAB, "--detach", "--workspace", &work]);
    let mut works =
        sandbox.command(&["exec", "workbench", "--", "sh", "-c", "echo here; sleep 100"]);
    let works = works.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut works = works.spawn().unwrap();
    let mut here = [0; 4];
    works.stdout.as_mut().unwrap().read_exact(&mut here).unwrap();
    // Written from outside: what a container writes to memory counts as its own.
    let filler = disk.0.join("filler");
    let file = std::fs::File::create(&filler).unwrap();
    rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, 620 << 20).unwrap();
    let ran: Ran = works.wait_with_output().unwrap().into();
    assert_eq!(ran.code, 3, "{ran:#?}");
    for said in ["The disk is nearly full", &work, "free some disk"] {
        assert!(ran.stderr.contains(said), "{said:?}: {ran:#?}");
    }
    let (status, _) = sandbox.json_and_code(&["status"]);
    assert!(status.to_string().contains("stopped (exit code"), "{status:#}");
    assert!(!status.to_string().contains("\"running\""), "{status:#}");
    std::fs::remove_file(filler).unwrap();
    // It goes on where it was.
    sandbox.ok(&["run", LAB, "--detach"]);
    sandbox.ok(&["exec", "workbench", "--", "test", "-f", "/workspace/queue.py"]);
    sandbox.ok(&["stop", LAB]);
}

/// A seat whose record has a disk of its own, with one task passed and a file of the learner's.
fn seat_with_record() -> Option<(Sandbox, Disk)> {
    let sandbox = Sandbox::with_fixture("labs");
    let disk = Disk::mount(sandbox.home().join(".local/share/labs"), 2)?;
    sandbox.ok(&["run", KEYS, "--detach"]);
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    sandbox.write(KEYS, "mine.txt", "mine");
    Some((sandbox, disk))
}

/// Each command that has something to record says why it cannot, and neither files nor what was recorded are lost.
fn assert_nothing_lost(sandbox: &Sandbox, said: &[&str], mend: impl FnOnce()) {
    for args in [&["check", KEYS, "door"][..], &["reset", KEYS, "--yes"], &["stop", KEYS], &["gc"]]
    {
        let ran = sandbox.run(args);
        // Where the record can be read, gc may see that there is nothing to do.
        if args[0] == "gc" && ran.code == 0 {
            continue;
        }
        assert_eq!(ran.code, 3, "{ran:#?}");
        for said in said {
            assert!(ran.stderr.contains(said), "{said:?} of {args:?}: {ran:#?}");
        }
    }
    let mine = || std::fs::read_to_string(sandbox.workspace(KEYS).join("mine.txt")).unwrap();
    let passed = || {
        let task = sandbox.json(&["tasks", KEYS, "door"])["tasks"][0].clone();
        task["progress"]["passed_at"].is_string()
    };
    assert_eq!(mine(), "mine");
    mend();
    sandbox.ok(&["run", KEYS, "--detach"]);
    assert!(passed());
    sandbox.redis(KEYS, &["SET", "door", "open"]);
    sandbox.ok(&["check", KEYS, "door"]);
    assert_eq!(mine(), "mine");
    sandbox.ok(&["stop", KEYS]);
    sandbox.ok(&["gc"]);
    assert!(sandbox.on_engine().is_empty(), "{:?}", sandbox.on_engine());
}

#[test]
fn a_record_whose_disk_fills_while_a_seat_runs_loses_nothing() {
    for open in [false, true] {
        let Some((sandbox, disk)) = seat_with_record() else { return };
        // While somebody has it open, others open it too, and do not get further than what is to be written.
        let record = open.then(|| rusqlite::Connection::open(disk.0.join("labs.db")).unwrap());
        let seats = |record: &rusqlite::Connection| {
            record.query_row("SELECT count(*) FROM seats", [], |row| row.get::<_, u32>(0))
        };
        assert!(record.as_ref().is_none_or(|record| seats(record) == Ok(1)));
        sandbox.ok(&["check", KEYS, "door"]);
        let filler = disk.0.join("filler");
        let mut file = std::fs::File::create(&filler).unwrap();
        while file.write(&[0; 4096]).is_ok() {}
        drop(file);
        assert_nothing_lost(&sandbox, &["disk is full", "df -h"], || {
            std::fs::remove_file(filler).unwrap();
        });
    }
}

#[test]
fn a_record_whose_disk_turns_read_only_while_a_seat_runs_loses_nothing() {
    let Some((sandbox, disk)) = seat_with_record() else { return };
    let remount = |how: &str| {
        let how = format!("remount,{how}");
        let mounted = Command::new("mount").args(["-o", &how]).arg(&disk.0).status().unwrap();
        assert!(mounted.success(), "{how}");
    };
    remount("ro");
    let said = ["labs.db", "Read-only file system", "XDG_DATA_HOME"];
    assert_nothing_lost(&sandbox, &said, || remount("rw"));
}
