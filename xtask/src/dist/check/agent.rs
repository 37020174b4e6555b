//! An agent's container: an unmodified psql in namespaces of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use super::runc::{self, Runc};
use crate::ui;

/// Where the agent's connections are made.
#[derive(Clone, Debug)]
pub(super) enum Network {
    Host,
    /// This namespace.
    Own(PathBuf),
}

/// One container, made anew for every question.
pub(super) struct Agent<'a> {
    pub(super) runc: &'a Runc,
    /// Holds `rootfs`.
    pub(super) bundle: PathBuf,
    pub(super) cgroup: String,
    pub(super) network: Network,
    /// psql's place inside, and how to log in.
    pub(super) psql: String,
    pub(super) login: Vec<String>,
    pub(super) password: String,
}

impl Agent<'_> {
    /// What psql answers to a statement sent to this server.
    pub(super) fn ask(&self, address: &str, port: u16, statement: &str) -> Result<Output> {
        let mut arguments = vec![self.psql.clone()];
        arguments.extend(self.login.iter().cloned());
        arguments.extend(["-h", address, "-p", &port.to_string(), "-c", statement].map(str::to_owned));
        runc::bundle(&self.bundle, &self.config(&arguments))?;
        let name = format!("agent-{}-{}", std::process::id(), port);
        let output = self.runc.run(&self.bundle, &name).stdin(Stdio::null()).output()?;
        Ok(output)
    }

    fn config(&self, arguments: &[String]) -> Value {
        let mut namespaces: Vec<Value> = ["mount", "ipc", "uts", "pid", "cgroup"]
            .iter()
            .map(|kind| json!({ "type": kind }))
            .collect();
        if let Network::Own(path) = &self.network {
            namespaces.push(json!({ "type": "network", "path": path }));
        }
        // Docker's and containerd's default set: an agent may be root in its container.
        let capabilities = [
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_FSETID",
            "CAP_FOWNER",
            "CAP_MKNOD",
            "CAP_NET_RAW",
            "CAP_SETGID",
            "CAP_SETUID",
            "CAP_SETFCAP",
            "CAP_SETPCAP",
            "CAP_NET_BIND_SERVICE",
            "CAP_SYS_CHROOT",
            "CAP_KILL",
            "CAP_AUDIT_WRITE",
        ];
        json!({
            "ociVersion": "1.0.2",
            "process": {
                "user": { "uid": 0, "gid": 0 },
                "args": arguments,
                "env": ["PATH=/usr/bin", format!("PGPASSWORD={}", self.password), "PGCONNECT_TIMEOUT=10"],
                "cwd": "/",
                "capabilities": { "bounding": capabilities, "effective": capabilities, "permitted": capabilities },
            },
            "root": { "path": "rootfs", "readonly": true },
            "mounts": runc::mounts(),
            "linux": {
                "namespaces": namespaces,
                "cgroupsPath": self.cgroup,
                "maskedPaths": runc::MASKED,
                "readonlyPaths": runc::READ_ONLY,
            },
        })
    }
}

/// A root file system with a program and the libraries that it asks for, where the host has them.
pub(super) fn root(place: &Path, program: &Path) -> Result<()> {
    let program = fs::canonicalize(program)?;
    for folder in ["dev", "proc", "sys"] {
        fs::create_dir_all(place.join(folder))?;
    }
    let listed = ui::output(Command::new("ldd").arg(&program))?;
    let libraries: Vec<&str> = libraries(&listed).collect();
    ensure!(!libraries.is_empty(), "{} asks for no library", program.display());
    for file in libraries.into_iter().map(Path::new).chain([program.as_path()]) {
        let inside = place.join(
            file.strip_prefix("/")
                .context("ldd names a file without a folder")?,
        );
        if let Some(folder) = inside.parent() {
            fs::create_dir_all(folder)?;
        }
        fs::copy(file, inside).with_context(|| format!("{} can't be copied", file.display()))?;
    }
    Ok(())
}

/// The files in ldd's `name => /path (0x…)` and `/path (0x…)`.
fn libraries(listed: &str) -> impl Iterator<Item = &str> {
    listed
        .lines()
        .filter_map(|line| line.split_whitespace().find(|word| word.starts_with('/')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_of_a_program() {
        let listed = "\tlinux-vdso.so.1 (0x1)\n\tlibc.so.6 => /lib/libc.so.6 (0x2)\n\t/lib64/ld.so (0x3)\n";
        assert_eq!(
            libraries(listed).collect::<Vec<_>>(),
            ["/lib/libc.so.6", "/lib64/ld.so"]
        );
    }
}
