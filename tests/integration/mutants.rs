//! Mutants of right solutions, made in a container of the workbench.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use labs::author::mutants::{self, Concern, Mutant, Mutants};
use labs::catalog::Catalog;
use labs::catalog::lab::Lab;
use labs::engine::{ContainerSpec, Engine, ExecSpec};
use labs::event::Events;
use labs::image::Images;

use tempfile::TempDir;

use crate::sandbox::fixture;

const LIMIT: Duration = Duration::from_secs(60);

/// A workbench without a seat; it goes with the test.
struct Workbench {
    engine: Engine,
    id: String,
}

impl Workbench {
    async fn start() -> Self {
        let engine = Engine::connect().unwrap();
        let images = Images::new(Catalog::new(None));
        let workbench = images.definition("workbench").unwrap();
        let needed = [workbench.clone()];
        images.ensure(&engine, &needed, &Events::nowhere()).await.unwrap();
        let spec = ContainerSpec {
            name: format!(
                "labs-test-mutants-{}-{:?}",
                std::process::id(),
                std::thread::current().id()
            )
            .replace(['(', ')'], ""),
            image: workbench.tag,
            read_only: true,
            ..ContainerSpec::default()
        };
        let id = engine.create(&spec).await.unwrap();
        let workbench = Self { engine, id };
        workbench.engine.start(&workbench.id).await.unwrap();
        workbench
    }

    async fn mutants(&self, catalog: &Catalog, lab: &Lab, solution: &str) -> Mutants {
        let solution = lab.solutions.iter().find(|s| s.id.value == solution).unwrap();
        mutants::of_solution(&self.engine, &self.id, catalog.lab_files(), lab, solution)
            .await
            .unwrap()
    }

    /// Gives a program this input, and returns its exit code.
    async fn exit_code(&self, command: &[&str], input: &str) -> Option<i64> {
        let spec = ExecSpec::new(command.iter().copied());
        self.engine.exec_capture(&self.id, &spec, input.as_bytes(), LIMIT).await.unwrap().exit_code
    }
}

impl Drop for Workbench {
    fn drop(&mut self) {
        let (engine, id) = (self.engine.clone(), self.id.clone());
        // A runtime of its own, since the test's cannot be waited for from here.
        let done = std::thread::spawn(move || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(engine.remove(&id, true)).unwrap();
        })
        .join();
        assert!(done.is_ok() || std::thread::panicking(), "the workbench could not be removed");
    }
}

fn of<'a>(made: &'a Mutants, name: &str) -> Vec<&'a Mutant> {
    let part = format!("/{name}/");
    made.mutants.iter().filter(|mutant| mutant.id.contains(&part)).collect()
}

/// Whether a mutant of this operator replaces the line by the other.
fn has(mutants: &[&Mutant], operator: &str, line: &str, other: &str) -> bool {
    mutants.iter().any(|mutant| {
        mutant.operator == operator
            && mutant.diff.contains(&format!("\n-{line}\n"))
            && mutant.diff.contains(&format!("\n+{other}\n"))
    })
}

#[tokio::test]
async fn right_solutions_are_mutated_by_their_syntax() {
    let (catalog, workbench) = (Catalog::new(None), Workbench::start().await);
    let lab = catalog.lab("redis-queues").unwrap();
    let made = workbench.mutants(&catalog, &lab, "lists").await;
    assert_eq!(made.left_out, 0);

    let fifo = of(&made, "fifo.py");
    assert!(
        has(&fifo, "swap-ends", "    r.rpush(QUEUE, job)", "    r.lpush(QUEUE, job)"),
        "{fifo:#?}"
    );
    assert!(has(&fifo, "drop-statement", "    r.rpush(QUEUE, job)", "    pass"), "{fifo:#?}");
    assert!(
        has(
            &fifo,
            "split-command",
            "    return r.lpop(QUEUE)",
            "    return [r.lindex(QUEUE, 0), r.ltrim(QUEUE, 1, -1)][0]"
        ),
        "{fifo:#?}"
    );
    assert!(fifo.iter().all(|mutant| mutant.tasks == ["fifo"]));
    let swap = fifo.iter().find(|mutant| mutant.operator == "swap-ends").unwrap();
    assert_eq!((swap.line, swap.description.as_str()), (13, "`rpush` becomes `lpush`"));
    assert!(swap.content.contains("in at the tail"), "what is not mutated stays as it is");

    let reliable = of(&made, "reliable.py");
    let take = r#"    return r.lmove(QUEUE, _held(worker), "LEFT", "RIGHT")"#;
    assert!(
        has(
            &reliable,
            "split-command",
            take,
            "    return [(moved := r.lpop(QUEUE)), moved is None or r.rpush(_held(worker), moved)][0]"
        ),
        "{reliable:#?}"
    );
    assert!(has(
        &reliable,
        "swap-ends",
        take,
        r#"    return r.lmove(QUEUE, _held(worker), "RIGHT", "RIGHT")"#
    ));
    assert!(has(&reliable, "drop-statement", "    r.lrem(_held(worker), 1, job)", "    pass"));

    let step = "redis-cli -h redis LMOVE ${desk} ${serving} RIGHT LEFT";
    let by_hand = of(&made, "by-hand");
    for (operator, other) in [
        ("drop-argument", "redis-cli -h redis LMOVE ${desk} ${serving} RIGHT"),
        ("swap-ends", "redis-cli -h redis LMOVE ${desk} ${serving} LEFT LEFT"),
        ("swap-arguments", "redis-cli -h redis LMOVE ${serving} ${desk} RIGHT LEFT"),
    ] {
        let same: Vec<_> =
            by_hand.iter().filter(|m| m.operator == operator && m.content == other).collect();
        assert_eq!(same.len(), 2, "{operator}: one for each of the two steps: {by_hand:#?}");
        assert!(same[0].diff.contains(&format!("\n-{step}\n+{other}\n")), "{}", same[0].diff);
        assert_ne!(same[0].concern, same[1].concern);
    }
    // Labs name mutants by their ids, which outlive a version of this program.
    let documented = by_hand.iter().find(|m| m.id == "lists/by-hand/f3739c01").unwrap();
    assert!(documented.content.ends_with("RIGHT RIGHT"), "{documented:#?}");
}

#[tokio::test]
async fn mutants_parse_differ_and_keep_their_ids() {
    let (catalog, workbench) = (Catalog::new(None), Workbench::start().await);
    let lab = catalog.lab("redis-queues").unwrap();
    let mut all = Vec::new();
    for solution in &lab.solutions {
        let made = workbench.mutants(&catalog, &lab, &solution.id.value).await;
        assert_eq!(made, workbench.mutants(&catalog, &lab, &solution.id.value).await);
        assert!(!made.mutants.is_empty(), "{}", solution.id.value);
        all.extend(made.mutants);
    }
    let ids: BTreeSet<_> = all.iter().map(|mutant| &mutant.id).collect();
    assert_eq!(ids.len(), all.len(), "no id twice");
    let (mut programs, mut scripts) = (Vec::new(), Vec::new());
    let mut seen: BTreeMap<(&str, &str), BTreeSet<&str>> = BTreeMap::new();
    for mutant in &all {
        assert!(!mutant.diff.is_empty(), "{}: equals its original", mutant.id);
        let from = mutant.id.rsplit_once('/').unwrap().0;
        match &mutant.concern {
            Concern::File(_) => {
                programs.push(&mutant.content);
                let new = seen.entry((from, "")).or_default().insert(&mutant.content);
                assert!(new, "{}: twice\n{}", mutant.id, mutant.diff);
            }
            Concern::Step(_) => scripts.push(&mutant.content),
        }
    }
    let parse = "import ast, json, sys; [ast.parse(text) for text in json.load(sys.stdin)]";
    let programs = serde_json::to_string(&programs).unwrap();
    assert_eq!(workbench.exit_code(&["python3", "-I", "-c", parse], &programs).await, Some(0));
    for script in scripts {
        assert_eq!(workbench.exit_code(&["bash", "-n"], script).await, Some(0), "{script}");
    }
}

#[tokio::test]
async fn scripts_in_programs_and_transactions_are_mutated() {
    let (catalog, workbench) = (Catalog::new(None), Workbench::start().await);
    let lab = catalog.lab("redis-queues").unwrap();
    let lua = workbench.mutants(&catalog, &lab, "lua").await;
    let fifo = of(&lua, "fifo.py");
    let pop = |command: &str| format!("local first = redis.call('{command}', KEYS[2])[1]");
    assert!(has(&fifo, "swap-ends", &pop("ZPOPMIN"), &pop("ZPOPMAX")), "{fifo:#?}");
    assert!(has(&fifo, "drop-statement", "redis.call('HDEL', KEYS[1], first)", ""), "{fifo:#?}");

    let raw = workbench.mutants(&catalog, &lab, "raw").await;
    let reliable = of(&raw, "reliable.py");
    for watched in [r#"command("WATCH", f"reliable:{worker}")"#, r#"command("MULTI")"#] {
        let line = format!("        {watched}");
        assert!(has(&reliable, "drop-watch", &line, "        pass"), "{reliable:#?}");
    }

    let streams = workbench.mutants(&catalog, &lab, "streams").await;
    let with = |value: &str| format!("    with r.pipeline(transaction={value}) as both:");
    assert!(has(&of(&streams, "fifo.py"), "flip-boolean", &with("True"), &with("False")));
    let lines = of(&streams, "by-hand");
    let dropped = lines.iter().find(|m| m.operator == "drop-line" && m.line == 2).unwrap();
    assert_eq!(dropped.content.lines().count(), 2, "{dropped:#?}");
    assert!(dropped.description.contains("BLMOVE"), "{dropped:#?}");
}

/// The lab tiny-queue, with this as its solution's program.
fn tiny_queue(program: &str) -> (TempDir, Catalog) {
    let folder = TempDir::new().unwrap();
    let from = fixture("labs/tiny-queue");
    for file in ["lab.yaml", "solutions/list/queue.py", "starter/queue.py"] {
        let to = folder.path().join("tiny-queue").join(file);
        std::fs::create_dir_all(to.parent().unwrap()).unwrap();
        std::fs::copy(from.join(file), to).unwrap();
    }
    let tasks = folder.path().join("tiny-queue/tasks");
    std::fs::create_dir(&tasks).unwrap();
    for entry in std::fs::read_dir(from.join("tasks")).unwrap() {
        let path = entry.unwrap().path();
        std::fs::copy(&path, tasks.join(path.file_name().unwrap())).unwrap();
    }
    std::fs::write(folder.path().join("tiny-queue/solutions/list/queue.py"), program).unwrap();
    let catalog = Catalog::new(Some(folder.path().to_owned()));
    (folder, catalog)
}

const QUEUE: &str = "\
import redis

r = redis.Redis(host=\"redis\", decode_responses=True)


def put(value):
    r.set(\"last\", value, ex=60, nx=True)
    r.rpush(\"q\", value)


def take():
    return r.lpop(\"q\")
";

#[tokio::test]
async fn an_edit_of_another_function_keeps_ids() {
    let workbench = Workbench::start().await;
    let mut found = Vec::new();
    let edited =
        QUEUE.replace("def put(value):", "# A note.\ndef put( value ):").replace("lpop", "rpop");
    for program in [QUEUE, &edited] {
        let (_folder, catalog) = tiny_queue(program);
        let lab = catalog.lab("tiny-queue").unwrap();
        let made = workbench.mutants(&catalog, &lab, "list").await;
        let of_put =
            of(&made, "queue.py").into_iter().filter(|m| !m.diff.contains("\n-    return "));
        found.push(of_put.map(|m| (m.id.clone(), m.description.clone())).collect::<Vec<_>>());
    }
    assert!(found[0].iter().any(|(_, description)| description == "drops `nx=True`"), "{found:#?}");
    assert!(found[0].iter().any(|(_, description)| description == "drops `ex=60`"), "{found:#?}");
    assert_eq!(found[0], found[1]);
}

#[tokio::test]
async fn what_is_not_mutated_keeps_its_layout() {
    let workbench = Workbench::start().await;
    let program = "\
import redis

r = redis.Redis()


def put(é): r.rpush(\"q\", é); return 1  # one line


def take():
    while r.lmove(\"q\", \"é\",  # two lines
                  \"LEFT\", \"RIGHT\"):
        if r.llen(\"é\") > 3: break
        r.lpop(\"é\")
";
    let (_folder, catalog) = tiny_queue(program);
    let lab = catalog.lab("tiny-queue").unwrap();
    let made = workbench.mutants(&catalog, &lab, "list").await;
    let contents: Vec<_> = of(&made, "queue.py").iter().map(|m| m.content.as_str()).collect();
    for (from, to) in [
        ("r.rpush(\"q\", é); return", "r.lpush(\"q\", é); return"),
        ("r.rpush(\"q\", é); return", "pass; return"),
        ("return 1  #", "return None  #"),
        ("\"LEFT\", \"RIGHT\"", "\"RIGHT\", \"RIGHT\""),
        ("if r.llen(\"é\") > 3: break", "if True: break"),
        ("if r.llen(\"é\") > 3: break", "if r.llen('é') >= 3: break"),
        ("        r.lpop(\"é\")\n", "        r.lpop(\"é\")\n        break\n"),
    ] {
        let wanted = program.replace(from, to);
        assert!(contents.contains(&wanted.as_str()), "{wanted}\nis not in\n{contents:#?}");
    }
}

#[tokio::test]
async fn a_long_program_has_its_most_of_all_kinds() {
    let workbench = Workbench::start().await;
    let calls: String = (0..200).map(|n| format!("    r.rpush(\"q{n}\", value)\n")).collect();
    let program = QUEUE.replace("    r.rpush(\"q\", value)\n", &calls);
    let (_folder, catalog) = tiny_queue(&program);
    let lab = catalog.lab("tiny-queue").unwrap();
    let made = workbench.mutants(&catalog, &lab, "list").await;
    let of_queue = of(&made, "queue.py");
    assert_eq!(of_queue.len(), 60);
    assert!(made.left_out > 300, "{}", made.left_out);
    for operator in ["drop-statement", "swap-ends", "drop-option", "return-none"] {
        assert!(of_queue.iter().any(|m| m.operator == operator), "{operator}");
    }
}

#[tokio::test]
async fn a_program_that_does_not_parse_is_named_with_its_place() {
    let workbench = Workbench::start().await;
    let (_folder, catalog) = tiny_queue("import redis\n\ndef put(value:\n    pass\n");
    let lab = catalog.lab("tiny-queue").unwrap();
    let files = catalog.lab_files();
    let error =
        mutants::of_solution(&workbench.engine, &workbench.id, files, &lab, &lab.solutions[0])
            .await
            .unwrap_err();
    assert_eq!(error.exit_code(), 2);
    let place = error.place.unwrap();
    assert!(place.contains("tiny-queue/solutions/list/queue.py:3:"), "{place}");
    assert!(error.why.unwrap().contains("'('"));
}
