//! The cgroup2 hierarchy.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::KernelError;

/// The root cgroup's id, on every kernel.
const ROOT_ID: u64 = 1;

/// Where the host's cgroup2 root is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupRoot(PathBuf);

impl CgroupRoot {
    /// Finds it: /sys/fs/cgroup, on hybrid hosts /sys/fs/cgroup/unified, or wherever else it is mounted.
    ///
    /// # Errors
    /// Nothing mounted, or only a part of the hierarchy is visible from here.
    pub fn find() -> Result<Self, KernelError> {
        let path = "/proc/self/mountinfo";
        let mounts = fs::read_to_string(path).map_err(KernelError::io("reading", path))?;
        let mut partial = None;
        for mount in cgroup2_mounts(&mounts) {
            let whole = fs::metadata(&mount).is_ok_and(|found| found.ino() == ROOT_ID);
            if whole {
                return Ok(Self(mount));
            }
            partial.get_or_insert(mount);
        }
        Err(partial.map_or(KernelError::NoCgroup2, |path| KernelError::NotHostRoot { path }))
    }

    /// The directory.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The root cgroup's id.
    pub(crate) fn id() -> u64 {
        ROOT_ID
    }

    pub(crate) fn open(&self) -> Result<File, KernelError> {
        File::open(&self.0).map_err(KernelError::io("opening", &self.0))
    }

    /// The id (inode) of a cgroup given below the root.
    pub(crate) fn id_of(&self, cgroup: &Path) -> std::io::Result<u64> {
        let relative = cgroup.strip_prefix("/").unwrap_or(cgroup);
        fs::metadata(self.0.join(relative)).map(|found| found.ino())
    }
}

/// Enters the host's cgroup namespace, if this process is in another (as an unprivileged pod is): paths of cgroups mean the
/// host's from then on. Threads that are there already stay where they are, so call it before any is started.
///
/// # Errors
/// Process 1 is not to be seen (no hostPID), or CAP_SYS_ADMIN is lacking.
pub fn enter_host_cgroup_namespace() -> Result<(), KernelError> {
    /// `PROC_CGROUP_INIT_INO`, on every kernel: process 1 may not want to be looked at.
    const INITIAL: u64 = 0xEFFF_FFFB;
    let (own, host) = ("/proc/self/ns/cgroup", "/proc/1/ns/cgroup");
    let found = fs::metadata(own).map_err(KernelError::io("looking at", own))?;
    if found.ino() == INITIAL {
        return Ok(());
    }
    let namespace = File::open(host).map_err(KernelError::io("opening", host))?;
    nix::sched::setns(namespace, nix::sched::CloneFlags::CLONE_NEWCGROUP)
        .map_err(|error| KernelError::io("entering", host)(error.into()))
}

/// This process's own cgroup, as a path from the root of its cgroup namespace.
pub(crate) fn own() -> Result<PathBuf, KernelError> {
    let path = "/proc/self/cgroup";
    let text = fs::read_to_string(path).map_err(KernelError::io("reading", path))?;
    text.lines()
        .find_map(|line| line.strip_prefix("0::"))
        .map(PathBuf::from)
        .ok_or(KernelError::NoCgroup2)
}

/// The mount points of cgroup2 in mountinfo: `id parent major:minor root mountpoint options … - type source options`.
fn cgroup2_mounts(mountinfo: &str) -> impl Iterator<Item = PathBuf> + '_ {
    mountinfo.lines().filter_map(|line| {
        let (mount, kind) = line.split_once(" - ")?;
        let point = mount.split(' ').nth(4)?;
        (kind.split(' ').next() == Some("cgroup2")).then(|| PathBuf::from(unescape(point)))
    })
}

/// mountinfo writes blanks and backslashes as `\` and three octal digits.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        out.push_str(before);
        let code = after
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        if let Some(code) = code {
            out.push(char::from(code));
            rest = after.get(3..).unwrap_or_default();
        } else {
            out.push('\\');
            rest = after;
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_of_a_hybrid_host() {
        let text = "\
23 60 0:21 / /sys rw,nosuid shared:6 - sysfs sysfs rw
25 23 0:23 / /sys/fs/cgroup ro shared:9 - tmpfs tmpfs ro,mode=755
26 25 0:24 / /sys/fs/cgroup/unified rw shared:10 - cgroup2 cgroup2 rw,nsdelegate
27 25 0:25 / /sys/fs/cgroup/systemd rw - cgroup cgroup rw,name=systemd
28 25 0:24 / /mnt/with\\040blank rw - cgroup2 none rw";
        let found: Vec<_> = cgroup2_mounts(text).collect();
        assert_eq!(
            found,
            [Path::new("/sys/fs/cgroup/unified"), Path::new("/mnt/with blank")]
        );
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r"a\134b\040c"), r"a\b c");
        assert_eq!(unescape(r"odd\"), r"odd\");
    }
}
