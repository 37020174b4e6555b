//! All that the demo runs on: server, cgroup, settings, daemon.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, id};
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::server::{Kind, Server};
use crate::cgroup::Cgroup;
use crate::cleanup::Cleanup;
use crate::daemon::Daemon;
use crate::workspace::Workspace;
use crate::{host, ui};

/// Everything is up.
pub(super) struct Stage {
    pub(super) binary: PathBuf,
    pub(super) server: Server,
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
    pub(super) fn set(workspace: &Workspace, kind: Kind, binary: &Path, cleanup: &Cleanup) -> Result<Self> {
        let started = Instant::now();
        let place = place(cleanup)?;
        let server = Server::start(kind, &place, cleanup)?;
        ui::done(
            &format!("{} with a small clinic in it", kind.terms().name),
            started.elapsed(),
        );

        let way = Self::way(kind, cleanup)?;
        let audit = place.join("audit");
        let settings = place.join("interdict.yaml");
        fs::write(
            &settings,
            Self::settings(
                &way,
                kind.terms().protocol,
                server.port(),
                &workspace.root.join("policies/hipaa-phi.yaml"),
            )?,
        )?;
        let redirected = matches!(way, Way::Kernel(_));
        let process = start_daemon(binary, &settings, &place, redirected, cleanup)?;
        Ok(Self {
            binary: binary.to_owned(),
            server,
            audit,
            way,
            daemon: process,
            place,
        })
    }

    fn way(kind: Kind, cleanup: &Cleanup) -> Result<Way> {
        match enrolled(kind.terms().client, cleanup)? {
            Some(cgroup) => Ok(Way::Kernel(cgroup)),
            None => Ok(Way::Listener(host::free_port()?)),
        }
    }

    fn settings(way: &Way, protocol: &str, server: u16, policy: &Path) -> Result<String> {
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
    protocol: {protocol}
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

    /// The client as anybody has it, outside the cgroup.
    pub(super) fn client_directly(&self) -> Result<Command> {
        self.client(None, self.server.port())
    }

    /// The same client as the agent runs it.
    pub(super) fn client_as_agent(&self) -> Result<Command> {
        match &self.way {
            Way::Kernel(cgroup) => self.client(Some(cgroup), self.server.port()),
            Way::Listener(port) => self.client(None, *port),
        }
    }

    fn client(&self, cgroup: Option<&Cgroup>, port: u16) -> Result<Command> {
        let mut client = self.server.client(cgroup, port)?;
        client.current_dir(&self.place);
        Ok(client)
    }

    /// The port that the agent names.
    pub(super) fn agent_port(&self) -> u16 {
        match &self.way {
            Way::Kernel(_) => self.server.port(),
            Way::Listener(port) => *port,
        }
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
        let login = |port: u16| self.server.terms().line_with_password(port);
        let agent = match &self.way {
            Way::Kernel(cgroup) => format!(
                "sh -c 'echo $$ >{}/cgroup.procs && exec {}'",
                cgroup.directory().display(),
                login(self.server.port())
            ),
            Way::Listener(port) => login(*port),
        };
        println!(
            "\nStill running. Directly:\n  {}\nAs the agent:\n  {agent}\nWhat was recorded:\n  {binary} audit rows {}\nEnd it all:\n  sh {}",
            login(self.server.port()),
            self.audit.display(),
            stop.display(),
        );
        Ok(())
    }
}

/// A folder for all of it, removed by `cleanup`.
pub(super) fn place(cleanup: &Cleanup) -> Result<PathBuf> {
    let place = tempfile::Builder::new()
        .prefix("interdict-demo-")
        .tempdir()?
        .keep();
    let removed = place.clone();
    cleanup.add("the temporary directory stays", move || {
        Ok(fs::remove_dir_all(removed)?)
    });
    Ok(place)
}

/// The agents' cgroup, removed by `cleanup`; none, with a word why, where the redirect in the kernel can't be shown.
/// `client`: who connects to a port of interdict's own then.
pub(super) fn enrolled(client: &str, cleanup: &Cleanup) -> Result<Option<Cgroup>> {
    if let Some(why) = host::redirect_refuses() {
        ui::warn("the redirect in the kernel can't be shown here:");
        ui::warn(&why);
        ui::warn(&format!(
            "{client} connects to an explicit port of interdict instead; all else is the same"
        ));
        return Ok(None);
    }
    let cgroup = Cgroup::create(&format!("interdict-demo-{}", id()))?;
    let removed = cgroup.clone();
    cleanup.add("the cgroup stays", move || removed.remove());
    Ok(Some(cgroup))
}

/// Starts the daemon, stopped by `cleanup`; its process. `redirected`: the kernel is part of it.
pub(super) fn start_daemon(
    binary: &Path,
    settings: &Path,
    place: &Path,
    redirected: bool,
    cleanup: &Cleanup,
) -> Result<u32> {
    let started = Instant::now();
    if redirected {
        let (binary, settings) = (binary.to_owned(), settings.to_owned());
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
    let mut daemon = Daemon::start(binary, settings, place.join("interdict.log"))?;
    let process = daemon.id();
    cleanup.add("interdict did not stop well", move || daemon.stop());
    ui::done("interdict is ready", started.elapsed());
    Ok(process)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_port_that_the_agent_uses() -> Result<()> {
        let text = Stage::settings(&Way::Listener(16_432), "mysql", 5_432, Path::new("/p.yaml"))?;
        assert!(text.contains("listen: \"127.0.0.1:16432\"") && text.contains("mode: off"));
        assert!(text.contains("address: \"127.0.0.1:5432\"") && text.contains("protocol: mysql\n"));
        Ok(())
    }
}
