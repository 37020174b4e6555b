//! What `interdict check` says of who gets the record live.

use crate::support::{Directory, run};

fn check(streams: &str) -> (i32, String) {
    let directory = Directory::new(&[("policy.yaml", "name: empty\ndefault: allow\n"), ("ca.pem", "")]);
    directory.write_secret("secret", "s\n");
    let settings = format!(
        "services: [{{ name: a, protocol: postgres, destinations: [\"db:5432\"] }}]\nworkloads: []\npolicies: [policy.yaml]\naudit:\n  streams:\n{streams}kernel: {{ mode: observe }}\n"
    );
    let file = directory.write("interdict.yaml", &settings);
    let result = run(&["check", "--config", &file]);
    let said = result.stderr.replace(&format!("{file}:"), "");
    (result.code, said.trim_end().to_owned())
}

#[test]
fn good_streams_are_silent() {
    for stream in [
        r#"kafka: { brokers: ["kafka-1:9093", "[fd00::1]:9093"], topic: interdict.record }"#,
        r#"kafka: { brokers: ["kafka:9093"], topic: t, ca: ca.pem, login: { user: u, password: { file: secret } } }"#,
        r#"kafka: { brokers: ["kafka:9093"], topic: t, login: { mechanism: plain, user: u, password: { env: P } } }"#,
        r#"kafka: { brokers: ["kafka:9092"], topic: t, tls: disable, login: { mechanism: scram-sha-256, user: u, password: { env: P } } }"#,
        r#"syslog: { address: "tls://siem:6514", ca: ca.pem }"#,
        r"file: events.ndjson",
    ] {
        let (code, said) = check(&format!("    - {{ {stream} }}\n"));
        assert_eq!((code, said.as_str()), (0, ""), "{stream}");
    }
}

#[test]
fn what_is_wrong_with_streams_is_located() {
    for (stream, expected) in [
        (
            "{ }",
            &["6:7: expected a stream with one of `syslog`, `http`, `otlp`, `kafka` and `file`"][..],
        ),
        (
            "kafka: { topic: t }",
            &["6:14: expected `brokers`: a list of brokers: `[HOST:PORT, …]`"],
        ),
        (
            r#"kafka: { brokers: ["kafka"], topic: "a b" }"#,
            &[
                "6:26: expected a broker: HOST:PORT, found `kafka`",
                "6:43: expected a topic's name: letters, digits, `.`, `_` and `-`, at most 249 of them",
            ],
        ),
        (
            "kafka: { brokers: [], topic: t, tls: maybe }",
            &[
                "6:25: expected at least one broker",
                "6:44: expected `verify-full` or `disable`, found `maybe`",
            ],
        ),
        (
            r#"kafka: { brokers: ["k:1"], topic: t, tls: disable, ca: ca.pem }"#,
            &["6:58: `ca` has no use with `tls: disable`"],
        ),
        (
            r#"kafka: { brokers: ["k:1"], topic: t, login: { mechanism: gssapi, password: s3cret } }"#,
            &[
                "6:51: expected `user`: who the daemon is there",
                "6:64: expected `scram-sha-512`, `scram-sha-256` or `plain`, found `gssapi`",
                "6:82: expected where the password comes from, not the password: `{ file: … }`, `{ env: … }`, `{ command: […] }` or `{ credential: … }`",
            ],
        ),
        (
            r#"kafka: { brokers: ["k:1"], topic: t, tls: disable, login: { mechanism: plain, user: u, password: { file: secret } } }"#,
            &[
                "6:65: `mechanism: plain` with `tls: disable` shows the password to everybody on the way: expected `scram-sha-512`, or TLS",
            ],
        ),
    ] {
        let (code, said) = check(&format!("    - {stream}\n"));
        let said: Vec<&str> = said.lines().collect();
        assert_eq!(said, expected, "for {stream}");
        assert_eq!(code, 2);
    }
}
