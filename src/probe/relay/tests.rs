//! A program in a runner, the relay, and a real Redis in a container.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Command as Program, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::*;
use crate::catalog::Catalog;
use crate::engine::Engine;
use crate::event::Events;
use crate::image::Images;
use crate::probe::runner::tests::Stand;
use crate::probe::runner::{Outcome, Process};

const SECOND: Duration = Duration::from_secs(1);

/// A client of sockets alone, so that nothing but the test's own commands is sent.
const CLIENT: &str = r#"
import socket, threading
connections = {}
class Connection:
    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.file = self.socket.makefile("rb")
    def send(self, args):
        parts = [str(arg).encode() for arg in args]
        self.socket.sendall(b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(p), p) for p in parts))
    def read(self):
        line = self.file.readline()
        if not line: raise ConnectionError("closed")
        kind, rest = line[:1], line[1:-2].decode()
        if kind in b"+-:_": return rest
        if kind == b"$":
            if rest == "-1": return None
            return self.file.read(int(rest) + 2)[:-2].decode()
        if rest == "-1": return None
        return [self.read() for _ in range(int(rest) * (2 if kind == b"%" else 1))]
def open_(port, name): connections[name] = Connection(port)
def do(name, commands):
    replies = []
    for command in commands:
        connections[name].send(command)
        replies.append(connections[name].read())
    return replies
def pipeline(name, commands):
    for command in commands: connections[name].send(command)
    return [connections[name].read() for _ in commands]
def send(name, command): connections[name].send(command)
def read(name, count): return [connections[name].read() for _ in range(count)]
def raw(name, text):
    connections[name].socket.sendall(text.encode())
    return connections[name].file.readline().decode()
def big(name, size):
    done = threading.Thread(target=lambda: connections[name].send(["SET", "big", "x" * size]))
    done.start()
    first = connections[name].read()
    connections[name].send(["GET", "big"])
    return [first, len(connections[name].read())]
"#;

/// The address of a Redis that lives as long as the tests' process: its
/// container ends when its standard input does.
fn redis() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| {
        let image = image();
        let name = format!("labs-test-relay-{}", std::process::id());
        let script =
            "redis-server --bind 0.0.0.0 --protected-mode no --save '' & cat; kill $!; wait";
        let mut child = Program::new("docker")
            .args(["run", "--rm", "-i", "--name", &name, "--label", "labs.seat=test"])
            .args(["-p", "127.0.0.1::6379", "--tmpfs", "/data", "-w", "/data", &image])
            .args(["sh", "-c", script])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        // Open until the process ends.
        std::mem::forget(child.stdin.take());
        let began = std::time::Instant::now();
        loop {
            assert!(began.elapsed() < 30 * SECOND, "no Redis from image {image}");
            assert!(child.try_wait().unwrap().is_none(), "image {image} does not run");
            let port = Program::new("docker").args(["port", &name, "6379"]).output().unwrap();
            if let Ok(address) = String::from_utf8_lossy(&port.stdout).trim().parse()
                && answers(address)
            {
                return address;
            }
        }
    })
}

/// The tag of the image of the labs' Redis, which is built if it is missing.
fn image() -> String {
    let images = Images::new(Catalog::new(None));
    let redis = images.definition("redis").unwrap();
    let built = async {
        let engine = Engine::connect().unwrap();
        images.ensure(&engine, std::slice::from_ref(&redis), &Events::nowhere()).await.unwrap();
    };
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(built);
    redis.tag
}

fn answers(address: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let mut reply = [0; 7];
    stream.write_all(b"PING\r\n").is_ok()
        && stream.read_exact(&mut reply).is_ok()
        && &reply == b"+PONG\r\n"
}

struct Bench {
    stand: Stand,
    relay: Arc<Relay>,
    port: u16,
    process: Process,
}

impl Bench {
    async fn start() -> Self {
        Self::to(tokio::task::spawn_blocking(redis).await.unwrap()).await
    }

    async fn to(target: SocketAddr) -> Self {
        let stand = Stand::start().await;
        let relay = Relay::new(stand.runner.clock(), target, Arc::new(resp::Resp));
        let port =
            stand.runner.route("redis", Ipv4Addr::LOCALHOST, 0, relay.clone()).await.unwrap();
        let process = stand.program(CLIENT).await;
        Self { stand, relay, port, process }
    }

    async fn open(&self, name: &str) {
        self.call("open_", vec![json!(self.port), json!(name)]).await;
    }

    async fn call(&self, function: &str, args: Vec<Value>) -> Value {
        match self.process.call(function, args, 10 * SECOND).await.unwrap().outcome {
            Outcome::Returned(value) => value,
            other => panic!("{other:?}"),
        }
    }

    async fn act(&self, name: &str, commands: Value) -> Value {
        self.call("do", vec![json!(name), commands]).await
    }

    fn names(&self) -> Vec<String> {
        self.relay.records().into_iter().map(|record| record.command).collect()
    }
}

/// Keys of their own for each test, as they share one server.
fn key(name: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{name}:{}", NEXT.fetch_add(1, Ordering::SeqCst))
}

#[tokio::test]
async fn commands_are_recorded_with_times_process_and_reply() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let list = key("list");
    let commands = json!([
        ["ping"],
        ["rpush", list, "one", "two"],
        ["lrange", list, 0, -1],
        ["lpop", "absent"],
        ["incr", list],
        ["client", "setname", "me"]
    ]);
    let args = vec![json!("a"), commands];
    let call = bench.process.call("do", args, SECOND).await.unwrap();
    let records = bench.relay.records();
    assert_eq!(bench.names(), ["PING", "RPUSH", "LRANGE", "LPOP", "INCR", "CLIENT"]);
    for record in &records {
        let end_us = record.end_us.unwrap();
        assert!(call.start_us <= record.start_us && record.start_us <= end_us);
        assert!(end_us <= call.end_us.unwrap());
        assert_eq!(record.process.as_deref(), Some(bench.process.name()));
        assert_eq!(record.fate, Fate::Answered);
    }
    assert!(records[0].handshake && !records[1].handshake && records[5].handshake);
    let texts: Vec<_> = records[1].args.iter().map(Argument::text).collect();
    assert_eq!(texts, [list.as_str(), "one", "two"]);
    let replies: Vec<_> = records.iter().map(|record| record.reply.clone().unwrap()).collect();
    assert_eq!(replies[1].text.as_deref(), Some("2"));
    assert_eq!((replies[2].kind, replies[2].elements), (ReplyKind::List, Some(2)));
    assert_eq!(replies[3].kind, ReplyKind::Null);
    assert!(replies[4].error().unwrap().starts_with("WRONGTYPE"));
    let mark = bench.relay.mark();
    bench.act("a", json!([["get", "x"]])).await;
    assert_eq!(bench.relay.records_since(mark).len(), 1);
}

#[tokio::test]
async fn a_pipeline_is_paired_in_order() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let counter = key("n");
    let commands: Vec<_> = (0..500).map(|_| ["INCR", counter.as_str()]).collect();
    bench.call("pipeline", vec![json!("a"), json!(commands)]).await;
    for (n, record) in bench.relay.records().iter().enumerate() {
        let reply = record.reply.as_ref().unwrap();
        assert_eq!(reply.text.as_deref(), Some((n + 1).to_string().as_str()));
    }
}

#[tokio::test]
async fn a_blocking_pop_is_in_flight_but_does_not_hinder_settling() {
    let bench = Bench::start().await;
    let list = key("jobs");
    bench.open("worker").await;
    bench.open("client").await;
    bench.call("send", vec![json!("worker"), json!(["BLPOP", list, 0])]).await;
    bench.relay.settled(SECOND).await.unwrap();
    let waiting = bench.relay.in_flight();
    assert_eq!(waiting.len(), 1);
    assert!(waiting[0].blocks && waiting[0].fate == Fate::Waiting);
    bench.act("client", json!([["RPUSH", list, "job"]])).await;
    assert_eq!(bench.call("read", vec![json!("worker"), json!(1)]).await, json!([[list, "job"]]));
    bench.relay.settled(SECOND).await.unwrap();
    let records = bench.relay.records();
    assert!(bench.relay.in_flight().is_empty());
    assert!(records[0].end_us.unwrap() >= records[1].start_us);
}

#[tokio::test]
async fn messages_of_a_subscription_answer_nothing() {
    for hello in [false, true] {
        let bench = Bench::start().await;
        bench.open("s").await;
        bench.open("p").await;
        let (one, two) = (key("c"), key("c"));
        if hello {
            bench.act("s", json!([["HELLO", 3]])).await;
        }
        let mark = bench.relay.mark();
        bench.call("send", vec![json!("s"), json!(["SUBSCRIBE", one, two])]).await;
        bench.call("read", vec![json!("s"), json!(2)]).await;
        bench.act("p", json!([["PUBLISH", one, "m1"], ["PUBLISH", two, "m2"]])).await;
        bench.call("read", vec![json!("s"), json!(2)]).await;
        bench.act("s", json!([["PING"]])).await;
        bench.call("send", vec![json!("s"), json!(["UNSUBSCRIBE"])]).await;
        bench.call("read", vec![json!("s"), json!(2)]).await;
        bench.act("s", json!([["ECHO", "done"]])).await;
        bench.relay.settled(SECOND).await.unwrap();
        let records = bench.relay.records_since(mark);
        assert!(records.iter().all(|record| record.fate == Fate::Answered), "{records:#?}");
        let last = records.last().unwrap();
        assert_eq!(last.reply.as_ref().unwrap().text.as_deref(), Some("done"));
        assert_eq!(bench.relay.connections()[0].pushes, 2);
    }
}

/// Decides by a function.
struct Gate<F>(F);

impl<F: Fn(&Moment<'_>) -> Verdict + Send + Sync> Gatekeeper for Gate<F> {
    fn before(&self, moment: &Moment<'_>) -> Verdict {
        (self.0)(moment)
    }
}

#[tokio::test]
async fn a_write_injected_before_exec_aborts_the_transaction() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let counter = key("n");
    let target = redis();
    let injected = counter.clone();
    bench.relay.set_gatekeeper(Some(Arc::new(Gate(move |moment: &Moment<'_>| {
        if moment.command.name != "EXEC" {
            return Verdict::Forward;
        }
        let key = injected.clone();
        Verdict::After(Box::pin(async move {
            let mut other = tokio::net::TcpStream::connect(target).await.unwrap();
            tokio::io::AsyncWriteExt::write_all(&mut other, format!("SET {key} 9\r\n").as_bytes())
                .await
                .unwrap();
            let mut reply = [0; 5];
            tokio::io::AsyncReadExt::read_exact(&mut other, &mut reply).await.unwrap();
            After::Forward
        }))
    }))));
    // As one pipeline: the boundary before EXEC is one all the same.
    let commands =
        json!([["WATCH", counter], ["GET", counter], ["MULTI"], ["SET", counter, 1], ["EXEC"]]);
    let replies = bench.call("pipeline", vec![json!("a"), commands]).await;
    assert_eq!(replies, json!(["OK", null, "OK", "QUEUED", null]));
    assert_eq!(bench.act("a", json!([["GET", counter]])).await, json!(["9"]));
}

#[tokio::test]
async fn a_held_command_goes_on_when_released_and_not_after_a_reset() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let (list, sent) = (key("l"), key("sent"));
    let (release, released) = oneshot::channel::<()>();
    let slot = Mutex::new(Some(released));
    bench.relay.set_gatekeeper(Some(Arc::new(Gate(move |moment: &Moment<'_>| {
        match slot.lock().unwrap().take_if(|_| moment.command.name == "LPUSH") {
            Some(released) => Verdict::After(Box::pin(async {
                let _ = released.await;
                After::Forward
            })),
            None => Verdict::Forward,
        }
    }))));
    bench.call("pipeline", vec![json!("a"), json!([["SET", sent, 1]])]).await;
    bench.call("send", vec![json!("a"), json!(["LPUSH", list, "x"])]).await;
    let waiting = bench.relay.settled(SECOND / 10).await.unwrap_err();
    assert_eq!((waiting[0].command.as_str(), waiting[0].fate), ("LPUSH", Fate::Held));
    release.send(()).unwrap();
    assert_eq!(bench.call("read", vec![json!("a"), json!(1)]).await, json!(["1"]));

    bench.relay.set_gatekeeper(Some(Arc::new(Gate(|moment: &Moment<'_>| {
        if moment.command.name == "LPUSH" {
            return Verdict::After(Box::pin(std::future::pending()));
        }
        Verdict::Forward
    }))));
    bench.call("send", vec![json!("a"), json!(["LPUSH", list, "y"])]).await;
    assert!(bench.relay.settled(SECOND / 10).await.is_err());
    bench.stand.runner.clean().await.unwrap();
    bench.relay.settled(SECOND).await.unwrap();
    assert_eq!(bench.relay.records().last().unwrap().fate, Fate::Cut);
}

#[tokio::test]
async fn the_nth_command_is_cut_and_the_service_never_sees_it() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let counter = key("n");
    bench.relay.set_gatekeeper(Some(Arc::new(Gate(|moment: &Moment<'_>| {
        if moment.nth == 3 { Verdict::Cut } else { Verdict::Forward }
    }))));
    let commands = json!([["INCR", counter], ["INCR", counter], ["INCR", counter]]);
    let call = bench.process.call("do", vec![json!("a"), commands], SECOND).await.unwrap();
    let Outcome::Raised(raised) = call.outcome else { panic!("{call:?}") };
    assert!(raised.kind.starts_with("Connection"), "{raised:?}");
    let fates: Vec<_> = bench.relay.records().iter().map(|record| record.fate).collect();
    assert_eq!(fates, [Fate::Answered, Fate::Answered, Fate::Cut]);
    bench.relay.set_gatekeeper(None);
    bench.open("b").await;
    assert_eq!(bench.act("b", json!([["GET", counter]])).await, json!(["2"]));
    let id = bench.relay.records().last().unwrap().connection;
    assert!(bench.relay.cut(id));
    let call = bench.process.call("do", vec![json!("b"), json!([["PING"]])], SECOND).await.unwrap();
    assert!(matches!(call.outcome, Outcome::Raised(_)), "{call:?}");
}

#[tokio::test]
async fn fifty_megabytes_pass_and_only_their_length_is_kept() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let size = 50_000_000;
    let reply = bench.call("big", vec![json!("a"), json!(size)]).await;
    assert_eq!(reply, json!(["OK", size]));
    let records = bench.relay.records();
    assert_eq!((records[0].count, records[0].args[1].length), (2, size));
    assert!(!records[0].args[1].whole());
    assert!(records[1].reply.as_ref().unwrap().bytes > size);
    bench.act("a", json!([["DEL", "big"]])).await;
}

#[tokio::test]
async fn what_is_not_the_protocol_ends_the_connection_and_is_noted() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let call =
        bench.process.call("raw", vec![json!("a"), json!("*zzz\r\n")], SECOND).await.unwrap();
    assert_ne!(call.end_us, None);
    let problem = bench.relay.connections()[0].problem.clone().unwrap();
    assert_eq!(problem, "a command without a valid number of arguments");
}

#[tokio::test]
async fn a_service_out_of_reach_closes_the_connection_and_says_why() {
    let unused = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let bench = Bench::to(unused).await;
    bench.open("a").await;
    let call = bench.process.call("do", vec![json!("a"), json!([["PING"]])], SECOND).await.unwrap();
    assert!(matches!(call.outcome, Outcome::Raised(_)), "{call:?}");
    let problem = bench.relay.connections()[0].problem.clone().unwrap();
    assert!(problem.starts_with("cannot reach the service"), "{problem}");
    bench.relay.retarget(tokio::task::spawn_blocking(redis).await.unwrap());
    bench.open("b").await;
    assert_eq!(bench.act("b", json!([["PING"]])).await, json!(["PONG"]));
}

#[tokio::test]
async fn what_a_killed_process_waited_for_is_lost() {
    let bench = Bench::start().await;
    bench.open("a").await;
    let list = key("never");
    bench.call("send", vec![json!("a"), json!(["BLPOP", list, 0])]).await;
    bench.relay.settled(SECOND).await.unwrap();
    bench.process.kill().await.unwrap();
    let began = Instant::now();
    while !bench.relay.in_flight().is_empty() {
        assert!(began.elapsed() < 5 * SECOND);
        tokio::task::yield_now().await;
    }
    assert_eq!(bench.relay.records()[0].fate, Fate::Lost);
    assert_eq!(bench.relay.records()[0].end_us, None);
}
