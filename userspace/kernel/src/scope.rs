//! Which cgroups are in scope.

mod follow;
mod pattern;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use aya::maps::{HashMap, MapData};
use interdict_abi::{SCOPE_LEVELS, Scope, name};

pub(crate) use follow::Follower;
pub(crate) use pattern::{Patterns, compile};

use crate::{CgroupRoot, KernelError, cgroup};

/// The table of enrolled cgroups, written by whoever follows the hierarchy.
pub(crate) type ScopeMap = Arc<Mutex<HashMap<MapData, u64, Scope>>>;

/// A workload and the cgroups that are its.
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
}

/// Refuses to go on if this process would be redirected by what these patterns say.
pub(crate) fn refuse_own_by(patterns: &Patterns) -> Result<(), KernelError> {
    let own = cgroup::own()?;
    let workload = own.ancestors().find_map(|cgroup| patterns.workload(cgroup));
    match workload {
        Some(workload) => Err(own_in_scope(&own, workload)),
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
