//! The static binary: musl, with libbpf, libelf and zlib built along, the eBPF object inside.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail, ensure};

use super::musl;
use crate::workspace::Workspace;
use crate::{build, setup, ui};

/// Builds the C libraries along that the kernel room links.
pub(crate) const FEATURE: &str = "interdict-kernel/static";

/// The target: this machine's processor, and the C library that is meant to be linked in.
pub(crate) fn target() -> String {
    format!("{}-unknown-linux-musl", env::consts::ARCH)
}

/// Sets up what is missing and builds; where the binary is.
pub(crate) fn build(workspace: &Workspace, time: u64) -> Result<PathBuf> {
    let compiler = setup::run(workspace)?;
    setup::for_dist(false)?;
    let target = target();
    ensure_standard_library(workspace, &target)?;
    let object = build::object(workspace, &compiler)?;
    let mut cargo = workspace.cargo();
    cargo
        .args(["build", "--release", "--locked", "--package", "interdict"])
        .args(["--features", FEATURE, "--target", &target])
        .env("INTERDICT_BPF_OBJECT", &object)
        // Names of functions stay, for the backtrace of a crash; lines would be four times the size.
        .env("CARGO_PROFILE_RELEASE_STRIP", "debuginfo")
        .env("SOURCE_DATE_EPOCH", time.to_string())
        // Another compiler or flags from outside would be another binary.
        .env_remove("RUSTFLAGS")
        .env("CARGO_ENCODED_RUSTFLAGS", remap(workspace)?);
    musl::prepare(workspace, &target, &mut cargo)?;
    ui::step("static interdict", &mut cargo)?;
    let binary = workspace.target.join(&target).join("release/interdict");
    ensure!(binary.is_file(), "cargo built no {}", binary.display());
    Ok(binary)
}

/// Refuses what is not static, or does not run here.
pub(crate) fn ensure_static(binary: &Path) -> Result<()> {
    let bytes = fs::read(binary).with_context(|| format!("{} can't be read", binary.display()))?;
    ensure!(
        !asks_for_a_loader(&bytes)?,
        "{} is not static: it asks for a dynamic loader",
        binary.display()
    );
    let version = ui::output(Command::new(binary).arg("--version"))?;
    ui::note(version.trim());
    Ok(())
}

/// Keeps the folders of the machine that builds out of the binary.
fn remap(workspace: &Workspace) -> Result<String> {
    let root = workspace
        .root
        .to_str()
        .context("the workspace's path is not text")?;
    let mut flags = vec![format!("--remap-path-prefix={root}=interdict")];
    let cargo = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    if let Some(cargo) = cargo.as_deref().and_then(|path| path.to_str()) {
        flags.push(format!("--remap-path-prefix={cargo}=cargo"));
    }
    Ok(flags.join("\x1f"))
}

fn ensure_standard_library(workspace: &Workspace, target: &str) -> Result<()> {
    let mut rustc = Command::new("rustc");
    rustc
        .current_dir(&workspace.root)
        .args(["--print", "target-libdir", "--target", target]);
    if PathBuf::from(ui::output(&mut rustc)?.trim()).is_dir() {
        return Ok(());
    }
    let mut rustup = Command::new("rustup");
    ui::step(
        &format!("Rust's library for {target}"),
        rustup
            .current_dir(&workspace.root)
            .args(["target", "add", target]),
    )
}

/// Whether an ELF file names a loader (a program header of type `PT_INTERP`): what is linked statically has none.
fn asks_for_a_loader(elf: &[u8]) -> Result<bool> {
    const INTERPRETER: u32 = 3;
    // e_ident: magic, 64 bits, little-endian.
    let Some(b"\x7fELF\x02\x01") = elf.get(..6) else {
        bail!("this is no 64-bit little-endian ELF file");
    };
    let number = |at: usize, size: usize| -> Result<usize> {
        let bytes = elf.get(at..at + size).context("the ELF file is cut off")?;
        Ok(bytes
            .iter()
            .rev()
            .fold(0, |sum, byte| (sum << 8) | usize::from(*byte)))
    };
    // e_phoff, e_phentsize, e_phnum; p_type comes first in a header.
    let (start, size, count) = (number(0x20, 8)?, number(0x36, 2)?, number(0x38, 2)?);
    for index in 0..count {
        if number(start + index * size, 4)? == INTERPRETER as usize {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dynamic_program_is_told_from_a_static_one() -> Result<()> {
        // This test itself is linked with the system's C library.
        let mut elf = fs::read(env::current_exe()?)?;
        assert!(asks_for_a_loader(&elf)?);
        // The same without program headers.
        if let Some(count) = elf.get_mut(0x38..0x3a) {
            count.fill(0);
        }
        assert!(!asks_for_a_loader(&elf)?);
        assert!(asks_for_a_loader(b"#!/bin/sh").is_err());
        Ok(())
    }
}
