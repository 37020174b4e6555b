//! Containers by runc, the reference runtime.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{host, ui};

/// Where runc keeps its state, and how its containers of this run are called.
#[derive(Clone, Debug)]
pub(super) struct Runc {
    program: PathBuf,
    state: PathBuf,
}

impl Runc {
    pub(super) fn new(place: &Path) -> Result<Self> {
        Ok(Self {
            program: host::program("runc").context("runc is not installed")?,
            state: place.join("runc"),
        })
    }

    /// A command that runs a bundle in the foreground and hands signals on.
    pub(super) fn run(&self, bundle: &Path, name: &str) -> Command {
        let mut command = self.command();
        command.args(["run", "--bundle"]).arg(bundle).arg(name);
        command
    }

    /// Runs one more program in a container, with the capabilities of the first.
    pub(super) fn exec(&self, name: &str, arguments: &[&str]) -> Result<Output> {
        Ok(self
            .command()
            .arg("exec")
            .arg(name)
            .args(arguments)
            .stdin(Stdio::null())
            .output()?)
    }

    /// Sends a signal to a container's first process.
    pub(super) fn kill(&self, name: &str, signal: &str) -> Result<()> {
        ui::output(self.command().args(["kill", name, signal])).map(drop)
    }

    /// Removes a container, running or not, and what it left behind.
    pub(super) fn delete(&self, name: &str) -> Result<()> {
        ui::output(self.command().args(["delete", "--force", name])).map(drop)
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.arg("--root").arg(&self.state);
        command
    }
}

/// Makes a bundle of a root file system and a configuration.
pub(super) fn bundle(place: &Path, config: &Value) -> Result<()> {
    fs::write(place.join("config.json"), serde_json::to_vec_pretty(config)?)?;
    Ok(())
}

/// What every container gets.
pub(super) fn mounts() -> Vec<Value> {
    let mount = |place: &str, kind: &str, options: &[&str]| json!({ "destination": place, "type": kind, "source": kind, "options": options });
    vec![
        mount("/proc", "proc", &["nosuid", "noexec", "nodev"]),
        mount(
            "/dev",
            "tmpfs",
            &["nosuid", "strictatime", "mode=755", "size=65536k"],
        ),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ]
}

/// What runtimes hide from containers by default.
pub(super) const MASKED: [&str; 7] = [
    "/proc/acpi",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/timer_list",
    "/proc/sched_debug",
    "/sys/firmware",
];

/// What they keep containers from writing.
pub(super) const READ_ONLY: [&str; 5] = [
    "/proc/bus",
    "/proc/fs",
    "/proc/irq",
    "/proc/sys",
    "/proc/sysrq-trigger",
];
