//! A learner with a shell who means harm: what is tried is refused or bounded, and neither the neighbour's seat nor the
//! verdict on the learner's own work notices.

use crate::sandbox::{Ran, Sandbox, fixture, until};

const OWN: &str = "tiny-queue";
const NEIGHBOUR: &str = "tiny-keys";

/// What is not to be had in the workbench: each of these scripts must fail.
const REFUSED: [(&str, &str); 13] = [
    ("the engine's socket", "ls /var/run/docker.sock || ls /run/docker.sock || ls /run/containerd"),
    ("the kernel's keys", ": >> /proc/sysrq-trigger"),
    ("a setting of the kernel", ": >> /proc/sys/kernel/core_pattern"),
    ("a setting of the machine", ": >> /sys/kernel/mm/transparent_hugepage/enabled"),
    ("a limit of its own", ": >> /sys/fs/cgroup/pids.max || : >> /sys/fs/cgroup/pids/pids.limit"),
    ("the memory of the machine", "head -c 1 /proc/kcore"),
    (
        "a raw socket",
        "python3 -c 'import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)'",
    ),
    ("all packets", "python3 -c 'import socket; socket.socket(socket.AF_PACKET, socket.SOCK_RAW)'"),
    ("a mount", "mount -t tmpfs none /tmp"),
    ("namespaces of its own", "unshare --user --map-root-user true"),
    ("a device", "mknod /workspace/disk b 8 0"),
    ("another owner", "touch /workspace/file && chown 0:0 /workspace/file"),
    ("the image's files", "touch /usr/bin/new || echo more >> /etc/passwd"),
];

/// What is bounded: each ends with an error, before or in what it takes.
const BOUNDED: [(&str, &str); 3] = [
    ("memory", "python3 -c 'all = [bytearray(1 << 24) for _ in iter(int, 1)]'"),
    ("the files in memory", "dd if=/dev/zero of=/tmp/much bs=1M"),
    ("descriptors", "python3 -c 'import os; all = [os.dup(0) for _ in iter(int, 1)]'"),
];

/// As many processes as there can be, which stay; said when there are.
const FORKS: &str = "
import os, time
os.setsid()
if os.fork():
    os._exit(0)
while True:
    try:
        if os.fork() == 0:
            time.sleep(3600)
            os._exit(0)
    except OSError:
        print('no more', flush=True)
        time.sleep(3600)
";

/// A seat whose work is right, beside another one's.
fn seats() -> Sandbox {
    let sandbox = Sandbox::with_fixture("labs");
    for lab in [OWN, NEIGHBOUR] {
        sandbox.ok(&["run", lab, "--detach"]);
    }
    let right = fixture("labs/tiny-queue/solutions/list/queue.py");
    sandbox.write(OWN, "queue.py", std::fs::read(right).unwrap());
    sandbox.redis(OWN, &["SET", "count", "3"]);
    sandbox.redis(NEIGHBOUR, &["SET", "door", "open"]);
    sandbox
}

fn tries(sandbox: &Sandbox, script: &str) -> Ran {
    sandbox.run(&["exec", "workbench", "--lab", OWN, "--", "sh", "-c", script])
}

fn assert_as_before(sandbox: &Sandbox, after: &str) {
    assert_eq!(sandbox.redis(NEIGHBOUR, &["GET", "door"]), "open\n", "{after}");
    for (lab, task) in [(NEIGHBOUR, &["door"][..]), (OWN, &[])] {
        let (result, code) = sandbox.json_and_code(&[&["check", lab], task].concat());
        assert_eq!(code, 0, "{lab} after {after}: {result:#}");
    }
}

#[test]
fn what_is_not_the_learners_is_refused() {
    let sandbox = seats();
    for (what, script) in REFUSED {
        let ran = tries(&sandbox, script);
        assert!(ran.code != 0, "{what}: {ran:#?}");
        // Refused by the system, and not for want of the tool.
        assert!(!ran.stderr.contains("not found"), "{what}: {ran:#?}");
    }
    assert_as_before(&sandbox, "all that was refused");
}

/// What is not to be had in a service's container either, with what is there.
const REFUSED_BY_SERVICES: [(&str, &str); 8] = [
    ("the engine's socket", "ls /var/run/docker.sock || ls /run/docker.sock || ls /run/containerd"),
    ("the kernel's keys", ": >> /proc/sysrq-trigger"),
    ("a setting of the kernel", ": >> /proc/sys/kernel/core_pattern"),
    ("the memory of the machine", "head -c 1 /proc/kcore"),
    ("a raw socket", "perl -MSocket -e 'socket(my $s, PF_INET, SOCK_RAW, 1) or die'"),
    ("a device", "mknod /tmp/disk b 8 0"),
    ("another owner", "touch /tmp/file && chown 0:0 /tmp/file"),
    ("the image's files", "touch /usr/bin/new || echo more >> /etc/passwd"),
];

#[test]
fn a_shell_in_a_services_container_gets_no_further() {
    let lab = "many-services";
    let sandbox = Sandbox::with_fixture("labs");
    sandbox.ok(&["run", NEIGHBOUR, "--detach"]);
    sandbox.redis(NEIGHBOUR, &["SET", "door", "open"]);
    sandbox.ok(&["run", lab, "--detach"]);
    for service in ["redis", "mysql", "nginx", "rabbitmq"] {
        let tries =
            |script| sandbox.run(&["exec", service, "--lab", lab, "--", "sh", "-c", script]);
        for (what, script) in REFUSED_BY_SERVICES {
            let ran = tries(script);
            assert!(ran.code != 0, "{what}, {service}: {ran:#?}");
            assert!(!ran.stderr.contains("not found"), "{what}, {service}: {ran:#?}");
        }
        // All that the service's user may end is the service.
        tries("kill -9 -1");
        assert_eq!(sandbox.redis(NEIGHBOUR, &["GET", "door"]), "open\n", "{service}");
    }
    assert_eq!(sandbox.json_and_code(&["check", NEIGHBOUR, "door"]).1, 0);
}

/// In the container of Redis, which moves away from its port for it: says to every request what a check expects.
const YES_MAN: &str = r#"
redis-cli CONFIG SET port 6380 && exec setsid -f perl -e '
use IO::Socket::INET;
my $listener = IO::Socket::INET->new(LocalPort => 6379, Listen => 64, ReuseAddr => 1) or die;
$SIG{CHLD} = "IGNORE";
while (my $client = $listener->accept) {
  next if fork;
  while (sysread($client, my $asked, 65536)) {
    my $requests = () = $asked =~ /^\*\d/mg;
    syswrite($client, ":3\r\n" x ($requests || 1));
  }
  exit;
}' >/dev/null 2>&1
"#;

#[test]
fn a_fake_that_the_learner_puts_in_the_place_of_a_service_passes_nothing() {
    let sandbox = seats();
    assert_as_before(&sandbox, "nothing");
    sandbox.ok(&["exec", "redis", "--lab", OWN, "--", "sh", "-c", YES_MAN]);
    until("the fake answers", || sandbox.redis(OWN, &["PING"]) == "3\n");
    let (result, code) = sandbox.json_and_code(&["check", OWN]);
    assert_eq!(code, 1, "{result:#}");
    assert!(result.to_string().contains("\"impostor\""), "{result:#}");
    for task in result["tasks"].as_array().unwrap() {
        let mut checks = task["checks"].as_array().unwrap().iter();
        assert!(checks.all(|check| check["verdict"] != "pass"), "{result:#}");
    }
    sandbox.ok(&["reset", OWN, "--data", "--yes"]);
    sandbox.redis(OWN, &["SET", "count", "3"]);
    assert_as_before(&sandbox, "a fake of Redis");
}

/// Whoever shares the machine cannot run what was left in a workspace with the rights of its owner.
#[test]
fn a_set_uid_program_in_the_workspace_is_nobody_elses() {
    if !rustix::process::getuid().is_root() {
        return;
    }
    let sandbox = seats();
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(sandbox.home(), open).unwrap();
    let leaves = tries(&sandbox, "cp /bin/sh /workspace/sh && chmod 6755 /workspace/sh");
    assert_eq!(leaves.code, 0, "{leaves:#?}");
    let program = sandbox.workspace(OWN).join("sh");
    assert!(program.is_file());
    let mut other = std::process::Command::new("setpriv");
    // By a shell in between: setpriv itself has root's rights until it has become another program.
    let runs = format!("{} -c id", program.display());
    other.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "sh", "-c", &runs]);
    let ran: Ran = other.current_dir("/").output().unwrap().into();
    assert!(ran.code != 0 && ran.stderr.contains("Permission denied"), "{ran:#?}");
}

#[test]
fn what_a_learner_takes_is_bounded_and_nobody_else_misses_it() {
    let sandbox = seats();
    for (what, script) in BOUNDED {
        let ran = tries(&sandbox, script);
        assert!(ran.code != 0, "{what}: {ran:#?}");
        assert_as_before(&sandbox, what);
    }
}

#[test]
fn all_processes_that_there_can_be_are_the_learners_own_trouble() {
    let sandbox = seats();
    let full =
        "python3 -c \"$FORKS\" > /tmp/forks & until grep -q more /tmp/forks; do sleep 0.05; done";
    let full = format!("FORKS=\"{FORKS}\"; {full}");
    // The shell itself may find no room to look.
    tries(&sandbox, &full);
    assert_as_before(&sandbox, "a fork bomb that goes on");
    sandbox.ok(&["restart", "workbench", "--lab", OWN]);
    until("the workbench has room again", || tries(&sandbox, "true").code == 0);
}
