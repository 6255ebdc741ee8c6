use labs::engine::{ExecSpec, TtySession, TtySize};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::scratch::Scratch;

const SIZE: TtySize = TtySize { rows: 31, columns: 117 };

async fn session(scratch: &Scratch, container: &str, script: &str) -> TtySession {
    scratch
        .engine
        .exec_tty(container, &ExecSpec::new(["/bin/sh", "-c", script]), SIZE)
        .await
        .unwrap()
}

/// Reads until the terminal shows `text`.
async fn until(session: &mut TtySession, text: &str) -> String {
    let mut shown = Vec::new();
    while !String::from_utf8_lossy(&shown).contains(text) {
        let count = session.output.read_buf(&mut shown).await.unwrap();
        assert!(
            count > 0,
            "the terminal ended before it showed {text}: {:?}",
            String::from_utf8_lossy(&shown)
        );
    }
    String::from_utf8(shown).unwrap()
}

#[tokio::test]
async fn a_terminal_has_a_size_that_can_change() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let mut session = session(&scratch, &id, "stty size; read go; stty size; exit 9").await;
    until(&mut session, "31 117").await;
    session.control.resize(TtySize { rows: 50, columns: 200 }).await.unwrap();
    session.input.write_all(b"\n").await.unwrap();
    until(&mut session, "50 200").await;
    let mut rest = Vec::new();
    session.output.read_to_end(&mut rest).await.unwrap();
    assert_eq!(session.control.wait().await.unwrap(), 9);
}

#[tokio::test]
async fn control_c_reaches_the_command() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let mut session = session(
        &scratch,
        &id,
        "trap 'echo caught; exit 3' INT; echo ready; while :; do sleep 0.05; done",
    )
    .await;
    until(&mut session, "ready").await;
    session.input.write_all(b"\x03").await.unwrap();
    until(&mut session, "caught").await;
    assert_eq!(session.control.wait().await.unwrap(), 3);
}

#[tokio::test]
async fn every_byte_is_shown_even_those_that_look_like_a_frame() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let mut session =
        session(&scratch, &id, "stty raw; printf '\\001\\000\\000\\000\\000\\000\\377\\377end'")
            .await;
    let mut shown = Vec::new();
    session.output.read_to_end(&mut shown).await.unwrap();
    assert_eq!(shown, b"\x01\0\0\0\0\0\xff\xffend");
    assert_eq!(session.control.wait().await.unwrap(), 0);
}

#[tokio::test]
async fn a_terminal_that_is_left_can_be_ended() {
    let scratch = Scratch::new().await;
    let id = scratch.idle("host").await;
    let mut session =
        session(&scratch, &id, "trap '' HUP; sleep 999 & echo ready; read never").await;
    until(&mut session, "ready").await;
    let TtySession { input, output, control } = session;
    drop((input, output));
    control.kill().await.unwrap();
    control.wait().await.unwrap();
    let left =
        scratch.output(&id, "for f in /proc/[0-9]*/cmdline; do tr '\\0' ' ' <$f; echo; done").await;
    assert!(!left.contains("sleep 999"), "{left}");
}
