//! The demo of approvals: an agent without any password, whose deletes wait for a person; with PostgreSQL, MariaDB and an API over HTTP.

mod api;
mod scenes;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result};

use self::api::{Api, TOKEN};
use self::scenes::Show;
use super::clinic::PASSWORD;
use super::server::{Kind, Server};
use super::stage::{enrolled, place, start_daemon};
use crate::cgroup::Cgroup;
use crate::cleanup::Cleanup;
use crate::{host, ui};

const POLICY: &str = include_str!("approval/policy.yaml");

/// Who the agent is where we are root, so that whoever decides is somebody else: a user that every Debian has.
const NOBODY: &str = "65534";

/// Shows it; whether all that it claims was so, and what is said of leaving it running.
pub(super) fn show(binary: &Path, cleanup: &Cleanup) -> Result<(bool, impl FnOnce() -> Result<()>)> {
    let stage = Stage::set(binary, cleanup)?;
    let mut show = Show::new(&stage);
    show.play()?;
    let kept = stage.place.clone();
    Ok((show.verdict(), move || {
        ui::warn("the API ends with this command; the servers and the daemon go on");
        println!("All of it is in {}", kept.display());
        Ok(())
    }))
}

/// Everything is up.
struct Stage {
    binary: PathBuf,
    databases: [Server; 2],
    api: Api,
    place: PathBuf,
    cgroup: Option<Cgroup>,
    /// Interdict's own ports, without the kernel.
    listeners: [u16; 3],
}

impl Stage {
    fn set(binary: &Path, cleanup: &Cleanup) -> Result<Self> {
        let place = place(cleanup)?;
        let started = Instant::now();
        let databases = [
            Server::start(Kind::Postgres, &place, cleanup)?,
            Server::start(Kind::Mysql, &place, cleanup)?,
        ];
        ui::done(
            "PostgreSQL, MariaDB and an API, with a small clinic in each",
            started.elapsed(),
        );
        let api = Api::start()?;
        let cgroup = enrolled("the agent", cleanup)?;
        let stage = Self {
            binary: binary.to_owned(),
            databases,
            api,
            cgroup,
            listeners: [host::free_port()?, host::free_port()?, host::free_port()?],
            place,
        };
        stage.write_files()?;
        let settings = stage.place.join("interdict.yaml");
        start_daemon(binary, &settings, &stage.place, stage.cgroup.is_some(), cleanup)?;
        Ok(stage)
    }

    fn write_files(&self) -> Result<()> {
        for (name, secret) in [("password", PASSWORD), ("token", TOKEN)] {
            let file = self.place.join(name);
            fs::write(&file, secret)?;
            fs::set_permissions(&file, fs::Permissions::from_mode(0o600))?;
        }
        fs::write(self.place.join("policy.yaml"), POLICY.replace("USER", &user()?))?;
        let service = |name: &str, protocol: &str, own: u16, port: u16, inject: &str| {
            let listen = if self.cgroup.is_some() {
                String::new()
            } else {
                format!("    listen: \"127.0.0.1:{own}\"\n")
            };
            format!(
                "  - name: {name}\n    protocol: {protocol}\n    destinations: [\"127.0.0.1:{port}\"]\n{listen}    \
                 upstream: {{ address: \"127.0.0.1:{port}\", tls: disable }}\n    credentials: {{ inject: {inject} }}\n"
            )
        };
        let login = "{ user: agent, password: { file: password } }";
        let [first, second, third] = self.listeners;
        let [postgres, mysql] = &self.databases;
        let (mode, workloads) = match &self.cgroup {
            Some(cgroup) => (
                "enforce",
                format!(
                    "workloads:\n  - name: agents\n    match: {{ cgroup: \"{}\" }}\n",
                    cgroup.path
                ),
            ),
            None => ("off", String::new()),
        };
        let settings = format!(
            "services:\n{}{}{}{workloads}policies: [policy.yaml]\naudit:\n  directory: audit\n  durability: strict\n  \
             segment: {{ rows: 1000, age: 1s }}\nkernel: {{ mode: {mode} }}\nauthority: none\nadmin: {{ socket: admin.sock }}\n",
            service("clinic-postgres", "postgres", first, postgres.port(), login),
            service("clinic-mariadb", "mysql", second, mysql.port(), login),
            service(
                "clinic-api",
                "http",
                third,
                self.api.port,
                "{ bearer: { file: token } }"
            ),
        );
        fs::write(self.place.join("interdict.yaml"), settings)?;
        Ok(())
    }

    fn audit(&self) -> PathBuf {
        self.place.join("audit")
    }

    /// The port that the agent names: of the `index`th service.
    fn agent_port(&self, index: usize) -> u16 {
        let real = [self.databases[0].port(), self.databases[1].port(), self.api.port];
        let ports = if self.cgroup.is_some() {
            real
        } else {
            self.listeners
        };
        ports.get(index).copied().unwrap_or_default()
    }

    /// A program as the agent runs it: enrolled, and nobody in particular.
    fn as_agent(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match &self.cgroup {
            Some(cgroup) => {
                let mut command = cgroup.command("setpriv");
                command.args(["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"]);
                command.arg(program);
                command
            }
            None => Command::new(program),
        };
        for variable in ["PGPASSWORD", "PGPASSFILE", "MYSQL_PWD"] {
            command.env_remove(variable);
        }
        command.current_dir("/").env("HOME", "/nonexistent");
        command
    }
}

/// Who runs this, by name.
fn user() -> Result<String> {
    let name = ui::output(Command::new("id").arg("-un")).context("`id` tells who you are")?;
    Ok(name.trim().to_owned())
}
