//! Who is in scope.

mod executables;
mod follow;
mod judge;
mod pattern;
mod processes;
mod state;
mod tables;
mod tree;
mod users;

use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use aya::maps::{HashMap, MapData};
use interdict_abi::{SCOPE_LEVELS, Scope, name};
use tokio::sync::watch;

pub(crate) use follow::Follower;
pub use judge::{Judge, Judged};
pub(crate) use pattern::{Patterns, compile};
pub use processes::Member;
pub(crate) use tables::ScopeMap;

use crate::{CgroupRoot, Kernel, KernelError, cgroup};

/// A workload and the tasks that are its: by cgroup, by user, by executable. A task's cgroup counts first, then its
/// real user, then what it and its parents run; of several workloads that match in one of these ways, the first.
///
/// A cgroup that matches takes everything below with it, from the moment that it is made. Where an inner cgroup matches
/// another workload, the inner one counts; at one cgroup, the first workload in order counts.
///
/// A cgroup that is made later and matches a pattern by its own name (a `unit`, or a `*` in the path) is enrolled when its
/// making is noticed, a few milliseconds later. Workloads that must not have those milliseconds are enrolled by a
/// parent that is there before them: a path whose first part is literal, or a slice.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Workload {
    /// The name, known to the kernel by its [`stable_id`](crate::stable_id).
    pub name: String,
    /// Globs over paths from the cgroup2 root: `/agents/**`, `/kubepods.slice/*/pod7*`. `*` and `?` stop at a slash, `**`
    /// does not, and a trailing `/**` is implied. The literal beginning of a path is made if it does not exist, so that
    /// nothing can start there unnoticed.
    pub paths: Vec<String>,
    /// Globs over the last component, at any depth: `agent-*.service`.
    pub units: Vec<String>,
    /// Users, by number: tasks whose real uid it is, wherever they run.
    pub users: Vec<u32>,
    /// Globs over the paths of files: `/opt/agent/bin/*`, `/usr/bin/psql`. Tasks that run such a file are the workload's,
    /// and what they start (16 generations) for as long as they live. A file that has no wildcard must exist, unless
    /// `-` stands before it. Files that appear or are replaced are enrolled when that is noticed, a few milliseconds
    /// later; a replaced file counts for as long as it runs.
    pub executables: Vec<String>,
}

/// An enrolled cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Enrolled {
    /// Its path from the cgroup2 root.
    pub cgroup: PathBuf,
    /// Its id.
    pub id: u64,
    /// Whose it is, or may be.
    pub workload: Arc<str>,
    /// Whether that is not known yet, so that protected destinations are refused there.
    pub pending: bool,
}

impl Kernel {
    /// Every task in scope, by its number in the daemon's pid namespace; a look at all of /proc.
    #[must_use]
    pub fn members(&self) -> Vec<u32> {
        self.membership().into_iter().map(|member| member.tid).collect()
    }

    /// Every task in scope and whose it is; a look at all of /proc. What came or went meanwhile may be missing or be
    /// there still.
    #[must_use]
    pub fn membership(&self) -> Vec<Member> {
        self.shared().lock().members()
    }

    /// Every enrolled cgroup. Those below one are in scope with it and are not listed.
    #[must_use]
    pub fn enrolled(&self) -> Vec<Enrolled> {
        self.shared().lock().enrolled()
    }

    /// A number that grows whenever cgroups, users or executables are enrolled or released.
    #[must_use]
    pub fn enrolment_changes(&self) -> watch::Receiver<u64> {
        self.shared().changes.subscribe()
    }

    /// Lets `judge` decide on cgroups besides their paths. In force from the next [`Kernel::scope`].
    pub fn judge_by(&self, judge: Arc<dyn Judge>) {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        Follower::of(&mut follower).judge_by(judge);
    }

    /// Asks the judge about every cgroup again, soon: it has learned something.
    pub fn reconsider(&self) {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        Follower::of(&mut follower).reconsider();
    }

    fn shared(&self) -> Arc<follow::Shared> {
        let mut follower = self.follower.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(Follower::of(&mut follower).shared())
    }
}

/// Refuses to go on if this process would be redirected by what these patterns say.
pub(crate) fn refuse_own_by(patterns: &Patterns) -> Result<(), KernelError> {
    let own = cgroup::own()?;
    let workload = own.ancestors().find_map(|cgroup| patterns.workload(cgroup));
    match workload {
        Some(workload) => Err(own_in_scope(&own, &workload)),
        None => Ok(()),
    }
}

/// Refuses to go on if this process is redirected by what an earlier daemon enrolled.
pub(crate) fn refuse_own(root: &CgroupRoot, map: &HashMap<MapData, u64, Scope>) -> Result<(), KernelError> {
    let own = cgroup::own()?;
    for cgroup in own.ancestors() {
        // A cgroup that is not visible from here (a cgroup namespace) can't be told.
        let Ok(id) = root.id_of(cgroup) else { continue };
        match map.get(&id, 0) {
            Ok(_) => return Err(own_in_scope(&own, "of an earlier run")),
            Err(aya::maps::MapError::KeyNotFound) => {}
            Err(error) => return Err(KernelError::read(name::SCOPE)(error)),
        }
    }
    Ok(())
}

fn own_in_scope(own: &Path, workload: &str) -> KernelError {
    KernelError::OwnCgroupInScope {
        cgroup: own.display().to_string(),
        workload: workload.to_owned(),
    }
}

/// A cgroup's path as patterns see it: from the root, with a leading slash.
fn absolute(relative: &Path) -> PathBuf {
    Path::new("/").join(relative)
}

/// How deep a cgroup lies; the root is at 0.
fn depth(cgroup: &Path) -> usize {
    cgroup
        .components()
        .filter(|part| matches!(part, std::path::Component::Normal(_)))
        .count()
}

/// Whether tasks in cgroups below one this deep find it among their ancestors.
fn is_seen_from_below(cgroup: &Path) -> bool {
    depth(cgroup) <= SCOPE_LEVELS as usize
}
