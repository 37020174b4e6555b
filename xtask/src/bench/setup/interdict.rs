//! interdict before the servers, once for each way that it is to be measured in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::Result;

use super::{Https, Servers, USER};
use crate::bench::endpoint::{Endpoint, Family, Role};
use crate::cleanup::Cleanup;
use crate::daemon::Daemon;
use crate::host;

const HEAD: &str = "name: bench
applies: { services: [\"postgres\", \"mysql\"] }
default: allow
uncertain: deny
";

/// Refuses what no client here does: the price of looking, without a masked byte.
pub(in crate::bench) const RULES: &str = "rules:
  - name: no-destructive
    when: 'effects.exists(e, e in [\"drop\", \"truncate\", \"delete_without_where\", \"server_file\", \"program\"])'
    then: deny
    message: \"destructive statements are refused\"
";

/// Two columns of six, masked by where they come from.
const MASKS: &str = "mask:
  - columns: [\"patients.ssn\"]
    with: { partial: { keep_last: 4 } }
  - columns: [\"patients.email\"]
    with: redact
";

/// And every other text searched.
const DETECTORS: &str = "  - detect: [us_ssn, email]
    with: redact
";

/// The same for answers over HTTP.
const HTTPS: &str = "name: bench-https
applies: { services: [\"https\"] }
default: allow
uncertain: deny
";
const HTTPS_RULES: &str = "rules:
  - name: no-deletes
    when: '\"delete\" in effects'
    then: deny
    message: \"nothing is deleted\"
";
const HTTPS_MASKS: &str = "mask:
  - columns: [\"**.ssn\"]
    with: { partial: { keep_last: 4 } }
  - columns: [\"**.email\"]
    with: redact
";

/// Audit records are written 50 ms late at most, and nothing waits for them.
pub(in crate::bench) const BATCH: &str = "{ batch: 50ms }";

/// What the settings have if nothing is said.
const FRAMES: &str = "{ statement: 1048576 }";

/// How one daemon differs from the others.
#[derive(Clone, Copy)]
pub(in crate::bench) struct Setting<'a> {
    /// How it is policed.
    pub(in crate::bench) role: Role,
    pub(in crate::bench) durability: &'a str,
    pub(in crate::bench) frames: &'a str,
}

impl Setting<'static> {
    const fn of(role: Role) -> Self {
        Self {
            role,
            durability: match role {
                Role::Off | Role::MasksBatch => BATCH,
                _ => "strict",
            },
            frames: FRAMES,
        }
    }
}

/// One daemon for each role, with a port before each server.
pub(super) fn start(
    binary: &Path,
    servers: &Servers,
    direct: &[Endpoint],
    cleanup: &Cleanup,
) -> Result<Vec<Endpoint>> {
    let mut endpoints = Vec::new();
    for role in [
        Role::Off,
        Role::Audit,
        Role::Masks,
        Role::MasksBatch,
        Role::Detectors,
        Role::Inject,
    ] {
        let behind: Vec<&Endpoint> = direct
            .iter()
            .filter(|server| {
                !matches!(role, Role::Detectors | Role::Inject) || server.family == Family::Postgres
            })
            .collect();
        if behind.is_empty() {
            continue;
        }
        let home = servers.place.join(format!("interdict-{role:?}"));
        fs::create_dir(&home)?;
        let https = servers.https.as_ref();
        let (mut daemon, started) = run(binary, &home, Setting::of(role), &behind, https)?;
        cleanup.add("interdict did not stop well", move || daemon.stop());
        endpoints.extend(started);
    }
    Ok(endpoints)
}

/// A daemon of its own below `home`. Who starts it stops it.
pub(in crate::bench) fn run(
    binary: &Path,
    home: &Path,
    setting: Setting<'_>,
    behind: &[&Endpoint],
    https: Option<&Https>,
) -> Result<(Daemon, Vec<Endpoint>)> {
    let mut services = String::new();
    let mut ports = Vec::new();
    for server in behind {
        let port = host::free_port()?;
        ports.push((server.family, port));
        services.push_str(&service(server, port, setting.role, https));
    }
    let settings = home.join("interdict.yaml");
    let Setting {
        role,
        durability,
        frames,
    } = setting;
    let policies = policies(home, role)?;
    fs::write(
        &settings,
        format!(
            "services:\n{services}policies: {policies}
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
    let endpoints = ports
        .into_iter()
        .map(|(family, port)| Endpoint {
            role,
            family,
            port,
            process: daemon.id(),
        })
        .collect();
    Ok((daemon, endpoints))
}

fn service(server: &Endpoint, port: u16, role: Role, https: Option<&Https>) -> String {
    let (name, protocol) = match server.family {
        Family::Postgres => ("postgres", "postgres"),
        Family::Mysql => ("mysql", "mysql"),
        Family::Https => ("https", "http"),
    };
    let mut text = format!("  - name: {name}\n    protocol: {protocol}\n    listen: \"127.0.0.1:{port}\"\n");
    let upstream = server.port;
    let _ = match (server.family, https) {
        (Family::Https, Some(https)) => writeln!(
            text,
            "    upstream: {{ address: \"localhost:{upstream}\", tls: verify-full, ca: \"{}\" }}\n    \
             tls: {{ certificate: \"{}\", key: \"{}\" }}",
            https.authority.display(),
            https.certificate.display(),
            https.key.display()
        ),
        _ => writeln!(
            text,
            "    upstream: {{ address: \"127.0.0.1:{upstream}\", tls: disable{} }}",
            if role == Role::Inject { ", warm: 8" } else { "" }
        ),
    };
    if role == Role::Inject {
        let _ = writeln!(text, "    credentials: {{ inject: {{ user: {USER} }} }}");
    }
    text
}

/// Writes what the role is policed by; as the settings name it.
fn policies(home: &Path, role: Role) -> Result<&'static str> {
    if role == Role::Off {
        return Ok("[]");
    }
    let masks = if role.masks() { MASKS } else { "" };
    let detectors = if role == Role::Detectors { DETECTORS } else { "" };
    fs::write(
        home.join("policy.yaml"),
        format!("{HEAD}{masks}{detectors}{RULES}"),
    )?;
    let masks = if role.masks() { HTTPS_MASKS } else { "" };
    fs::write(home.join("https.yaml"), format!("{HTTPS}{masks}{HTTPS_RULES}"))?;
    Ok("[\"policy.yaml\", \"https.yaml\"]")
}
