//! Clients that people use, each run past the daemon and through it: what they show has to be the same, masked, or refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::nginx::Nginx;
use crate::running::Running;
use crate::stage::{PLANTED, Service, Stage};
use crate::support::{free_port, run, skipped};
use crate::tools::{self, Python};

/// What a client showed: the names of its steps, and each one's result.
pub(crate) type Shown = Vec<(String, Value)>;

pub(crate) const REQUIREMENTS: &str = "http_requirements.txt";

/// Values, in this order, and how the policy shows them.
const MASKS: &[(&str, &str)] = &[
    ("SSN 219-09-9999", "SSN [redacted]"),
    ("SSN 123-45-6789", "SSN [redacted]"),
    ("123-45-6789", "*****6789"),
    ("219-09-9999", "*****9999"),
    ("ada@example.org", "[redacted]"),
    ("bo@example.org", "[redacted]"),
];

/// Compares what a client showed on either way. `refused`: what a step's error has to say whose name ends with `refused`.
pub(crate) fn compare(direct: &Shown, proxied: &Shown, masks: &[(&str, &str)], refused: &str) {
    assert!(
        !direct.is_empty() && direct.len() == proxied.len(),
        "{direct:?}\n{proxied:?}"
    );
    let mut wrong = Vec::new();
    for ((step, direct), (other, proxied)) in direct.iter().zip(proxied) {
        assert_eq!(step, other);
        let shown = proxied.to_string();
        let held = if step.ends_with("refused") {
            shown.contains(refused)
        } else {
            direct.get("failed").is_none() && shown == masked(direct, masks)
        };
        let planted = PLANTED.iter().find(|value| shown.contains(*value));
        if !held || planted.is_some() {
            wrong.push(format!(
                "{step} {planted:?}\n  direct:  {}\n  proxied: {}",
                brief(&direct.to_string()),
                brief(&shown)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

fn masked(shown: &Value, more: &[(&str, &str)]) -> String {
    more.iter()
        .chain(MASKS)
        .fold(shown.to_string(), |text, (secret, mask)| {
            text.replace(secret, mask)
        })
}

fn brief(text: &str) -> &str {
    let end = text.char_indices().nth(1500).map_or(text.len(), |(end, _)| end);
    &text[..end]
}

/// nginx behind the daemon by HTTP/1.1 (`masked`) and by HTTP/2 in clear (`two`).
fn files() -> (Nginx, Stage, Stage) {
    let nginx = Nginx::start();
    let one = Stage::start(vec![Service::new("masked", nginx.one)]);
    let two = Stage::start(vec![Service::new("masked", nginx.two)]);
    (nginx, one, two)
}

#[test]
fn requests_and_httpx() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let (nginx, one, two) = files();
    let run = |one: u16, two: u16| python.run("http_clients", one, &[&two.to_string()]);
    let direct = run(nginx.one, nginx.two);
    let proxied = run(one.port("masked"), two.port("masked"));
    compare(&direct, &proxied, &[], "403");
    assert!(
        !nginx.log().contains("DELETE /plain.json HTTP/1.1 403"),
        "{}",
        nginx.log()
    );
}

#[test]
fn node_fetch_and_http2() {
    if Command::new("node").arg("--version").output().is_err() {
        return skipped("node is missing");
    }
    let (nginx, one, two) = files();
    let run = |one: u16, two: u16| {
        let mut node = Command::new("node");
        node.arg(tools::program("http_fetch.js"));
        tools::steps(&mut node, one, &[&two.to_string()])
    };
    let direct = run(nginx.one, nginx.two);
    let proxied = run(one.port("masked"), two.port("masked"));
    compare(&direct, &proxied, &[], "rule no-deletes");
}

#[test]
fn go_net_http() {
    let Some(program) = go_program() else { return };
    let nginx = Nginx::start();
    let ca = nginx.certificate.authority();
    let secured = format!(
        "{{ address: \"localhost:{}\", tls: verify-full, ca: {ca} }}",
        nginx.secured
    );
    let one = Stage::start(vec![Service::new("masked", nginx.one)]);
    let two = Stage::start(vec![Service::with("masked", &secured)]);
    let run = |one: u16, two: u16, authority: &Path| {
        let arguments = [two.to_string(), authority.display().to_string()];
        tools::steps(&mut Command::new(&program), one, &[&arguments[0], &arguments[1]])
    };
    let direct = run(nginx.one, nginx.secured, Path::new(&ca));
    let proxied = run(one.port("masked"), two.port("masked"), &two.authority());
    assert!(direct[1].1.to_string().contains("HTTP/2.0"), "{direct:?}");
    compare(&direct, &proxied, &[], "rule no-deletes");
}

/// The client in Go, built: by the machine's Go, or by the one that comes as a wheel.
fn go_program() -> Option<PathBuf> {
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let mut go = Command::new("go");
    if go.arg("version").output().is_err() {
        let python = Python::of("http_go_requirements.txt")?;
        let script = "import os, sysconfig; print(os.path.join(sysconfig.get_path('purelib'), 'go/bin/go'))";
        let output = run(python.bare().args(["-c", script]));
        go = Command::new(crate::support::text(&output.stdout).trim());
    } else {
        go = Command::new("go");
    }
    let program = base.join("http_client_go");
    let built = go
        .env("GOCACHE", base.join("go-cache"))
        .env("GOPATH", base.join("go"))
        .env("GOTOOLCHAIN", "local")
        .env("GOFLAGS", "-mod=mod")
        .env("CGO_ENABLED", "0")
        .args(["build", "-o"])
        .arg(&program)
        .arg(tools::program("http_client.go"))
        .output();
    match built {
        Ok(output) if output.status.success() => Some(program),
        Ok(output) => panic!("the client in Go can't be built: {output:?}"),
        Err(error) => {
            skipped(&format!("no Go: {error}"));
            None
        }
    }
}

#[test]
fn websockets_in_python() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let port = free_port();
    let mut serve = python.command("http_websocket");
    let service = Running::start(serve.arg("serve").arg(port.to_string()), port);
    let mut stage = Stage::start(vec![
        Service::new("masked", service.port),
        Service::new("bare", service.port),
    ]);
    let run = |port: u16| python.run("http_websocket", port, &[]);
    let direct = run(service.port);
    let bare = run(stage.port("bare"));
    let bare_steps = |shown: &Shown| shown.iter().map(|(_, result)| result.clone()).collect::<Vec<_>>();
    assert_eq!(bare_steps(&direct), bare_steps(&bare));

    let mut proxied = run(stage.port("masked"));
    let (mut masked, unreadable) = (direct, proxied.pop().unwrap());
    masked.pop();
    compare(&masked, &proxied, &[], "");
    // Binary data in which something was found can't be masked: the connection ends, with a word why.
    assert!(unreadable.1.to_string().contains("1008"), "{unreadable:?}");

    let rows = stage.statements();
    let of = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    assert!(
        of("websocket_text") >= 10 && of("websocket_binary") >= 2,
        "{rows:#?}"
    );
    let listed = fs::read_dir(&stage.daemon.audit).unwrap().count();
    assert!(listed > 0);
    for value in PLANTED {
        assert!(!format!("{rows:?}").contains(value), "{value} is on the record");
    }
}
