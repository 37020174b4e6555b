//! A process in /proc that can't turn into another one.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use nix::fcntl::{AtFlags, OFlag, openat};
use nix::sys::stat::{Mode, fstatat};

use crate::KernelError;

/// A process or thread, held by its directory in /proc: once it is gone, nothing more is read through this, also when
/// its id was given again.
#[derive(Debug)]
pub struct Process {
    pid: u32,
    directory: File,
}

impl Process {
    /// # Errors
    /// There is none of this id.
    pub fn open(pid: u32) -> Result<Self, KernelError> {
        let path = PathBuf::from(format!("/proc/{pid}"));
        let directory = File::open(&path).map_err(KernelError::io("opening", &path))?;
        Ok(Self { pid, directory })
    }

    /// Its id.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// The inode of its network namespace.
    ///
    /// # Errors
    /// It is gone, or may not be looked at (CAP_SYS_PTRACE is needed).
    pub fn netns_inode(&self) -> Result<u64, KernelError> {
        fstatat(&self.directory, "ns/net", AtFlags::empty())
            .map(|found| found.st_ino)
            .map_err(|error| KernelError::io("looking at", self.path("ns/net"))(error.into()))
    }

    /// Its network namespace, opened. A process that is ending has none any more.
    pub(super) fn open_netns(&self) -> Result<File, KernelError> {
        self.open_at("ns/net")
    }

    /// Its name, as it calls itself.
    #[must_use]
    pub fn comm(&self) -> Option<String> {
        let mut comm = Vec::new();
        self.open_at("comm").ok()?.read_to_end(&mut comm).ok()?;
        Some(String::from_utf8_lossy(&comm).trim_end().to_owned())
    }

    fn open_at(&self, name: &str) -> Result<File, KernelError> {
        openat(
            &self.directory,
            name,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC,
            Mode::empty(),
        )
        .map(File::from)
        .map_err(|error| KernelError::io("opening", self.path(name))(error.into()))
    }

    fn path(&self, name: &str) -> PathBuf {
        Path::new("/proc").join(self.pid.to_string()).join(name)
    }
}
