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
use crate::workspace::Workspace;
use crate::{host, ui};

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
ALTER TABLE patients ADD PRIMARY KEY (id);
GRANT SELECT ON ALL TABLES IN SCHEMA public TO bench;";

const HEAD: &str = "name: bench
applies: { services: [\"*\"], identities: [\"*\"] }
default: allow
uncertain: deny
";

/// Refuses what no client here does: the price of looking, without a masked byte.
pub(super) const RULES: &str = "rules:
  - name: no-destructive
    when: 'effects.exists(e, e in [\"drop\", \"truncate\", \"delete_without_where\", \"server_file\", \"program\"])'
    then: deny
    message: \"destructive statements are refused\"
";

/// Three columns of six, masked by where they come from.
const MASKS: &str = "mask:
  - columns: [\"patients.ssn\"]
    with: { partial: { keep_last: 4 } }
  - columns: [\"patients.email\"]
    with: redact
  - columns: [\"patients.visited\"]
    with: { generalise: year }
";

/// And every other text searched.
const DETECTORS: &str = "  - detect: [us_ssn, email]
    with: redact
";

/// A row whose values show whether an endpoint masks.
const ROW: &str = "SELECT ssn, email, visited FROM patients WHERE id = 17";

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
        masks: false,
    }];
    endpoints.push(copy(copier, server.port, &place, cleanup)?);
    // The first three differ in masks alone, and are what masks are compared over.
    for (name, policy, durability) in [
        (Endpoint::UNMASKED, "", BATCH),
        ("interdict, masks", MASKS, BATCH),
        (
            "interdict, masks + detectors",
            &format!("{MASKS}{DETECTORS}"),
            BATCH,
        ),
        ("interdict, rules + strict audit", RULES, "strict"),
        (
            "interdict, rules + strict + masks + detectors",
            &format!("{MASKS}{DETECTORS}{RULES}"),
            "strict",
        ),
    ] {
        let setting = Setting {
            name,
            policy,
            durability,
        };
        endpoints.push(interdict(binary, &setting, server.port, &place, cleanup)?);
    }
    for endpoint in &endpoints {
        check(&server, endpoint)?;
    }
    Ok((server, endpoints))
}

/// Audit records are written 50 ms late at most, and nothing waits for them.
pub(super) const BATCH: &str = "{ batch: 50ms }";

/// How one daemon differs from the others.
struct Setting<'a> {
    name: &'static str,
    /// Beside its head; empty for no policy at all.
    policy: &'a str,
    durability: &'a str,
}

/// A figure is worth nothing if what should be masked is not, or the other way round.
fn check(server: &Postgres, endpoint: &Endpoint) -> Result<()> {
    let row = |port: u16| {
        let mut psql = server.program("psql");
        psql.env("PGSSLMODE", "disable")
            .args(["-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1"])
            .args(["-U", USER, "-d", DATABASE, "-p", &port.to_string(), "-c", ROW]);
        ui::output(&mut psql)
    };
    let (plain, seen) = (row(server.port)?, row(endpoint.port)?);
    let masked = plain
        .trim()
        .split('|')
        .zip(seen.trim().split('|'))
        .all(|(a, b)| a != b);
    if endpoint.masks != masked || !(masked || plain == seen) {
        bail!("{} gives {} for {}", endpoint.name, seen.trim(), plain.trim());
    }
    Ok(())
}

fn copy(copier: &Path, upstream: u16, place: &Path, cleanup: &Cleanup) -> Result<Endpoint> {
    let port = host::free_port()?;
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
        name: Endpoint::COPY,
        port,
        process: Some(process),
        masks: false,
    })
}

fn interdict(
    binary: &Path,
    setting: &Setting<'_>,
    upstream: u16,
    place: &Path,
    cleanup: &Cleanup,
) -> Result<Endpoint> {
    let Setting {
        name,
        policy,
        durability,
    } = *setting;
    let home = place.join(format!("interdict-{}", name.replace(' ', "-")));
    fs::create_dir(&home)?;
    let (mut daemon, mut endpoint) = recording(binary, upstream, &home, policy, durability, FRAMES)?;
    cleanup.add("interdict did not stop well", move || daemon.stop());
    endpoint.name = name;
    Ok(endpoint)
}

/// What the settings have if nothing is said.
const FRAMES: &str = "{ statement: 1048576 }";

/// A daemon of its own below `home`, whose record is kept in a certain way. Who starts it stops it.
pub(super) fn recording(
    binary: &Path,
    upstream: u16,
    home: &Path,
    policy: &str,
    durability: &str,
    frames: &str,
) -> Result<(Daemon, Endpoint)> {
    let port = host::free_port()?;
    let policies = if policy.is_empty() {
        "[]"
    } else {
        fs::write(home.join("policy.yaml"), format!("{HEAD}{policy}"))?;
        "[\"policy.yaml\"]"
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
  frames: {frames}
authority: none
kernel: {{ mode: off }}
admin: {{ socket: admin.sock }}
"
        ),
    )?;
    let daemon = Daemon::start(binary, &settings, home.join("log"))?;
    let endpoint = Endpoint {
        name: "interdict",
        port,
        process: Some(daemon.id()),
        masks: policy.contains(MASKS),
    };
    Ok((daemon, endpoint))
}
