//! The guest's file system, all of it in memory: busybox, the scenarios' program with its libraries, modules, an init.

use std::fs::{self, File};
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use super::cpio::Cpio;
use super::kernels::Kernel;
use super::modules;
use crate::{host, ui};

/// Runs as the guest's first process.
const INIT: &[u8] = include_bytes!("init.sh");

/// What is the same for every kernel.
pub(super) struct Payload {
    busybox: PathBuf,
    /// For the scenario of translated addresses, which is skipped without it.
    nft: Option<PathBuf>,
    program: PathBuf,
    object: PathBuf,
    /// Each at the path where the loader looks for it.
    libraries: Vec<PathBuf>,
}

impl Payload {
    /// `program` with its symbols removed, into `directory`, and what it needs.
    pub(super) fn prepare(program: &Path, object: &Path, directory: &Path) -> Result<Self> {
        let stripped = directory.join("interdict-vm-tests");
        // Debugging information is most of it, and the guest has to unpack every byte.
        ui::output(
            Command::new("strip")
                .arg("--strip-all")
                .arg("-o")
                .args([&stripped, program]),
        )?;
        let busybox = host::program("busybox").context("busybox is missing (package busybox-static)")?;
        let mut libraries = libraries(&stripped)?;
        libraries.extend(self::libraries(&busybox)?);
        let nft = host::program("nft");
        if let Some(nft) = &nft {
            libraries.extend(self::libraries(nft)?);
        }
        libraries.sort();
        libraries.dedup();
        Ok(Self {
            busybox,
            nft,
            program: stripped,
            object: object.to_owned(),
            libraries,
        })
    }

    /// Writes the archive for one kernel; the scenarios' program will be given `filter`.
    pub(super) fn write(&self, kernel: &Kernel, filter: &str, into: &Path) -> Result<()> {
        let file = File::create(into).with_context(|| format!("{} can't be written", into.display()))?;
        let mut cpio = Cpio::new(BufWriter::new(file));
        for directory in ["dev", "proc", "sys", "run", "tmp", "root", "sbin"] {
            cpio.directory(directory)?;
        }
        cpio.device("dev/console", (5, 1))?;
        cpio.file("init", 0o755, INIT)?;
        cpio.file("filter", 0o644, filter.as_bytes())?;
        cpio.file("etc/passwd", 0o644, b"root:x:0:0:root:/root:/bin/sh\n")?;
        cpio.file("etc/group", 0o644, b"root:x:0:\n")?;
        cpio.file("etc/hosts", 0o644, b"127.0.0.1 localhost\n::1 localhost\n")?;
        cpio.file("bin/busybox", 0o755, &read(&self.busybox)?)?;
        cpio.file("bin/interdict-vm-tests", 0o755, &read(&self.program)?)?;
        if let Some(nft) = &self.nft {
            cpio.file("bin/nft", 0o755, &read(nft)?)?;
        }
        cpio.file("interdict.o", 0o644, &read(&self.object)?)?;
        for library in &self.libraries {
            cpio.file(&library.display().to_string(), 0o755, &read(library)?)?;
        }
        for (number, module) in modules::read(&kernel.modules())?.into_iter().enumerate() {
            // Loaded in the order of their names.
            let path = format!("modules/{number:03}-{}.ko", module.name);
            cpio.file(&path, 0o644, &module.object)?;
        }
        cpio.finish()?;
        Ok(())
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    fs::read(path).with_context(|| format!("{} can't be read", path.display()))
}

/// The loader and the libraries of a program; none if it is static.
fn libraries(program: &Path) -> Result<Vec<PathBuf>> {
    let output = Command::new("ldd")
        .arg(program)
        .env_remove("LD_LIBRARY_PATH")
        .env("LC_ALL", "C")
        .output()
        .context("ldd can't be started")?;
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    if complaint.contains("not a dynamic executable") || said.contains("statically linked") {
        return Ok(Vec::new());
    }
    if !output.status.success() {
        bail!("ldd {}: {}", program.display(), complaint.trim());
    }
    parse_libraries(&said)
}

fn parse_libraries(said: &str) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for line in said.lines().map(str::trim) {
        if line.ends_with("not found") {
            bail!("a library is missing: {line}");
        }
        let path = line.split_once(" => ").map_or(line, |(_, path)| path);
        let path = path.split(" (").next().unwrap_or(path);
        if path.starts_with('/') {
            found.push(PathBuf::from(path));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_are_at_the_paths_that_the_loader_takes() {
        let said = "\tlinux-vdso.so.1 (0x00007fff)\n\tlibelf.so.1 => /lib/x86_64-linux-gnu/libelf.so.1 (0x00007ff)\n\
                    \t/lib64/ld-linux-x86-64.so.2 (0x00007ff)\n";
        assert_eq!(
            parse_libraries(said).unwrap(),
            [
                Path::new("/lib/x86_64-linux-gnu/libelf.so.1"),
                Path::new("/lib64/ld-linux-x86-64.so.2")
            ]
        );
        assert!(parse_libraries("\tlibx.so => not found\n").is_err());
    }
}
