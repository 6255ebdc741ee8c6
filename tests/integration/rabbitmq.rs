//! RabbitMQ: what counts as changed, what a wipe leaves, what an outage and a death show; and that nobody's message is taken.

use std::net::SocketAddr;

use labs::catalog::service::Protocol;
use labs::probe::service::{self, Addresses, Answer, Session};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const LAB: &str = "tiny-rabbit";

/// A seat, and a session with its broker.
async fn seat() -> (Sandbox, Session) {
    let sandbox = Sandbox::with_fixture("rabbitmq");
    let (started, code) = sandbox.json_and_code(&["run", LAB, "--detach"]);
    assert_eq!(code, 0, "{started:#}");
    let reach = &started["services"][0];
    let address = |value: &Value| -> SocketAddr { value.as_str().unwrap().parse().unwrap() };
    let others = reach["ports"].as_object().unwrap().iter();
    let others = others.map(|(name, value)| (name.clone(), address(value))).collect();
    let addresses = Addresses { main: address(&reach["address"]), others };
    let session = service::connect(Some(Protocol::Amqp), "rabbitmq", addresses).await.unwrap();
    (sandbox, session)
}

/// Does what a learner does in the shell.
fn learner(sandbox: &Sandbox, words: &[&str]) {
    let line = ["exec", "workbench", "--", "rabbitmqadmin", "-H", "rabbitmq"];
    sandbox.ok(&[&line, words].concat());
}

/// Each check of a task that has not passed, with its code.
fn not_passed(sandbox: &Sandbox, task: &str) -> Value {
    let document = sandbox.json(&["check", LAB, task]);
    let mut found = json!({});
    for check in document["tasks"][0]["checks"].as_array().unwrap() {
        if check["verdict"] != "pass" {
            let code = &check["failure"]["code"];
            let id = check["id"].as_str().unwrap();
            found[id] = if code.is_null() { check.clone() } else { code.clone() };
        }
    }
    found
}

async fn asked(session: &Session, words: &[&str]) -> Value {
    match session.ask(words).await.unwrap() {
        Answer::Value(value) => value,
        Answer::Refused(why) => panic!("{words:?}: {why}"),
    }
}

#[tokio::test]
async fn the_digest_changes_with_what_is_kept_and_with_nothing_else() {
    let (sandbox, session) = seat().await;
    let mut before = session.digest().await.unwrap();
    assert_eq!(session.digest().await.unwrap(), before);
    assert!(session.is_genuine().await.unwrap());
    assert_eq!(asked(&session, &["queue", "nobody's"]).await, Value::Null);
    assert!(asked(&session, &["GET", "/policies"]).await.is_array());
    assert_eq!(session.digest().await.unwrap(), before, "the checker's own questions");
    for change in [
        ["declare", "queue", "name=hops", "durable=false"].as_slice(),
        &["publish", "routing_key=old", "payload=straw", r#"properties={"delivery_mode":2}"#],
        &["publish", "routing_key=old", "payload=dust"],
        &["get", "queue=old", "ackmode=ack_requeue_false"],
        &["declare", "policy", "name=p", "pattern=.*", r#"definition={"max-length":9}"#],
        &["declare", "user", "name=ann", "password=x", "tags="],
    ] {
        learner(&sandbox, change);
        let after = session.digest().await.unwrap();
        assert_ne!(after, before, "{change:?}");
        before = after;
    }
    let old = asked(&session, &["queue", "old"]).await;
    assert_eq!((&old["ready"], &old["persistent"]), (&json!(2), &json!(1)));
}

#[tokio::test]
async fn a_wipe_leaves_nothing_and_the_fingerprint_tells_what_it_cannot_undo() {
    let (sandbox, session) = seat().await;
    session.wipe().await.unwrap();
    let pristine = session.fingerprint().await.unwrap();
    learner(&sandbox, &["declare", "queue", "name=hops"]);
    learner(&sandbox, &["publish", "routing_key=hops", "payload=one"]);
    learner(&sandbox, &["declare", "vhost", "name=a/b"]);
    learner(&sandbox, &["declare", "user", "name=ann", "password=x", "tags="]);
    assert_ne!(session.fingerprint().await.unwrap(), pristine);
    session.wipe().await.unwrap();
    assert_eq!(asked(&session, &["GET", "/queues"]).await, json!([]));
    assert_eq!(session.fingerprint().await.unwrap(), pristine);
    learner(&sandbox, &["declare", "user", "name=guest", "password=guess", "tags=administrator"]);
    session.wipe().await.unwrap();
    assert_ne!(session.fingerprint().await.unwrap(), pristine);
}

#[tokio::test]
async fn what_is_asked_is_done_or_refused() {
    let (_sandbox, session) = seat().await;
    let refused = async |words: &[&str]| match session.ask(words).await.unwrap() {
        Answer::Refused(why) => why,
        Answer::Value(value) => panic!("{words:?}: {value}"),
    };
    assert_eq!(refused(&["publish", "", "nowhere", "x"]).await, "no queue gets it");
    assert!(refused(&["drain", "nowhere"]).await.contains("no queue 'nowhere'"));
    assert!(session.ask(&["LLEN", "old"]).await.unwrap_err().what.contains("queue NAME"));
    assert_eq!(asked(&session, &["fail", "old", "2"]).await, json!(["hay", "hay"]));
    assert_eq!(asked(&session, &["drain", "old", "1"]).await, json!(["hay"]));
    assert_eq!(asked(&session, &["drain", "old"]).await, json!([]));
}

#[tokio::test]
async fn outages_and_dead_letters_are_tried_on_a_copy() {
    let (sandbox, session) = seat().await;
    learner(&sandbox, &["declare", "queue", "name=hops", "durable=false"]);
    learner(&sandbox, &["publish", "routing_key=hops", "payload=mine"]);
    let before = session.digest().await.unwrap();
    assert_eq!(
        not_passed(&sandbox, "queue"),
        json!({"there": "value", "killed": "lost", "restarted": "kept", "failing": "value"})
    );
    assert_eq!(session.digest().await.unwrap(), before, "the learner's broker is as it was");

    learner(&sandbox, &["delete", "queue", "name=hops"]);
    learner(&sandbox, &["declare", "queue", "name=dead"]);
    let arguments = r#"arguments={"x-queue-type":"quorum","x-delivery-limit":2,
        "x-dead-letter-exchange":"","x-dead-letter-routing-key":"dead"}"#;
    learner(&sandbox, &["declare", "queue", "name=sour", arguments]);
    learner(&sandbox, &["declare", "queue", "name=hops"]);
    learner(&sandbox, &["publish", "routing_key=hops", "payload=mine"]);
    let before = session.digest().await.unwrap();
    // The learner's own message is not persistent; one that the checker left on the copy is there after its restart.
    assert_eq!(not_passed(&sandbox, "queue"), json!({"there": "value", "restarted": "kept"}));
    assert_eq!(session.digest().await.unwrap(), before, "the learner's broker is as it was");
}

#[tokio::test]
async fn what_a_killed_worker_held_comes_back_or_is_lost() {
    let (sandbox, _session) = seat().await;
    assert_eq!(not_passed(&sandbox, "worker"), json!({"killed": "lost"}));
    let program = include_str!("../fixtures/rabbitmq/tiny-rabbit/starter/worker.py");
    sandbox.write(LAB, "worker.py", program.replace("AUTO_ACK = True", "AUTO_ACK = False"));
    assert_eq!(not_passed(&sandbox, "worker"), json!({}));
}
