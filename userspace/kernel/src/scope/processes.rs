//! What /proc says of tasks, as the programs would see it.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::sync::Arc;

use interdict_abi::{ANCESTORS, ExecutableKey, Scope};
use nix::sys::stat::{major, minor};

use super::state::State;

/// A task in scope.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The process, in the daemon's pid namespace.
    pub pid: u32,
    /// The thread; the process's own number for its first.
    pub tid: u32,
    /// Whose it is.
    pub workload: Arc<str>,
}

/// A file's key, as the kernel has its numbers.
pub(super) fn key(found: &Metadata) -> ExecutableKey {
    let (major, minor) = (major(found.dev()), minor(found.dev()));
    ExecutableKey {
        inode: found.ino(),
        device: ((major as u32) << 20) | (minor as u32 & 0xf_ffff),
        reserved: 0,
    }
}

/// What a process runs; `None` for kernel threads and those that are gone.
pub(super) fn executable(pid: u32) -> Option<ExecutableKey> {
    fs::metadata(format!("/proc/{pid}/exe")).ok().as_ref().map(key)
}

/// What any process runs.
pub(super) fn executables() -> BTreeSet<ExecutableKey> {
    numbers("/proc").filter_map(executable).collect()
}

/// A process, its parent, and so on.
pub(super) fn lineage(pid: u32, generations: u32) -> Vec<u32> {
    let mut lineage = vec![pid];
    let mut next = pid;
    for _ in 0..generations {
        match parent(next) {
            Some(above) if above != 0 => lineage.push(above),
            _ => break,
        }
        next = lineage.last().copied().unwrap_or_default();
    }
    lineage
}

fn parent(pid: u32) -> Option<u32> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // pid (name) state parent: the name may hold anything.
    let (_, after) = stat.rsplit_once(") ")?;
    after.split(' ').nth(1)?.parse().ok()
}

/// The numbers among a directory's names.
fn numbers(directory: &str) -> impl Iterator<Item = u32> + use<> {
    let listing = fs::read_dir(directory).into_iter().flatten().flatten();
    listing.filter_map(|entry| entry.file_name().to_str()?.parse().ok())
}

impl State {
    /// Every task in scope now.
    pub(super) fn members(&self) -> Vec<Member> {
        numbers("/proc").flat_map(|pid| self.members_of(pid)).collect()
    }

    fn members_of(&self, pid: u32) -> Vec<Member> {
        let by_executable = std::cell::LazyCell::new(|| self.of_lineage(pid));
        let tasks = numbers(&format!("/proc/{pid}/task"));
        let member = |tid| {
            let task = format!("/proc/{pid}/task/{tid}");
            let scope = self
                .of_task(&task)
                .or_else(|| *by_executable)
                .and_then(|scope| self.name(scope.workload));
            scope.map(|workload| Member { pid, tid, workload })
        };
        tasks.filter_map(member).collect()
    }

    fn of_task(&self, task: &str) -> Option<Scope> {
        let cgroups = fs::read_to_string(format!("{task}/cgroup")).ok()?;
        let cgroup = cgroups.lines().find_map(|line| line.strip_prefix("0::"));
        if let Some(scope) = cgroup.and_then(|cgroup| self.of_cgroup(&PathBuf::from(cgroup))) {
            return Some(scope);
        }
        if self.users.is_empty() {
            return None;
        }
        let status = fs::read_to_string(format!("{task}/status")).ok()?;
        let uids = status.lines().find_map(|line| line.strip_prefix("Uid:"))?;
        let real = uids.split_ascii_whitespace().next()?.parse().ok()?;
        self.users.get(&real).copied()
    }

    fn of_lineage(&self, pid: u32) -> Option<Scope> {
        if self.executables.is_empty() {
            return None;
        }
        lineage(pid, ANCESTORS)
            .into_iter()
            .find_map(|pid| self.executables.get(&executable(pid)?).copied())
    }
}
