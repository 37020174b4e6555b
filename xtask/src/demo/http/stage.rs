//! All that the demo runs on: services, cgroup, settings, daemon.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::Result;

use super::services::{Ports, Services};
use crate::cgroup::Cgroup;
use crate::cleanup::Cleanup;
use crate::demo::stage::{enrolled, place, start_daemon};
use crate::ui;
use crate::workspace::Workspace;

const POLICY: &str = include_str!("policy.yaml");

/// Everything is up.
pub(super) struct Stage {
    pub(super) binary: PathBuf,
    pub(super) services: Services,
    pub(super) audit: PathBuf,
    pub(super) place: PathBuf,
    /// Redirected in the kernel from inside this cgroup; without it, by ports of interdict's own.
    pub(super) cgroup: Option<Cgroup>,
    /// Interdict's own.
    listeners: Option<Ports>,
    /// The daemon's process.
    daemon: u32,
}

impl Stage {
    /// Builds it up; all of it is undone by `cleanup`.
    pub(super) fn set(workspace: &Workspace, binary: &Path, cleanup: &Cleanup) -> Result<Self> {
        let place = place(cleanup)?;
        let started = Instant::now();
        let services = Services::start(workspace, &place, cleanup)?;
        ui::done("a small clinic's API, S3 and DynamoDB", started.elapsed());

        let cgroup = enrolled("the agent", cleanup)?;
        let listeners = if cgroup.is_some() {
            None
        } else {
            Some(Ports::free()?)
        };
        let settings = place.join("interdict.yaml");
        fs::write(place.join("policy.yaml"), POLICY)?;
        fs::write(&settings, settings_of(services.ports, cgroup.as_ref(), listeners))?;
        let daemon = start_daemon(binary, &settings, &place, cgroup.is_some(), cleanup)?;
        Ok(Self {
            binary: binary.to_owned(),
            services,
            audit: place.join("audit"),
            place,
            cgroup,
            listeners,
            daemon,
        })
    }

    /// The ports that the agent names.
    pub(super) fn agent_ports(&self) -> Ports {
        self.listeners.unwrap_or(self.services.ports)
    }

    /// A program as the agent runs it.
    pub(super) fn as_agent(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = match &self.cgroup {
            Some(cgroup) => cgroup.command(program),
            None => Command::new(program),
        };
        command.current_dir(&self.place);
        command
    }

    /// The certificate of the authority that interdict made for this host.
    pub(super) fn authority(&self) -> PathBuf {
        self.place.join("authority/authority.crt")
    }

    /// Says how to go on by hand, and how to end it.
    pub(super) fn leave_running(&self) -> Result<()> {
        let stop = self.place.join("stop.sh");
        let (binary, place) = (self.binary.display(), self.place.display());
        let detach = self.cgroup.as_ref().map_or_else(String::new, |cgroup| {
            format!(
                "{binary} detach --force --config {place}/interdict.yaml\nrmdir {}\n",
                cgroup.directory().display()
            )
        });
        let services: Vec<String> = self.services.processes.iter().map(u32::to_string).collect();
        fs::write(
            &stop,
            format!(
                "kill {daemon}\nwhile kill -0 {daemon} 2>/dev/null; do sleep 0.1; done\n{detach}kill {}\nrm -rf {place}\n",
                services.join(" "),
                daemon = self.daemon,
            ),
        )?;
        let curl = |port: u16| format!("curl -s http://127.0.0.1:{port}/patients");
        let agent = self.agent_ports();
        let inside = match &self.cgroup {
            Some(cgroup) => format!(
                "sh -c 'echo $$ >{}/cgroup.procs && exec {}'",
                cgroup.directory().display(),
                curl(agent.clinic)
            ),
            None => curl(agent.clinic),
        };
        println!(
            "\nStill running. Directly:\n  {}\nAs the agent:\n  {inside}\nS3 and DynamoDB are on ports {} and {}.\n\
             What was recorded:\n  {binary} audit rows {}\nEnd it all:\n  sh {}",
            curl(self.services.ports.clinic),
            agent.s3,
            agent.dynamodb,
            self.audit.display(),
            stop.display(),
        );
        Ok(())
    }
}

fn settings_of(ports: Ports, cgroup: Option<&Cgroup>, listeners: Option<Ports>) -> String {
    let service = |name: &str, port: u16, own: Option<u16>, profile: &str, upstream: &str| {
        let listen = own.map_or_else(String::new, |port| format!("    listen: \"127.0.0.1:{port}\"\n"));
        format!(
            "  - name: {name}\n    protocol: http\n    profile: {profile}\n    destinations: [\"127.0.0.1:{port}\"]\n{listen}    upstream: {upstream}\n"
        )
    };
    let plain = |port: u16| format!("{{ address: \"127.0.0.1:{port}\", tls: disable }}");
    let secured = format!(
        "{{ address: \"localhost:{}\", tls: verify-full, ca: clinic.pem }}",
        ports.secured
    );
    let (mode, workloads) = match cgroup {
        Some(cgroup) => (
            "enforce",
            format!(
                "workloads:\n  - name: agents\n    match: {{ cgroup: \"{}\" }}\n",
                cgroup.path
            ),
        ),
        None => ("off", String::new()),
    };
    format!(
        "services:\n{}{}{}{}{workloads}policies: [policy.yaml]\nauthority: {{ directory: authority }}\n\
         audit:\n  directory: audit\n  durability: strict\n  segment: {{ rows: 1000, age: 1s }}\n\
         kernel: {{ mode: {mode} }}\nadmin: {{ socket: admin.sock }}\n",
        service(
            "clinic",
            ports.clinic,
            listeners.map(|own| own.clinic),
            "plain",
            &plain(ports.clinic)
        ),
        service(
            "clinic-tls",
            ports.secured,
            listeners.map(|own| own.secured),
            "plain",
            &secured
        ),
        service(
            "exports",
            ports.s3,
            listeners.map(|own| own.s3),
            "aws-s3",
            &plain(ports.s3)
        ),
        service(
            "tables",
            ports.dynamodb,
            listeners.map(|own| own.dynamodb),
            "aws-dynamodb",
            &plain(ports.dynamodb)
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_name_the_ports_that_the_agent_uses() {
        let ports = |first: u16| Ports {
            clinic: first,
            secured: first + 1,
            s3: first + 2,
            dynamodb: first + 3,
        };
        let text = settings_of(ports(8000), None, Some(ports(9000)));
        for part in [
            "listen: \"127.0.0.1:9003\"",
            "address: \"localhost:8001\"",
            "mode: off",
            "aws-s3",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }
}
