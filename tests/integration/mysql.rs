//! MySQL: what counts as changed, what a wipe leaves, and what probes of its log and plans say.

use std::net::SocketAddr;

use labs::catalog::service::Protocol;
use labs::probe::service::{self, Answer, Session};
use serde_json::{Value, json};

use crate::sandbox::Sandbox;

const LAB: &str = "tiny-sql";
const ORDERS: &str = "tiny-orders";

/// A seat, and a session with its MySQL.
async fn seat() -> (Sandbox, Session) {
    let sandbox = Sandbox::with_fixture("mysql");
    let (started, code) = sandbox.json_and_code(&["run", LAB, "--detach"]);
    assert_eq!(code, 0, "{started:#}");
    let address: SocketAddr = started["services"][0]["address"].as_str().unwrap().parse().unwrap();
    let session = service::connect(Some(Protocol::Mysql), "mysql", address).await.unwrap();
    (sandbox, session)
}

/// Does what a learner does in the shell.
fn learner(sandbox: &Sandbox, sql: &str) {
    sandbox.ok(&[
        "exec",
        "workbench",
        "--",
        "mysql",
        "-h",
        "mysql",
        "-u",
        "root",
        "-plabs",
        "-e",
        sql,
    ]);
}

/// Each check that has not passed, with its code.
fn not_passed(sandbox: &Sandbox, tasks: &[&str]) -> Value {
    let mut found = json!({});
    for task in tasks {
        let document = sandbox.json(&["check", LAB, task]);
        for check in document["tasks"][0]["checks"].as_array().unwrap() {
            if check["verdict"] != "pass" {
                let code = &check["failure"]["code"];
                let id = format!("{task}/{}", check["id"].as_str().unwrap());
                found[id] = if code.is_null() { check.clone() } else { code.clone() };
            }
        }
    }
    found
}

/// What fails of the plans while there is no index but the primary key.
fn no_index() -> Value {
    json!({"index/plan": "full-scan", "index/by-maker": "index", "index/index-alone": "index"})
}

fn merged(mut one: Value, other: &Value) -> Value {
    let more = other.as_object().unwrap().clone();
    one.as_object_mut().unwrap().extend(more);
    one
}

#[tokio::test]
async fn the_digest_changes_with_what_is_kept_and_with_nothing_else() {
    let (sandbox, session) = seat().await;
    // The labs teach MySQL: MariaDB has other logs, settings and plans.
    let version = session.ask(&["SELECT VERSION(), VERSION() LIKE '%Maria%'"]).await.unwrap();
    let Answer::Value(version) = version else { panic!("{version:?}") };
    assert!(version[0][0].as_str().unwrap().starts_with("9."), "{version}");
    assert_eq!(version[0][1], "0");
    let mut before = session.digest().await.unwrap();
    assert_eq!(session.digest().await.unwrap(), before);
    assert!(session.is_genuine().await.unwrap());
    assert_eq!(not_passed(&sandbox, &["index"]), no_index());
    assert_eq!(session.digest().await.unwrap(), before, "the checker's own questions");
    for change in [
        "INSERT INTO shop.items (maker, price) VALUES (1, 1)",
        "START TRANSACTION; INSERT INTO shop.items (maker, price) VALUES (1, 1); ROLLBACK",
        "ALTER TABLE shop.items ADD INDEX (maker)",
        "CREATE VIEW shop.dear AS SELECT * FROM shop.items WHERE price > 900",
        "SET GLOBAL max_connections = 99",
        "SET PERSIST_ONLY long_query_time = 3",
        "CREATE USER guest",
    ] {
        learner(&sandbox, change);
        let after = session.digest().await.unwrap();
        assert_ne!(after, before, "{change}");
        before = after;
    }
}

#[tokio::test]
async fn a_wipe_leaves_nothing_and_the_fingerprint_tells_what_it_cannot_undo() {
    let (sandbox, session) = seat().await;
    let pristine = session.fingerprint().await.unwrap();
    learner(
        &sandbox,
        "CREATE DATABASE `a``b`; CREATE TABLE `a``b`.t (i INT); INSERT INTO `a``b`.t VALUES (1);
         SET GLOBAL log_output = 'TABLE', GLOBAL slow_query_log = ON, SESSION long_query_time = 0; SELECT 1;
         SET GLOBAL slow_query_log = OFF, GLOBAL log_output = 'FILE'",
    );
    session.wipe().await.unwrap();
    let left =
        "SELECT (SELECT COUNT(*) FROM mysql.slow_log), COUNT(*) FROM information_schema.schemata";
    assert_eq!(session.ask(&[left]).await.unwrap(), Answer::Value(json!([["0", "4"]])));
    assert_eq!(session.fingerprint().await.unwrap(), pristine);
    learner(
        &sandbox,
        "SET GLOBAL long_query_time = 4; SET PERSIST sort_buffer_size = 65536; CREATE USER guest; CREATE DATABASE x;
         CHANGE REPLICATION SOURCE TO SOURCE_HOST = 'nowhere', SOURCE_USER = 'guest'; START REPLICA;
         SET GLOBAL super_read_only = ON",
    );
    assert_ne!(session.fingerprint().await.unwrap(), pristine);
    session.wipe().await.unwrap();
    assert_eq!(session.fingerprint().await.unwrap(), pristine);
    let executed = "SELECT @@GLOBAL.gtid_executed";
    assert_eq!(session.ask(&[executed]).await.unwrap(), Answer::Value(json!([[""]])));
    learner(&sandbox, "REVOKE SHUTDOWN ON *.* FROM root@'%'");
    session.wipe().await.unwrap();
    assert_ne!(session.fingerprint().await.unwrap(), pristine);
}

#[tokio::test]
async fn logs_and_plans_are_judged_by_what_the_server_does() {
    let (sandbox, session) = seat().await;
    let unlogged = json!("unlogged");
    let tasks = ["log", "throttle", "index"];
    assert_eq!(
        not_passed(&sandbox, &tasks),
        merged(
            json!({"log/logged": unlogged, "log/restarted": unlogged, "throttle/logged": unlogged}),
            &no_index()
        )
    );
    // A session's own threshold is nobody else's, and a threshold of none logs everything.
    learner(&sandbox, "SET GLOBAL slow_query_log = ON; SET SESSION long_query_time = 0.3");
    assert_eq!(not_passed(&sandbox, &["log"])["log/logged"], unlogged);
    learner(&sandbox, "SET GLOBAL long_query_time = 0");
    assert_eq!(not_passed(&sandbox, &["log"])["log/logged"], "logged");

    learner(
        &sandbox,
        "SET PERSIST slow_query_log = ON, PERSIST long_query_time = 0.3, PERSIST log_output = 'TABLE',
         GLOBAL log_queries_not_using_indexes = ON, GLOBAL log_throttle_queries_not_using_indexes = 10;
         ALTER TABLE shop.items ADD INDEX (maker)",
    );
    let before = session.digest().await.unwrap();
    let only_output = json!({"log/restarted": "output"});
    assert_eq!(not_passed(&sandbox, &tasks), only_output);
    assert_eq!(not_passed(&sandbox, &tasks), only_output, "the same again within a minute");
    assert_eq!(session.digest().await.unwrap(), before, "the learner's server is as it was");

    learner(
        &sandbox,
        "SET PERSIST log_output = 'FILE'; SET GLOBAL log_throttle_queries_not_using_indexes = 0",
    );
    learner(&sandbox, "DELETE FROM shop.items WHERE id = 5");
    assert_eq!(
        not_passed(&sandbox, &tasks),
        json!({"throttle/logged": "logged", "index/same": "value"})
    );
}

/// What a check of the program's statements says, with the code of its failure; nothing where it passes.
fn judged(sandbox: &Sandbox, program: &str) -> (String, String) {
    sandbox.write(ORDERS, "report.py", program);
    let document = sandbox.json(&["check", ORDERS, "report"]);
    let check = &document["tasks"][0]["checks"][0];
    let failure = &check["failure"];
    assert!(check["verdict"] == "pass" || failure["code"].is_string(), "{document:#}");
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (text(&failure["code"]), text(&failure["evidence"]["summary"]))
}

#[test]
fn what_a_program_asks_is_counted_whatever_it_does_to_hide_it() {
    let sandbox = Sandbox::with_fixture("mysql");
    sandbox.ok(&["run", ORDERS, "--detach"]);
    let right = include_str!("../fixtures/mysql/tiny-orders/starter/report.py");
    assert_eq!(judged(&sandbox, right), (String::new(), String::new()));

    let said = |code: &str, summary: &str| (code.to_owned(), summary.to_owned());
    let scan = right.replace("WHERE buyer IN", "WHERE buyer + 0 IN");
    assert_eq!(judged(&sandbox, &scan), said("rows", "mysql read 500 rows"));

    let head = &right[..right.find("def totals").unwrap()];
    let one_by_one = |import: &str, before: &str| {
        format!(
            "{head}{import}
def totals(buyers):
    with connection.cursor() as cursor:
        found = []
{before}
        for buyer in buyers:
            cursor.execute('SELECT SUM(amount) FROM orders WHERE buyer = %s', buyer)
            found.append(int(cursor.fetchone()[0]))
    return found
"
        )
    };
    let each = said("commands", "mysql executed 4 statements");
    assert_eq!(judged(&sandbox, &one_by_one("", "")), each);
    // As the checker's own account, which is not booked: what the library sends counts too.
    let unbooked = one_by_one("", "").replace("\"root\"", "\"labs\"");
    assert_eq!(judged(&sandbox, &unbooked), said("commands", "mysql executed 5 statements"));
    let sum = "SELECT SUM(amount) FROM orders WHERE buyer = %s";
    let hidden = one_by_one("", "").replace(sum, &format!("SELECT @@autocommit * ({sum})"));
    assert_eq!(judged(&sandbox, &hidden), each);
    let execute = |sql: &str| format!("        cursor.execute({sql:?})\n");
    let beginning = "        found = []\n";
    let twice = |first: &str| {
        let each =
            format!("cursor.execute({first:?}, buyer)\n            cursor.execute('SELECT @t')");
        one_by_one("", "").replace(&format!("cursor.execute('{sum}', buyer)"), &each)
    };
    let set = twice(&format!("SET @t = ({sum})"));
    let both = said("commands", "mysql executed 8 statements");
    assert_eq!(judged(&sandbox, &set).0, "commands");
    assert_eq!(judged(&sandbox, &set.replace("\"root\"", "\"labs\"")).0, "commands");
    // More than the book holds.
    let flood = "    other = pymysql.connect(host='mysql', user='root', password='labs', ssl=TLS, client_flag=65536)
    other.query(';'.join(['COMMIT'] * 1100))
    return found";
    assert_eq!(judged(&sandbox, &set.replace("    return found", flood)).0, "commands");
    let body = sum.replace("%s", "b");
    let function = format!("CREATE FUNCTION f(b INT) RETURNS INT READS SQL DATA RETURN ({body})");
    let function = format!("{beginning}{}", execute(&function));
    let in_function = twice("SET @t = f(%s)").replace(beginning, &function);
    assert_eq!(judged(&sandbox, &in_function), each);
    let create =
        twice("CREATE TEMPORARY TABLE t SELECT SUM(amount) AS s FROM orders WHERE buyer = %s");
    let read =
        "SELECT s FROM t');t = int(cursor.fetchone()[0]);cursor.execute('DROP TEMPORARY TABLE t";
    let create = create.replace("SELECT @t", read).replace("int(cursor.fetchone()[0]))", "t)");
    assert_eq!(judged(&sandbox, &create), both);
    let rows = format!(
        "{head}
def totals(buyers):
    with connection.cursor() as cursor:
        found = []
        for buyer in buyers:
            found.append(0)
            for id in range(buyer, 501, 50):
                cursor.execute('SELECT amount, 1e0FROM orders WHERE id = %s', id)
                found[-1] += cursor.fetchone()[0]
    return found
"
    );
    assert_eq!(judged(&sandbox, &rows), said("commands", "mysql executed 40 statements"));

    // What is refused was not counted.
    let refused = one_by_one(
        "",
        "
        for n in range(4):
            cursor.execute(f'CREATE USER u{n} IDENTIFIED BY \"x\" WITH MAX_QUERIES_PER_HOUR 2')
            other = pymysql.connect(host='mysql', user=f'u{n}', password='x', ssl=TLS)
            for _ in range(4):
                try:
                    other.query('SELECT 1')
                except pymysql.err.OperationalError:
                    pass
",
    );
    assert_eq!(judged(&sandbox, &refused).0, "commands");
    let beside = |sql: &str, pause: &str| {
        format!(
            "
import threading
import time

def ask():
    other = pymysql.connect(host='mysql', user='root', password='labs', ssl=TLS)
    while True:
        other.query('{sql}')
        time.sleep({pause})

for _ in range(4):
    threading.Thread(target=ask, daemon=True).start()
"
        )
    };
    let slept = one_by_one(&beside("SELECT SLEEP(0.01)", "0"), "");
    assert_eq!(judged(&sandbox, &slept).0, "commands");
    let kept = right.replace("def totals", &format!("{}\ndef totals", beside("SELECT 1", "0.5")));
    assert_eq!(judged(&sandbox, &kept), (String::new(), String::new()));

    // Who keeps statements out of the book has those counted too that it would excuse.
    for meddling in [
        execute("UPDATE performance_schema.threads SET INSTRUMENTED = 'NO', HISTORY = 'NO'"),
        execute("CALL sys.ps_setup_disable_thread(CONNECTION_ID())"),
        execute("TRUNCATE performance_schema.events_statements_history_long"),
        execute("PREPARE s FROM 'UPDATE performance_schema.threads SET HISTORY = ''NO'''")
            + &execute("EXECUTE s"),
    ] {
        for hidden in [&one_by_one("", ""), &set] {
            let hidden = hidden.replace(beginning, &format!("{beginning}{meddling}"));
            assert_eq!(judged(&sandbox, &hidden).0, "commands", "{meddling}");
        }
    }
    // While it is imported, for all that come after it: the next program meets a server as it is made.
    let import = "connection.cursor().execute(\"UPDATE performance_schema.setup_instruments SET ENABLED = 'NO' \
                  WHERE NAME LIKE 'statement/%%'\")";
    assert_eq!(judged(&sandbox, &one_by_one(import, "")).0, "commands");
    assert_eq!(judged(&sandbox, &one_by_one("", "")), each);
    assert_eq!(judged(&sandbox, right), (String::new(), String::new()));
}

#[test]
fn the_statements_of_the_learner_are_told_from_those_of_the_checker() {
    let sandbox = Sandbox::with_fixture("mysql");
    sandbox.ok(&["run", ORDERS, "--detach"]);
    let asked = |sql: Option<&str>| {
        if let Some(sql) = sql {
            let client =
                ["exec", "workbench", "--", "mysql", "-h", "mysql", "-u", "root", "-plabs"];
            sandbox.ok(&[&client[..], &["-e", sql]].concat());
        }
        let check = &sandbox.json(&["check", ORDERS, "asked"])["tasks"][0]["checks"][0];
        let failure = &check["failure"];
        (failure["code"].clone(), failure["evidence"]["summary"].clone())
    };
    let none = asked(None);
    assert_eq!(none, (json!("commands"), json!("mysql executed 0 SELECT")));
    let found = asked(Some("SELECT id FROM shop.orders WHERE buyer = 3"));
    assert_eq!(found, (Value::Null, Value::Null));
    let scanned = asked(Some("SELECT id FROM shop.orders WHERE amount = 3"));
    let said = "mysql read a table or an index from end to end, 1 times in all";
    assert_eq!(scanned, (json!("full-scan"), json!(said)));
}
