//! What the daemon gives away: numbers to who scrapes, events to who listens.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

#[path = "../support/mod.rs"]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Daemon, POLICY, Postgres, explicit_settings, free_port, interdict, psql, scratch};

/// A page of metrics, read strictly: every sample under a `HELP` and a `TYPE` of its family, numbers that are numbers, labels
/// as they should be, no series twice, histograms that add up.
struct Page {
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

fn get(port: u16, path: &str) -> (String, String) {
    let mut socket = TcpStream::connect(("127.0.0.1", port)).unwrap();
    write!(socket, "GET {path} HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_owned(), body.to_owned())
}

impl Page {
    fn read(port: u16) -> Self {
        let (head, body) = get(port, "/metrics");
        assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
        assert!(head.contains("content-type: text/plain; version=0.0.4"), "{head}");
        let mut page = Self {
            kinds: BTreeMap::new(),
            samples: BTreeMap::new(),
        };
        let mut helped = BTreeSet::new();
        let mut family = String::new();
        for line in body.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, text) = help.split_once(' ').unwrap();
                assert!(!text.is_empty() && helped.insert(name.to_owned()), "{line}");
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').unwrap();
                assert!(matches!(kind, "counter" | "gauge" | "histogram"), "{line}");
                assert!(helped.contains(name), "{line}");
                assert!(kind != "counter" || name.ends_with("_total"), "{line}");
                assert!(
                    page.kinds.insert(name.to_owned(), kind.to_owned()).is_none(),
                    "{line}"
                );
                name.clone_into(&mut family);
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let name = series.split('{').next().unwrap();
                let end = name
                    .strip_prefix(family.as_str())
                    .expect("a sample of the family above it");
                let histogram = page.kinds[&family] == "histogram";
                assert!(
                    matches!(
                        (histogram, end),
                        (false, "") | (true, "_bucket" | "_sum" | "_count")
                    ),
                    "{line}"
                );
                if let Some(labels) = series.strip_prefix(name).filter(|labels| !labels.is_empty()) {
                    let inner = labels
                        .strip_prefix('{')
                        .and_then(|labels| labels.strip_suffix("\"}"))
                        .expect(line);
                    for label in inner.split("\",") {
                        let (key, _) = label.split_once("=\"").expect(line);
                        assert!(
                            key.chars()
                                .all(|letter| letter.is_ascii_lowercase() || letter == '_'),
                            "{line}"
                        );
                    }
                }
                let value = value.parse().unwrap();
                assert!(page.samples.insert(series.to_owned(), value).is_none(), "{line}");
            }
        }
        page
    }

    fn value(&self, series: &str) -> f64 {
        *self
            .samples
            .get(series)
            .unwrap_or_else(|| panic!("no {series} in {:#?}", self.samples))
    }
}

fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let patience = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < patience, "{what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Names of metrics in an expression of PromQL.
fn names(expression: &str) -> Vec<String> {
    let words = expression.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_');
    words
        .filter(|word| word.starts_with("interdict_"))
        .map(str::to_owned)
        .collect()
}

#[test]
fn metrics_say_what_the_record_says_and_streams_get_it() {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, Some(POLICY));
    let metrics = free_port();
    let events = directory.path().join("events.ndjson");
    let text = std::fs::read_to_string(&settings).unwrap();
    let text = text.replace(
        "admin: { socket: admin.sock }",
        &format!("admin: {{ socket: admin.sock, metrics: \"127.0.0.1:{metrics}\" }}"),
    );
    let text = text.replace(
        "durability: strict,",
        &format!(
            "durability: strict, streams: [ {{ file: events.ndjson, from: beginning }}, {{ name: siem, syslog: {{ address: \"tcp://127.0.0.1:{}\" }} }} ],",
            free_port()
        ),
    );
    std::fs::write(&settings, text).unwrap();
    let mut daemon = Daemon::start(&settings, &directory.path().join("audit"));

    assert!(psql(port, "select ssn from patients").status.success());
    assert!(psql(port, "select id from patients").status.success());
    assert!(!psql(port, "drop table patients").status.success());
    let denied = "interdict_statements_total{service=\"clinic\",decision=\"deny\",status=\"refused\"}";
    let page = until("the refusal is not counted", || {
        let page = Page::read(metrics);
        (page.samples.get(denied) == Some(&1.0)
            && page.samples.contains_key(
                "interdict_sessions_total{service=\"clinic\",workload=\"-\",end_reason=\"client\"}",
            ))
        .then_some(page)
    });
    assert!(
        page.value("interdict_statements_total{service=\"clinic\",decision=\"mask\",status=\"ok\"}") >= 1.0
    );
    assert!((page.value("interdict_masked_cells_total{service=\"clinic\"}") - 2.0).abs() < 0.1);
    assert!((page.value("interdict_audit_healthy{part=\"journal\"}") - 1.0).abs() < 0.1);
    let whole = "interdict_statement_seconds_bucket{service=\"clinic\",le=\"+Inf\"}";
    assert!(
        (page.value(whole) - page.value("interdict_statement_seconds_count{service=\"clinic\"}")).abs() < 0.1
    );
    assert!(page.value("interdict_audit_sync_seconds_count") >= 3.0);
    // Nothing of who asked what.
    assert!(
        page.samples
            .keys()
            .all(|series| !series.contains("patients") && !series.contains("identity"))
    );
    assert!(get(metrics, "/").0.starts_with("HTTP/1.1 404"));

    // What the dashboard asks for is there.
    let dashboard = std::fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../deploy/grafana/interdict.json"
    ));
    let dashboard: Value = serde_json::from_str(&dashboard.unwrap()).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let asked: BTreeSet<String> = panels
        .iter()
        .flat_map(|panel| panel["targets"].as_array().unwrap())
        .flat_map(|target| names(target["expr"].as_str().unwrap()))
        .collect();
    assert!(asked.len() > 15, "{asked:?}");
    for name in &asked {
        let base = name
            .strip_suffix("_bucket")
            .filter(|base| page.kinds.get(*base).is_some_and(|kind| kind == "histogram"));
        assert!(
            page.kinds.contains_key(base.unwrap_or(name)),
            "the dashboard asks for {name}"
        );
    }

    // The stream has the same, as OCSF.
    let refused = until("the refusal is not in the stream", || {
        let text = std::fs::read_to_string(&events).unwrap_or_default();
        let mut events = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        events.find(|event| event["class_uid"] == 6005 && event["disposition_id"] == 2)
    });
    assert_eq!(refused["firewall_rule"]["name"], "no-destructive");
    assert!((Page::read(metrics).value("interdict_stream_healthy{stream=\"file\"}") - 1.0).abs() < 0.1);

    // Whom to call about the one that nobody receives.
    let status = until("the status says nothing of the stream that fails", || {
        let out = Command::new(interdict())
            .args(["status", "--json", "--config", settings.to_str().unwrap()])
            .output()
            .unwrap();
        assert_eq!(out.status.code(), Some(1));
        let status: Value = serde_json::from_slice(&out.stdout).unwrap();
        let told = status["attention"].as_array().unwrap();
        told.iter()
            .any(|told| {
                told.as_str()
                    .unwrap()
                    .starts_with("the stream siem delivers nothing")
            })
            .then_some(status)
    });
    assert_eq!(status["away"]["stream file"]["waiting"], 0);
    assert!(status["away"]["stream file"]["delivered"].as_u64().unwrap() > 3);
    assert!(status["away"]["stream siem"]["waiting"].as_u64().unwrap() > 0);
    daemon.stop();
}
