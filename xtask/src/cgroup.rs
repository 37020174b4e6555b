//! Cgroups of version 2, for putting a program where the redirect sees it.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// Where the version 2 tree is mounted: alone, or beside version 1.
pub(crate) fn root() -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts").context("/proc/self/mounts can't be read")?;
    let mounted = mounted(&mounts).context("no cgroup2 file system is mounted")?;
    Ok(PathBuf::from(mounted))
}

fn mounted(mounts: &str) -> Option<&str> {
    mounts.lines().find_map(|line| {
        let mut fields = line.split(' ');
        let (_, place, kind) = (fields.next()?, fields.next()?, fields.next()?);
        (kind == "cgroup2").then_some(place)
    })
}

/// A cgroup of our own. Removed by [`Cgroup::remove`], once it is empty.
#[derive(Clone, Debug)]
pub(crate) struct Cgroup {
    directory: PathBuf,
    /// As `/proc/PID/cgroup` and settings name it.
    pub(crate) path: String,
}

impl Cgroup {
    /// Creates `/name` right under the root.
    pub(crate) fn create(name: &str) -> Result<Self> {
        let directory = root()?.join(name);
        fs::create_dir(&directory)
            .with_context(|| format!("the cgroup {} can't be created", directory.display()))?;
        Ok(Self {
            directory,
            path: format!("/{name}"),
        })
    }

    /// Its folder.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    /// A command that moves into this cgroup and only then becomes `program`.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("sh");
        command
            .args(["-c", r#"echo $$ >"$0/cgroup.procs" && exec "$@""#])
            .arg(&self.directory)
            .arg(program);
        command
    }

    /// Removes it; processes that just ended may hold it for a moment.
    pub(crate) fn remove(&self) -> Result<()> {
        for _ in 0..50 {
            match fs::remove_dir(&self.directory) {
                Ok(()) => return Ok(()),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
                Err(_) => thread::sleep(Duration::from_millis(40)),
            }
        }
        bail!("the cgroup {} still holds processes", self.directory.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_version_is_told_from_the_first() {
        let mounts =
            "cgroup /sys/fs/cgroup/cpu cgroup rw,cpu 0 0\ncgroup2 /sys/fs/cgroup/unified cgroup2 rw 0 0\n";
        assert_eq!(mounted(mounts), Some("/sys/fs/cgroup/unified"));
        assert_eq!(mounted("proc /proc proc rw 0 0\n"), None);
    }
}
