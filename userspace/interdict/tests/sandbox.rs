//! What a running daemon has given up, as the kernel tells it, and that the data path works without.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests"
)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use support::{
    Daemon, POLICY, Postgres, assert_sound, audit_rows, explicit_settings, free_port, psql, psql_command,
    run, scratch, text,
};

/// `Name: value` of /proc/PID/task/TID/status, of every thread.
fn threads(pid: u32) -> Vec<BTreeMap<String, String>> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let statuses = tasks.map(|task| fs::read_to_string(task.unwrap().path().join("status")).unwrap());
    statuses
        .map(|status| {
            let lines = status.lines().filter_map(|line| line.split_once(':'));
            lines
                .map(|(name, value)| (name.to_owned(), value.trim().to_owned()))
                .collect()
        })
        .collect()
}

fn mask(status: &BTreeMap<String, String>, set: &str) -> u64 {
    u64::from_str_radix(&status[set], 16).unwrap()
}

/// CAP_DAC_READ_SEARCH: all that is left without the kernel's side.
const READ_SEARCH: u64 = 1 << 2;

#[test]
fn threads_that_parse_have_no_rights_and_the_others_what_they_need() {
    let server = Postgres::start();
    let directory = scratch();
    let (settings, port) = explicit_settings(directory.path(), server.port, Some(POLICY));
    let mut daemon = Daemon::start(&settings, &directory.path().join("audit"));
    // Something has been through every kind of thread.
    assert_eq!(
        text(&psql(port, "select ssn from patients where id = 1").stdout),
        "*****6789\n"
    );

    let threads = threads(daemon.child.id());
    let (sessions, others): (Vec<_>, Vec<_>) = threads
        .iter()
        .partition(|status| status["Name"].starts_with("session-"));
    let cores = std::thread::available_parallelism().unwrap().get();
    assert_eq!(sessions.len(), cores);
    for status in sessions {
        for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
            assert_eq!(mask(status, set), 0, "{set} of {}", status["Name"]);
        }
        assert_eq!(status["NoNewPrivs"], "1");
        assert_eq!(status["Seccomp"], "2");
        // Both filters; a container's own would add to them.
        assert!(status["Seccomp_filters"].parse::<u32>().unwrap() >= 2);
    }
    assert!(!others.is_empty());
    for status in others {
        for set in ["CapPrm", "CapEff", "CapBnd"] {
            let beyond = mask(status, set) & !READ_SEARCH;
            // An unprivileged process can't shrink its bounding set, nor use it.
            let counts = set != "CapBnd" || support::is_root();
            assert!(beyond == 0 || !counts, "{set} of {}: {beyond:x}", status["Name"]);
        }
        assert_eq!(mask(status, "CapInh") | mask(status, "CapAmb"), 0);
        assert_eq!(status["NoNewPrivs"], "1", "{}", status["Name"]);
    }
    let limits = fs::read_to_string(format!("/proc/{}/limits", daemon.child.id())).unwrap();
    let core = limits
        .lines()
        .find(|line| line.starts_with("Max core file size"))
        .unwrap();
    assert_eq!(
        core.split_whitespace().collect::<Vec<_>>()[4..6],
        ["0", "0"],
        "{core}"
    );

    daemon.stop();
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.errors());
    assert!(!daemon.errors().contains("permitted"), "{}", daemon.errors());
    assert_sound(&daemon.audit);
    let gaps = audit_rows(&daemon.audit, "admin").into_iter().filter(|event| {
        event["kind"] == "sandbox_partial" && event["message"].as_str().unwrap().contains("seccomp")
    });
    assert_eq!(gaps.count(), 0);
}

#[test]
fn traffic_is_as_before_with_names_tls_and_large_results() {
    let server = Postgres::start();
    let directory = scratch();
    let (certificate, key) = certificate(directory.path());
    let port = free_port();
    let settings = directory.path().join("interdict.yaml");
    let text_of = format!(
        "services:\n  - name: clinic\n    protocol: postgres\n    listen: \"127.0.0.1:{port}\"\n    \
         upstream: {{ address: \"localhost:{}\", tls: disable }}\n    tls: {{ certificate: {certificate}, key: {key} }}\n\
         audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\n\
         kernel: {{ mode: off }}\nadmin: {{ socket: admin.sock }}\n",
        server.port
    );
    fs::write(&settings, text_of).unwrap();
    let mut daemon = Daemon::start(&settings, &directory.path().join("audit"));
    // 40 MB, which makes buffers grow and shrink.
    let large = "select count(*), sum(length(t)) from (select repeat(i::text, 400) t from generate_series(1, 20000) i) x";
    let expected = server.psql(large);
    for mode in ["disable", "require"] {
        let ask = |sql: &str| {
            let mut command = psql_command(port);
            let output = run(command.env("PGSSLMODE", mode).args(["-c", sql]));
            text(&output.stdout)
        };
        assert_eq!(ask(large), expected, "{mode}");
        let rows = ask("select repeat(i::text, 400) from generate_series(1, 20000) i");
        let lengths: usize = rows.lines().map(str::len).sum();
        assert_eq!(format!("20000|{lengths}\n"), expected, "{mode}");
    }
    // Many at once, each with its own handshake.
    let sessions: Vec<_> = (0..24)
        .map(|_| {
            psql_command(port)
                .env("PGSSLMODE", "require")
                .args(["-c", "select pg_sleep(0.2), 7"])
                .stdout(std::process::Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    for session in sessions {
        assert_eq!(text(&session.wait_with_output().unwrap().stdout), "|7\n");
    }
    daemon.stop();
    assert!(daemon.child.wait().unwrap().success(), "{}", daemon.errors());
    assert_sound(&daemon.audit);
}

/// A certificate for localhost and its key, made by openssl.
fn certificate(directory: &Path) -> (String, String) {
    let paths = ["certificate.pem", "key.pem"].map(|name| directory.join(name).display().to_string());
    run(Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-out",
            &paths[0],
            "-keyout",
            &paths[1],
        ]));
    let [certificate, key] = paths;
    (certificate, key)
}
