//! `interdict check` over good and bad settings: what it says, where, and how it exits.

use crate::support::{Directory, run};

/// What every case may refer to.
fn directory() -> Directory {
    Directory::new(&[
        ("policy.yaml", "name: empty\ndefault: allow\n"),
        ("cert.pem", ""),
        ("key.pem", ""),
    ])
}

/// Settings that are right but for what a case puts in place of `SERVICE`, `WORKLOADS` or `REST`.
const SERVICE: &str = r#"services:
  - name: clinic
    protocol: postgres
    destinations: ["10.0.3.7:5432"]
"#;
const WORKLOADS: &str = r#"workloads:
  - name: agents
    match: { cgroup: "/agents/**" }
"#;
const POLICIES: &str = "policies: [policy.yaml]\n";

/// The lines that `check` must print, each without the file's name.
fn assert_messages(settings: &str, expected: &[&str]) {
    let directory = directory();
    directory.write_secret("secret", "s\n");
    let file = directory.write("interdict.yaml", settings);
    let result = run(&["check", "--config", &file]);
    let shown: Vec<&str> = result
        .stderr
        .lines()
        .map(|line| line.strip_prefix(&format!("{file}:")).unwrap_or(line))
        .collect();
    assert_eq!(shown, expected, "for\n{settings}");
    assert_eq!((result.code, result.stdout.as_str()), (2, ""), "for\n{settings}");
}

#[test]
fn good_settings_are_silent() {
    let directory = directory();
    for settings in [
        &format!("{SERVICE}{WORKLOADS}{POLICIES}"),
        &format!("{SERVICE}{WORKLOADS}"),
        // the file is YAML 1.2 with names that older YAML takes for booleans
        &format!(
            "services:\n  - {{ name: no, protocol: postgres, destinations: [\"db:5432\"] }}\n{WORKLOADS}policies: []\n"
        ),
        "services: [{ name: a, protocol: postgres, listen: \"127.0.0.1:6432\", upstream: { address: \"db:5432\", tls: verify-full, ca: cert.pem, cert: cert.pem, key: key.pem }, tls: { certificate: cert.pem, key: key.pem }, limits: { message: 1MiB, pipeline: 100 } }]\npolicies: [policy.yaml]\nkernel: { mode: off }\naudit: { directory: audit, durability: { batch: 50ms }, segment: { rows: 10, age: 5m }, retention: { default: forever, frames: 400d }, seals: { key: seal.key }, anchors: [{ file: elsewhere }, { rfc3161: { name: tsa, url: \"https://tsa.example/tsr\" } }] }\n",
        "services:\n  - { name: a, protocol: postgres, destinations: [\"10.0.0.0/8:5432\"] }\nworkloads: []\npolicies: []\nkernel: { mode: observe }\n",
        "services:\n  - { name: a, protocol: postgres, destinations: [\"unix:/run/a\", \"db:5432\"], on_failure: open }\nworkloads:\n  - { name: a, match: { user: 4711 } }\n  - { name: b, match: [{ user: daemon }, { executable: \"/opt/agent/**\" }, { executable: -/opt/agent }] }\n  - { name: c, match: { container: \"web-*\" } }\n  - { name: d, match: { pod: { namespace: n, labels: { app: agent } } } }\npolicies: []\nkernel: { existing: leave, heartbeat: 2s }\n",
    ] {
        let file = directory.write("interdict.yaml", settings);
        let result = run(&["check", "--config", &file]);
        assert_eq!(
            (result.code, result.stdout.as_str(), result.stderr.as_str()),
            (0, "", ""),
            "for\n{settings}"
        );
    }
}

#[test]
fn what_is_wrong_with_services_is_located() {
    for (service, expected) in [
        (
            "services:\n  - name: clinic\n    protocol: postgres\n    destinatons: [\"10.0.3.7:5432\"]\n",
            &[
                "2:5: expected `destinations`, `listen` or both: nothing would reach this service",
                "4:5: unknown key `destinatons` in a service: expected `name`, `protocol`, `profile`, `destinations`, `listen`, `upstream`, `tls`, `untrusting`, `credentials`, `catalogue`, `limits` or `on_failure`",
            ][..],
        ),
        (
            "services:\n",
            &["1:9: expected a list of services, found nothing"],
        ),
        ("services: []\n", &["1:11: expected at least one service"]),
        (
            "services: clinic\n",
            &["1:11: expected a list of services, found text"],
        ),
        (
            "services:\n  - clinic\n",
            &[
                "2:5: expected a service with `name`, `protocol`, `profile`, `destinations`, `listen`, `upstream`, `tls`, `untrusting`, `credentials`, `catalogue`, `limits` or `on_failure`, found text",
            ],
        ),
        (
            "services:\n  - protocol: postgres\n    destinations: [\"10.0.3.7:5432\"]\n",
            &["2:5: expected `name`: what policies and the audit call the service"],
        ),
        (
            "services:\n  - name: 5\n    protocol: postgres\n    destinations: [\"10.0.3.7:5432\"]\n",
            &["2:11: expected the service's name, found a number (quote it to make it text)"],
        ),
        (
            "services:\n  - name: the clinic\n    protocol: postgres\n    destinations: [\"10.0.3.7:5432\"]\n",
            &["2:11: expected a name of at most 64 letters, digits, `-`, `_` and `.`"],
        ),
        (
            "services:\n  - name: clinic\n    protocol: postgresql\n    destinations: [\"10.0.3.7:5432\"]\n",
            &["3:15: expected `postgres`, `mysql`, `http` or `opaque`, found `postgresql`"],
        ),
        (
            "services:\n  - name: clinic\n    protocol: postgres\n    destinations: \"10.0.3.7:5432\"\n",
            &["4:19: expected a list of destinations such as [\"10.0.3.7:5432\"], found text"],
        ),
        (
            "services:\n  - name: clinic\n    protocol: postgres\n    destinations:\n      - \"10.0.3.7\"\n      - \"fd00::1:5432\"\n      - \"10.0.3.7/8:5432\"\n      - \"db:0\"\n      - 5432\n",
            &[
                "5:9: expected ADDRESS:PORT, [IPv6]:PORT or NAME:PORT, found `10.0.3.7`",
                "6:9: expected brackets around an IPv6 address: [fd00::1]:5432",
                "7:9: 10.0.3.7 has bits beyond the prefix: expected 10.0.0.0/8:5432",
                "8:9: expected a port from 1 to 65535 after the last `:`, found `0`",
                "9:9: expected ADDRESS:PORT, NETWORK/PREFIX:PORT, NAME:PORT or unix:PATH, found a number (quote it to make it text)",
            ],
        ),
        (
            "services:\n  - { name: a, protocol: postgres, destinations: [\"10.0.3.7:5432\"] }\n  - { name: a, protocol: postgres, destinations: [\"10.0.3.7:5432\"] }\n",
            &[
                "3:13: the service name `a` is already used at line 2",
                "3:51: the destination 10.0.3.7:5432 is already protected at line 2",
            ],
        ),
        (
            "services:\n  - { name: a, protocol: postgres, listen: \"127.0.0.1:6432\", upstream: { address: \"db:1\" } }\n  - { name: b, protocol: postgres, listen: \"0.0.0.0:6432\", upstream: { address: \"db:2\" } }\n",
            &["3:44: 0.0.0.0:6432 is already listened on at line 2"],
        ),
        (
            "services:\n  - name: a\n    protocol: postgres\n    listen: \"127.0.0.1:6432\"\n",
            &["4:5: `listen` needs `upstream: { address: … }`: there is no destination to go by"],
        ),
        (
            "services:\n  - name: a\n    protocol: postgres\n    listen: \"127.0.0.1:6432\"\n    upstream: { tls: disable }\n",
            &["5:15: expected `address` in `upstream`: `listen` has no destination to go by"],
        ),
        (
            "services:\n  - name: a\n    protocol: postgres\n    listen: \"127.0.0.1:6432\"\n    upstream: { address: \"127.0.0.1:6432\", tls: verify }\n",
            &[
                "5:26: expected another address than `listen`: the proxy would connect to itself",
                "5:49: expected `disable`, `prefer`, `require` or `verify-full`, found `verify`",
            ],
        ),
        (
            "services:\n  - name: a\n    protocol: postgres\n    listen: localhost:6432\n    upstream: { address: \"db:5432\" }\n",
            &["4:13: expected ADDRESS:PORT or [IPv6]:PORT, found the name `localhost:6432`"],
        ),
        (
            &format!("{SERVICE}    upstream: {{ cert: cert.pem }}\n"),
            &["5:17: `cert` needs `key`"],
        ),
        (
            &format!(
                "{SERVICE}    upstream: {{ warm: 65 }}\n    credentials: {{ inject: {{ user: svc }} }}\n"
            ),
            &["5:23: expected how many sessions are kept for a caller, from 0 to 64"],
        ),
        (
            &format!("{SERVICE}    upstream: {{ warm: 4 }}\n"),
            &[
                "5:15: `warm` has no use but with `protocol: postgres` and `credentials: { inject: … }`: sessions are kept where the proxy logs in",
            ],
        ),
        (
            &format!("{SERVICE}    upstream: {{ tls: disable, ca: cert.pem }}\n"),
            &["5:31: `ca` has no use with `tls: disable`"],
        ),
        (
            &format!("{SERVICE}    upstream: {{ tls: require, ca: cert.pem }}\n"),
            &[
                "5:31: `ca` has no use with `tls: require`, which verifies nothing: expected `tls: verify-full`",
            ],
        ),
        (
            &format!("{SERVICE}    tls: {{ certificate: cert.pem }}\n"),
            &["5:10: expected `key`: the certificate's key file; `tls` needs both"],
        ),
        (
            &format!("{SERVICE}    credentials: own\n"),
            &["5:18: expected `pass` or `{ inject: { user: …, password: … } }`, found `own`"],
        ),
        (
            &format!("{SERVICE}    catalogue: {{ user: u, password: s3cret }}\n"),
            &[
                "5:37: expected where the password comes from, not the password: `{ file: … }`, `{ env: … }`, `{ command: […] }` or `{ credential: … }`",
            ],
        ),
        (
            &format!("{SERVICE}    catalogue: {{ user: u, password: {{ env: A, file: secret }} }}\n"),
            &[
                "5:47: expected one key only in a secret's source: one of `file`, `env`, `command` or `credential`",
            ],
        ),
        (
            &format!("{SERVICE}    on_failure: bypass\n"),
            &["5:17: expected `closed` or `open`, found `bypass`"],
        ),
        (
            &format!("{SERVICE}    limits: {{ message: 64MB, pipeline: 0, rows: 5 }}\n"),
            &[
                "5:24: expected a size above zero such as 512KiB, 64MiB or 1GiB, found `64MB`",
                "5:40: expected a number of requests from 1, found 0",
                "5:43: unknown key `rows` in `limits`: expected `message` or `pipeline`",
            ],
        ),
    ] {
        assert_messages(&format!("{service}{WORKLOADS}{POLICIES}"), expected);
    }
}

#[test]
fn what_is_wrong_elsewhere_is_located() {
    for (rest, expected) in [
        (
            "workloads:\n  - name: agents\n    match: { cgroup: \"/a/**\", unit: \"a.service\" }\npolicies: []\n",
            &[
                "7:31: expected one key only in `match`: one of `cgroup`, `unit`, `user`, `executable`, `container` or `pod`",
            ][..],
        ),
        (
            "workloads:\n  - name: agents\n    match: {}\npolicies: []\n",
            &[
                "7:12: expected `match` with one of `cgroup`, `unit`, `user`, `executable`, `container` or `pod`",
            ],
        ),
        (
            "workloads:\n  - { name: a, match: { cgroup: agents } }\n  - { name: a, match: { cgroup: \"/**\" } }\n  - { name: b, match: { unit: \"agent-*\" } }\n  - { name: c, match: { cgroup: \"/a[\" } }\npolicies: []\n",
            &[
                "6:33: expected a path from the root of the cgroup hierarchy, such as \"/agents/**\"",
                "7:13: the workload name `a` is already used at line 6",
                "7:33: expected a part of the cgroup hierarchy: this would enrol the daemon itself",
                "8:31: expected a unit with its kind: `.service`, `.slice` or `.scope` at the end",
                "9:33: expected a pattern of cgroup paths such as \"/agents/**\": unclosed character class; missing ']'",
            ],
        ),
        (
            "policies: []\n",
            &[
                "1:1: expected at least one of `workloads`: with `kernel.mode: enforce`, services with destinations protect only who is enrolled",
            ],
        ),
        (
            "workloads: []\npolicies: []\n",
            &[
                "5:1: expected at least one of `workloads`: with `kernel.mode: enforce`, services with destinations protect only who is enrolled",
            ],
        ),
        (
            &format!("{WORKLOADS}policies: [absent.yaml]\n"),
            &[
                "8:12: expected the path of a policy file: DIR/absent.yaml: No such file or directory (os error 2)",
            ],
        ),
        (
            &format!("{WORKLOADS}policies:\n  - policy.yaml\n  - ./policy.yaml\n  - policy.yaml\n"),
            &[
                "10:5: DIR/./policy.yaml is already listed",
                "11:5: DIR/policy.yaml is already listed",
            ],
        ),
        (
            &format!(
                "{WORKLOADS}{POLICIES}audit:\n  directory: policy.yaml\n  durability: fast\n  segment: {{ rows: -1, age: 5 }}\n  retention: always\n"
            ),
            &[
                "10:14: expected a directory: DIR/policy.yaml is a file",
                "11:15: expected `strict` or `{ batch: DURATION }`, found `fast`",
                "12:20: expected a number of rows from 1, found -1",
                "12:29: expected a duration such as 5m, found a number (quote it to make it text)",
                "13:14: expected a duration above zero such as 50ms, 30s, 5m, 12h or 2190d, found `always`",
            ],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}audit: {{ durability: {{ batch: 0ms }}, retention: 1s }}\n"),
            &[
                "9:31: expected a duration above zero such as 50ms, 30s, 5m, 12h or 2190d, found `0ms`",
                "9:49: expected a retention longer than `segment.age`: a segment would be removed before it is written",
            ],
        ),
        (
            &format!(
                "{WORKLOADS}{POLICIES}audit:\n  retention: {{ default: forever, frames: 400d, admins: 1d }}\n  seals: {{ key: {{ file: absent.key }} }}\n  anchors:\n    - {{ file: policy.yaml }}\n    - {{ webhook: {{ name: \"a b\", url: \"ftp://x\" }} }}\n    - {{ tape: x }}\n    - {{ rfc3161: {{ name: tsa, url: \"https://a\" }} }}\n    - {{ rfc3161: {{ name: tsa, url: \"https://b\" }} }}\n    - {{ rfc3161: {{ url: \"tsa\" }} }}\n"
            ),
            &[
                "10:48: unknown key `admins` in `retention` (or a duration): expected `default`, `sessions`, `statements`, `policies`, `admin`, `ledger`, `approvals`, `grants` or `frames`",
                "11:25: expected a file with the secret: DIR/absent.key: No such file or directory (os error 2)",
                "13:15: expected a directory: DIR/policy.yaml is a file",
                "14:18: expected `secret`: what both ends sign with: `{ file: … }`",
                "14:26: expected a name of at most 64 letters, digits, `-`, `_` and `.`",
                "14:38: expected a URL that begins with https:// or http://",
                "15:9: unknown key `tape` in an anchor: expected `file`, `webhook`, `object_store` or `rfc3161`",
                "17:7: this anchor is already listed",
                "18:18: expected `name`: what receipts, events and the tokens' files call it",
                "18:25: expected a URL that begins with https:// or http://",
            ],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}kernel: {{ mode: on }}\n"),
            &["9:17: expected `enforce`, `observe` or `off`, found `on`"],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}kernel: {{ existing: keep, heartbeat: 2m }}\n"),
            &["9:21: expected `cut` or `leave`, found `keep`"],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}kernel: {{ heartbeat: 2m }}\n"),
            &["9:22: expected a heartbeat from 2s to 1m"],
        ),
        (
            "workloads:\n  - { name: a, match: { user: nobody-of-that-name } }\n  - { name: b, match: { user: root } }\n  - { name: c, match: { user: 4294967295 } }\n  - { name: d, match: { user: -5 } }\n  - { name: e, match: { executable: bin/agent } }\n  - { name: f, match: { executable: /opt/../agent } }\n  - { name: g, match: { container: \"web-[\" } }\n  - { name: h, match: [] }\n  - { name: i, match: [{ user: 0 }, { uid: 5 }] }\n  - { name: j, match: { pod: {} } }\npolicies: []\n",
            &[
                "6:31: there is no user `nobody-of-that-name` here",
                "7:31: expected another user than root: this would enrol the daemon itself",
                "8:31: expected a user's number below 4294967295",
                "9:31: expected a user's number below 4294967295",
                "10:37: expected an absolute path without `..`, such as /opt/agent/bin/*",
                "11:37: expected an absolute path without `..`, such as /opt/agent/bin/*",
                "12:36: expected a pattern of containers' names or ids such as \"web-*\": unclosed character class; missing ']'",
                "13:23: expected at least one match",
                "14:32: expected another user than root: this would enrol the daemon itself",
                "14:39: unknown key `uid` in `match`: expected `cgroup`, `unit`, `user`, `executable`, `container` or `pod`",
                "15:30: expected `namespace`, `labels` or both",
            ],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}kernel: enforce\n"),
            &["9:9: expected `kernel` with `mode`, `existing` or `heartbeat`, found text"],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}kernel: {{ mode: off }}\n"),
            &["2:5: expected `listen`: with `kernel.mode: off` nothing is redirected to this service"],
        ),
        (
            &format!("{WORKLOADS}{POLICIES}polices: []\n"),
            &[
                "9:1: unknown key `polices` in the settings: expected `services`, `workloads`, `policies`, `keys`, `authority`, `audit`, `kernel`, `admin`, `identity` or `approvals`",
            ],
        ),
    ] {
        let directory = directory();
        let file = directory.write("interdict.yaml", &format!("{SERVICE}{rest}"));
        let expected: Vec<String> = expected
            .iter()
            .map(|line| line.replace("DIR", &directory.path()))
            .collect();
        let result = run(&["check", "--config", &file]);
        let shown: Vec<&str> = result
            .stderr
            .lines()
            .map(|line| line.strip_prefix(&format!("{file}:")).unwrap_or(line))
            .collect();
        assert_eq!(shown, expected, "for\n{rest}");
        assert_eq!(result.code, 2);
    }
}

/// A policy with two keyed masks.
const KEYED: &str = "name: keyed
mask:
  - columns: [\"patients.ssn\"]
    with: { token: { key: patients } }
  - columns: [\"patients.born\"]
    with: { shift-date: { days: 30, key: dates } }
";

#[test]
fn keys_have_a_source_each() {
    let directory = directory();
    directory.write("policy.yaml", KEYED);
    directory.write_secret("patients.key", "32 random bytes are the best key\n");
    // What only the daemon has is not asked for here.
    for dates in [
        "{ env: INTERDICT_TEST_UNSET }",
        "{ credential: dates }",
        "{ command: [/nonexistent/vault, read, dates] }",
        "{ command: /nonexistent/vault read dates }",
        "{ file: patients.key }",
    ] {
        let file = directory.write(
            "interdict.yaml",
            &format!(
                "{SERVICE}{WORKLOADS}{POLICIES}keys:\n  patients: {{ file: patients.key }}\n  dates: {dates}\n"
            ),
        );
        let result = run(&["check", "--config", &file]);
        assert_eq!((result.code, result.stderr.as_str()), (0, ""), "{dates}");
    }
}

#[test]
fn what_is_wrong_with_keys_is_located() {
    let directory = directory();
    directory.write("policy.yaml", KEYED);
    directory.write_secret("patients.key", "32 random bytes are the best key\n");
    directory.write_secret("short.key", "fifteen bytes..\n");
    directory.write("open.key", "32 random bytes are the best key\n");
    for (keys, expected) in [
        (
            "",
            &[
                "DIR/policy.yaml:4:11: no key named `patients`: a token or shift-date mask needs its key in the settings",
                "DIR/policy.yaml:6:11: no key named `dates`: a token or shift-date mask needs its key in the settings",
            ][..],
        ),
        (
            "keys: { patients: { file: patients.key } }\n",
            &[
                "DIR/policy.yaml:6:11: no key named `dates`: a token or shift-date mask needs its key in the settings",
            ],
        ),
        (
            "keys: [patients]\n",
            &[
                "9:7: expected `keys`, such as `{ patients: { file: patients.key } }`, found a list",
                "DIR/policy.yaml:4:11: no key named `patients`: a token or shift-date mask needs its key in the settings",
                "DIR/policy.yaml:6:11: no key named `dates`: a token or shift-date mask needs its key in the settings",
            ],
        ),
        // A key that is there and can't be used is one mistake, not two.
        (
            "keys:\n  patients: { file: open.key }\n  dates: { file: short.key }\n  other: { file: absent.key }\n  last: { file: . }\n",
            &[
                "10:21: expected a file with the secret: DIR/open.key: others than its owner may use it (mode 0644): chmod 600 (of a Kubernetes secret: defaultMode: 0400)",
                "11:10: the key `dates`: DIR/short.key: a masking key of 15 bytes is too short: at least 16 are needed",
                "12:18: expected a file with the secret: DIR/absent.key: No such file or directory (os error 2)",
                "13:17: expected a file with the secret: DIR/.: it is not a file",
            ],
        ),
        (
            "keys:\n  patients: s3cret-key-material\n  dates: { vault: a }\n  a b: { env: A }\n",
            &[
                "10:13: expected where the key comes from, not the key: `{ file: … }`, `{ env: … }`, `{ command: […] }` or `{ credential: … }`",
                "11:12: unknown key `vault` in a secret's source: expected `file`, `env`, `command` or `credential`",
                "12:3: expected a key's name of at most 64 letters, digits, `-`, `_` and `.`",
            ],
        ),
        (
            "keys:\n  patients: { command: vault read \"$KEY\" }\n  dates: { command: [] }\n  a: { command: 5 }\n  b: { credential: ../c }\n  c: { env: A, file: b }\n",
            &[
                "10:24: expected a command as a list: [PROGRAM, ARGUMENT, …]: no shell reads a text with quotes, variables or pipes",
                "11:21: expected a command as a list: [PROGRAM, ARGUMENT, …]",
                "12:17: expected a command as a list: [PROGRAM, ARGUMENT, …], found a number",
                "13:20: expected the name of a systemd credential, without a path",
                "14:16: expected one key only in a secret's source: one of `file`, `env`, `command` or `credential`",
            ],
        ),
    ] {
        let file = directory.write("interdict.yaml", &format!("{SERVICE}{WORKLOADS}{POLICIES}{keys}"));
        let result = run(&["check", "--config", &file]);
        let shown: Vec<String> = result
            .stderr
            .lines()
            .map(|line| line.strip_prefix(&format!("{file}:")).unwrap_or(line))
            .map(|line| line.replace(&directory.path(), "DIR"))
            .collect();
        assert_eq!(shown, expected, "for\n{keys}");
        assert_eq!((result.code, result.stdout.as_str()), (2, ""), "for\n{keys}");
    }
}

/// The daemon asks every source, and does not start without what it gives.
#[test]
fn the_daemon_needs_its_keys() {
    let directory = directory();
    directory.write("policy.yaml", KEYED);
    directory.write_secret("patients.key", "32 random bytes are the best key\n");
    for (dates, expected) in [
        (
            "{ env: INTERDICT_TEST_UNSET }",
            "10:10: the key `dates`: the variable INTERDICT_TEST_UNSET: it is not in the daemon's environment",
        ),
        (
            "{ credential: dates }",
            "10:10: the key `dates`: the credential dates: systemd passed no credentials (LoadCredential= of the unit)",
        ),
        (
            "{ command: [sh, -c, exit 3] }",
            "10:10: the key `dates`: the command sh: it ended with exit status: 3",
        ),
        (
            "{ command: [printf, s3cret] }",
            "10:10: the key `dates`: the command printf: a masking key of 6 bytes is too short: at least 16 are needed",
        ),
    ] {
        let file = directory.write(
            "interdict.yaml",
            &format!(
                "{SERVICE}{WORKLOADS}{POLICIES}keys: {{ patients: {{ file: patients.key }},\n  dates: {dates} }}\n"
            ),
        );
        let result = run(&["run", "--config", &file]);
        assert_eq!(
            (result.code, result.stderr),
            (2, format!("{file}:{expected}\n")),
            "{dates}"
        );
    }
}

#[test]
fn tls_is_for_protocols_that_are_understood() {
    let settings = "services:
  - name: a
    protocol: opaque
    destinations: [\"10.0.0.1:79\"]
    upstream: { tls: require }
    untrusting: opaque
  - { name: b, protocol: mysql, destinations: [\"10.0.0.1:80\"], untrusting: maybe }
workloads:
  - { name: u, match: { user: 5 } }
authority: off
";
    assert_messages(
        settings,
        &[
            "5:17: `tls` has no use with `protocol: opaque`: TLS is between the client and the service",
            "6:5: `untrusting` has no use with `protocol: opaque`: bytes are passed on as they are",
            "7:76: expected `refuse` or `opaque`, found `maybe`",
            "10:12: expected `{ directory: … }` or `none`, found `off`",
        ],
    );
}

#[test]
fn profiles_are_of_http_and_their_documents_are_read() {
    let settings = "services:
  - { name: a, protocol: http, profile: aws-s4, destinations: [\"10.0.0.1:80\"] }
  - { name: b, protocol: mysql, profile: mcp, destinations: [\"10.0.0.1:81\"] }
  - { name: c, protocol: http, profile: { openapi: none.yaml }, destinations: [\"10.0.0.1:82\"] }
  - { name: d, protocol: http, catalogue: { user: u, password: { env: HOME } }, destinations: [\"10.0.0.1:83\"] }
workloads:
  - { name: u, match: { user: 5 } }
policies: []
";
    let directory = directory();
    let file = directory.write("interdict.yaml", settings);
    let result = run(&["check", "--config", &file]);
    assert_eq!(result.code, 2);
    for expected in [
        "2:41: ",
        "no profile is called `aws-s4`",
        "3:33: `profile` has no use with `protocol: mysql`",
        "4:52: ",
        "none.yaml",
        "5:32: `catalogue` has no use",
    ] {
        assert!(result.stderr.contains(expected), "{expected}: {}", result.stderr);
    }
}

#[test]
fn credentials_that_would_not_do_are_told() {
    let of = |protocol: &str, inject: &str| {
        format!(
            "services:\n  - {{ name: a, protocol: {protocol}, destinations: [\"10.0.0.1:79\"], credentials: {{ inject:\n{inject} }} }}\n\
             workloads:\n  - {{ name: u, match: {{ user: 5 }} }}\npolicies: []\n"
        )
    };
    for (protocol, inject, expected) in [
        (
            "opaque",
            "{ user: u }",
            "2:80: `inject` has no use with `protocol: opaque`: bytes are passed on as they are",
        ),
        ("mysql", "[]", "3:1: expected at least one login"),
        (
            "mysql",
            "{ password: { file: secret } }",
            "3:1: expected `user`: a user of the service",
        ),
        (
            "mysql",
            "{ user: u, password: { file: secret, refresh: 5m } }",
            "3:38: `refresh` has a use with `command` only: other sources are read at every login",
        ),
        (
            "postgres",
            "[{ user: u }, { identities: [\"a\"], user: v }]",
            "3:15: nobody is left for this login: the one at line 3 is for everybody",
        ),
        (
            "postgres",
            "[{ identities: [\"=a\"], user: u }]",
            "3:17: `=a` names no fact; expected key=value, such as `workload=agents`",
        ),
        (
            "postgres",
            "{ bearer: { file: secret } }",
            "3:3: unknown key `bearer` in `inject`: expected `user` or `password`",
        ),
        (
            "http",
            "{ user: u }",
            "3:3: unknown key `user` in `inject` for HTTP: expected `bearer`, `basic`, `header` or `sigv4`",
        ),
        (
            "http",
            "{ header: { name: Host, value: { file: secret } } }",
            "3:19: expected the name of a header for credentials, such as `X-Api-Key`",
        ),
        (
            "http",
            "{ sigv4: { credentials: { file: secret }, access_key_id: a } }",
            "3:43: `access_key_id` has no use with `credentials`, which gives all of them",
        ),
        (
            "http",
            "{ basic: { user: \"a:b\", password: { file: secret } } }",
            "3:18: expected a user without `:`, which ends it",
        ),
    ] {
        let settings = of(protocol, inject);
        let directory = directory();
        directory.write_secret("secret", "s3cret\n");
        let file = directory.write("interdict.yaml", &settings);
        let result = run(&["check", "--config", &file]);
        assert!(
            result.code == 2 && result.stderr.contains(&format!("{file}:{expected}")),
            "{expected}\n{settings}\n{}",
            result.stderr
        );
        assert!(!result.stderr.contains("s3cret"));
    }
    for (protocol, inject) in [
        ("postgres", "{ user: u }"),
        (
            "mysql",
            "[{ identities: [\"agents/*\", \"namespace=prod\"], user: u, password: { command: [x], refresh: 10m } }, { user: v }]",
        ),
        (
            "http",
            "{ header: { name: X-Api-Key, prefix: \"Key \", value: { env: A } } }",
        ),
        (
            "http",
            "{ sigv4: { access_key_id: { env: A }, secret_access_key: { env: B }, session_token: { env: C }, region: r, service: s3 } }",
        ),
    ] {
        let directory = directory();
        let file = directory.write("interdict.yaml", &of(protocol, inject));
        let result = run(&["check", "--config", &file]);
        assert_eq!((result.code, result.stderr.as_str()), (0, ""), "{inject}");
    }
}

#[test]
fn yaml_itself_is_located() {
    for (settings, position) in [
        ("services: [\n", ""),
        ("services: []\nservices: []\n", "2:1: "),
        ("services:\n\t- a\n", "2:"),
        ("- a\n", "1:1: expected the settings with `services`"),
        ("", "1:1: "),
        ("a: &a [*a]\n", "1:"),
    ] {
        let directory = directory();
        let file = directory.write("interdict.yaml", settings);
        let result = run(&["check", "--config", &file]);
        assert_eq!(result.code, 2, "{settings}");
        let start = format!("{file}:{position}");
        assert!(
            result.stderr.starts_with(&start) && result.stderr.lines().count() == 1,
            "{settings}: {}",
            result.stderr
        );
    }
}

#[test]
fn a_policys_mistakes_are_reported_with_the_settings_own() {
    let directory = directory();
    directory.write("policy.yaml", "name: p\nmusk: []\n");
    let file = directory.write(
        "interdict.yaml",
        &format!("{SERVICE}{WORKLOADS}{POLICIES}kernel: {{ mode: on }}\n"),
    );
    let result = run(&["check", "--config", &file]);
    let lines: Vec<&str> = result.stderr.lines().collect();
    assert_eq!(result.code, 2);
    assert!(
        lines[0].starts_with(&format!("{file}:9:17: ")),
        "{}",
        result.stderr
    );
    assert!(
        lines[1].starts_with(&format!("{}/policy.yaml:2:1: ", directory.path())),
        "{}",
        result.stderr
    );
}

#[test]
fn a_file_that_cannot_be_read_is_named() {
    let directory = directory();
    for path in [format!("{}/absent.yaml", directory.path()), directory.path()] {
        let result = run(&["check", "--config", &path]);
        assert_eq!(result.code, 2);
        assert!(
            result
                .stderr
                .starts_with(&format!("{path}:1:1: cannot read the settings: ")),
            "{}",
            result.stderr
        );
    }
}
