use labs::engine::{BuildProgress, BuildSpec, Engine, Upload};

use super::scratch::Scratch;

/// Removes the tags when the test ends, however it ends.
struct Tags(Engine, Vec<String>);

impl Drop for Tags {
    fn drop(&mut self) {
        let (engine, tags) = (self.0.clone(), std::mem::take(&mut self.1));
        let cleanup = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                for tag in tags {
                    engine.image_remove(&tag).await.unwrap();
                }
            });
        });
        assert!(
            cleanup.join().is_ok() || std::thread::panicking(),
            "the test's images could not be removed"
        );
    }
}

fn context(dockerfile: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(dockerfile.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "Dockerfile", dockerfile.as_bytes()).unwrap();
    tar.into_inner().unwrap()
}

fn build(scratch: &Scratch, part: &str, dockerfile: &str) -> BuildSpec {
    BuildSpec {
        tag: format!("labs-test/{}:{part}", scratch.seat),
        context: context(dockerfile),
        dockerfile: "Dockerfile".into(),
        args: [("WORD".to_owned(), "argued".to_owned())].into(),
        labels: scratch.labels(),
        network: None,
    }
}

#[tokio::test]
async fn a_build_tells_its_steps_and_makes_the_image() {
    let scratch = Scratch::new().await;
    let dockerfile = format!(
        "FROM {}\nARG WORD\nRUN echo the word is $WORD >/word; cat /word\nCMD [\"/bin/cat\", \"/word\"]\n",
        scratch.image
    );
    let spec = build(&scratch, "good", &dockerfile);
    let _tags = Tags(scratch.engine.clone(), vec![spec.tag.clone()]);
    let mut seen: Vec<BuildProgress> = Vec::new();
    let id = scratch.engine.image_build(&spec, |progress| seen.push(progress)).await.unwrap();
    assert!(id.starts_with("sha256:"), "{id}");
    let begun: Vec<_> = seen
        .iter()
        .filter(|progress| progress.line.is_none())
        .map(|progress| (progress.step, progress.of))
        .collect();
    // The labels make a step of their own.
    assert_eq!(begun, [(1, 5), (2, 5), (3, 5), (4, 5), (5, 5)]);
    assert!(seen.iter().any(
        |progress| progress.step == 3 && progress.line.as_deref() == Some("the word is argued")
    ));

    assert!(scratch.engine.image_exists(&spec.tag).await.unwrap());
    let listed = scratch.engine.images(&[&scratch.label()], Some("labs-test/*")).await.unwrap();
    assert_eq!((listed.len(), &listed[0].tags, &listed[0].id), (1, &vec![spec.tag.clone()], &id));
    assert!(listed[0].size > 1_000_000);
    let run = labs::engine::ContainerSpec { image: spec.tag.clone(), ..scratch.spec("built", &[]) };
    let container = scratch.start(&run).await;
    assert_eq!(scratch.engine.wait(&container, super::scratch::LIMIT).await.unwrap(), Some(0));
    assert_eq!(scratch.engine.log_tail(&container, 5).await.unwrap(), "the word is argued\n");
    scratch.engine.remove(&container, true).await.unwrap();
}

#[tokio::test]
async fn a_failed_build_shows_the_step_and_what_it_wrote() {
    let scratch = Scratch::new().await;
    let dockerfile =
        format!("FROM {}\nRUN echo it broke because; echo of this >&2; exit 9\n", scratch.image);
    let spec = build(&scratch, "bad", &dockerfile);
    let error = scratch.engine.image_build(&spec, |_| {}).await.unwrap_err();
    assert_eq!(error.what, format!("cannot build the image {}: step 2 of 3 failed", spec.tag));
    assert!(error.place.unwrap().starts_with("RUN echo it broke"));
    let why = error.why.unwrap();
    assert!(
        why.contains("non-zero code: 9")
            && why.contains("it broke because")
            && why.contains("of this"),
        "{why}"
    );
    assert!(!scratch.engine.image_exists(&spec.tag).await.unwrap());

    let nonsense =
        scratch.engine.image_build(&build(&scratch, "bad", "FROM\n"), |_| {}).await.unwrap_err();
    assert!(nonsense.why.unwrap().contains("FROM"));
}

#[tokio::test]
async fn images_go_to_a_file_and_come_back() {
    let scratch = Scratch::new().await;
    let engine = &scratch.engine;
    let spec = build(&scratch, "saved", &format!("FROM {}\nLABEL once=more\n", scratch.image));
    let copy = format!("labs-test/{}:copy", scratch.seat);
    let _tags = Tags(engine.clone(), vec![spec.tag.clone(), copy.clone()]);
    engine.image_build(&spec, |_| {}).await.unwrap();
    engine.image_tag(&spec.tag, &copy).await.unwrap();

    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("images.tar");
    let mut saved = 0;
    engine.image_save(&[&spec.tag, &copy], &file, |progress| saved = progress.done).await.unwrap();
    assert_eq!(std::fs::metadata(&file).unwrap().len(), saved);
    assert!(engine.image_remove(&spec.tag).await.unwrap());
    assert!(engine.image_remove(&copy).await.unwrap());
    assert!(!engine.image_remove(&copy).await.unwrap());

    let mut loaded = 0;
    let mut tags = engine
        .image_load(Upload::file(&file).await.unwrap(), |progress| loaded = progress.done)
        .await
        .unwrap();
    tags.sort();
    assert_eq!(tags, [copy.clone(), spec.tag.clone()]);
    assert_eq!(loaded, saved);
    assert!(engine.image_exists(&copy).await.unwrap());

    let nowhere = dir.path().join("missing.tar");
    assert!(engine.image_save(&["labs-test/nowhere:1"], &nowhere, |_| {}).await.is_err());
    assert_eq!(
        std::fs::read_dir(dir.path()).unwrap().count(),
        1,
        "nothing is left of a failed save"
    );
    assert!(Upload::file(&nowhere).await.is_err());
    let rubbish = engine.image_load(Upload::bytes(b"not a tar at all".to_vec()), |_| {}).await;
    assert!(rubbish.is_err() || rubbish.unwrap().is_empty());
}

#[tokio::test]
async fn a_registry_out_of_reach_is_explained() {
    let scratch = Scratch::new().await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let error = scratch.engine.image_pull(&format!("{closed}/redis:1"), |_| {}).await.unwrap_err();
    assert!(error.what.contains(&format!("pull the image {closed}/redis:1")), "{error}");
    assert!(error.help.unwrap().contains("labs images load"));
}
