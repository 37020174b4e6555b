//! Programs that are clients: where they are, what they need installed, what they print.

use std::fs;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Shown;
use crate::support::{skipped, text};

/// A program of this directory.
pub(crate) fn program(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/clients/programs")
        .join(name)
}

/// Runs a program that prints a line of JSON for each of its steps.
pub(crate) fn steps(command: &mut Command, port: u16, arguments: &[&str]) -> Shown {
    let output = command
        .arg(port.to_string())
        .args(arguments)
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    text(&output.stdout)
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// Python with the pinned drivers, mappers and DuckDB.
pub(crate) struct Python(PathBuf);

impl Python {
    /// With what a file of this directory lists, installed if it is missing; `None`, said loudly, if that can't be had.
    pub(crate) fn of(requirements: &str) -> Option<Self> {
        let wanted = program(requirements);
        let label = format!("clients-{}", requirements.trim_end_matches(".txt"));
        let place = installed(&label, &wanted, |place| {
            done(Command::new("python3").args(["-m", "venv"]).arg(place))?;
            done(
                Command::new(place.join("bin/python"))
                    .args([
                        "-m",
                        "pip",
                        "install",
                        "--quiet",
                        "--disable-pip-version-check",
                        "-r",
                    ])
                    .arg(&wanted),
            )
        })?;
        Some(Self(place.join("bin/python")))
    }

    /// Runs a program of this directory.
    pub(crate) fn run(&self, name: &str, port: u16, arguments: &[&str]) -> Shown {
        steps(&mut self.command(name), port, arguments)
    }

    /// A program of this directory, to be run.
    pub(crate) fn command(&self, name: &str) -> Command {
        let mut command = self.bare();
        command.arg(program(&format!("{name}.py")));
        command
    }

    /// The interpreter.
    pub(crate) fn bare(&self) -> Command {
        let mut command = Command::new(&self.0);
        command.arg("-B");
        command
    }
}

/// The packages of node; `None`, said loudly, without node or when they can't be had.
pub(crate) fn node_modules() -> Option<PathBuf> {
    let wanted = program("package.json");
    let place = installed("clients-node", &wanted, |place| {
        done(Command::new("node").arg("--version"))?;
        fs::create_dir_all(place).map_err(|error| error.to_string())?;
        fs::copy(&wanted, place.join("package.json")).map_err(|error| error.to_string())?;
        done(
            Command::new("npm")
                .args([
                    "install",
                    "--silent",
                    "--no-audit",
                    "--no-fund",
                    "--ignore-scripts",
                    "--prefix",
                ])
                .arg(place),
        )
    })?;
    Some(place.join("node_modules"))
}

/// A directory below the build's that holds what the file `wanted` lists. One at a time installs, and half of it does not count.
fn installed(
    label: &str,
    wanted: &Path,
    install: impl FnOnce(&Path) -> Result<(), String>,
) -> Option<PathBuf> {
    let mut hasher = DefaultHasher::new();
    fs::read(wanted).unwrap().hash(&mut hasher);
    let base = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let place = base.join(format!("{label}-{:016x}", hasher.finish()));
    let complete = place.join("complete");
    let lock = fs::File::create(base.join(format!("{label}.lock"))).unwrap();
    lock.lock().unwrap();
    if !complete.exists() {
        let _ = fs::remove_dir_all(&place);
        if let Err(why) = install(&place) {
            skipped(&format!("{label}: {why}"));
            return None;
        }
        fs::write(&complete, "").unwrap();
    }
    Some(place)
}

fn done(command: &mut Command) -> Result<(), String> {
    match command.output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!("{command:?}: {}", text(&output.stderr))),
        Err(error) => Err(format!("{command:?}: {error}")),
    }
}
