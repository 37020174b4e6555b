//! `interdict run` as a child, from start to its last record.

use std::fs::{self, File};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};

use crate::ui;

/// How long start and stop may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// A running daemon.
#[derive(Debug)]
pub(crate) struct Daemon {
    child: Child,
    pub(crate) log: PathBuf,
}

impl Daemon {
    /// Starts it and waits until it says `ready`.
    pub(crate) fn start(binary: &Path, settings: &Path, log: PathBuf) -> Result<Self> {
        let mut command = Command::new(binary);
        command.args(["run", "--config"]).arg(settings);
        Self::start_by(&mut command, log)
    }

    /// The same by a command that runs it some other way: in the foreground, and handing signals on.
    pub(crate) fn start_by(command: &mut Command, log: PathBuf) -> Result<Self> {
        let program = command.get_program().to_owned();
        let file = File::create(&log).with_context(|| format!("{} can't be written", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .env_remove("LD_LIBRARY_PATH")
            // Ctrl-C is ours to act on: it stops when we have looked after what depends on it.
            .process_group(0)
            .spawn()
            .with_context(|| format!("{} can't be started", program.display()))?;
        let mut daemon = Self { child, log };
        match daemon.wait_ready() {
            Ok(()) => Ok(daemon),
            Err(error) => {
                let said = daemon.said();
                // It may be gone already; what matters is that it is not left behind.
                let _ = daemon.child.kill();
                let _ = daemon.child.wait();
                Err(error.context(said))
            }
        }
    }

    fn wait_ready(&mut self) -> Result<()> {
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if self.said().lines().any(|line| line.trim() == "ready") {
                return Ok(());
            }
            if let Some(status) = self.child.try_wait()? {
                bail!("interdict ended with {status} before it was ready");
            }
            thread::sleep(Duration::from_millis(20));
        }
        bail!("interdict was not ready after {}", ui::seconds(PATIENCE));
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// What it wrote so far.
    pub(crate) fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Asks it to stop and waits for it; ends it the hard way, and says so, if it doesn't.
    pub(crate) fn stop(&mut self) -> Result<()> {
        if self.child.try_wait()?.is_some() {
            return Ok(());
        }
        // By the shell's own kill: this is the one signal that is sent here, and not worth a dependency.
        ui::output(Command::new("sh").args(["-c", r#"kill -TERM "$0""#, &self.id().to_string()]))?;
        let started = Instant::now();
        while started.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                return if status.success() {
                    Ok(())
                } else {
                    bail!("interdict ended with {status}")
                };
            }
            thread::sleep(Duration::from_millis(20));
        }
        self.child.kill()?;
        self.child.wait()?;
        bail!(
            "interdict did not stop within {} and was killed",
            ui::seconds(PATIENCE)
        );
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn pretend(script: &str) -> Result<(tempfile::TempDir, Result<Daemon>)> {
        let place = tempfile::tempdir()?;
        let binary = place.path().join("interdict");
        fs::write(&binary, format!("#!/bin/sh\n{script}\n"))?;
        fs::set_permissions(&binary, fs::Permissions::from_mode(0o755))?;
        let started = Daemon::start(&binary, Path::new("unused"), place.path().join("log"));
        Ok((place, started))
    }

    #[test]
    fn it_is_up_once_it_says_so_and_stops_when_asked() -> Result<()> {
        let (_place, daemon) = pretend("trap 'exit 0' TERM; echo ready >&2; while :; do sleep 0.05; done")?;
        let mut daemon = daemon?;
        assert!(Path::new(&format!("/proc/{}", daemon.id())).exists());
        daemon.stop()?;
        daemon.stop()
    }

    #[test]
    fn an_early_end_shows_what_it_said() -> Result<()> {
        let (_place, daemon) = pretend("echo 'settings: line 3' >&2; exit 2")?;
        let error = format!("{:#}", daemon.expect_err("it ended"));
        assert!(
            error.contains("settings: line 3") && error.contains("before it was ready"),
            "{error}"
        );
        Ok(())
    }
}
