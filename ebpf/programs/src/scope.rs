//! Whether the calling task is one of those that interdict is for.

use aya_ebpf::helpers::{bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id};
use interdict_abi::{SCOPE_LEVELS, Scope};

use crate::maps::SCOPE;

/// The scope entry nearest to the calling task: its own cgroup's, else that of its nearest ancestor within
/// [`SCOPE_LEVELS`] of the root. Cgroups that the task makes below its own are therefore in scope from the start.
#[inline(always)]
pub(crate) fn scope() -> Option<Scope> {
    // SAFETY: no arguments; the entries are copied before any other call to the map.
    unsafe {
        if let Some(own) = SCOPE.get(bpf_get_current_cgroup_id()) {
            return Some(*own);
        }
        let mut nearest = None;
        for level in 1..=SCOPE_LEVELS {
            let ancestor = bpf_get_current_ancestor_cgroup_id(level as i32);
            if ancestor == 0 {
                break;
            }
            if let Some(entry) = SCOPE.get(ancestor) {
                nearest = Some(*entry);
            }
        }
        nearest
    }
}
