//! One process, through its directory in `/proc`.
//!
//! The directory is opened once: what is read through it is of that process or fails, even when the process ends and
//! its number is given to another one meanwhile.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::OwnedFd;

use nix::errno::Errno;
use nix::fcntl::{OFlag, openat, readlinkat};
use nix::sys::stat::Mode;

use crate::ProcessError;
use crate::stat::Stat;

mod root;

pub(crate) use self::root::read_file;

/// Bytes of a small `/proc` file that are worth reading.
const SMALL_FILE: u64 = 64 * 1024;

/// An open `/proc/PID`.
#[derive(Debug)]
pub(crate) struct ProcessDirectory {
    pid: u32,
    directory: File,
}

impl ProcessDirectory {
    pub(crate) fn open(pid: u32) -> Result<Self, ProcessError> {
        match File::open(format!("/proc/{pid}")) {
            Ok(directory) => Ok(Self { pid, directory }),
            Err(error) => Err(Self::error(pid, ".", error)),
        }
    }

    pub(crate) fn stat(&self) -> Result<Stat, ProcessError> {
        self.stat_in("stat")
    }

    /// The same for one of its threads.
    pub(crate) fn thread_stat(&self, thread: u32) -> Result<Stat, ProcessError> {
        self.stat_in(&format!("task/{thread}/stat"))
    }

    fn stat_in(&self, path: &str) -> Result<Stat, ProcessError> {
        let bytes = self.read(path, "stat", SMALL_FILE)?;
        Stat::parse(&String::from_utf8_lossy(&bytes)).ok_or(ProcessError::Form {
            pid: self.pid,
            what: "stat",
        })
    }

    /// The executable's path as the process's own file tree has it, and whether the file was removed since.
    pub(crate) fn executable_path(&self) -> Result<(String, bool), ProcessError> {
        let path = self.link("exe")?;
        Ok(match path.strip_suffix(" (deleted)") {
            Some(path) => (path.to_owned(), true),
            None => (path, false),
        })
    }

    /// The executable itself, also when its path is gone or means another file by now.
    pub(crate) fn executable(&self) -> Result<File, ProcessError> {
        self.file("exe", "exe")
    }

    pub(crate) fn comm(&self) -> Result<String, ProcessError> {
        let bytes = self.read("comm", "comm", SMALL_FILE)?;
        Ok(String::from_utf8_lossy(&bytes).trim_end_matches('\n').to_owned())
    }

    /// Who logged in before the process was started (the kernel's audit uid), if somebody did.
    pub(crate) fn login(&self) -> Option<u32> {
        let bytes = self.read("loginuid", "loginuid", SMALL_FILE).ok()?;
        let uid = String::from_utf8_lossy(&bytes).trim().parse().ok()?;
        // (uid_t) -1: nobody.
        (uid != u32::MAX).then_some(uid)
    }

    /// At most `limit` bytes of the command line, arguments ended by NUL, and whether there was more.
    pub(crate) fn command_line(&self, limit: usize) -> Result<(Vec<u8>, bool), ProcessError> {
        let mut bytes = self.read("cmdline", "cmdline", (limit as u64).saturating_add(1))?;
        let truncated = bytes.len() > limit;
        bytes.truncate(limit);
        Ok((bytes, truncated))
    }

    /// The path in the version 2 hierarchy; where that is unused (a hybrid host), the path in systemd's own.
    pub(crate) fn cgroup(&self) -> Result<String, ProcessError> {
        let bytes = self.read("cgroup", "cgroup", SMALL_FILE)?;
        Ok(cgroup_path(&String::from_utf8_lossy(&bytes)).to_owned())
    }

    /// Identifies the mount namespace: `mnt:[4026531841]`.
    pub(crate) fn mount_namespace(&self) -> Result<String, ProcessError> {
        self.link("ns/mnt")
    }

    fn link(&self, what: &'static str) -> Result<String, ProcessError> {
        match readlinkat(&self.directory, what) {
            Ok(path) => Ok(path.to_string_lossy().into_owned()),
            Err(errno) => Err(Self::error(self.pid, what, errno.into())),
        }
    }

    fn file(&self, path: &str, what: &'static str) -> Result<File, ProcessError> {
        let opened: Result<OwnedFd, Errno> = openat(
            &self.directory,
            path,
            OFlag::O_RDONLY | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK,
            Mode::empty(),
        );
        opened
            .map(File::from)
            .map_err(|errno| Self::error(self.pid, what, errno.into()))
    }

    fn read(&self, path: &str, what: &'static str, limit: u64) -> Result<Vec<u8>, ProcessError> {
        let mut bytes = Vec::new();
        self.file(path, what)?
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(|error| Self::error(self.pid, what, error))?;
        Ok(bytes)
    }

    fn error(pid: u32, what: &'static str, source: io::Error) -> ProcessError {
        let gone = source.raw_os_error() == Some(Errno::ESRCH as i32)
            || (what == "." && source.kind() == io::ErrorKind::NotFound);
        if gone {
            ProcessError::Gone(pid)
        } else {
            ProcessError::Read { pid, what, source }
        }
    }
}

/// Chooses among the lines of `/proc/PID/cgroup` (cgroups(7)): `0::PATH`, else `N:name=systemd:PATH`.
fn cgroup_path(text: &str) -> &str {
    let find = |controllers: &str| {
        text.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let _hierarchy = parts.next()?;
            (parts.next()? == controllers)
                .then(|| parts.next())
                .flatten()
                .filter(|path| *path != "/")
        })
    };
    find("").or_else(|| find("name=systemd")).unwrap_or("/")
}

#[cfg(test)]
mod tests {
    use super::cgroup_path;

    #[test]
    fn the_second_version_comes_first() {
        for (text, expected) in [
            ("0::/a/b\n", "/a/b"),
            ("12:pids:/x\n1:name=systemd:/s\n0::/a:b\n", "/a:b"),
            ("12:pids:/x\n1:name=systemd:/s\n0::/\n", "/s"),
            ("12:pids:/x\n0::/\n", "/"),
            ("garbage\n", "/"),
            ("", "/"),
        ] {
            assert_eq!(cgroup_path(text), expected, "{text}");
        }
    }
}
