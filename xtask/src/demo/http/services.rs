//! The services of the demo, and Python with what they and the agent need.

use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::cleanup::Cleanup;
use crate::workspace::Workspace;
use crate::{host, ui};

const REQUIREMENTS: &str = include_str!("requirements.txt");
/// Nobody in it exists; the same people as in the other demos.
pub(super) const PEOPLE: &str = include_str!("people.json");
const PROGRAMS: &[(&str, &str)] = &[
    ("clinic.py", include_str!("clinic.py")),
    ("seed.py", include_str!("seed.py")),
    ("agent.py", include_str!("agent.py")),
    ("people.json", PEOPLE),
];

/// How long a service may take until something answers on its port.
const PATIENCE: Duration = Duration::from_mins(1);

/// Where things listen on loopback: the services themselves, or interdict before them.
#[derive(Clone, Copy)]
pub(super) struct Ports {
    pub(super) clinic: u16,
    pub(super) secured: u16,
    pub(super) s3: u16,
    pub(super) dynamodb: u16,
}

impl Ports {
    /// That nobody listens on now.
    pub(super) fn free() -> Result<Self> {
        Ok(Self {
            clinic: host::free_port()?,
            secured: host::free_port()?,
            s3: host::free_port()?,
            dynamodb: host::free_port()?,
        })
    }
}

/// Running services.
pub(super) struct Services {
    pub(super) ports: Ports,
    pub(super) python: PathBuf,
    /// Their processes.
    pub(super) processes: Vec<u32>,
}

impl Services {
    /// Starts them with their files in `place`, stopped by `cleanup`, and puts the patients into them.
    pub(super) fn start(workspace: &Workspace, place: &Path, cleanup: &Cleanup) -> Result<Self> {
        let python = python(workspace)?;
        for (name, text) in PROGRAMS {
            fs::write(place.join(name), text)?;
        }
        certificate(place)?;
        let mut services = Self {
            ports: Ports::free()?,
            python,
            processes: Vec::new(),
        };
        let ports = services.ports;
        let mut clinic = services.program();
        clinic.arg("clinic.py");
        clinic.args([ports.clinic, ports.secured].map(|port| port.to_string()));
        clinic.args(["clinic.pem", "clinic.key", "people.json"]);
        services.run(&mut clinic, place, &[ports.clinic, ports.secured], cleanup)?;
        for port in [ports.s3, ports.dynamodb] {
            let mut moto = services.program();
            moto.args(["-m", "moto.server", "-H", "127.0.0.1", "-p", &port.to_string()]);
            services.run(&mut moto, place, &[port], cleanup)?;
        }
        let mut seed = services.program();
        seed.arg("seed.py");
        seed.args([ports.s3, ports.dynamodb].map(|port| port.to_string()));
        ui::output(seed.arg("people.json").current_dir(place))?;
        Ok(services)
    }

    /// Python with boto3.
    pub(super) fn program(&self) -> Command {
        Command::new(&self.python)
    }

    fn run(&mut self, command: &mut Command, place: &Path, ports: &[u16], cleanup: &Cleanup) -> Result<()> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(place.join("services.log"))?;
        let mut child = command
            .current_dir(place)
            .stdin(Stdio::null())
            .stdout(log.try_clone()?)
            .stderr(log)
            // Ctrl-C is ours to act on.
            .process_group(0)
            .spawn()
            .context("Python can't be started")?;
        self.processes.push(child.id());
        let answered = answered(&mut child, ports);
        cleanup.add("a service runs on", move || {
            child.kill()?;
            child.wait()?;
            Ok(())
        });
        answered.with_context(|| fs::read_to_string(place.join("services.log")).unwrap_or_default())
    }
}

fn answered(child: &mut Child, ports: &[u16]) -> Result<()> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        let up = |port: &u16| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok();
        if ports.iter().all(up) {
            return Ok(());
        }
        if let Some(status) = child.try_wait()? {
            bail!("a service ended with {status} before it answered");
        }
        thread::sleep(Duration::from_millis(50));
    }
    bail!("a service did not answer within {}", ui::seconds(PATIENCE))
}

/// Python in an environment below the build's folder, made if it is not there or lists other versions.
fn python(workspace: &Workspace) -> Result<PathBuf> {
    let place = workspace.target.join("demo-http");
    let (python, listed) = (place.join("bin/python"), place.join("installed.txt"));
    if fs::read_to_string(&listed).is_ok_and(|text| text == REQUIREMENTS) {
        return Ok(python);
    }
    if place.exists() {
        fs::remove_dir_all(&place)?;
    }
    ui::step(
        "Python environment",
        Command::new("python3").args(["-m", "venv"]).arg(&place),
    )?;
    let wanted = place.join("requirements.txt");
    fs::write(&wanted, REQUIREMENTS)?;
    ui::step(
        "boto3, and moto to play S3 and DynamoDB",
        Command::new(&python)
            .args([
                "-m",
                "pip",
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "-r",
            ])
            .arg(&wanted),
    )?;
    fs::rename(&wanted, &listed)?;
    Ok(python)
}

/// The certificate of the clinic's own server, which signs itself.
fn certificate(place: &Path) -> Result<()> {
    ui::output(
        Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:prime256v1",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost"])
            .args(["-addext", "basicConstraints=critical,CA:false"])
            .args(["-out", "clinic.pem", "-keyout", "clinic.key"])
            .current_dir(place),
    )
    .map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::clinic::{NAMES, SECRETS};

    #[test]
    fn what_is_looked_for_is_there() {
        assert!(SECRETS.iter().chain(NAMES).all(|text| PEOPLE.contains(text)));
    }
}
