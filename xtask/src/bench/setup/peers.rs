//! What others use to stand before a server, and the least that can: copying proxies, PgBouncer, HAProxy, nginx.

use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use super::https::{self, Https};
use super::{DATABASE, Servers, USER};
use crate::bench::endpoint::{Endpoint, Family, Role};
use crate::cleanup::Cleanup;
use crate::{host, ui};

/// A program that runs until it is ended.
pub(super) struct Child(pub(super) process::Child);

impl Child {
    /// Its process. `what` is said if it can't be ended.
    pub(super) fn stopped_by(self, cleanup: &Cleanup, what: &str) -> u32 {
        let Self(mut child) = self;
        let id = child.id();
        cleanup.add(what, move || {
            // By the signal that lets nginx end its workers; by the shell's own kill, as elsewhere here.
            ui::output(Command::new("sh").args(["-c", r#"kill -TERM "$0""#, &id.to_string()]))?;
            child.wait()?;
            Ok(())
        });
        id
    }
}

/// Waits until somebody listens.
pub(super) fn wait_for(port: u16) -> Result<()> {
    let started = Instant::now();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        if started.elapsed() > Duration::from_secs(10) {
            bail!("nobody listens on port {port}");
        }
        thread::sleep(Duration::from_millis(10));
    }
    Ok(())
}

/// Starts all of them before each server.
pub(super) fn start(servers: &Servers, direct: &[Endpoint], cleanup: &Cleanup) -> Result<Vec<Endpoint>> {
    let mut endpoints = Vec::new();
    let mut behind_haproxy = Vec::new();
    for server in direct {
        let mut begin = |role: Role, child: Child, port: u16| -> Result<()> {
            let process = child.stopped_by(cleanup, &format!("{} runs on", role.name()));
            wait_for(port).with_context(|| format!("{} did not start", role.name()))?;
            endpoints.push(Endpoint {
                role,
                family: server.family,
                port,
                process,
            });
            Ok(())
        };
        for role in [Role::Copy, Role::CopySync] {
            let port = host::free_port()?;
            begin(role, copy(servers, server, role, port)?, port)?;
        }
        if server.family == Family::Postgres {
            let port = host::free_port()?;
            begin(
                Role::Pgbouncer,
                pgbouncer(server.port, &servers.place, port)?,
                port,
            )?;
        }
        if let (Family::Https, Some(https)) = (server.family, &servers.https) {
            let port = host::free_port()?;
            begin(Role::Nginx, https::proxy(https, &servers.place, port)?, port)?;
        }
        behind_haproxy.push((server, host::free_port()?));
    }
    // One for all: it is asked one thing at a time.
    let process = haproxy(servers, &behind_haproxy)?.stopped_by(cleanup, "haproxy runs on");
    for (server, port) in behind_haproxy {
        wait_for(port).context("haproxy did not start")?;
        endpoints.push(Endpoint {
            role: Role::Haproxy,
            family: server.family,
            port,
            process,
        });
    }
    Ok(endpoints)
}

fn copy(servers: &Servers, server: &Endpoint, role: Role, port: u16) -> Result<Child> {
    let mut command = Command::new(&servers.load);
    command.arg(if server.family == Family::Https {
        "copy-tls"
    } else {
        "copy"
    });
    command
        .args(["--listen", &format!("127.0.0.1:{port}")])
        .args(["--upstream", &format!("127.0.0.1:{}", server.port)]);
    if role == Role::CopySync {
        let record = servers.place.join(format!("copied-{port}"));
        command.arg("--sync").arg(record);
    }
    if let (Family::Https, Some(https)) = (server.family, &servers.https) {
        command
            .arg("--certificate")
            .arg(&https.certificate)
            .arg("--key")
            .arg(&https.key)
            .arg("--authority")
            .arg(&https.authority);
    }
    spawn(&mut command, &servers.place.join(format!("copy-{port}.log")))
}

/// One server's connection for each client's, kept for the next client (`pool_mode = session`).
fn pgbouncer(server: u16, place: &Path, port: u16) -> Result<Child> {
    let settings = place.join("pgbouncer.ini");
    fs::write(
        &settings,
        format!(
            "[databases]\n{DATABASE} = host=127.0.0.1 port={server} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
             unix_socket_dir =\nauth_type = any\npool_mode = session\nmax_client_conn = 1000\ndefault_pool_size = 150\n\
             log_connections = 0\nlog_disconnections = 0\nignore_startup_parameters = extra_float_digits\n"
        ),
    )?;
    let mut command = Command::new(host::program("pgbouncer").context("PgBouncer is not installed")?);
    if host::is_root() {
        // It refuses to be root.
        command.args(["-u", "postgres"]);
    }
    spawn(command.arg(&settings), &place.join("pgbouncer.log"))
}

fn haproxy(servers: &Servers, before: &[(&Endpoint, u16)]) -> Result<Child> {
    let mut settings = "global\n  nbthread 2\n  maxconn 4000\ndefaults\n  mode tcp\n  timeout connect 5s\n  timeout client 5m\n  timeout server 5m\n"
        .to_owned();
    for (server, port) in before {
        let Endpoint {
            port: upstream,
            family,
            ..
        } = server;
        match (family, &servers.https) {
            (Family::Https, Some(https)) => {
                let Https {
                    authority,
                    certificate,
                    key,
                    ..
                } = https;
                let both = servers.place.join("haproxy.pem");
                fs::write(
                    &both,
                    fs::read_to_string(certificate)? + &fs::read_to_string(key)?,
                )?;
                let _ = write!(
                    settings,
                    "listen https\n  mode http\n  http-reuse always\n  bind 127.0.0.1:{port} ssl crt {}\n  \
                     server s 127.0.0.1:{upstream} ssl verify required verifyhost localhost ca-file {} sni str(localhost)\n",
                    both.display(),
                    authority.display()
                );
            }
            _ => {
                let _ = write!(
                    settings,
                    "listen {family:?}\n  bind 127.0.0.1:{port}\n  server s 127.0.0.1:{upstream}\n"
                );
            }
        }
    }
    let file = servers.place.join("haproxy.cfg");
    fs::write(&file, settings)?;
    let mut command = Command::new(host::program("haproxy").context("HAProxy is not installed")?);
    spawn(
        command.args(["-db", "-f"]).arg(&file),
        &servers.place.join("haproxy.log"),
    )
}

fn spawn(command: &mut Command, log: &Path) -> Result<Child> {
    let program = command.get_program().to_owned();
    let file = File::create(log)?;
    let child = command
        .stdin(Stdio::null())
        .stdout(file.try_clone()?)
        .stderr(file)
        .current_dir("/")
        // Ctrl-C is ours to act on.
        .process_group(0)
        .spawn()
        .with_context(|| format!("{} can't be started", program.display()))?;
    Ok(Child(child))
}
