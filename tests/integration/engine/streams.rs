use std::future::pending;
use std::time::Duration;

use labs::engine::{ContainerSpec, ExecEnd, ExecSpec, LogOrigin, LogRequest, Stdin, Streams};
use tokio::io::{AsyncReadExt, AsyncWriteExt, empty};

use super::scratch::{LIMIT, Scratch};

fn sh(script: &str) -> ExecSpec {
    ExecSpec::new(["/bin/sh", "-c", script])
}

/// Every byte value, in no order that a frame could hide.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let next = move || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    std::iter::repeat_with(next).take(length).collect()
}

#[tokio::test]
async fn an_attached_container_is_a_clean_duplex_stream() {
    let scratch = Scratch::new().await;
    let spec = ContainerSpec {
        stdin: Stdin::Once,
        log_bytes: None,
        ..scratch.spec("duplex", &["/bin/sh", "-c", "echo ready >&2; cat; exit 5"])
    };
    let id = scratch.engine.create(&spec).await.unwrap();
    let mut attached = scratch.engine.attach(&id).await.unwrap();
    scratch.engine.start(&id).await.unwrap();
    let mut ready = [0; 6];
    attached.stderr.read_exact(&mut ready).await.unwrap();
    assert_eq!(&ready, b"ready\n");

    let sent = noise(3_000_000);
    let copy = sent.clone();
    let mut stdin = attached.stdin;
    let writing = tokio::spawn(async move {
        stdin.write_all(&copy).await.unwrap();
        stdin.shutdown().await.unwrap();
        stdin
    });
    let mut received = Vec::new();
    attached.stdout.read_to_end(&mut received).await.unwrap();
    assert!(received == sent, "{} bytes came back of {}", received.len(), sent.len());
    writing.await.unwrap();
    assert_eq!(scratch.engine.wait(&id, LIMIT).await.unwrap(), Some(5));
}

#[tokio::test]
async fn dropping_stdin_is_end_of_file_inside() {
    let scratch = Scratch::new().await;
    let spec = ContainerSpec { stdin: Stdin::Once, ..scratch.spec("eof", &["/bin/cat"]) };
    let id = scratch.engine.create(&spec).await.unwrap();
    let attached = scratch.engine.attach(&id).await.unwrap();
    scratch.engine.start(&id).await.unwrap();
    drop(attached.stdin);
    assert_eq!(scratch.engine.wait(&id, LIMIT).await.unwrap(), Some(0));
}

#[tokio::test]
async fn a_command_gets_its_input_and_gives_its_outputs_and_code() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let spec = ExecSpec {
        env: [("WORD".to_owned(), "two words".to_owned())].into(),
        user: Some("learner".into()),
        working_dir: Some("/etc".into()),
        ..sh("id -u; echo $WORD; echo $PWD >&2; cat; exit 42")
    };
    let input = noise(1_000_000);
    let done = scratch.engine.exec_capture(&id, &spec, &input, LIMIT).await.unwrap();
    assert_eq!(done.exit_code, Some(42));
    assert_eq!(done.stderr, b"/etc\n");
    assert!(done.stdout == [b"1000\ntwo words\n".as_slice(), &input].concat());

    let missing = scratch
        .engine
        .exec_capture(&id, &ExecSpec::new(["/bin/nothing"]), b"", LIMIT)
        .await
        .unwrap();
    assert!([Some(126), Some(127)].contains(&missing.exit_code), "{missing:?}");
    let error = scratch
        .engine
        .exec_capture("no-such-container", &sh("true"), b"", LIMIT)
        .await
        .unwrap_err();
    assert!(error.what.contains("/bin/sh in the container no-such-container"), "{error}");
}

/// A command, and a child of it that left its process group.
const STUBBORN: &str = "trap '' TERM HUP; setsid sleep 998 & sleep 999 & echo started; wait; wait";

async fn sleepers(scratch: &Scratch, container: &str) -> String {
    scratch
        .output(
            container,
            "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done 2>/dev/null",
        )
        .await
}

#[tokio::test]
async fn a_cancelled_command_leaves_no_process() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let (reader, mut started) = tokio::io::duplex(64);
    let cancel = async {
        let mut word = [0; 8];
        started.read_exact(&mut word).await.unwrap();
    };
    let streams = Streams { stdin: Some(empty()), stdout: reader, stderr: tokio::io::sink() };
    let end = scratch.engine.exec(&id, &sh(STUBBORN), streams, cancel).await.unwrap();
    assert_eq!(end, ExecEnd::Cancelled);
    let left = sleepers(&scratch, &id).await;
    assert!(!left.contains("sleep 99"), "{left}");
    assert!(left.contains("sleep 1000"), "only its own processes are killed: {left}");
}

#[tokio::test]
async fn a_command_cancelled_before_it_began_leaves_no_process() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let streams =
        Streams { stdin: Some(empty()), stdout: tokio::io::sink(), stderr: tokio::io::sink() };
    let end = scratch.engine.exec(&id, &sh(STUBBORN), streams, async {}).await.unwrap();
    assert_eq!(end, ExecEnd::Cancelled);
    assert!(!sleepers(&scratch, &id).await.contains("sleep 99"));
}

#[tokio::test]
async fn a_command_over_its_time_is_killed() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let done = scratch
        .engine
        .exec_capture(&id, &sh(STUBBORN), b"", Duration::from_millis(500))
        .await
        .unwrap();
    assert_eq!((done.exit_code, done.stdout.as_slice()), (None, &b"started\n"[..]));
    assert!(!sleepers(&scratch, &id).await.contains("sleep 99"));
}

#[tokio::test]
async fn a_command_whose_reader_leaves_is_killed() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let (stdout, mut reader) = tokio::io::duplex(64);
    let read_a_little = tokio::spawn(async move {
        let mut word = [0; 2];
        reader.read_exact(&mut word).await.unwrap();
        word
    });
    let streams = Streams { stdin: None::<tokio::io::Empty>, stdout, stderr: tokio::io::sink() };
    let endless = sh("while :; do echo y; done");
    let end = scratch.engine.exec(&id, &endless, streams, pending()).await.unwrap();
    assert_eq!(end, ExecEnd::OutputClosed);
    assert_eq!(&read_a_little.await.unwrap(), b"y\n");
    assert!(!sleepers(&scratch, &id).await.contains("while"));
}

#[tokio::test]
async fn logs_come_in_lines_with_their_origin() {
    let scratch = Scratch::new().await;
    let id = scratch
        .start(&scratch.spec("talker", &["/bin/sh", "-c", "echo one; echo two >&2; echo three"]))
        .await;
    let mut logs = scratch.engine.logs(&id, &LogRequest { follow: true, ..LogRequest::default() });
    let mut lines = Vec::new();
    while let Some(line) = logs.next().await {
        let line = line.unwrap();
        lines.push((line.origin, String::from_utf8(line.bytes.to_vec()).unwrap()));
    }
    lines.sort_by(|a, b| a.1.cmp(&b.1));
    let expected = [
        (LogOrigin::Stdout, "one\n"),
        (LogOrigin::Stdout, "three\n"),
        (LogOrigin::Stderr, "two\n"),
    ];
    assert_eq!(lines, expected.map(|(origin, text)| (origin, text.to_owned())));

    assert_eq!(scratch.engine.log_tail(&id, 1).await.unwrap().lines().count(), 1);
    let later = jiff::Timestamp::now() + Duration::from_secs(3600);
    let mut none =
        scratch.engine.logs(&id, &LogRequest { since: Some(later), ..LogRequest::default() });
    assert!(none.next().await.is_none());
    // Within the second that the engine counts by.
    let restarted = jiff::Timestamp::now();
    scratch.engine.start(&id).await.unwrap();
    scratch.engine.wait(&id, LIMIT).await.unwrap();
    let since = LogRequest { since: Some(restarted), ..LogRequest::default() };
    let mut logs = scratch.engine.logs(&id, &since);
    let mut again = Vec::new();
    while let Some(line) = logs.next().await {
        again.push(String::from_utf8(line.unwrap().bytes.to_vec()).unwrap());
    }
    again.sort();
    assert_eq!(again, ["one\n", "three\n", "two\n"]);
    let mut missing = scratch.engine.logs("no-such-container", &LogRequest::default());
    assert!(missing.next().await.unwrap().unwrap_err().what.contains("no-such-container"));
}
