//! `setup`: finds what is missing, installs it where it can, and lists it where it can't.
//!
//! Everything is looked at first, so that with nothing missing this takes a moment and changes nothing.

pub(crate) mod analyst;
mod compiler;
mod debian;
mod needs;
pub(crate) mod tools;

use anyhow::{Result, bail};

pub(crate) use self::compiler::{Compiler, TARGET};
use crate::ui;
use crate::workspace::Workspace;

/// Leaves the machine able to build and test, and says how the eBPF object will be built.
pub(crate) fn run(workspace: &Workspace) -> Result<Compiler> {
    let nightly = Compiler::nightly_with_source(workspace);
    let missing = needs::missing(nightly.is_none(), !tools::have(tools::BPF_LINKER))?;
    if !missing.is_empty() {
        install(&missing)?;
    }
    let Some(compiler) = nightly.or_else(|| Compiler::distribution(workspace)) else {
        bail!("no compiler for eBPF: {}", compiler::ADVICE);
    };
    if !tools::have(tools::BPF_LINKER) {
        tools::install_bpf_linker(workspace, &compiler)?;
    }
    Ok(compiler)
}

/// Leaves the machine able to link the static binary (`check`: to try what was made with it) as well.
pub(crate) fn for_dist(check: bool) -> Result<()> {
    let missing = needs::missing_for_dist(check)?;
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Leaves the machine able to run virtual ones.
pub(crate) fn for_machines() -> Result<()> {
    let missing = needs::missing_for_machines()?;
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

/// Leaves the machine able to measure beside other proxies (`instructions`: to count instructions).
pub(crate) fn for_bench(instructions: bool) -> Result<()> {
    let missing = needs::missing_for_bench(instructions)?;
    if missing.is_empty() {
        return Ok(());
    }
    install(&missing)
}

fn install(missing: &[&needs::Need]) -> Result<()> {
    if debian::is_here() {
        let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
        return debian::install(&packages);
    }
    ui::error("this is neither Debian nor Ubuntu; please install:");
    for need in missing {
        ui::note(&format!("{}: {}", need.what, need.purpose));
    }
    bail!("{} things are missing", missing.len());
}
