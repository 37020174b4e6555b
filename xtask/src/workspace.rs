//! Where the workspace and its build results are, and cargo called from within it.

use std::env;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

/// The source tree and its target directory.
#[derive(Clone, Debug)]
pub(crate) struct Workspace {
    pub(crate) root: PathBuf,
    pub(crate) target: PathBuf,
}

impl Workspace {
    /// From what cargo tells a program that it runs; `CARGO_TARGET_DIR` is followed.
    pub(crate) fn find() -> Result<Self> {
        let manifest = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest
            .parent()
            .context("xtask's folder has no parent")?
            .to_owned();
        let target =
            env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), |named| root.join(named));
        Ok(Self { root, target })
    }

    /// The cargo that runs us, in the workspace's root, free of what it set for xtask alone.
    pub(crate) fn cargo(&self) -> Command {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        self.clean(&mut command);
        command
    }

    /// A program of a rustup toolchain, in the workspace's root.
    pub(crate) fn toolchain(&self, name: &str, program: &str) -> Command {
        let mut command = Command::new("rustup");
        command.args(["run", name, program]);
        self.clean(&mut command);
        command
            .env_remove("RUSTUP_TOOLCHAIN")
            .env_remove("CARGO")
            .env_remove("RUSTC");
        command
    }

    fn clean(&self, command: &mut Command) {
        command.current_dir(&self.root).env_remove("LD_LIBRARY_PATH");
        for (name, _) in env::vars_os() {
            let text = name.to_string_lossy();
            if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") || text == "OUT_DIR" {
                command.env_remove(&name);
            }
        }
    }
}
