//! HTTP: servers that are started with the learner's files, and what is asked of them.

use std::collections::BTreeMap;
use std::os::unix::fs::symlink;

use serde_json::Value;

use crate::checks::{self, expect, failures};
use crate::sandbox::Sandbox;

const LAB: &str = "tiny-front";
const FILE: &str = "front/proxy.conf";

/// Both apps, one alone when the other fails, answers as they come, WebSockets.
const WELL: &str = "
upstream tiny { server app-1:8080; server app-2:8080; }
server {
  listen 8080;
  server_name tiny.test;
  location / {
    proxy_pass http://tiny;
    proxy_http_version 1.1;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection upgrade;
    proxy_buffering off;
    proxy_read_timeout 2s;
    proxy_connect_timeout 1s;
  }
}
";
const ONE_APP: &str = "
server {
  listen 8080;
  server_name tiny.test;
  location / { proxy_pass http://app-1:8080/; proxy_read_timeout 20s; }
}
";

fn checks(sandbox: &Sandbox) -> BTreeMap<String, Value> {
    checks::of(sandbox, &[LAB])
}

#[test]
fn a_front_is_tried_with_the_learners_files_before_apps_that_fail() {
    let sandbox = Sandbox::with_fixture("http");
    sandbox.ok(&["run", LAB, "--detach"]);
    // Nobody answers for tiny.test but the default server.
    let found = checks(&sandbox);
    let nothing = ["chat", "dead", "frozen", "passed-on", "stream", "there"]
        .map(|id| (id, found[id]["verdict"].as_str().unwrap()));
    assert_eq!(nothing[5], ("there", "pass"), "{found:#?}");
    assert_eq!(failures(&found)["passed-on"], "value", "{found:#?}");
    assert_eq!(failures(&found)["chat"], "value", "{found:#?}");

    sandbox.write(LAB, FILE, WELL);
    let found = checks(&sandbox);
    assert_eq!(failures(&found), BTreeMap::new(), "{found:#?}");

    sandbox.write(LAB, FILE, ONE_APP);
    let found = checks(&sandbox);
    let expected =
        [("chat", "value"), ("dead", "value"), ("passed-on", "value"), ("stream", "late")];
    assert_eq!(failures(&found), expect(&expected), "{found:#?}");

    // Who drops the connection at once has not answered soon.
    sandbox.write(LAB, FILE, "server { listen 8080; server_name tiny.test; return 444; }");
    let found = checks(&sandbox);
    let dropped = [
        ("chat", "value"),
        ("dead", "value"),
        ("frozen", "late"),
        ("passed-on", "value"),
        ("stream", "late"),
    ];
    assert_eq!(failures(&found), expect(&dropped), "{found:#?}");

    // A server that refuses whoever names none is still one.
    let default = sandbox.workspace(LAB).join("front/default.conf");
    let answers = std::fs::read_to_string(&default).unwrap();
    sandbox.write(LAB, FILE, WELL);
    for code in ["400", "444"] {
        let refuses = format!("server {{ listen 8080 default_server; return {code}; }}");
        sandbox.write(LAB, "front/default.conf", refuses);
        sandbox.ok(&["restart", "front"]);
        let found = checks(&sandbox);
        assert_eq!(failures(&found), expect(&[("there", "value")]), "{code}: {found:#?}");
    }
    sandbox.write(LAB, "front/default.conf", answers);
    sandbox.ok(&["restart", "front"]);

    // What nginx says against its files is shown; the default page of the seat goes on.
    sandbox.write(LAB, FILE, "server { listen 8080; proxy_pas http://app-1; }");
    let found = checks(&sandbox);
    let refused = ["chat", "dead", "frozen", "passed-on", "stream"].map(|id| (id, "refused"));
    assert_eq!(failures(&found), expect(&refused), "{found:#?}");
    let evidence = &found["chat"]["failure"]["evidence"];
    let said = evidence["observed"].as_str().unwrap();
    assert!(said.contains("unknown directive \"proxy_pas\""), "{said}");

    // The service itself takes them when it is started again.
    sandbox.write(LAB, FILE, WELL);
    sandbox.ok(&["restart", "front"]);
    let page =
        ["exec", "workbench", "--", "curl", "-s", "-H", "Host: tiny.test", "http://front:8080/x"];
    let said = sandbox.ok(&page).stdout;
    assert!(said.contains("\"path\": \"/x\""), "{said}");
    std::fs::remove_file(sandbox.workspace(LAB).join(FILE)).unwrap();
    let missing = ["chat", "dead", "frozen", "passed-on", "stream"].map(|id| (id, "missing"));
    assert_eq!(failures(&checks(&sandbox)), expect(&missing));
}

const TLS_LAB: &str = "tiny-tls";
const TLS_FILE: &str = "front/tls.conf";

/// A server for shop.test with one of the certificates, which all have the same key, and more directives.
fn tls(certificate: &str, more: &str) -> String {
    format!(
        "server {{
  listen 8080;
  listen 8443 ssl;
  server_name shop.test;
  ssl_certificate /var/lib/nginx/conf.d/{certificate}.crt;
  ssl_certificate_key /var/lib/nginx/conf.d/shop.key;
  {more}
  location = /none {{ return 404; }}
  location / {{ default_type text/plain; return 200 \"$ssl_server_name $host $request_uri\"; }}
}}
"
    )
}

#[test]
fn a_front_is_asked_over_tls_and_with_what_is_no_request() {
    let sandbox = Sandbox::with_fixture("http");
    let started = sandbox.ok(&["run", TLS_LAB, "--detach"]);
    assert!(!started.stdout.contains("for tls"), "{started:#?}");

    let tried = |certificate: &str, more: &str, expected: &[(&str, &str)]| {
        sandbox.write(TLS_LAB, TLS_FILE, tls(certificate, more));
        let found = checks::of(&sandbox, &[TLS_LAB]);
        assert_eq!(failures(&found), expect(expected), "{certificate} {more}: {found:#?}");
        found
    };
    tried("shop", "", &[]);
    for (certificate, why) in
        [("name", "other name"), ("issuer", "unknown issuer"), ("expired", "expired")]
    {
        let found = tried(certificate, "", &[("trusted", "value")]);
        let evidence = &found["trusted"]["failure"]["evidence"];
        assert!(evidence["observed"].as_str().unwrap().contains(why), "{evidence:#}");
        let sent = evidence.to_string();
        assert!(sent.contains("ca=-----BEGIN CERTIFICATE----- …"), "{sent}");
    }
    tried("shop", "ssl_protocols TLSv1.3;", &[("old", "value")]);
    tried("shop", "ssl_protocols TLSv1.2;", &[("trusted", "value")]);
    tried(
        "shop",
        "return 404;",
        &[("named", "value"), ("pipelined", "value"), ("raw-tls", "value")],
    );

    // The seat itself is asked over TLS once it has read the files.
    sandbox.write(TLS_LAB, TLS_FILE, tls("shop", ""));
    sandbox.ok(&["restart", "front"]);
    let found = checks::of(&sandbox, &[TLS_LAB]);
    assert_eq!(failures(&found), expect(&[("nobody", "value")]), "{found:#?}");
    // What the evidence says to repeat is what the learner can.
    let line = found["nobody"]["failure"]["evidence"]["reproduce"].as_str().unwrap();
    let words: Vec<&str> = line.split(' ').skip(1).collect();
    let said = sandbox.ok(&words).stdout;
    assert!(said.ends_with("shop.test shop.test /"), "{line}: {said}");
}

/// The engine follows a link where it is told to mount a folder.
#[test]
fn a_link_in_the_place_of_a_services_folder_leads_nowhere() {
    let sandbox = Sandbox::with_fixture("http");
    sandbox.ok(&["run", LAB, "--detach"]);
    let moved =
        sandbox.run(&["exec", "workbench", "--", "sh", "-c", "mv front away || rm -r front"]);
    assert!(moved.code != 0 && moved.stderr.contains("busy"), "{moved:#?}");

    // From outside it can be.
    let outside = tempfile::TempDir::new().unwrap();
    let workspace = sandbox.workspace(LAB);
    std::fs::rename(workspace.join("front"), workspace.join("away")).unwrap();
    symlink(outside.path(), workspace.join("front")).unwrap();
    for command in
        [&["run", LAB, "--detach"][..], &["restart", "front"], &["reset", LAB, "--data", "--yes"]]
    {
        let ran = sandbox.run(command);
        assert_eq!(ran.code, 3, "{command:?}: {ran:#?}");
        assert!(ran.stderr.contains("a link or a file stands where a folder"), "{ran:#?}");
        let found = std::fs::read_dir(outside.path()).unwrap().count();
        assert_eq!(found, 0, "{command:?} wrote outside");
    }
    std::fs::remove_file(workspace.join("front")).unwrap();
    sandbox.ok(&["run", LAB, "--detach"]);
    assert!(workspace.join("front/default.conf").exists());
}
