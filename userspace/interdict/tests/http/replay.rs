//! What the record has of a session is what its client received.

use std::process::Command;

use crate::capture::{Capture, assert_same, replay, sessions};
use crate::nginx::Nginx;
use crate::stage::{PLANTED, Service, Stage, url};
use crate::support::text;

#[test]
fn a_connection_of_curl_is_replayed_to_the_byte() {
    let nginx = Nginx::start();
    let mut stage = Stage::start(vec![Service::new("masked", nginx.one)]);
    let capture = Capture::before(stage.port("masked"));
    let at = |path: &str| url(capture.port, path);
    let output = Command::new("curl")
        .args(["-sS", "--http1.1", "-H", "Accept-Encoding: gzip"])
        .args([
            at("/patients.json"),
            at("/plain.csv"),
            at("/missing"),
            at("/gzip/plain.json"),
        ])
        .args([
            "--output-dir",
            "/dev",
            "-o",
            "null",
            "-o",
            "null",
            "-o",
            "null",
            "-o",
            "null",
        ])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let refused = Command::new("curl")
        .args(["-sS", "-X", "DELETE", &at("/patients/1")])
        .output()
        .unwrap();
    assert!(
        text(&refused.stdout).contains("no-deletes"),
        "{}",
        text(&refused.stdout)
    );
    stage.daemon.stop();
    let audit = stage.daemon.audit.clone();
    assert_same(&capture, &audit);
    let all: Vec<_> = sessions(&audit)
        .iter()
        .map(|id| text(&replay(&audit, id, &[]).stdout))
        .collect();
    assert!(
        all[0].contains("*****6789") && all[0].contains("404 Not Found"),
        "{}",
        all[0]
    );
    assert!(
        all[1].contains("403 Forbidden") && all[1].contains("no-deletes"),
        "{}",
        all[1]
    );
    for planted in PLANTED {
        assert!(!all.concat().contains(planted));
    }
}

#[test]
fn answers_of_http_2_are_kept_with_their_bodies() {
    let nginx = Nginx::start();
    let mut stage = Stage::start(vec![Service::new("masked", nginx.two)]);
    let output = Command::new("curl")
        .args([
            "-sS",
            "--http2-prior-knowledge",
            &stage.url("masked", "/patients.json"),
        ])
        .output()
        .unwrap();
    stage.daemon.stop();
    let audit = stage.daemon.audit.clone();
    let kept = replay(&audit, &sessions(&audit)[0], &["--format", "bytes"]).stdout;
    let kept = text(&kept);
    let (head, body) = kept.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/2.0 200"), "{head}");
    assert_eq!(body, text(&output.stdout));
}
