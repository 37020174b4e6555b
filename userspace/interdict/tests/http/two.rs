//! HTTP/2: many streams, streams that are reset, readers that are slow.

use std::process::Command;

use crate::clients::{REQUIREMENTS, compare};
use crate::nginx::Nginx;
use crate::stage::{Service, Stage};
use crate::support::{run, skipped, text};
use crate::tools::Python;

#[test]
fn streams_by_hand() {
    let Some(python) = Python::of(REQUIREMENTS) else {
        return;
    };
    let nginx = Nginx::start();
    let mut stage = Stage::start(vec![Service::new("masked", nginx.two)]);
    let run = |port: u16| python.run("http_two", port, &[]);
    let direct = run(nginx.two);
    let proxied = run(stage.port("masked"));
    let large = |shown: &serde_json::Value| shown[1].as_u64();
    let (mut direct, mut proxied) = (direct, proxied);
    // The length differs as masks are shorter; the number of people does not.
    for shown in [&mut direct, &mut proxied] {
        let step = shown
            .iter_mut()
            .find(|(step, _)| step == "a_slow_reader_gets_it_all")
            .unwrap();
        assert!(large(&step.1) > Some(1_000_000), "{step:?}");
        assert_eq!(step.1[2], 12_000, "{step:?}");
        step.1[1] = 0.into();
    }
    compare(&direct, &proxied, &[], "rule no-deletes");
    let rows = stage.statements();
    let ended = |status: &str| rows.iter().filter(|row| row["status"] == status).count();
    assert!(ended("ok") >= 50 + 25 + 4, "{}", ended("ok"));
    assert_eq!(ended("refused"), 6);
    assert!(rows.iter().all(|row| !row["status"].is_null()), "each has an end");
}

#[test]
fn many_clients_with_fifty_streams_each() {
    if Command::new("h2load").arg("--version").output().is_err() {
        return skipped("h2load is missing (nghttp2-client)");
    }
    let nginx = Nginx::start();
    let mut stage = Stage::start(vec![Service::new("masked", nginx.two)]);
    let output = run(Command::new("h2load")
        .args(["-n", "3000", "-c", "4", "-m", "50", "-T", "60"])
        .args([
            stage.url("masked", "/patients.json"),
            stage.url("masked", "/plain.json"),
            stage.url("masked", "/missing"),
        ]));
    let shown = text(&output.stdout);
    assert!(
        shown.contains(
            "3000 total, 3000 started, 3000 done, 2000 succeeded, 1000 failed, 0 errored, 0 timeout"
        ),
        "{shown}"
    );
    assert!(shown.contains("2000 2xx, 0 3xx, 1000 4xx, 0 5xx"), "{shown}");
    let rows = stage.statements();
    assert_eq!(rows.len(), 3000);
}
