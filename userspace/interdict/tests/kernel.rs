//! The whole path on a real kernel: an unmodified client in an enrolled cgroup, redirected, masked, recorded; the daemon killed and
//! started again.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on has failed"
)]

#[path = "mysql/server.rs"]
mod server;
mod support;

use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

use server::MariaDb;
use support::{
    Cgroup, Daemon, POLICY, Postgres, assert_sound, audit_rows, interdict, run, scratch, skipped, text,
};

/// One set of programs is attached to a kernel: tests that use it take turns.
static KERNEL: Mutex<()> = Mutex::new(());

/// Why the kernel can't be used here, if it can't.
fn unusable() -> Option<String> {
    if !support::is_root() {
        return Some("not root".to_owned());
    }
    if Cgroup::root().is_none() {
        return Some("no cgroup2 hierarchy".to_owned());
    }
    if !interdict_kernel::is_built() && std::env::var_os("INTERDICT_BIN").is_none() {
        return Some("no eBPF object in this build: run `cargo xtask test`".to_owned());
    }
    if Path::new(interdict_kernel::DEFAULT_PIN_ROOT)
        .join(format!("v{}/links", interdict_kernel::SCHEMA))
        .exists()
    {
        return Some("a daemon's programs are attached on this host already".to_owned());
    }
    None
}

/// Detaches at the end, also of a test that failed.
struct Detached;

impl Drop for Detached {
    fn drop(&mut self) {
        let _ = Command::new(interdict()).args(["detach", "--force"]).output();
    }
}

fn settings(directory: &Path, protocol: &str, port: u16, cgroup: &Cgroup) -> std::path::PathBuf {
    std::fs::write(directory.join("policy.yaml"), POLICY).unwrap();
    let settings = format!(
        "services:\n  - name: clinic\n    protocol: {protocol}\n    destinations: [\"127.0.0.1:{port}\", \"[::1]:{port}\"]\n    \
         upstream: {{ tls: disable }}\nworkloads:\n  - name: agents\n    match: {{ cgroup: \"{}/**\" }}\npolicies: [policy.yaml]\n\
         audit: {{ directory: audit, durability: strict, segment: {{ rows: 100000, age: 1h }} }}\nkernel: {{ mode: enforce }}\nadmin: {{ socket: admin.sock }}\n",
        cgroup.name
    );
    let path = directory.join("interdict.yaml");
    std::fs::write(&path, settings).unwrap();
    path
}

fn inside(cgroup: &Cgroup, port: u16, host: &str, sql: &str) -> std::process::Output {
    let mut command = Command::new("psql");
    let target = format!("host={host} port={port} user=postgres dbname=postgres connect_timeout=10");
    command.args(["-XAt", "-d", &target, "-c", sql]);
    cgroup.enrol(&mut command);
    command.output().expect("psql")
}

#[test]
fn an_enrolled_psql_is_redirected_masked_recorded_and_refused_when_the_daemon_is_dead() {
    let _turn = KERNEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(why) = unusable() {
        return skipped(&why);
    }
    let server = Postgres::start();
    let directory = scratch();
    let cgroup = Cgroup::create("path");
    let settings = settings(directory.path(), "postgres", server.port, &cgroup);
    let audit = directory.path().join("audit");
    let _detached = Detached;
    let mut daemon = Daemon::start(&settings, &audit);

    for host in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
        let output = inside(
            &cgroup,
            server.port,
            host,
            "select name, ssn from patients where id = 1",
        );
        assert_eq!(
            text(&output.stdout),
            "Ada Example|*****6789\n",
            "{host}: {}",
            text(&output.stderr)
        );
    }
    assert_eq!(
        server.psql("select ssn from patients where id = 1"),
        "123-45-6789\n",
        "outside the cgroup nothing changes"
    );
    let seen = inside(
        &cgroup,
        server.port,
        "127.0.0.1",
        "select inet_server_addr(), inet_server_port()",
    );
    assert_eq!(text(&seen.stdout), format!("127.0.0.1|{}\n", server.port));
    let refused = inside(&cgroup, server.port, "127.0.0.1", "drop table visits");
    assert!(
        text(&refused.stderr).contains("no-destructive"),
        "{}",
        text(&refused.stderr)
    );

    // A second daemon does not take over from a living one.
    let second = Command::new(interdict())
        .args(["run", "--config"])
        .arg(&settings)
        .output()
        .unwrap();
    assert!(!second.status.success());

    daemon.kill();
    for host in ["127.0.0.1", "::1"] {
        let output = inside(&cgroup, server.port, host, "select ssn from patients");
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{host} passed a dead daemon"
        );
    }
    assert_eq!(server.psql("select 1"), "1\n");
    daemon = Daemon::start(&settings, &audit);
    assert!(daemon.logs("attached=0 adopted="), "{}", daemon.errors());
    let again = inside(
        &cgroup,
        server.port,
        "127.0.0.1",
        "select ssn from patients where id = 2",
    );
    assert_eq!(text(&again.stdout), "*****9999\n");

    daemon.stop();
    assert_sound(&audit);
    let sessions = audit_rows(&audit, "sessions");
    let first = &sessions[0];
    assert_eq!(
        (&first["attestation"], &first["workload"]),
        (&"kernel".into(), &"agents".into())
    );
    assert!(first["executable"].as_str().unwrap().contains("psql"), "{first}");
    assert_eq!(first["origin_port"], server.port);
    assert_eq!(first["cgroup"], cgroup.name.as_str());
    run(Command::new(interdict())
        .args(["detach", "--config"])
        .arg(&settings));
    assert_sound(&audit);
    let admin = audit_rows(&audit, "admin");
    assert!(admin.iter().any(|row| row["kind"] == "detach"), "{admin:?}");
    let free = inside(
        &cgroup,
        server.port,
        "127.0.0.1",
        "select ssn from patients where id = 1",
    );
    assert_eq!(text(&free.stdout), "123-45-6789\n", "detached means detached");
}

#[test]
fn an_enrolled_mysql_client_is_redirected_masked_recorded_and_refused_when_the_daemon_is_dead() {
    let _turn = KERNEL.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(why) = unusable() {
        return skipped(&why);
    }
    let server = MariaDb::start();
    let directory = scratch();
    let cgroup = Cgroup::create("mysql");
    let settings = settings(directory.path(), "mysql", server.port, &cgroup);
    let audit = directory.path().join("audit");
    let _detached = Detached;
    let mut daemon = Daemon::start(&settings, &audit);
    let inside = |sql: &str| {
        let mut command = server::client(server.port, "agent");
        cgroup.enrol(&mut command);
        command.args(["-e", sql]).output().unwrap()
    };
    let asked = "select name, ssn, @@port from patients where id = 1";
    let shown = inside(asked);
    assert_eq!(
        text(&shown.stdout),
        format!("Ada Example\t*****6789\t{}\n", server.port),
        "{}",
        text(&shown.stderr)
    );
    let outside = server::client(server.port, "agent")
        .args(["-e", asked])
        .output()
        .unwrap();
    assert!(
        text(&outside.stdout).contains("123-45-6789"),
        "outside the cgroup nothing changes"
    );
    let refused = inside("drop table visits");
    assert!(
        text(&refused.stderr).contains("no-destructive"),
        "{}",
        text(&refused.stderr)
    );

    daemon.kill();
    let dead = inside(asked);
    assert!(
        !dead.status.success() && dead.stdout.is_empty(),
        "it passed a dead daemon"
    );
    daemon = Daemon::start(&settings, &audit);
    assert!(text(&inside(asked).stdout).contains("*****6789"));
    daemon.stop();
    assert_sound(&audit);
    let sessions = audit_rows(&audit, "sessions");
    let first = &sessions[0];
    assert_eq!(
        (&first["attestation"], &first["workload"], &first["protocol"]),
        (&"kernel".into(), &"agents".into(), &"mysql".into())
    );
    assert_eq!(first["origin_port"], server.port);
}
