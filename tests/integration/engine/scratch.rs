//! A tiny image made of this machine's own programs, and containers that go away with their test.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use labs::engine::{Captured, ContainerSpec, Engine, ExecSpec, Upload};
use sha2::{Digest, Sha256};
use tokio::sync::OnceCell;

const REPOSITORY: &str = "labs-test/engine";
pub const LIMIT: Duration = Duration::from_secs(30);

static IMAGE: OnceCell<String> = OnceCell::const_new();
static COUNT: AtomicU32 = AtomicU32::new(0);

/// Everything a test makes carries the label of its seat, and is removed when it is dropped.
pub struct Scratch {
    pub engine: Engine,
    pub seat: String,
    pub image: String,
}

impl Scratch {
    pub async fn new() -> Self {
        let engine = Engine::connect().unwrap();
        let image = IMAGE.get_or_init(|| make_image(&engine)).await.clone();
        let seat = format!("test-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        Self { engine, seat, image }
    }

    pub fn name(&self, part: &str) -> String {
        format!("labs-{}-{part}", self.seat)
    }

    pub fn label(&self) -> String {
        format!("labs.seat={}", self.seat)
    }

    pub fn labels(&self) -> BTreeMap<String, String> {
        BTreeMap::from([("labs.seat".to_owned(), self.seat.clone())])
    }

    pub fn spec(&self, part: &str, command: &[&str]) -> ContainerSpec {
        ContainerSpec {
            name: self.name(part),
            image: self.image.clone(),
            command: command.iter().map(|&word| word.to_owned()).collect(),
            labels: self.labels(),
            log_bytes: Some(1 << 20),
            ..ContainerSpec::default()
        }
    }

    pub async fn start(&self, spec: &ContainerSpec) -> String {
        let id = self.engine.create(spec).await.unwrap();
        self.engine.start(&id).await.unwrap();
        id
    }

    /// Starts a container that does nothing.
    pub async fn idle(&self, part: &str) -> String {
        self.start(&ContainerSpec { init: true, ..self.spec(part, &["/bin/sleep", "1000"]) }).await
    }

    pub async fn sh(&self, container: &str, script: &str) -> Captured {
        let spec = ExecSpec::new(["/bin/sh", "-c", script]);
        self.engine.exec_capture(container, &spec, b"", LIMIT).await.unwrap()
    }

    /// The output of a script that succeeds.
    pub async fn output(&self, container: &str, script: &str) -> String {
        let done = self.sh(container, script).await;
        assert_eq!(done.exit_code, Some(0), "{script}: {}", String::from_utf8_lossy(&done.stderr));
        String::from_utf8(done.stdout).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let (engine, label) = (self.engine.clone(), self.label());
        // A runtime of its own, since the test's cannot be waited for from here.
        let cleanup = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for container in engine.list(&[&label]).await.unwrap() {
                    engine.remove(&container.id, true).await.unwrap();
                }
                for network in engine.networks(&[&label]).await.unwrap() {
                    engine.network_remove(&network.id).await.unwrap();
                }
                for volume in engine.volumes(&[&label]).await.unwrap() {
                    engine.volume_remove(&volume.name).await.unwrap();
                }
            });
        });
        let done = cleanup.join();
        assert!(
            done.is_ok() || std::thread::panicking(),
            "the test's containers could not be removed"
        );
    }
}

/// Its tag is a digest of its content: it is made once on a machine, and again when these programs change.
async fn make_image(engine: &Engine) -> String {
    let tar = tokio::task::spawn_blocking(root_filesystem).await.unwrap();
    let digest = Sha256::digest(&tar);
    let tag = format!(
        "{REPOSITORY}:{:02x}{:02x}{:02x}{:02x}",
        digest[0], digest[1], digest[2], digest[3]
    );
    if !engine.image_exists(&tag).await.unwrap() {
        engine
            .image_import(Upload::bytes(tar), &tag, &["LABEL labs.test=1"], |_| {})
            .await
            .unwrap();
    }
    tag
}

/// A shell, some tools and perl, with the libraries they load: what any Linux machine has.
fn root_filesystem() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut files = BTreeSet::new();
    for program in ["sh", "bash", "cat", "sleep", "tr", "id", "stty", "setsid", "head", "perl"] {
        let path = output("sh", &["-c", &format!("command -v {program}")]);
        let path = Path::new(path.trim());
        tar.append_path_with_name(path, format!("bin/{program}")).unwrap();
        let libraries = output("ldd", &[path.to_str().unwrap()]);
        files.extend(
            libraries.split_whitespace().filter(|word| word.starts_with('/')).map(PathBuf::from),
        );
    }
    // Perl itself says which modules it has loaded.
    let modules = r#"print "$_\n" for values %INC;
        open F, "/proc/self/maps"; while (<F>) { print "$1\n" if m{(/\S*/auto/\S+\.so)$} }"#;
    files.extend(
        output("perl", &["-MIO::Select", "-MIO::Socket::INET", "-e", modules])
            .lines()
            .map(PathBuf::from),
    );
    for file in files {
        tar.append_path_with_name(&file, file.strip_prefix("/").unwrap()).unwrap();
    }
    let passwd = "root:x:0:0::/:/bin/sh\nlearner:x:1000:1000::/tmp:/bin/sh\n";
    let mut header = tar::Header::new_gnu();
    header.set_size(passwd.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "etc/passwd", passwd.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

fn output(program: &str, arguments: &[&str]) -> String {
    let done = Command::new(program).args(arguments).output().unwrap();
    assert!(
        done.status.success(),
        "{program} {arguments:?}: {}",
        String::from_utf8_lossy(&done.stderr)
    );
    String::from_utf8(done.stdout).unwrap()
}
