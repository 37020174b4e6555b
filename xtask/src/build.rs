//! `build`: the eBPF object, and the one binary with it inside.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};

use crate::setup::{self, Compiler};
use crate::ui;
use crate::workspace::Workspace;

/// How the binary is optimised. The object is always built for release: the verifier refuses much of what is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    Dev,
    Release,
}

/// What was built.
#[derive(Clone, Debug)]
pub(crate) struct Built {
    pub(crate) object: PathBuf,
    pub(crate) binary: PathBuf,
}

impl Built {
    /// Tells cargo which object the kernel room embeds. The same for every call, so that none rebuilds what another built.
    pub(crate) fn embed<'a>(&self, cargo: &'a mut Command) -> &'a mut Command {
        cargo.env("INTERDICT_BPF_OBJECT", &self.object)
    }
}

/// Sets up and builds everything.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<Built> {
    let compiler = setup::run(workspace)?;
    let object = object(workspace, &compiler)?;
    let directory = if profile == Profile::Release {
        "release"
    } else {
        "debug"
    };
    let built = Built {
        object,
        binary: workspace.target.join(directory).join("interdict"),
    };
    let mut cargo = workspace.cargo();
    cargo.args(["build", "--package", "interdict"]);
    if profile == Profile::Release {
        cargo.arg("--release");
    }
    ui::step("interdict", built.embed(&mut cargo))?;
    ensure!(
        built.binary.is_file(),
        "cargo built no {}",
        built.binary.display()
    );
    Ok(built)
}

/// Builds the eBPF object alone.
pub(crate) fn object(workspace: &Workspace, compiler: &Compiler) -> Result<PathBuf> {
    // A target directory of its own: another compiler's results would make cargo rebuild everything at each turn.
    let target = workspace.target.join("bpf");
    let mut cargo = compiler.cargo(workspace);
    cargo
        .args([
            "build",
            "--release",
            "--package",
            "interdict-ebpf",
            "--target",
            setup::TARGET,
            "--target-dir",
        ])
        .arg(&target)
        .args(compiler.flags());
    ui::step("eBPF programs", &mut cargo)?;
    let object = target.join(setup::TARGET).join("release/interdict-ebpf");
    // The second is embedded from beside the first.
    for built in [&object, &object.with_file_name("interdict-unix-ebpf")] {
        ensure!(built.is_file(), "cargo built no {}", built.display());
    }
    Ok(object)
}
