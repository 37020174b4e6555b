//! The archive format that the kernel unpacks as its first file system: cpio, "newc".
//!
//! Format: `Documentation/driver-api/early-userspace/buffer-format.rst` in the kernel's source.

use std::collections::BTreeSet;
use std::io::{self, Write};
use std::path::{Component, Path};

const DIRECTORY: u32 = 0o040_000;
const FILE: u32 = 0o100_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// Writes one archive. Directories above an entry are made as needed, all belongs to root.
pub(super) struct Cpio<W> {
    out: W,
    inode: u32,
    directories: BTreeSet<String>,
}

impl<W: Write> Cpio<W> {
    pub(super) fn new(out: W) -> Self {
        Self {
            out,
            inode: 0,
            directories: BTreeSet::new(),
        }
    }

    /// A directory and those above it.
    pub(super) fn directory(&mut self, path: &str) -> io::Result<()> {
        let mut name = String::new();
        for part in Path::new(path).components() {
            let Component::Normal(part) = part else { continue };
            if !name.is_empty() {
                name.push('/');
            }
            name.push_str(&part.to_string_lossy());
            if self.directories.insert(name.clone()) {
                self.entry(&name, DIRECTORY | 0o755, (0, 0), &[])?;
            }
        }
        Ok(())
    }

    /// A file; `mode` are its permissions.
    pub(super) fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let name = self.below(path)?;
        self.entry(&name, FILE | mode, (0, 0), content)
    }

    /// A character device by its numbers.
    pub(super) fn device(&mut self, path: &str, numbers: (u32, u32)) -> io::Result<()> {
        let name = self.below(path)?;
        self.entry(&name, CHARACTER_DEVICE | 0o600, numbers, &[])
    }

    /// Writes the end. An archive without it is not one.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn below(&mut self, path: &str) -> io::Result<String> {
        let name = path.trim_start_matches('/');
        if let Some((above, _)) = name.rsplit_once('/') {
            self.directory(above)?;
        }
        Ok(name.to_owned())
    }

    fn entry(&mut self, name: &str, mode: u32, device: (u32, u32), content: &[u8]) -> io::Result<()> {
        self.inode += 1;
        let size = u32::try_from(content.len())
            .map_err(|_| io::Error::other(format!("{name} is larger than 4 GiB")))?;
        let links = if mode & DIRECTORY == DIRECTORY { 2 } else { 1 };
        let fields = [
            self.inode,
            mode,
            0, // user
            0, // group
            links,
            0, // time
            size,
            0, // the device it is on
            0,
            device.0,
            device.1,
            name.len() as u32 + 1,
            0, // checksum, of another variant of the format
        ];
        write!(self.out, "070701")?;
        for field in fields {
            write!(self.out, "{field:08X}")?;
        }
        self.out.write_all(name.as_bytes())?;
        self.out.write_all(&[0])?;
        // The header is 110 bytes long.
        self.pad(110 + name.len() + 1)?;
        self.out.write_all(content)?;
        self.pad(content.len())
    }

    fn pad(&mut self, written: usize) -> io::Result<()> {
        let missing = written.next_multiple_of(4) - written;
        self.out.write_all([0; 3].get(..missing).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::process::{Command, Stdio};

    use super::*;

    fn sample() -> Vec<u8> {
        let mut cpio = Cpio::new(Vec::new());
        cpio.file("/init", 0o755, b"#!/bin/sh\n").unwrap();
        cpio.file("a/b/c", 0o644, b"12345").unwrap();
        cpio.file("a/b/d", 0o644, b"").unwrap();
        cpio.finish().unwrap()
    }

    #[test]
    fn an_entry_is_laid_out_as_the_kernel_reads_it() {
        let mut cpio = Cpio::new(Vec::new());
        cpio.device("console", (5, 1)).unwrap();
        let archive = cpio.finish().unwrap();
        let expected = "07070100000001000021800000000000000000000000010000000000000000\
                        000000000000000000000005000000010000000800000000console\0\0\0";
        assert_eq!(&archive[..expected.len()], expected.as_bytes());
        assert_eq!(archive.len() % 4, 0);
    }

    #[test]
    fn busybox_unpacks_it() {
        let directory = tempfile::tempdir().unwrap();
        let mut child = Command::new("busybox")
            .args(["cpio", "-idm"])
            .current_dir(&directory)
            .stdin(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("busybox");
        child.stdin.take().unwrap().write_all(&sample()).unwrap();
        assert!(child.wait().unwrap().success());
        let path = |name: &str| directory.path().join(name);
        assert_eq!(std::fs::read(path("a/b/c")).unwrap(), b"12345");
        assert_eq!(std::fs::read(path("a/b/d")).unwrap(), b"");
        let mode = std::fs::metadata(path("init")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
    }

    #[test]
    fn a_directory_is_made_once() {
        let archive = sample();
        let count = archive.windows(4).filter(|bytes| *bytes == b"a/b\0").count();
        assert_eq!(count, 1);
    }
}
