//! The image under a real runtime, as the DaemonSet would run it, beside an agent in a container of its own: masked,
//! refused, recorded; refused while the daemon is dead; taken over by the next one.

use std::collections::HashMap;
use std::fs;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, id};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use super::agent::{self, Agent, Network};
use super::runc::{self, Runc};
use super::{kubernetes, pod, systemd};
use crate::cleanup::Cleanup;
use crate::daemon::Daemon;
use crate::dist::{Made, oci};
use crate::postgres::{self, Postgres};
use crate::ui::stages::Outcome;
use crate::workspace::Workspace;
use crate::{cgroup, host, ui};

/// Whether the daemon listens in network namespaces other than its own; where it does not, it must refuse.
const LISTENS_IN_NAMESPACES: bool = true;

const PASSWORD: &str = "check";
/// What must not be seen, and what is left of it.
const SECRET: &str = "318-24-6071";
const MASKED: &str = "*****6071";
const QUESTION: &str = "SELECT ssn FROM patients";
/// The two ends of the agent's own network.
const HOST_SIDE: &str = "10.213.7.1";
const AGENT_SIDE: &str = "10.213.7.2";

pub(super) fn check(workspace: &Workspace, made: &Made) -> Result<Outcome> {
    let unpacked = read(&made.image)?;
    ui::note("every digest of the image layout is right");
    if let Some(why) = host::kernel_refuses() {
        return Ok(Outcome::Skipped(why));
    }
    let cleanup = Cleanup::watching()?;
    let outcome = Stage::set(workspace, &unpacked, &cleanup).and_then(|mut stage| stage.play(&cleanup));
    cleanup.run();
    outcome.map(|()| Outcome::Passed)
}

/// The image as its archive has it.
fn read(image: &Path) -> Result<oci::Unpacked> {
    let mut files = HashMap::new();
    let mut archive = tar::Archive::new(fs::File::open(image)?);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes)?;
        files.insert(entry.path()?.display().to_string(), bytes);
    }
    oci::read(|path| {
        files
            .get(path)
            .cloned()
            .with_context(|| format!("the image has no {path}"))
    })
}

/// Server, image, network, settings.
struct Stage {
    place: PathBuf,
    runc: Runc,
    pod: Value,
    server: Postgres,
    bundle: PathBuf,
    network: PathBuf,
    /// The parent of the agents' cgroups.
    enrolled: String,
    name: String,
}

impl Stage {
    fn set(workspace: &Workspace, image: &oci::Unpacked, cleanup: &Cleanup) -> Result<Self> {
        let name = format!("interdict-check-{}", id());
        let place = tempfile::Builder::new()
            .prefix("interdict-check-")
            .tempdir()?
            .keep();
        let removed = place.clone();
        cleanup.add("the temporary directory stays", move || {
            Ok(fs::remove_dir_all(removed)?)
        });
        postgres::check_place(&place)?;
        let network = own_network(&name, cleanup)?;
        let server = server(&place)?;
        let stopped = server.clone();
        cleanup.add("PostgreSQL runs on", move || stopped.stop());

        let bpffs = place.join("bpf");
        fs::create_dir(&bpffs)?;
        ui::output(Command::new("mount").args(["-t", "bpf", "bpf"]).arg(&bpffs))?;
        let mounted = bpffs.clone();
        // What is pinned goes with it.
        cleanup.add("a bpffs stays mounted", move || {
            ui::output(Command::new("umount").arg(mounted)).map(drop)
        });
        let enrolled = format!("/{name}-agents");
        let guard = format!("/{name}-daemon");
        let root = cgroup::root()?;
        for path in [&enrolled, &guard] {
            let directory = root.join(path.trim_start_matches('/'));
            cleanup.add("a cgroup stays", move || match fs::remove_dir(&directory) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
                _ => Ok(()),
            });
        }

        // The daemon is let see the hierarchy, not change it.
        fs::create_dir(root.join(enrolled.trim_start_matches('/')))?;

        let bundle = place.join("daemon");
        fs::create_dir_all(bundle.join("rootfs"))?;
        tar::Archive::new(image.layer.as_slice()).unpack(bundle.join("rootfs"))?;
        let host = pod::Host {
            settings: place.join("settings"),
            bpffs,
            state: place.join("state"),
            empty: place.join("empty"),
        };
        for folder in [&host.settings, &host.state, &host.empty] {
            fs::create_dir(folder)?;
        }
        fs::write(
            host.settings.join("interdict.yaml"),
            settings(&enrolled, server.port),
        )?;
        let pod = kubernetes::pod(workspace)?;
        let calls = systemd::system_calls(workspace)?;
        let config = pod::bundle(&pod, &image.config, &host, &guard, &calls)?;
        runc::bundle(&bundle, &config)?;
        Ok(Self {
            runc: Runc::new(&place)?,
            place,
            pod,
            server,
            bundle,
            network,
            enrolled,
            name,
        })
    }

    fn play(&mut self, cleanup: &Cleanup) -> Result<()> {
        let address = "127.0.0.1";
        let direct = self.agent(Network::Host, "direct")?;
        let mut direct = direct;
        direct.cgroup = format!("/{}-outside", self.name);
        let seen = said(&direct.ask(address, self.server.port, QUESTION)?);
        ensure!(
            seen.contains(SECRET),
            "without a daemon the agent sees no secret: {seen}"
        );

        let mut daemon = self.start(cleanup)?;
        for name in ["startupProbe", "readinessProbe", "livenessProbe"] {
            let command = pod::probe(&self.pod, name)?;
            let output = self.runc.exec(&self.name, &command)?;
            ensure!(
                output.status.success(),
                "{name}: {command:?} says {}",
                said(&output)
            );
        }
        self.doctor()?;
        ui::note("probes and doctor see a daemon at work");

        let agent = self.agent(Network::Host, "agent")?;
        self.masked_and_refused(&agent, address)?;
        ui::note("host's network: masked, and DROP refused");
        let own = self.agent(Network::Own(self.network.clone()), "own")?;
        if LISTENS_IN_NAMESPACES {
            self.masked_and_refused(&own, HOST_SIDE)?;
            ui::note("own network: masked, and DROP refused");
        } else {
            self.refused(&own, HOST_SIDE)?;
            ui::note("own network: refused, for want of a listener there");
        }

        self.runc.kill(&self.name, "KILL")?;
        // It did not end well, and was not meant to.
        let _ = daemon.stop();
        self.runc.delete(&self.name)?;
        self.refused(&agent, address)?;
        self.refused(&own, HOST_SIDE)?;
        let mut outside = self.agent(Network::Host, "direct")?;
        outside.cgroup = format!("/{}-outside", self.name);
        let seen = said(&outside.ask(address, self.server.port, QUESTION)?);
        ensure!(
            seen.contains(SECRET),
            "who is not enrolled was refused as well: {seen}"
        );
        ui::note("daemon killed: enrolled agents are refused, others are not");

        let mut daemon = self.start(cleanup)?;
        self.masked_and_refused(&agent, address)?;
        ui::note("started anew: masked again");
        let detached = self.runc.exec(&self.name, &["/usr/bin/interdict", "detach"])?;
        ensure!(detached.status.success(), "detach: {}", said(&detached));
        daemon.stop()?;
        self.recorded()
    }

    fn start(&self, cleanup: &Cleanup) -> Result<Daemon> {
        let started = Instant::now();
        let (runc, name) = (self.runc.clone(), self.name.clone());
        cleanup.add("a container runs on", move || runc.delete(&name));
        let mut command = self.runc.run(&self.bundle, &self.name);
        let daemon = Daemon::start_by(&mut command, self.place.join("daemon.log"))?;
        ui::done("interdict is ready in its container", started.elapsed());
        Ok(daemon)
    }

    fn doctor(&self) -> Result<()> {
        let output = self
            .runc
            .exec(&self.name, &["/usr/bin/interdict", "doctor", "--json"])?;
        let report: Value = serde_json::from_slice(&output.stdout)
            .with_context(|| format!("doctor says {}", said(&output)))?;
        ensure!(
            report.get("bpf_allowed") == Some(&Value::Bool(true))
                && report.get("bpffs") == Some(&Value::Bool(true))
                && report.get("cgroup2_root").is_some_and(Value::is_string),
            "doctor in the container: {report:#}"
        );
        let attached = report
            .get("attached")
            .and_then(Value::as_array)
            .map_or(0, Vec::len);
        ensure!(attached > 0, "doctor in the container sees nothing attached");
        Ok(())
    }

    fn masked_and_refused(&self, agent: &Agent<'_>, address: &str) -> Result<()> {
        let seen = said(&agent.ask(address, self.server.port, QUESTION)?);
        ensure!(
            seen.contains(MASKED) && !seen.contains(SECRET),
            "the agent should see {MASKED}: {seen}"
        );
        let output = agent.ask(address, self.server.port, "DROP TABLE patients")?;
        ensure!(
            !output.status.success() && said(&output).contains("refused"),
            "DROP: {}",
            said(&output)
        );
        let left = self.server.run("postgres", "SELECT count(*) FROM patients")?;
        ensure!(left.trim() == "1", "the table is gone");
        Ok(())
    }

    /// The connection itself is refused: nothing was sent to the server.
    fn refused(&self, agent: &Agent<'_>, address: &str) -> Result<()> {
        let output = agent.ask(address, self.server.port, QUESTION)?;
        let seen = said(&output);
        ensure!(
            !output.status.success()
                && (seen.contains("Operation not permitted") || seen.contains("Connection refused")),
            "{} should be refused: {seen}",
            agent.cgroup
        );
        Ok(())
    }

    /// The record, read by the binary itself: whole, and the agent's container in it.
    fn recorded(&self) -> Result<()> {
        let binary = self.bundle.join("rootfs/usr/bin/interdict");
        let audit = self.place.join("state/audit");
        ui::output(Command::new(&binary).args(["audit", "verify"]).arg(&audit))?;
        let rows = ui::output(
            Command::new(&binary)
                .args(["audit", "rows"])
                .arg(&audit)
                .args(["--table", "sessions", "--json"]),
        )?;
        let cgroup = format!("{}/agent", self.enrolled);
        if !rows.contains(&cgroup) {
            bail!("no session of {cgroup} is on the record: {rows}");
        }
        ui::note("on the record, with the agent's cgroup; the chain is whole");
        Ok(())
    }

    fn agent(&self, network: Network, name: &str) -> Result<Agent<'_>> {
        let psql = fs::canonicalize(self.server.program("psql").get_program())?;
        let bundle = self.place.join(format!("bundle-{name}"));
        if !bundle.is_dir() {
            agent::root(&bundle.join("rootfs"), &psql)?;
        }
        Ok(Agent {
            runc: &self.runc,
            bundle,
            cgroup: format!("{}/{name}", self.enrolled),
            network,
            psql: psql.display().to_string(),
            login: ["-XqAt", "-U", "agent", "-d", "postgres"]
                .map(str::to_owned)
                .to_vec(),
            password: PASSWORD.to_owned(),
        })
    }
}

fn server(place: &Path) -> Result<Postgres> {
    let started = Instant::now();
    let server = Postgres::start(
        place,
        &format!("host all agent 127.0.0.1/32 scram-sha-256\nhost all agent {HOST_SIDE}/30 scram-sha-256"),
        &format!("listen_addresses = '127.0.0.1,{HOST_SIDE}'"),
    )?;
    server.run(
        "postgres",
        &format!(
            "CREATE ROLE agent LOGIN PASSWORD '{PASSWORD}';
             CREATE TABLE patients (id int PRIMARY KEY, ssn text);
             INSERT INTO patients VALUES (1, '{SECRET}');
             ALTER TABLE patients OWNER TO agent;"
        ),
    )?;
    ui::done("PostgreSQL", started.elapsed());
    Ok(server)
}

/// As the DaemonSet's ConfigMap is laid out, for this server and these agents.
fn settings(enrolled: &str, port: u16) -> String {
    format!(
        "services:
  - name: clinic
    protocol: postgres
    destinations: [\"127.0.0.1:{port}\", \"{HOST_SIDE}:{port}\"]
    upstream: {{ tls: disable }}
workloads:
  - name: agents
    match: {{ cgroup: \"{enrolled}/**\" }}
policies: [/usr/share/interdict/policies/hipaa-phi.yaml]
audit:
  directory: /var/lib/interdict/audit
  durability: strict
kernel: {{ mode: enforce }}
admin: {{ socket: /run/interdict/admin.sock }}
"
    )
}

/// A network namespace with one way out: to the host's end of a pair of interfaces.
fn own_network(name: &str, cleanup: &Cleanup) -> Result<PathBuf> {
    let ip = |line: &str| -> Result<()> {
        let program = host::program("ip").context("ip is not installed")?;
        ui::output(Command::new(program).args(line.split(' '))).map(drop)
    };
    let outer = format!("idc{}", id());
    ip(&format!("netns add {name}"))?;
    let removed = name.to_owned();
    // The pair goes with the namespace.
    cleanup.add("a network namespace stays", move || {
        ui::output(Command::new(host::program("ip").context("ip is gone")?).args(["netns", "del", &removed]))
            .map(drop)
    });
    ip(&format!("link add {outer} type veth peer name eth0 netns {name}"))?;
    ip(&format!("addr add {HOST_SIDE}/30 dev {outer}"))?;
    ip(&format!("link set {outer} up"))?;
    ip(&format!("-n {name} addr add {AGENT_SIDE}/30 dev eth0"))?;
    ip(&format!("-n {name} link set lo up"))?;
    ip(&format!("-n {name} link set eth0 up"))?;
    Ok(Path::new("/run/netns").join(name))
}

fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
    .trim()
    .to_owned()
}
