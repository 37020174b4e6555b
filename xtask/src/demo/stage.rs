//! All that the demo runs on: server, cgroup, settings, daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::clinic;
use crate::cgroup::Cgroup;
use crate::cleanup::Cleanup;
use crate::daemon::Daemon;
use crate::postgres::{self, Postgres};
use crate::workspace::Workspace;
use crate::{host, ui};

/// Where a daemon of this host keeps what outlives it.
const PINS: &str = "/sys/fs/bpf/interdict";

/// Everything is up.
pub(super) struct Stage {
    pub(super) binary: PathBuf,
    pub(super) server: Postgres,
    pub(super) audit: PathBuf,
    pub(super) way: Way,
    /// The daemon's process.
    daemon: u32,
    place: PathBuf,
}

/// How the agent comes to interdict.
pub(super) enum Way {
    /// Redirected in the kernel, from inside this cgroup: it asks for the server's own address.
    Kernel(Cgroup),
    /// By connecting to this port.
    Listener(u16),
}

impl Stage {
    /// Builds it up; all of it is undone by `cleanup`.
    pub(super) fn set(workspace: &Workspace, binary: &Path, cleanup: &Cleanup) -> Result<Self> {
        let started = Instant::now();
        let place = tempfile::Builder::new()
            .prefix("interdict-demo-")
            .tempdir()?
            .keep();
        let removed = place.clone();
        cleanup.add("the temporary directory stays", move || {
            Ok(fs::remove_dir_all(removed)?)
        });
        postgres::check_place(&place)?;

        let server = Postgres::start(&place, clinic::HBA, "")?;
        let stopped = server.clone();
        cleanup.add("PostgreSQL runs on", move || stopped.stop());
        server.run("postgres", &clinic::roles())?;
        server.run("postgres", &format!("CREATE DATABASE {}", clinic::DATABASE))?;
        server.run(clinic::DATABASE, clinic::TABLES)?;
        ui::done("PostgreSQL with a small clinic in it", started.elapsed());

        let way = Self::way(cleanup)?;
        let audit = place.join("audit");
        let settings = place.join("interdict.yaml");
        fs::write(
            &settings,
            Self::settings(&way, server.port, &workspace.root.join("policies/hipaa-phi.yaml"))?,
        )?;
        let started = Instant::now();
        if let Way::Kernel(_) = way {
            let (binary, settings) = (binary.to_owned(), settings.clone());
            // After the daemon: what is pinned outlives it on purpose.
            cleanup.add(
                "programs stay attached (`interdict detach` removes them)",
                move || {
                    let mut detach = Command::new(binary);
                    detach.args(["detach", "--force", "--config"]).arg(settings);
                    ui::output(&mut detach).map(drop)
                },
            );
        }
        let mut daemon = Daemon::start(binary, &settings, place.join("interdict.log"))?;
        let process = daemon.id();
        cleanup.add("interdict did not stop well", move || daemon.stop());
        ui::done("interdict is ready", started.elapsed());
        Ok(Self {
            binary: binary.to_owned(),
            server,
            audit,
            way,
            daemon: process,
            place,
        })
    }

    fn way(cleanup: &Cleanup) -> Result<Way> {
        let refused = host::kernel_refuses().or_else(|| {
            pinned(Path::new(PINS)).then(|| {
                format!(
                    "interdict is at work on this host already ({PINS}); `interdict detach` would end that"
                )
            })
        });
        if let Some(why) = refused {
            ui::warn("the redirect in the kernel can't be shown here:");
            ui::warn(&why);
            ui::warn("psql connects to an explicit port of interdict instead; all else is the same");
            return Ok(Way::Listener(postgres::free_port()?));
        }
        let cgroup = Cgroup::create(&format!("interdict-demo-{}", id()))?;
        let removed = cgroup.clone();
        cleanup.add("the cgroup stays", move || removed.remove());
        Ok(Way::Kernel(cgroup))
    }

    fn settings(way: &Way, server: u16, policy: &Path) -> Result<String> {
        let policy = policy.to_str().context("the workspace's path is not text")?;
        let (mode, workloads, listen) = match way {
            Way::Kernel(cgroup) => {
                let matching = format!(
                    "workloads:\n  - name: agents\n    match: {{ cgroup: \"{}\" }}\n",
                    cgroup.path
                );
                ("enforce", matching, String::new())
            }
            Way::Listener(port) => (
                "off",
                String::new(),
                format!("    listen: \"127.0.0.1:{port}\"\n"),
            ),
        };
        Ok(format!(
            "services:
  - name: clinic
    protocol: postgres
    destinations: [\"127.0.0.1:{server}\"]
{listen}    upstream: {{ address: \"127.0.0.1:{server}\", tls: disable }}
{workloads}policies: [\"{policy}\"]
audit:
  directory: audit
  durability: strict
  segment: {{ rows: 1000, age: 1s }}
kernel: {{ mode: {mode} }}
admin: {{ socket: admin.sock }}
"
        ))
    }

    /// psql as anybody has it, outside the cgroup.
    pub(super) fn psql_directly(&self) -> Command {
        self.with_login(self.server.program("psql"), self.server.port)
    }

    /// The same psql as the agent runs it.
    pub(super) fn psql_as_agent(&self) -> Command {
        match &self.way {
            Way::Kernel(cgroup) => self.with_login(self.server.program_in(cgroup, "psql"), self.server.port),
            Way::Listener(port) => self.with_login(self.server.program("psql"), *port),
        }
    }

    /// The port that the agent names.
    pub(super) fn agent_port(&self) -> u16 {
        match &self.way {
            Way::Kernel(_) => self.server.port,
            Way::Listener(port) => *port,
        }
    }

    fn with_login(&self, mut psql: Command, port: u16) -> Command {
        psql.env("PGPASSWORD", clinic::PASSWORD)
            .current_dir(&self.place)
            .args([
                "-X",
                "-P",
                "pager=off",
                "-P",
                "border=2",
                "-P",
                "linestyle=unicode",
                "-P",
                "null=NULL",
            ])
            .args([
                "-h",
                "127.0.0.1",
                "-p",
                &port.to_string(),
                "-U",
                clinic::AGENT,
                "-d",
                clinic::DATABASE,
            ]);
        psql
    }

    /// Says how to go on by hand, and how to end it.
    pub(super) fn leave_running(&self) -> Result<()> {
        let stop = self.place.join("stop.sh");
        let binary = self.binary.display();
        let (detach, remove) = match &self.way {
            Way::Kernel(cgroup) => (
                format!(
                    "{binary} detach --force --config {}\n",
                    self.place.join("interdict.yaml").display()
                ),
                format!("rmdir {}\n", cgroup.directory().display()),
            ),
            Way::Listener(_) => (String::new(), String::new()),
        };
        fs::write(
            &stop,
            format!(
                "kill {daemon}\nwhile kill -0 {daemon} 2>/dev/null; do sleep 0.1; done\n{detach}{remove}{}\nrm -rf {}\n",
                self.server.stop_line(),
                self.place.display(),
                daemon = self.daemon,
            ),
        )?;
        let login = |port: u16| {
            format!(
                "env PGPASSWORD={} psql -h 127.0.0.1 -p {port} -U {} {}",
                clinic::PASSWORD,
                clinic::AGENT,
                clinic::DATABASE
            )
        };
        let agent = match &self.way {
            Way::Kernel(cgroup) => format!(
                "sh -c 'echo $$ >{}/cgroup.procs && exec {}'",
                cgroup.directory().display(),
                login(self.server.port)
            ),
            Way::Listener(port) => login(*port),
        };
        println!(
            "\nStill running. Directly:\n  {}\nAs the agent:\n  {agent}\nWhat was recorded:\n  {binary} audit scan {}\nEnd it all:\n  sh {}",
            login(self.server.port),
            self.audit.display(),
            stop.display(),
        );
        Ok(())
    }
}

/// Whether anything is pinned below a folder; folders alone are what a removal may leave.
fn pinned(directory: &Path) -> bool {
    fs::read_dir(directory)
        .into_iter()
        .flatten()
        .flatten()
        .any(|entry| {
            let path = entry.path();
            if path.is_dir() { pinned(&path) } else { true }
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_folders_are_no_pins() -> Result<()> {
        let place = tempfile::tempdir()?;
        assert!(!pinned(&place.path().join("missing")));
        fs::create_dir_all(place.path().join("v1/links"))?;
        assert!(!pinned(place.path()));
        fs::write(place.path().join("v1/links/connect4"), "")?;
        assert!(pinned(place.path()));
        Ok(())
    }

    #[test]
    fn settings_name_the_port_that_the_agent_uses() -> Result<()> {
        let text = Stage::settings(&Way::Listener(16_432), 5_432, Path::new("/p.yaml"))?;
        assert!(text.contains("listen: \"127.0.0.1:16432\"") && text.contains("mode: off"));
        assert!(text.contains("address: \"127.0.0.1:5432\""));
        Ok(())
    }
}
