//! Cargo's own tools: which are there, and installing those that a task asks for.

use std::process::Command;

use anyhow::Result;

use super::Compiler;
use crate::ui;
use crate::workspace::Workspace;

/// Links eBPF objects.
pub(crate) const BPF_LINKER: &str = "bpf-linker";

/// Where Debian keeps the LLVM that bpf-linker is built against.
const LLVM: &str = "/usr/lib/llvm-22";

/// Whether a tool runs: one that lost a library it was linked with does not.
pub(crate) fn have(program: &str) -> bool {
    ui::succeeds(
        Command::new(program)
            .env_remove("LD_LIBRARY_PATH")
            .arg("--version"),
    )
}

/// Builds bpf-linker for the LLVM that goes with the compiler.
pub(crate) fn install_bpf_linker(workspace: &Workspace, compiler: &Compiler) -> Result<()> {
    let mut cargo = match compiler {
        // Its default takes LLVM from the very toolchain that will compile.
        Compiler::Nightly(name) => workspace.toolchain(name, "cargo"),
        Compiler::Distribution(_) => workspace.cargo(),
    };
    cargo.args(["install", "--locked", BPF_LINKER]);
    if matches!(compiler, Compiler::Distribution(_)) {
        cargo
            .args(["--no-default-features", "--features", "llvm-22"])
            .env("LLVM_PREFIX", LLVM);
    }
    ui::step("bpf-linker, built once", &mut cargo)
}

/// Makes sure of a tool that only `ci` wants. Built without optimisation: it runs once for every time it is built.
pub(crate) fn ensure(workspace: &Workspace, program: &str) -> Result<()> {
    if have(program) {
        return Ok(());
    }
    ui::step(
        &format!("{program}, built once"),
        workspace
            .cargo()
            .args(["install", "--locked", "--debug", program]),
    )
}
