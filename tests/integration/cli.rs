//! What every command line promises: documents, exit codes, messages that say what to do.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::sandbox::{Ran, Sandbox, fixture};

const LAB: &str = "redis-queues";

/// Nothing listens there.
const NO_ENGINE: &str = "unix:///nonexistent.sock";

fn names(list: &Value, key: &str) -> Vec<String> {
    list.as_array().unwrap().iter().map(|e| e[key].as_str().unwrap().to_owned()).collect()
}

/// Runs with an engine of another address.
fn with_engine(sandbox: &Sandbox, host: &str, args: &[&str]) -> Ran {
    sandbox.command(args).env("DOCKER_HOST", host).output().unwrap().into()
}

fn the_one_document(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap_or_else(|e| panic!("{e}: {ran:#?}"))
}

/// A faulty lab: the exit code, and that the message names the place and says what is expected.
fn faulty(case: &str, place: &str, said: &[&str]) {
    refused(&fixture("faulty"), case, place, said);
}

fn refused(folder: &Path, lab: &str, place: &str, said: &[&str]) {
    let sandbox = Sandbox::with_labs(folder);
    let (document, code) = sandbox.json_and_code(&["info", lab]);
    assert_eq!(code, 2, "{document:#}");
    assert_eq!(document["kind"], "usage");
    let expected = format!("{}{place}", folder.join(lab).join("lab.yaml").display());
    let found = document["error"]["where"].as_str().unwrap();
    // A place that ends in a colon leaves the column open: of a key, or of what belongs to it.
    let fits = if place.ends_with(':') { found.starts_with(&expected) } else { found == expected };
    assert!(fits, "expected {expected}: {document:#}");
    for part in said {
        assert!(document.to_string().contains(part), "{part:?} is not in {document:#}");
    }
}

#[test]
fn list_names_the_labs_with_their_size() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["list"]).stdout;
    assert!(text.contains(LAB) && text.contains("░░░░░░  0/8 "), "{text}");
    let document = sandbox.json(&["list"]);
    let lab = document["labs"].as_array().unwrap().iter().find(|l| l["lab"] == LAB).unwrap();
    assert_eq!((lab["tasks"].as_u64(), lab["passed"].as_u64()), (Some(8), Some(0)));
    assert!(lab["points"].as_u64().unwrap() > 0);
}

#[test]
fn a_locale_without_unicode_gets_ascii() {
    let sandbox = Sandbox::new();
    for args in [&["list"][..], &["info", LAB], &["progress"], &["list", "--json"]] {
        let ran: Ran = sandbox.command(args).env("LC_ALL", "C").output().unwrap().into();
        assert!(ran.code == 0 && ran.stdout.is_ascii(), "{ran:#?}");
    }
}

#[test]
fn a_shell_completes_commands_labs_and_their_tasks() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["progress"]);
    let fixtures = Sandbox::with_fixture("labs");
    fixtures.ok(&["run", "tiny-keys", "--detach"]);
    let binary = Path::new(env!("CARGO_BIN_EXE_labs")).parent().unwrap();
    let completed_in = |sandbox: &Sandbox, words: &[&str]| {
        let script = r#"
            PATH="$1:$PATH"; shift
            source <(labs completions bash)
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            compopt() { :; }
            _clap_complete_labs labs "${@: -1}" "${@: -2:1}"
            printf '%s\n' "${COMPREPLY[@]}""#;
        let mut shell = Command::new("bash");
        shell.args(["-c", script, "bash"]).arg(binary).args(words);
        let labs = sandbox.command(&[]);
        for (name, value) in labs.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        let ran: Ran = shell.output().unwrap().into();
        assert_eq!(ran.code, 0, "{ran:#?}");
        ran.stdout.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>()
    };
    let completed = |words: &[&str]| completed_in(&sandbox, words);
    assert_eq!(completed(&["labs", "run", "redis-q"]), [LAB]);
    // Tasks and services of the labs that run.
    assert_eq!(completed_in(&fixtures, &["labs", "check", "she"]), ["shelf"]);
    assert_eq!(completed_in(&fixtures, &["labs", "logs", "re"]), ["redis"]);
    assert_eq!(completed(&["labs", "prog"]), ["progress"]);
    assert_eq!(completed(&["labs", "check", "nginx"]), ["nginx-reverse-proxy"]);
    for shell in ["zsh", "fish"] {
        let script = sandbox.ok(&["completions", shell]).stdout;
        assert!(script.contains("LABS_COMPLETE"), "{script}");
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let sandbox = Sandbox::new();
    sandbox.ok(&["man", "pages"]);
    let page =
        |name: &str| std::fs::read_to_string(sandbox.home().join("pages").join(name)).unwrap();
    assert!(page("labs.1").contains("labs\\-run(1)"), "{}", page("labs.1"));
    assert!(page("labs-progress-export.1").contains(".SH DESCRIPTION"));
    let refused = sandbox.run(&["man", "/proc/nowhere"]);
    assert!(refused.code == 3 && refused.stderr.contains("cannot be written"), "{refused:#?}");
}

#[test]
fn the_doctor_looks_at_everything_and_says_what_to_do() {
    let sandbox = Sandbox::new();
    let (document, code) = sandbox.json_and_code(&["doctor"]);
    assert_eq!(code, 0, "{document:#}");
    let looked_at = names(&document["findings"], "name");
    let all = [
        "record",
        "engine",
        "permission",
        "limits",
        "memory",
        "disk",
        "clock",
        "images",
        "terminal",
    ];
    let missing: Vec<&&str> =
        all.iter().filter(|name| !looked_at.contains(&(**name).to_owned())).collect();
    // An engine on another machine has its disk there.
    assert!(missing.is_empty() || missing == [&"disk"], "{document:#}");
    let without = with_engine(&sandbox, NO_ENGINE, &["doctor", "--json"]);
    let document = the_one_document(&without);
    let engine = &document["findings"][1];
    assert_eq!((without.code, &engine["state"]), (3, &"fail".into()), "{document:#}");
    assert!(engine["mend"].is_string() && engine["error"]["what"].is_string(), "{document:#}");
}

#[test]
fn list_works_without_an_engine() {
    let ran = with_engine(&Sandbox::new(), NO_ENGINE, &["list"]);
    assert_eq!(ran.code, 0, "{ran:#?}");
    assert!(ran.stdout.contains(LAB));
}

#[test]
fn list_works_where_nothing_can_be_recorded() {
    let sandbox = Sandbox::new();
    let file = sandbox.home().join("file");
    std::fs::write(&file, "").unwrap();
    let ran: Ran = sandbox.command(&["list"]).env("XDG_DATA_HOME", &file).output().unwrap().into();
    assert_eq!(ran.code, 0, "{ran:#?}");
}

#[test]
fn info_shows_tasks_services_and_questions() {
    let sandbox = Sandbox::new();
    let text = sandbox.ok(&["info", LAB]).stdout;
    for part in ["services: redis", "by-hand", "p3-028", "labs run redis-queues"] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    let document = sandbox.json(&["info", LAB]);
    assert_eq!(document["services"], serde_json::json!(["redis"]));
    assert_eq!(document["tasks"].as_array().unwrap().len(), 8);
    assert!(document["tasks"][0]["checks"][0]["claim"].as_str().unwrap().contains("tickets"));
    assert!(document["questions"].as_array().unwrap().iter().all(|q| q["ask"] != ""));
    // A task can be read before there is a seat.
    let text = sandbox.ok(&["info", LAB, "by-hand"]).stdout;
    assert!(text.starts_with("Tickets reach a help desk"), "{text}");
    let document = sandbox.json(&["info", LAB, "by-hand"]);
    assert_eq!(names(&document["tasks"], "id"), ["by-hand"]);
    assert!(document["tasks"][0]["prompt"].as_str().unwrap().contains("T-"));
    let slip = sandbox.run(&["info", LAB, "by-hnad"]);
    assert!(slip.code == 2 && slip.stderr.contains("did you mean \"by-hand\"?"), "{slip:#?}");
}

#[test]
fn questions_are_found_by_all_their_words() {
    let sandbox = Sandbox::new();
    let all = sandbox.json(&["questions"]);
    let found = sandbox.json(&["questions", "P3-028"]);
    assert_eq!(names(&found["questions"], "id"), ["p3-028"]);
    assert!(names(&all["questions"], "id").contains(&"p3-028".to_owned()));
    let text = sandbox.ok(&["questions", "p3-028"]).stdout;
    assert!(text.contains("p3-028") && text.contains("labs run redis-queues"), "{text}");
    let none = sandbox.run(&["questions", "zzyzx"]);
    assert_eq!(none.code, 2, "{none:#?}");
}

#[test]
fn help_shows_the_commands_and_the_exit_codes() {
    let ran = Sandbox::new().ok(&["help"]);
    for part in
        ["run", "check", "Exit codes: 0", "1 some check failed", "2 wrong usage", "3 the engine"]
    {
        assert!(ran.stdout.contains(part), "{part:?} is not in {}", ran.stdout);
    }
}

#[test]
fn no_arguments_is_a_usage_error_with_help() {
    let ran = Sandbox::new().run(&[]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("Usage:"), "{ran:#?}");
}

#[test]
fn an_unknown_command_or_option_is_a_usage_error() {
    for args in [&["rnu"][..], &["list", "--jsno"], &["run"]] {
        let ran = Sandbox::new().run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:#?}");
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn an_unknown_lab_is_answered_with_the_nearest_name() {
    let sandbox = Sandbox::new();
    for command in ["run", "info", "check", "tasks", "hint", "solution", "status", "stop", "reset"]
    {
        let ran = sandbox.run(&[command, "redis-queue"]);
        assert_eq!(ran.code, 2, "{command}: {ran:#?}");
        assert!(ran.stderr.contains("did you mean \"redis-queues\"?"), "{command}: {ran:#?}");
    }
}

#[test]
fn a_name_that_could_be_several_is_answered_with_three_of_them() {
    let ran = Sandbox::new().run(&["info", "redis"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    let (_, meant) = ran.stderr.split_once("did you mean ").unwrap();
    let (others, last) = meant.split_once(" or ").unwrap();
    let named: Vec<&str> = others.split(", ").chain([last.trim().trim_end_matches('?')]).collect();
    assert_eq!(named.len(), 3, "{ran:#?}");
    assert!(named.iter().all(|name| name.starts_with("\"redis-")), "{ran:#?}");
}

#[test]
fn a_lab_without_a_seat_is_answered_with_how_to_start_it() {
    let sandbox = Sandbox::new();
    for args in [&["check", LAB][..], &["tasks", LAB], &["stop", LAB], &["shell", "--lab", LAB]] {
        let ran = sandbox.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {ran:#?}");
        assert!(ran.stderr.contains("labs run redis-queues"), "{args:?}: {ran:#?}");
    }
}

#[test]
fn no_seat_at_all_is_answered_with_where_to_look() {
    let ran = Sandbox::new().run(&["check"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("labs list"), "{ran:#?}");
}

#[test]
fn a_task_alone_is_answered_with_the_labs_that_could_be_meant() {
    let sandbox = Sandbox::with_fixture("labs");
    let refused = |said: [&str; 2]| {
        for command in ["check", "tasks", "hint"] {
            let ran = sandbox.run(&[command, "door"]);
            assert_eq!(ran.code, 2, "{command}: {ran:#?}");
            for part in said {
                assert!(ran.stderr.contains(part), "{command}: {ran:#?}");
            }
            assert!(ran.stderr.contains("\"door\" is no lab"), "{command}: {ran:#?}");
        }
    };
    refused(["No lab runs", "labs run LAB"]);
    sandbox.ok(&["run", "tiny-keys", "--detach"]);
    sandbox.ok(&["run", "tiny-queue", "--detach"]);
    refused(["More than one lab runs", "as --lab): tiny-keys, tiny-queue"]);
}

#[test]
fn an_error_is_a_document_too() {
    let (document, code) = Sandbox::new().json_and_code(&["info", "redis-queue"]);
    assert_eq!(code, 2);
    assert_eq!(document["kind"], "usage");
    assert_eq!(document["error"]["what"], "There is no lab \"redis-queue\"");
    assert_eq!(document["error"]["help"], "did you mean \"redis-queues\"?");
}

#[test]
fn no_engine_is_exit_3_and_says_what_to_do() {
    let sandbox = Sandbox::new();
    for args in [&["run", LAB][..], &["status"], &["gc"], &["images", "list"]] {
        let ran = with_engine(&sandbox, NO_ENGINE, args);
        // No seat is recorded, so `status` has nothing to ask an engine.
        let expected = if args == ["status"] { 0 } else { 3 };
        assert_eq!(ran.code, expected, "{args:?}: {ran:#?}");
        if expected == 3 {
            assert!(ran.stderr.contains("/nonexistent.sock"), "{args:?}: {ran:#?}");
            assert!(ran.stderr.contains("unset DOCKER_HOST"), "{args:?}: {ran:#?}");
        }
    }
}

#[test]
fn no_engine_leaves_no_seat_and_no_workspace() {
    let sandbox = Sandbox::new();
    assert_eq!(with_engine(&sandbox, NO_ENGINE, &["run", LAB]).code, 3);
    assert_eq!(sandbox.json(&["status"])["seats"], serde_json::json!([]));
    assert!(!sandbox.workspace(LAB).exists());
}

#[test]
fn no_engine_is_a_document_too() {
    let ran = with_engine(&Sandbox::new(), NO_ENGINE, &["run", LAB, "--json"]);
    assert_eq!(ran.code, 3);
    let document = the_one_document(&ran);
    assert_eq!(document["kind"], "infrastructure");
    assert!(document["error"]["help"].as_str().unwrap().contains("DOCKER_HOST"), "{document:#}");
}

#[test]
fn an_engine_that_cannot_be_reached_over_tcp_says_why() {
    let sandbox = Sandbox::new();
    let closed = {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        format!("tcp://{}", listener.local_addr().unwrap())
    };
    for (host, why) in [
        (closed.as_str(), "nothing listens at this address"),
        ("tcp://nowhere.invalid:2375", "no machine of this name is known"),
    ] {
        for args in [&["run", LAB][..], &["gc"], &["images", "list"]] {
            let ran = with_engine(&sandbox, host, args);
            assert_eq!(ran.code, 3, "{args:?}: {ran:#?}");
            for said in ["cannot reach the Docker engine", host, why, "unset DOCKER_HOST"] {
                assert!(ran.stderr.contains(said), "{said:?}, {args:?}: {ran:#?}");
            }
        }
    }
}

#[test]
fn an_engine_over_ssh_is_refused_with_the_variable_named() {
    let ran = with_engine(&Sandbox::new(), "ssh://x", &["run", LAB]);
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.stderr.contains("DOCKER_HOST=ssh://x"), "{ran:#?}");
    assert!(ran.stderr.contains("help:"), "{ran:#?}");
}

#[test]
fn a_socket_that_may_not_be_opened_is_explained() {
    let stranger = Stranger::new();
    let socket = stranger.home().join("docker.sock");
    let _listener = UnixListener::bind(&socket).unwrap();
    std::fs::set_permissions(&socket, PermissionsExt::from_mode(0o0)).unwrap();
    let mut command = stranger.command(&["gc"]);
    let ran: Ran =
        command.env("DOCKER_HOST", format!("unix://{}", socket.display())).output().unwrap().into();
    assert_eq!(ran.code, 3, "{ran:#?}");
    assert!(ran.stderr.contains("may not open the engine's socket"), "{ran:#?}");
    assert!(ran.stderr.contains(socket.to_str().unwrap()), "{ran:#?}");
    assert!(ran.stderr.contains("help:"), "{ran:#?}");
}

#[test]
fn a_data_folder_that_cannot_be_written_is_named() {
    let stranger = Stranger::new();
    let data = stranger.home().join("data");
    std::fs::create_dir(&data).unwrap();
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o555)).unwrap();
    let mut command = stranger.command(&["tasks", "--json"]);
    let ran: Ran = command.env("XDG_DATA_HOME", &data).output().unwrap().into();
    assert_eq!(ran.code, 3, "{ran:#?}");
    let document = the_one_document(&ran);
    let place = data.join("labs/labs.db").display().to_string();
    assert_eq!(document["error"]["where"], place, "{document:#}");
    assert!(document["error"]["help"].as_str().unwrap().contains("XDG_DATA_HOME"));
}

#[test]
fn a_workspace_that_cannot_be_made_is_named() {
    let sandbox = Sandbox::with_fixture("labs");
    let file = sandbox.home().join("file");
    std::fs::write(&file, "").unwrap();
    let below = file.join("workspace").display().to_string();
    let (document, code) = sandbox.json_and_code(&["run", "tiny-keys", "--workspace", &below]);
    assert_eq!(code, 3, "{document:#}");
    assert_eq!(document["error"]["where"], below, "{document:#}");
    assert!(document["error"]["help"].as_str().unwrap().contains("--workspace"));
}

#[test]
fn a_file_of_images_that_cannot_be_read_or_written_is_named() {
    let sandbox = Sandbox::new();
    // There is something to save.
    sandbox.ok(&["images", "build", "gate"]);
    for (args, help) in [
        (["images", "load", "/nonexistent"], "'labs images save'"),
        (["images", "load", "/"], "'labs images save'"),
        (["images", "save", "/nonexistent/file"], "a folder that is there"),
        (["images", "save", "/tmp"], "name a file in it"),
    ] {
        let ran = sandbox.run(&args);
        assert_eq!(ran.code, 2, "{ran:#?}");
        assert!(ran.stderr.contains(&format!("where: {}\n", args[2])), "{ran:#?}");
        assert!(ran.stderr.contains(help), "{ran:#?}");
    }
}

#[test]
fn a_labs_folder_that_does_not_exist_is_named() {
    let sandbox = Sandbox::new();
    for args in [&["list"][..], &["info", LAB], &["run", LAB], &["author", "lint"]] {
        let ran = sandbox.run(&[args, &["--labs-dir", "/nonexistent"]].concat());
        assert_eq!(ran.code, 2, "{args:?}: {ran:#?}");
        for part in ["The labs folder does not exist", "where: /nonexistent\n", "--labs-dir"] {
            assert!(ran.stderr.contains(part), "{args:?}: {ran:#?}");
        }
    }
    // A seat can be ended when its labs are gone.
    let ran = sandbox.run(&["stop", "--labs-dir", "/nonexistent"]);
    assert!(ran.stderr.contains("No lab runs"), "{ran:#?}");
}

#[test]
fn an_unknown_key_is_shown_with_its_place_and_the_keys_there_are() {
    faulty("unknown-key", ":6:1", &["colour", "expected one of format, title"]);
}

#[test]
fn a_value_of_the_wrong_type_is_shown_with_its_place() {
    faulty(
        "wrong-type",
        ":5:10",
        &["minutes: soon", "expected a whole number from 0 to 4294967295"],
    );
}

#[test]
fn a_missing_field_is_named_with_where_it_belongs() {
    faulty("missing-field", ":13:5", &["missing field `points`"]);
}

#[test]
fn a_key_written_twice_is_shown_with_its_place() {
    faulty("duplicate-key", ":6:1", &["title", "written twice", "line 2"]);
}

#[test]
fn broken_yaml_is_shown_with_its_place() {
    faulty("not-yaml", ":9:1", &["expected ',' or '}'"]);
}

#[test]
fn a_need_that_is_no_earlier_task_is_shown_with_its_place() {
    faulty("unknown-need", ":21:13", &["There is no task \\\"won\\\"", "come before it"]);
}

#[test]
fn a_check_with_two_probes_is_shown_with_its_place() {
    faulty("two-probes", ":15:13", &["exactly one", "state, trace, workload, fault"]);
}

#[test]
fn a_check_with_no_probe_is_shown_with_its_place() {
    faulty("no-probe", ":15:13", &["exactly one", "state, trace, workload, fault"]);
}

#[test]
fn a_check_of_a_program_that_no_task_names_is_shown_with_its_place() {
    faulty("no-program", ":15:13", &["program: FILE"]);
}

#[test]
fn a_package_without_an_exact_version() {
    faulty("unpinned-package", ":11:31", &["coredis>=4", "NAME==VERSION"]);
}

#[test]
fn files_for_a_service_that_takes_none_or_that_are_not_there() {
    faulty("files-without-place", ":9:19", &["redis takes no files"]);
    faulty("files-without-folder", ":10:31", &["no folder \\\"front\\\" below starter/"]);
}

#[test]
fn an_unknown_service_is_shown_with_its_place_and_the_nearest() {
    faulty("unknown-service", ":9:", &["radis", "did you mean \\\"redis\\\"?"]);
}

#[test]
fn a_drill_with_a_service_the_lab_has_not_is_shown_with_its_place() {
    faulty("drill-on-stranger", ":21:23", &["radis", "did you mean \\\"redis\\\"?"]);
}

#[test]
fn what_an_http_server_cannot_be_asked_is_shown_with_its_place() {
    faulty("tls-nowhere", ":19:17", &["no port for TLS", "ask for the path alone"]);
    faulty("unknown-trust", ":22:25", &["no certificate", "END CERTIFICATE"]);
}

#[test]
fn an_unknown_definition_of_a_service_is_shown_with_its_place_and_the_nearest() {
    faulty("unknown-definition", ":9:17", &["radis", "did you mean \\\"redis\\\"?"]);
}

#[test]
fn a_set_up_of_a_service_the_lab_has_not_is_shown_with_its_place() {
    faulty("setup-on-stranger", ":11:", &["mysql", "one of the lab's services"]);
}

#[test]
fn a_step_that_copies_a_missing_file_is_shown_with_its_place() {
    faulty("missing-copy", ":22:28", &["missing-copy/solutions/right/gone.py"]);
}

#[test]
fn a_task_that_exists_twice_is_shown_with_both_places() {
    faulty("twice-the-task", ":18:9", &["exists twice", "line 11"]);
}

#[test]
fn an_undefined_variable_is_shown_with_its_place_and_the_nearest() {
    faulty("undefined-variable", ":19:42", &["kee", "did you mean \\\"key\\\"?"]);
}

#[test]
fn a_state_probe_that_writes_is_refused() {
    faulty("writing-probe", ":15:13", &["sends SET"]);
}

#[test]
fn a_newer_format_is_refused() {
    faulty("newer-format", ":1:9", &["format 99", "expected 1"]);
}

#[test]
fn a_file_that_is_not_utf8_is_shown_with_the_place_of_the_byte() {
    faulty("not-utf8", ":6:29", &["UTF-8"]);
}

#[test]
fn a_lab_file_over_one_mebibyte_is_refused_unread() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("huge/lab.yaml");
    std::fs::create_dir(file.parent().unwrap()).unwrap();
    std::fs::File::create(file).unwrap().set_len((1 << 20) + 1).unwrap();
    refused(folder.path(), "huge", "", &["1048577 bytes", "at most 1048576"]);
}

#[test]
fn a_missing_prompt_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let lab = folder.path().join("silent");
    std::fs::create_dir(&lab).unwrap();
    std::fs::copy(fixture("labs/tiny-keys/lab.yaml"), lab.join("lab.yaml")).unwrap();
    let ran = Sandbox::with_labs(folder.path()).run(&["info", "silent"]);
    assert_eq!(ran.code, 2, "{ran:#?}");
    assert!(ran.stderr.contains(lab.join("tasks/door.md").to_str().unwrap()), "{ran:#?}");
}

#[test]
fn a_faulty_lab_is_refused_before_anything_is_made() {
    let sandbox = Sandbox::with_fixture("faulty");
    assert_eq!(sandbox.run(&["run", "wrong-type"]).code, 2);
    assert!(!sandbox.workspace("wrong-type").exists());
}

/// A user without privileges, with a home and a copy of the program that he may use.
struct Stranger {
    home: tempfile::TempDir,
}

const NOBODY: &str = "65534";

impl Stranger {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        std::fs::set_permissions(home.path(), PermissionsExt::from_mode(0o755)).unwrap();
        // By another process: what a thread of this one forks meanwhile would have the copy open for writing, and nobody could run it.
        let mut copies = Command::new("cp");
        copies.arg(env!("CARGO_BIN_EXE_labs")).arg(home.path().join("labs"));
        assert!(copies.status().unwrap().success());
        let mine = home.path().join("home");
        std::fs::create_dir(&mine).unwrap();
        std::fs::set_permissions(&mine, PermissionsExt::from_mode(0o777)).unwrap();
        Self { home }
    }

    fn home(&self) -> PathBuf {
        self.home.path().join("home")
    }

    /// Root may do anything, so it becomes somebody else first.
    fn command(&self, args: &[&str]) -> Command {
        let program = self.home.path().join("labs");
        let mut command = if rustix::process::getuid().is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.args(args).current_dir(self.home()).env("HOME", self.home());
        for name in ["XDG_DATA_HOME", "LABS_DIR"] {
            command.env_remove(name);
        }
        command
    }
}
