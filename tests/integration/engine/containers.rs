use std::collections::BTreeMap;
use std::time::Duration;

use labs::engine::{
    ContainerSpec, DeathCause, ExecSpec, Link, Mount, NetworkChoice, Source, Status,
};

use super::scratch::{LIMIT, Scratch};

#[tokio::test]
async fn a_container_goes_through_its_whole_life() {
    let scratch = Scratch::new().await;
    let engine = &scratch.engine;
    let trap = "trap 'exit 7' TERM; while :; do sleep 0.01; done";
    let id = engine.create(&scratch.spec("life", &["/bin/sh", "-c", trap])).await.unwrap();
    let state = engine.inspect(&id).await.unwrap().unwrap();
    assert_eq!((state.status, state.running, state.started_at), (Status::Created, false, None));
    assert_eq!(state.name, scratch.name("life"));
    assert_eq!(state.labels["labs.seat"], scratch.seat);

    engine.start(&id).await.unwrap();
    engine.start(&id).await.unwrap();
    let running = engine.inspect(&scratch.name("life")).await.unwrap().unwrap();
    assert_eq!(
        (running.id.as_str(), running.status, running.running),
        (id.as_str(), Status::Running, true)
    );
    assert!(running.pid.is_some() && running.started_at.is_some());

    engine.pause(&id).await.unwrap();
    assert!(engine.inspect(&id).await.unwrap().unwrap().paused);
    engine.unpause(&id).await.unwrap();
    engine.restart(&id, Duration::from_secs(5)).await.unwrap();
    assert!(engine.inspect(&id).await.unwrap().unwrap().started_at > running.started_at);
    assert_eq!(engine.wait(&id, Duration::from_millis(50)).await.unwrap(), None);

    engine.stop(&id, Duration::from_secs(5)).await.unwrap();
    engine.stop(&id, Duration::from_secs(5)).await.unwrap();
    assert_eq!(engine.wait(&id, LIMIT).await.unwrap(), Some(7));
    let stopped = engine.inspect(&id).await.unwrap().unwrap();
    assert_eq!((stopped.status, stopped.exit_code, stopped.pid), (Status::Exited, 7, None));

    assert!(engine.remove(&id, true).await.unwrap());
    assert!(!engine.remove(&id, true).await.unwrap());
    assert_eq!(engine.inspect(&id).await.unwrap(), None);
    assert!(engine.list(&[&scratch.label()]).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_container_that_is_busy_making_processes_is_paused_all_the_same() {
    let scratch = Scratch::new().await;
    let busy = "(while :; do :; done) & (while :; do :; done) & while :; do /bin/true; done";
    // Not all of the machine: the engine has its work too.
    let spec = ContainerSpec {
        nano_cpus: Some(1_000_000_000),
        ..scratch.spec("busy", &["/bin/sh", "-c", busy])
    };
    let id = scratch.start(&spec).await;
    // The runtime fails at about one attempt in thirty.
    for _ in 0..40 {
        scratch.engine.pause(&id).await.unwrap();
        scratch.engine.unpause(&id).await.unwrap();
    }
}

#[tokio::test]
async fn a_container_has_few_rights_and_keeps_to_its_limits() {
    let scratch = Scratch::new().await;
    let spec = ContainerSpec {
        read_only: true,
        tmpfs: BTreeMap::from([("/tmp".into(), "size=1m,mode=1777".into())]),
        memory: Some(32 << 20),
        pids: Some(20),
        hostname: Some("bench".into()),
        working_dir: Some("/tmp".into()),
        user: Some("1000:1000".into()),
        extra_hosts: vec![("redis".into(), "127.0.0.2".into())],
        env: BTreeMap::from([("GREETING".into(), "good day".into())]),
        ..scratch.spec("tight", &["/bin/sleep", "1000"])
    };
    let id = scratch.start(&spec).await;
    let status = scratch.output(&id, "cat /proc/self/status").await;
    for line in ["CapEff:\t0000000000000000", "CapBnd:\t0000000000000000", "NoNewPrivs:\t1"] {
        assert!(status.contains(line), "{line} is not in {status}");
    }
    let seen = scratch
        .output(&id, "echo $GREETING; cat /etc/hostname; echo $PWD; id -u; cat /etc/hosts")
        .await;
    assert!(seen.starts_with("good day\nbench\n/tmp\n1000\n"), "{seen}");
    assert!(seen.contains("127.0.0.2\tredis"));
    assert_ne!(scratch.sh(&id, "echo x >/file").await.exit_code, Some(0));
    assert_ne!(scratch.sh(&id, "head -c 2000000 /dev/zero >/tmp/file").await.exit_code, Some(0));
    let interfaces = scratch.output(&id, "cat /proc/net/dev").await;
    assert!(interfaces.contains("lo:") && !interfaces.contains("eth"), "{interfaces}");
    let forks = scratch
        .sh(&id, "for n in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 1 & done")
        .await;
    assert!(String::from_utf8_lossy(&forks.stderr).contains("fork"), "{forks:?}");
}

#[tokio::test]
async fn a_container_over_its_memory_says_so() {
    let scratch = Scratch::new().await;
    let hungry = ["/bin/perl", "-e", "my $x = 'x' x 200_000_000; sleep 1000"];
    let since = jiff::Timestamp::now();
    let id = scratch
        .start(&ContainerSpec { memory: Some(32 << 20), ..scratch.spec("hungry", &hungry) })
        .await;
    assert_eq!(scratch.engine.wait(&id, LIMIT).await.unwrap(), Some(137));
    assert!(scratch.engine.inspect(&id).await.unwrap().unwrap().oom_killed);
    let mut deaths = scratch.engine.deaths(&[&scratch.label()], since, None);
    let mut causes = Vec::new();
    while !causes.contains(&DeathCause::Exited(Some(137))) {
        causes.push(deaths.next().await.unwrap().unwrap().cause);
    }
    assert!(!causes.iter().any(|cause| matches!(cause, DeathCause::Signalled(_))), "{causes:?}");
}

#[tokio::test]
async fn a_kill_from_outside_is_seen_as_one() {
    let scratch = Scratch::new().await;
    let since = jiff::Timestamp::now();
    let id = scratch.idle("victim").await;
    scratch.engine.kill(&id, "SIGKILL").await.unwrap();
    assert_eq!(scratch.engine.wait(&id, LIMIT).await.unwrap(), Some(137));
    let until = Some(jiff::Timestamp::now());
    let mut deaths = scratch.engine.deaths(&[&scratch.label()], since, until);
    let (first, second) =
        (deaths.next().await.unwrap().unwrap(), deaths.next().await.unwrap().unwrap());
    assert!(deaths.next().await.is_none());
    assert_eq!(
        (first.cause, first.container.as_str()),
        (DeathCause::Signalled("9".into()), id.as_str())
    );
    assert_eq!(
        (second.cause, second.name),
        (DeathCause::Exited(Some(137)), scratch.name("victim"))
    );
    let stopped =
        scratch.engine.exec_start(&id, &ExecSpec::new(["/bin/cat"]), false).await.err().unwrap();
    assert!(stopped.help.unwrap().contains("it has stopped"));
    let error = scratch.engine.kill(&id, "SIGKILL").await.unwrap_err();
    assert!(error.why.unwrap().contains("not running"));
}

#[tokio::test]
async fn a_volume_outlives_its_containers() {
    let scratch = Scratch::new().await;
    let (engine, volume) = (&scratch.engine, scratch.name("data"));
    engine.volume_create(&volume, &scratch.labels()).await.unwrap();
    let on_volume = |part: &str, read_only, script: &str| ContainerSpec {
        mounts: vec![Mount {
            source: Source::Volume(volume.clone()),
            target: "/data".into(),
            read_only,
        }],
        ..scratch.spec(part, &["/bin/sh", "-c", script])
    };
    let writer = scratch.start(&on_volume("writer", false, "echo kept >/data/file")).await;
    assert_eq!(engine.wait(&writer, LIMIT).await.unwrap(), Some(0));
    let reader =
        scratch.start(&on_volume("reader", true, "cat /data/file; echo x >/data/file")).await;
    assert_eq!(engine.wait(&reader, LIMIT).await.unwrap(), Some(2));
    assert!(engine.log_tail(&reader, 10).await.unwrap().contains("kept\n"));

    let listed = engine.volumes(&[&scratch.label()]).await.unwrap();
    assert_eq!(
        listed.iter().map(|volume| volume.name.as_str()).collect::<Vec<_>>(),
        [volume.as_str()]
    );
    assert!(engine.volume_remove(&volume).await.unwrap_err().why.unwrap().contains("in use"));
    engine.remove(&writer, true).await.unwrap();
    engine.remove(&reader, true).await.unwrap();
    assert!(engine.volume_remove(&volume).await.unwrap());
    assert!(!engine.volume_remove(&volume).await.unwrap());
}

#[tokio::test]
async fn what_cannot_be_made_is_explained_and_leaves_nothing() {
    let scratch = Scratch::new().await;
    let engine = &scratch.engine;
    let missing_image =
        ContainerSpec { image: "labs-test/nowhere:1".into(), ..scratch.spec("a", &[]) };
    let error = engine.create(&missing_image).await.unwrap_err();
    assert!(error.what.contains("labs-test/nowhere:1"), "{error}");
    assert!(error.help.unwrap().contains("labs images build"));

    let missing_folder = ContainerSpec {
        mounts: vec![Mount {
            source: Source::Bind("/no/such/folder".into()),
            target: "/w".into(),
            read_only: true,
        }],
        ..scratch.spec("b", &["/bin/sh"])
    };
    assert!(
        engine.create(&missing_folder).await.unwrap_err().help.unwrap().contains("does not see")
    );

    // Its own names are refused on the engine's first bridge: the second network fails, after the container is made.
    let aliased = Link { network: "bridge".into(), aliases: vec!["x".into()], ..Link::default() };
    let networks =
        NetworkChoice::Networks(vec![Link { network: "host".into(), ..Link::default() }, aliased]);
    let error = engine
        .create(&ContainerSpec { network: networks, ..scratch.spec("c", &["/bin/sh"]) })
        .await
        .unwrap_err();
    assert!(error.what.contains("to the network bridge"), "{error}");
    assert!(engine.list(&[&scratch.label()]).await.unwrap().is_empty());

    let spec = scratch.spec("twice", &["/bin/nothing"]);
    let id = engine.create(&spec).await.unwrap();
    assert!(engine.create(&spec).await.unwrap_err().why.unwrap().contains("already in use"));
    assert!(engine.start(&id).await.unwrap_err().why.unwrap().contains("/bin/nothing"));
}

#[tokio::test]
async fn many_containers_start_and_go_at_once() {
    let scratch = Scratch::new().await;
    let parts: Vec<String> = (0..10).map(|n| format!("many-{n}")).collect();
    let started = futures_util::future::join_all(parts.iter().map(|part| scratch.idle(part))).await;
    let listed = scratch.engine.list(&[&scratch.label()]).await.unwrap();
    assert_eq!(listed.iter().filter(|container| container.status == Status::Running).count(), 10);
    // Each is removed twice at the same time.
    let removals = started.iter().chain(&started).map(|id| scratch.engine.remove(id, true));
    for removal in futures_util::future::join_all(removals).await {
        removal.unwrap();
    }
    assert!(scratch.engine.list(&[&scratch.label()]).await.unwrap().is_empty());
}
