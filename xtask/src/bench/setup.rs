//! The server, its data, and everything that stands before it.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::endpoint::Endpoint;
use crate::cleanup::Cleanup;
use crate::daemon::Daemon;
use crate::postgres::{self, Postgres};
use crate::ui;
use crate::workspace::Workspace;

pub(super) const DATABASE: &str = "bench";
pub(super) const USER: &str = "bench";

/// Of the table that is read whole: some 160 MB on the wire.
pub(super) const ROWS: u64 = 1_000_000;

const PATIENTS: &str = "CREATE TABLE patients (id int, name text, ssn text, email text, notes text, visited timestamptz);
INSERT INTO patients
SELECT i, 'Patient ' || i, lpad((100 + i % 500)::text, 3, '0') || '-' || lpad((1 + i % 98)::text, 2, '0') || '-' || lpad((1 + i % 9998)::text, 4, '0'),
       'patient' || i || '@example.org', 'seen on ward ' || i % 17 || ', no complaint, to be seen again in ' || i % 12 || ' weeks',
       timestamptz '2026-01-01 08:00:00+00' + i * interval '7 seconds'
FROM generate_series(1, 1000000) AS i;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO bench;";

/// Refuses what no client here does: the price of looking, without a masked byte.
const RULES: &str = "name: bench-rules
applies: { services: [\"*\"], identities: [\"*\"] }
default: allow
uncertain: deny
rules:
  - name: no-destructive
    when: 'effects.exists(e, e in [\"drop\", \"truncate\", \"delete_without_where\", \"server_file\", \"program\"])'
    then: deny
    message: \"destructive statements are refused\"
";

/// The same, with a column masked by where it comes from and detectors over every other text.
const MASKS: &str = "mask:
  - columns: [\"patients.ssn\"]
    with: { partial: { keep_last: 4 } }
  - detect: [us_ssn, email]
    with: redact
";

/// This program, optimised: the copying proxy must not be slowed down by a debug build.
pub(super) fn copier(workspace: &Workspace) -> Result<PathBuf> {
    ui::step(
        "the copying proxy",
        workspace
            .cargo()
            .args(["build", "--release", "--package", "xtask"]),
    )?;
    Ok(workspace.target.join("release/xtask"))
}

/// Starts everything; all of it is undone by `cleanup`.
pub(super) fn endpoints(
    binary: &Path,
    copier: &Path,
    cleanup: &Cleanup,
) -> Result<(Postgres, Vec<Endpoint>)> {
    let place = tempfile::Builder::new()
        .prefix("interdict-bench-")
        .tempdir()?
        .keep();
    let removed = place.clone();
    cleanup.add("the temporary directory stays", move || {
        Ok(fs::remove_dir_all(removed)?)
    });
    postgres::check_place(&place)?;

    let started = Instant::now();
    let spinner = ui::spinner("PostgreSQL with its data");
    let hba = format!("host {DATABASE} {USER} 127.0.0.1/32 trust");
    let server = Postgres::start(
        &place,
        &hba,
        "max_connections = 60\nshared_buffers = 256MB\nautovacuum = off",
    )?;
    let stopped = server.clone();
    cleanup.add("PostgreSQL runs on", move || stopped.stop());
    server.run("postgres", &format!("CREATE ROLE {USER} LOGIN"))?;
    server.run("postgres", &format!("CREATE DATABASE {DATABASE}"))?;
    let mut pgbench = server.program("pgbench");
    pgbench
        .args(["-h"])
        .arg(&server.directory)
        .args(["-p", &server.port.to_string(), "-U", "postgres"]);
    ui::output(pgbench.args(["--initialize", "--quiet", "--scale", "10", DATABASE]))?;
    server.run(DATABASE, PATIENTS)?;
    // In a transaction of its own each: VACUUM does not run in another's.
    server.run(DATABASE, "VACUUM (ANALYZE, FREEZE)")?;
    spinner.finish_and_clear();
    ui::done("PostgreSQL with its data", started.elapsed());

    let mut endpoints = vec![Endpoint {
        name: Endpoint::BASE,
        port: server.port,
        process: None,
    }];
    endpoints.push(copy(copier, server.port, &place, cleanup)?);
    let masks = format!("{RULES}{MASKS}");
    for (name, policy, durability) in [
        ("interdict, empty policy", None, "{ batch: 50ms }"),
        ("interdict, rules + strict audit", Some(RULES), "strict"),
        (
            "interdict, rules + strict + masks",
            Some(masks.as_str()),
            "strict",
        ),
    ] {
        endpoints.push(interdict(
            binary,
            name,
            policy,
            durability,
            server.port,
            &place,
            cleanup,
        )?);
    }
    Ok((server, endpoints))
}

fn copy(copier: &Path, upstream: u16, place: &Path, cleanup: &Cleanup) -> Result<Endpoint> {
    let port = postgres::free_port()?;
    let log = place.join("copy.log");
    let mut child = Command::new(copier)
        .args([
            "copy-proxy",
            "--listen",
            &format!("127.0.0.1:{port}"),
            "--upstream",
            &format!("127.0.0.1:{upstream}"),
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(File::create(&log)?)
        .spawn()
        .context("the copying proxy can't be started")?;
    let process = child.id();
    cleanup.add("the copying proxy runs on", move || {
        child.kill()?;
        child.wait()?;
        Ok(())
    });
    let started = Instant::now();
    while !fs::read_to_string(&log)?.contains("ready") {
        if started.elapsed() > Duration::from_secs(10) {
            bail!("the copying proxy does not listen");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(Endpoint {
        name: "copy",
        port,
        process: Some(process),
    })
}

fn interdict(
    binary: &Path,
    name: &'static str,
    policy: Option<&str>,
    durability: &str,
    upstream: u16,
    place: &Path,
    cleanup: &Cleanup,
) -> Result<Endpoint> {
    let port = postgres::free_port()?;
    let home = place.join(format!("interdict-{port}"));
    fs::create_dir(&home)?;
    let policies = if let Some(policy) = policy {
        fs::write(home.join("policy.yaml"), policy)?;
        "[\"policy.yaml\"]"
    } else {
        "[]"
    };
    let settings = home.join("interdict.yaml");
    fs::write(
        &settings,
        format!(
            "services:
  - name: bench
    protocol: postgres
    listen: \"127.0.0.1:{port}\"
    upstream: {{ address: \"127.0.0.1:{upstream}\", tls: disable }}
policies: {policies}
audit:
  directory: audit
  durability: {durability}
kernel: {{ mode: off }}
admin: {{ socket: admin.sock }}
"
        ),
    )?;
    let mut daemon = Daemon::start(binary, &settings, home.join("log"))?;
    let process = daemon.id();
    cleanup.add("interdict did not stop well", move || daemon.stop());
    Ok(Endpoint {
        name,
        port,
        process: Some(process),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_as_many_rows_as_are_counted() {
        assert!(PATIENTS.contains(&format!("generate_series(1, {ROWS})")));
    }
}
