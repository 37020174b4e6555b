//! Who is enrolled, as told to others.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use interdict_abi::{ExecutableKey, Scope, scope_flag};

use super::executables::Executables;
use super::tree::Tree;
use super::{Enrolled, Patterns};

/// What the tables hold, and what the numbers in them mean.
#[derive(Debug, Default)]
pub(super) struct State {
    patterns: Arc<Patterns>,
    cgroups: BTreeMap<PathBuf, (u64, Scope)>,
    pub(super) users: BTreeMap<u32, Scope>,
    pub(super) executables: BTreeMap<ExecutableKey, Scope>,
}

impl State {
    pub(super) fn new(patterns: Arc<Patterns>, users: BTreeMap<u32, Scope>) -> Self {
        Self {
            patterns,
            users,
            ..Self::default()
        }
    }

    pub(super) fn update(&mut self, tree: &Tree, executables: &Executables) {
        self.cgroups = tree
            .found()
            .map(|(path, id, scope)| (path, (id, scope)))
            .collect();
        self.executables = executables.entries().collect();
    }

    /// A workload's name by its number.
    pub(super) fn name(&self, number: u32) -> Option<Arc<str>> {
        self.patterns.name(number)
    }

    pub(super) fn enrolled(&self) -> Vec<Enrolled> {
        let entry = |(path, (id, scope)): (&PathBuf, &(u64, Scope))| {
            Some(Enrolled {
                cgroup: path.clone(),
                id: *id,
                workload: self.name(scope.workload)?,
                pending: scope.flags & scope_flag::PENDING != 0,
            })
        };
        self.cgroups.iter().filter_map(entry).collect()
    }

    /// The entry of a cgroup or of the nearest above it, as the programs look for it.
    pub(super) fn of_cgroup(&self, cgroup: &Path) -> Option<Scope> {
        if let Some((_, scope)) = self.cgroups.get(cgroup) {
            return Some(*scope);
        }
        let above = cgroup
            .ancestors()
            .skip(1)
            .filter(|above| super::is_seen_from_below(above));
        above
            .filter_map(|above| self.cgroups.get(above))
            .map(|(_, scope)| *scope)
            .next()
    }
}
