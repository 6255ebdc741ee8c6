//! The supervisor and the harness as they are, on this machine's Python.

use std::process::Stdio;

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::sync::mpsc;
use tokio::time::Instant;

use super::*;

const SECOND: Duration = Duration::from_secs(1);

/// A supervisor as a child process, with a folder for its workspace.
pub struct Stand {
    pub runner: Runner,
    pub workspace: TempDir,
    pub child: Child,
}

impl Stand {
    pub async fn start() -> Self {
        let workspace = TempDir::new().unwrap();
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/docker/workbench/runner/runner.py");
        let mut child = Command::new("python3")
            .args(["-I", script])
            .env("LABS_WORKSPACE", workspace.path())
            .env("LABS_SCRATCH", "")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let (reader, writer) = (child.stdout.take().unwrap(), child.stdin.take().unwrap());
        let runner = Runner::start(reader, writer, Clock::start()).await.unwrap();
        Self { runner, workspace, child }
    }

    pub async fn write(&self, name: &str, text: &str) {
        self.runner.load(&[(name.to_owned(), text.as_bytes().to_vec())]).await.unwrap();
    }

    pub async fn spawn(&self, program: &str) -> Process {
        match self.runner.spawn(program).await.unwrap() {
            Spawned::Ready(process) => process,
            Spawned::Failed(failure) => panic!("{failure:?}"),
        }
    }

    async fn failure(&self, text: &str) -> LoadFailure {
        self.write("work.py", text).await;
        match self.runner.spawn("work.py").await.unwrap() {
            Spawned::Ready(_) => panic!("it loads"),
            Spawned::Failed(failure) => failure,
        }
    }

    /// A process of one file with these contents.
    pub async fn program(&self, text: &str) -> Process {
        self.write("work.py", text).await;
        self.spawn("work.py").await
    }
}

async fn outcome(process: &Process, function: &str, args: Vec<Value>) -> Outcome {
    process.call(function, args, 10 * SECOND).await.unwrap().outcome
}

async fn returned(process: &Process, function: &str, args: Vec<Value>) -> Value {
    match outcome(process, function, args).await {
        Outcome::Returned(value) => value,
        other => panic!("{function}: {other:?}"),
    }
}

#[tokio::test]
async fn a_call_returns_its_value_and_print_is_kept_apart() {
    let stand = Stand::start().await;
    let process = stand
        .program("import sys\ndef put(x, n=2):\n    print('got', x)\n    print('err', file=sys.stderr)\n    return {'x': [x] * n, b'k': b'v', 't': (1, None)}\n")
        .await;
    assert_eq!(process.functions(), ["put"]);
    let call = process.call("put", vec![json!("ä")], SECOND).await.unwrap();
    assert_eq!(call.outcome, Outcome::Returned(json!({"x": ["ä", "ä"], "k": "v", "t": [1, null]})));
    assert!(call.end_us.unwrap() >= call.start_us);
    assert_eq!(process.output(), "got ä\nerr\n");
}

#[tokio::test]
async fn files_in_folders_arrive_whole_and_nothing_is_written_outside() {
    let stand = Stand::start().await;
    let large = vec![7_u8; 1_000_000];
    let files = [
        ("lib/deep/data.bin".to_owned(), large.clone()),
        ("empty".to_owned(), Vec::new()),
        ("work.py".to_owned(), b"from lib.helper import f\ndef g(): return f()\n".to_vec()),
        ("lib/helper.py".to_owned(), b"def f(): return 3\n".to_vec()),
    ];
    stand.runner.load(&files).await.unwrap();
    assert_eq!(std::fs::read(stand.workspace.path().join("lib/deep/data.bin")).unwrap(), large);
    assert_eq!(std::fs::read(stand.workspace.path().join("empty")).unwrap(), b"");
    let process = stand.spawn("work.py").await;
    assert_eq!(returned(&process, "g", vec![]).await, json!(3));
    let error = stand.runner.load(&[("../x".to_owned(), vec![1])]).await.unwrap_err();
    assert!(error.to_string().contains("not a path inside the workspace"), "{error}");
    assert_eq!(returned(&process, "g", vec![]).await, json!(3));
}

#[tokio::test]
async fn calls_of_one_process_overlap() {
    let stand = Stand::start().await;
    let process = stand
        .program(
            "import threading\nbarrier = threading.Barrier(20)\ndef meet(n):\n    barrier.wait(5)\n    return n\n",
        )
        .await;
    let calls = (0..20).map(|n| {
        let process = process.clone();
        async move { returned(&process, "meet", vec![json!(n)]).await }
    });
    let values = futures_util::future::join_all(calls).await;
    assert_eq!(values, (0..20).map(|n| json!(n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_iterator_is_asked_for_no_more_items_than_are_granted() {
    let stand = Stand::start().await;
    let process = stand
        .program("asked = 0\ndef items():\n    global asked\n    for n in range(5):\n        asked += 1\n        yield n\ndef count(): return asked\n")
        .await;
    let mut stream = process.stream_held("items", vec![], 10 * SECOND).await.unwrap();
    assert!(stream.opened().await.is_some());
    assert_eq!(returned(&process, "count", vec![]).await, json!(0));
    stream.ask_for(2).await;
    assert_eq!(stream.next().await.unwrap().value, json!(0));
    assert_eq!(stream.next().await.unwrap().value, json!(1));
    assert_eq!(returned(&process, "count", vec![]).await, json!(2));
    stream.go().await;
    for n in 2..5 {
        assert_eq!(stream.next().await.unwrap().value, json!(n));
    }
    assert_eq!(stream.next().await, None);
    assert_eq!(stream.finish().unwrap().outcome, Outcome::Returned(Value::Null));
}

#[tokio::test]
async fn eight_processes_serve_at_once_and_share_nothing() {
    let stand = Stand::start().await;
    stand.write("work.py", "seen = []\ndef add(x):\n    seen.append(x)\n    return seen\n").await;
    let processes = futures_util::future::join_all((0..8).map(|_| stand.spawn("work.py"))).await;
    let calls = processes
        .iter()
        .enumerate()
        .map(|(n, process)| async move { returned(process, "add", vec![json!(n)]).await });
    let values = futures_util::future::join_all(calls).await;
    assert_eq!(values, (0..8).map(|n| json!([n])).collect::<Vec<_>>());
}

#[tokio::test]
async fn an_exception_comes_with_the_learners_frames_only() {
    let stand = Stand::start().await;
    let process = stand
        .program("import json\ndef inner(): return json.loads('{')\ndef f():\n    return inner()\n")
        .await;
    let Outcome::Raised(raised) = outcome(&process, "f", vec![]).await else { panic!() };
    assert_eq!(raised.kind, "JSONDecodeError");
    assert!(raised.traceback.contains("File \"work.py\", line 4, in f"), "{}", raised.traceback);
    assert!(!raised.traceback.contains("labs_runner"), "{}", raised.traceback);
    assert!(!raised.traceback.contains("decoder.py"), "{}", raised.traceback);
    let Outcome::Raised(raised) = outcome(&process, "f", vec![json!(1)]).await else { panic!() };
    assert!(raised.message.contains("takes 0 positional arguments"), "{}", raised.message);
}

#[tokio::test]
async fn leaving_by_sys_exit_in_a_call_is_an_exception() {
    let stand = Stand::start().await;
    let process = stand.program("import sys\ndef f(): sys.exit(3)\ndef g(): return 1\n").await;
    let Outcome::Raised(raised) = outcome(&process, "f", vec![]).await else { panic!() };
    assert_eq!((raised.kind.as_str(), raised.message.as_str()), ("SystemExit", "3"));
    assert_eq!(returned(&process, "g", vec![]).await, json!(1));
}

#[tokio::test]
async fn what_cannot_be_loaded_says_why() {
    let stand = Stand::start().await;
    let failure = stand.failure("def f(:\n    pass\n").await;
    let LoadReason::Raised(raised) = failure.reason else { panic!("{failure:?}") };
    assert_eq!(raised.kind, "SyntaxError");
    assert_eq!(raised.syntax.as_ref().unwrap().line, Some(1));
    assert!(raised.traceback.contains("File \"work.py\", line 1"), "{}", raised.traceback);
    assert!(raised.traceback.contains('^'), "{}", raised.traceback);

    let failure = stand.failure("print('so far')\nimport absent_library\n").await;
    let LoadReason::Raised(raised) = failure.reason else { panic!("{failure:?}") };
    assert_eq!(raised.kind, "ModuleNotFoundError");
    assert!(raised.traceback.contains("line 2, in <module>"), "{}", raised.traceback);
    assert_eq!(failure.output, "so far\n");

    let failure = stand.failure("import os\nos._exit(9)\n").await;
    let LoadReason::Ended(end) = failure.reason else { panic!("{failure:?}") };
    assert_eq!((end.cause, end.code), (Cause::Exited, Some(9)));

    let Spawned::Failed(failure) = stand.runner.spawn("absent.py").await.unwrap() else { panic!() };
    let LoadReason::Raised(raised) = failure.reason else { panic!() };
    assert_eq!(raised.message, "absent.py is not in the workspace");
}

#[tokio::test]
async fn a_missing_function_is_answered_with_those_there_are() {
    let stand = Stand::start().await;
    let process = stand.program("def putt(): pass\ndef _own(): pass\nvalue = 3\n").await;
    let expected = Outcome::Missing { functions: vec!["putt".to_owned()] };
    assert_eq!(outcome(&process, "put", vec![]).await, expected);
    assert_eq!(outcome(&process, "value", vec![]).await, expected);
}

#[tokio::test]
async fn a_value_without_form_in_json_is_named() {
    let stand = Stand::start().await;
    let process = stand
        .program("def s(): return {1, 2}\ndef o(): return [object()]\ndef b(): return b'\\xff'\ndef n(): return float('nan')\ndef u(): return '\\ud800'\ndef r():\n    x = []\n    x.append(x)\n    return x\n")
        .await;
    for (function, part) in [
        ("s", "a set"),
        ("o", "a object"),
        ("b", "bytes that are not valid UTF-8"),
        ("n", "JSON cannot hold"),
        ("u", "lone surrogate"),
        ("r", "JSON cannot hold"),
    ] {
        let Outcome::Unusable(why) = outcome(&process, function, vec![]).await else {
            panic!("{function}")
        };
        assert!(why.contains(part), "{function}: {why}");
    }
}

#[tokio::test]
async fn items_arrive_as_they_are_made() {
    let stand = Stand::start().await;
    let process = stand
        .program("import threading\ngo = threading.Event()\ndef f():\n    yield 1\n    go.wait()\n    yield 2\ndef on(): go.set()\ndef bad():\n    yield 1\n    raise ValueError('no')\nasync def later(): return 5\nasync def many():\n    yield 1\n    yield 2\nclass Command:\n    def __await__(self): return later().__await__()\ndef lazy(): return Command()\n")
        .await;
    let mut stream = process.stream("f", vec![], 10 * SECOND).await.unwrap();
    let first = stream.next().await.unwrap();
    assert_eq!(first.value, json!(1));
    assert_eq!(returned(&process, "on", vec![]).await, Value::Null);
    let second = stream.next().await.unwrap();
    assert!(second.at_us > first.at_us);
    assert_eq!(stream.next().await, None);
    assert!(stream.streamed());
    assert_eq!(stream.finish().unwrap().outcome, Outcome::Returned(Value::Null));

    let mut stream = process.stream("bad", vec![], SECOND).await.unwrap();
    assert_eq!(stream.next().await.unwrap().value, json!(1));
    assert_eq!(stream.next().await, None);
    let Outcome::Raised(raised) = stream.finish().unwrap().outcome else { panic!() };
    assert_eq!(raised.message, "no");

    assert_eq!(returned(&process, "later", vec![]).await, json!(5));
    assert_eq!(returned(&process, "many", vec![]).await, json!([1, 2]));
    // Some libraries give an object of their own that sends the command when it is awaited.
    assert_eq!(returned(&process, "lazy", vec![]).await, json!(5));
}

#[tokio::test]
async fn a_long_stream_keeps_every_item_in_order() {
    let stand = Stand::start().await;
    let process = stand.program("def f(n):\n    for i in range(n): yield i\n").await;
    let began = Instant::now();
    let mut stream = process.stream("f", vec![json!(200_000)], 20 * SECOND).await.unwrap();
    let mut next = 0_u64;
    while let Some(item) = stream.next().await {
        assert_eq!(item.value, json!(next));
        next += 1;
    }
    assert_eq!(next, 200_000, "{:?}", stream.finish());
    eprintln!("200,000 items: {:?}", began.elapsed());
}

#[tokio::test]
async fn an_endless_stream_ends_at_its_time() {
    let stand = Stand::start().await;
    let process = stand
        .program(
            "import time\ndef f():\n    while True:\n        yield 1\n        time.sleep(0.01)\n",
        )
        .await;
    let mut stream = process.stream("f", vec![], SECOND / 4).await.unwrap();
    let mut count = 0;
    while stream.next().await.is_some() {
        count += 1;
    }
    assert!(count > 0);
    assert_eq!(stream.finish().unwrap().outcome, Outcome::TimedOut);
    assert_eq!(process.kill().await.unwrap().cause, Cause::Killed);
}

#[tokio::test]
async fn a_gigabyte_of_prints_is_cut_off_and_the_others_go_on() {
    let stand = Stand::start().await;
    stand
        .write(
            "work.py",
            "def flood():\n    for _ in range(1000): print('x' * 1000000)\ndef f(): return 1\n",
        )
        .await;
    let (loud, quiet) = (stand.spawn("work.py").await, stand.spawn("work.py").await);
    assert_eq!(outcome(&loud, "flood", vec![]).await, Outcome::Flooded);
    assert_eq!(loud.output().len(), 64 * 1024);
    assert!(loud.end().unwrap().printed < 32 * 1024 * 1024);
    assert_eq!(returned(&quiet, "f", vec![]).await, json!(1));
}

#[tokio::test]
async fn rubbish_on_the_protocols_descriptor_ends_the_process() {
    let stand = Stand::start().await;
    stand
        .write(
            "work.py",
            "import os, time\nfd = int(os.environ['LABS_REPLIES_FD'])\ndef text():\n    os.write(fd, b'hello\\n')\n    time.sleep(60)\ndef endless():\n    while True: os.write(fd, b'x' * 65536)\ndef shut():\n    os.close(fd)\n    time.sleep(60)\ndef deaf():\n    os.close(int(os.environ['LABS_CALLS_FD']))\n    return 1\n",
        )
        .await;
    for (function, part) in [
        ("text", "not JSON: \"hello\""),
        ("endless", "a line of more than 8388608 bytes"),
        ("shut", "closed its descriptor for replies"),
    ] {
        let process = stand.spawn("work.py").await;
        let Outcome::Protocol(how) = outcome(&process, function, vec![]).await else {
            panic!("{function}")
        };
        assert!(how.contains(part), "{function}: {how}");
    }
}

#[tokio::test]
async fn a_hanging_call_times_out_and_its_process_can_be_killed() {
    let stand = Stand::start().await;
    let process = stand
        .program("import time\ndef hang():\n    while True: time.sleep(1)\ndef spin():\n    while True: pass\n")
        .await;
    let began = Instant::now();
    let call = process.call("hang", vec![], SECOND / 5).await.unwrap();
    assert_eq!((call.outcome, call.end_us), (Outcome::TimedOut, None));
    let call = process.call("spin", vec![], SECOND / 5).await.unwrap();
    assert_eq!(call.outcome, Outcome::TimedOut);
    let end = process.kill().await.unwrap();
    assert_eq!((end.cause, end.signal), (Cause::Killed, Some(9)));
    assert!(began.elapsed() < 3 * SECOND);
    let Outcome::Died { end, .. } = outcome(&process, "hang", vec![]).await else { panic!() };
    assert_eq!(end.cause, Cause::Killed);
}

/// Four waits, each in a thread of its own: two under limits, one under none, and one that is no wait for a descriptor.
const WAITING: &str = "
import select, socket, threading, time
ours, theirs = socket.socketpair()
def limited():
    other = socket.socket(fileno=theirs.detach())
    other.settimeout(30)
    other.recv(1)
waits = [limited, lambda: select.select([ours], [], [], 11), lambda: select.select([ours], [], []),
    lambda: time.sleep(7)]
def wait():
    for call in waits:
        threading.Thread(target=call, daemon=True).start()
";

#[tokio::test]
async fn the_limits_are_seen_under_which_threads_wait_for_descriptors() {
    let stand = Stand::start().await;
    let process = stand.program(WAITING).await;
    assert_eq!(process.patience().await.unwrap(), []);
    returned(&process, "wait", vec![]).await;
    let seen = async {
        loop {
            let mut seen = process.patience().await.unwrap();
            seen.sort();
            if seen.len() >= 2 {
                return seen;
            }
        }
    };
    let seen = timeout(10 * SECOND, seen).await.unwrap();
    assert_eq!(seen, [11 * SECOND, 30 * SECOND]);
}

#[tokio::test]
async fn what_a_call_had_in_memory_is_seen_after_it() {
    let stand = Stand::start().await;
    let process = stand.program("def fill(n):\n    return len(bytearray(n))").await;
    let before = process.memory().await.unwrap().unwrap();
    returned(&process, "fill", vec![json!(50_000_000)]).await;
    let after = process.memory().await.unwrap().unwrap();
    assert!(after.most - before.now >= 49_000_000, "{before:?} {after:?}");
    assert!(after.now < before.now + 25_000_000, "{before:?} {after:?}");
}

#[tokio::test]
async fn a_process_that_ends_itself_says_how_and_what_it_printed() {
    let stand = Stand::start().await;
    stand
        .write(
            "work.py",
            "import os, signal\ndef leave():\n    print('bye')\n    os._exit(4)\ndef crash(): os.kill(os.getpid(), signal.SIGSEGV)\n",
        )
        .await;
    let process = stand.spawn("work.py").await;
    let Outcome::Died { end, output } = outcome(&process, "leave", vec![]).await else { panic!() };
    assert_eq!((end.cause, end.code, output.as_str()), (Cause::Exited, Some(4), "bye\n"));
    let process = stand.spawn("work.py").await;
    let Outcome::Died { end, .. } = outcome(&process, "crash", vec![]).await else { panic!() };
    assert_eq!((end.cause, end.signal), (Cause::Signalled, Some(11)));
}

#[tokio::test]
async fn clean_leaves_no_process_and_no_file() {
    let stand = Stand::start().await;
    let text = "import os, signal, time\ndef litter(depth):\n    pid = os.fork()\n    if pid == 0:\n        os.setsid()\n        for _ in range(20):\n            if os.fork() == 0:\n                os.setsid()\n                break\n        while True: time.sleep(1)\n    path = '.'\n    os.makedirs('locked')\n    open('locked/f', 'w').close()\n    os.chmod('locked', 0)\n    for _ in range(depth):\n        os.mkdir('d' * 200)\n        os.chdir('d' * 200)\n    return pid\ndef f(): return 1\n";
    let process = stand.program(text).await;
    let pid = returned(&process, "litter", vec![json!(60)]).await;
    assert!(std::path::Path::new(&format!("/proc/{pid}")).exists());
    stand.runner.clean().await.unwrap();
    assert!(!std::path::Path::new(&format!("/proc/{pid}")).exists());
    assert_eq!(std::fs::read_dir(stand.workspace.path()).unwrap().count(), 0);
    assert_eq!(process.end().unwrap().cause, Cause::Killed);
    let process = stand.program("def f(): return 2\n").await;
    assert_eq!(returned(&process, "f", vec![]).await, json!(2));
}

#[tokio::test]
async fn a_dead_runner_is_our_error_and_nobody_waits_for_it() {
    let mut stand = Stand::start().await;
    let process = stand.program("import time\ndef f(): time.sleep(60)\n").await;
    let call = tokio::spawn({
        let process = process.clone();
        async move { process.call("f", vec![], 30 * SECOND).await }
    });
    process.call("f", vec![], SECOND / 10).await.unwrap();
    stand.child.start_kill().unwrap();
    let error = call.await.unwrap().unwrap_err();
    assert_eq!(error.exit_code(), 3);
    assert!(error.to_string().contains("the runner is gone"), "{error}");
    assert!(stand.runner.clean().await.is_err());
    assert!(process.call("f", vec![], SECOND).await.is_err());
    assert!(stand.runner.spawn("work.py").await.is_err());
}

#[tokio::test]
async fn any_language_can_serve_the_protocol() {
    let stand = Stand::start().await;
    let script = r#"printf '{"ready":["f"]}\n' >&$LABS_REPLIES_FD
        while read -r line <&$LABS_CALLS_FD; do
            printf '{"id":1,"ok":"%s"}\n' "$LABS_PROGRAM" >&$LABS_REPLIES_FD
        done"#;
    let command = ["sh", "-c", script].map(str::to_owned);
    let Spawned::Ready(process) =
        stand.runner.spawn_with("queue.sh", &command, false).await.unwrap()
    else {
        panic!("it does not start")
    };
    assert_eq!(returned(&process, "f", vec![]).await, json!("queue.sh"));
}

/// Sends back what it gets.
struct Echo(mpsc::UnboundedSender<(Option<Arc<str>>, u64)>);

impl Tunnel for Echo {
    fn open(self: Arc<Self>, connection: Connection) {
        let Connection { process, mut incoming, outgoing, .. } = connection;
        tokio::spawn(async move {
            loop {
                match incoming.next().await {
                    Arrival::Data { bytes, at_us } => {
                        let _ = self.0.send((process.clone(), at_us));
                        if outgoing.send(bytes).await.is_err() {
                            return;
                        }
                        incoming.release().await;
                    }
                    Arrival::End => return outgoing.finish().await,
                    _ => return,
                }
            }
        });
    }
}

const CLIENT: &str = "import os, socket, threading\ndef echo(port, size):\n    s = socket.create_connection(('127.0.0.1', port))\n    data = os.urandom(size)\n    threading.Thread(target=lambda: (s.sendall(data), s.shutdown(socket.SHUT_WR))).start()\n    back = bytearray()\n    while True:\n        piece = s.recv(65536)\n        if not piece: break\n        back += piece\n    return bytes(back) == data\ndef send(port):\n    s = socket.create_connection(('127.0.0.1', port))\n    s.sendall(b'x')\n    return s.fileno()\n";

#[tokio::test]
async fn fifty_megabytes_go_through_a_tunnel_and_back() {
    let stand = Stand::start().await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let port =
        stand.runner.route("echo", Ipv4Addr::LOCALHOST, 0, Arc::new(Echo(sender))).await.unwrap();
    let process = stand.program(CLIENT).await;
    let began = Instant::now();
    let size = 50 * 1024 * 1024;
    assert_eq!(returned(&process, "echo", vec![json!(port), json!(size)]).await, json!(true));
    eprintln!("50 MiB both ways: {:?}", began.elapsed());
    assert_eq!(seen.recv().await.unwrap().0.as_deref(), Some(process.name()));
}

#[tokio::test]
async fn what_was_sent_before_a_reply_is_seen_before_it() {
    let stand = Stand::start().await;
    let (sender, mut seen) = mpsc::unbounded_channel();
    let port =
        stand.runner.route("echo", Ipv4Addr::LOCALHOST, 0, Arc::new(Echo(sender))).await.unwrap();
    let process = stand.program(CLIENT).await;
    for _ in 0..50 {
        let call = process.call("send", vec![json!(port)], SECOND).await.unwrap();
        let (_, at_us) = seen.recv().await.unwrap();
        assert!(call.start_us <= at_us && at_us <= call.end_us.unwrap());
    }
}
