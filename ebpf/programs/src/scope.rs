//! Whether a task is one of those that interdict is for: by its cgroup, else by its user, else by what it runs.

use core::ffi::c_void;

use aya_ebpf::helpers::{
    bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id, bpf_get_current_task,
    bpf_get_current_uid_gid, bpf_probe_read_kernel,
};
use interdict_abi::{ANCESTORS, Config, ExecutableKey, SCOPE_LEVELS, Scope, config_flag};

use crate::maps::{EXECUTABLE, SCOPE, USER};

/// The calling task's scope.
#[inline(always)]
pub(crate) fn scope(config: &Config) -> Option<Scope> {
    if let Some(found) = by_cgroup() {
        return Some(found);
    }
    if config.flags & config_flag::USERS != 0
        && let Some(found) = by_user(bpf_get_current_uid_gid() as u32)
    {
        return Some(found);
    }
    if config.flags & config_flag::EXECUTABLES != 0 {
        return by_executable(config);
    }
    None
}

/// The entry of the task's own cgroup, else that of its nearest ancestor within [`SCOPE_LEVELS`] of the root. Cgroups that
/// the task makes below its own are therefore in scope from the start.
#[inline(always)]
fn by_cgroup() -> Option<Scope> {
    // SAFETY: no arguments.
    nearest(unsafe { bpf_get_current_cgroup_id() }, |level| unsafe {
        bpf_get_current_ancestor_cgroup_id(level)
    })
}

/// The entry of a cgroup, else that of its nearest ancestor, which `ancestor` names by level.
#[inline(always)]
pub(crate) fn nearest(own: u64, ancestor: impl Fn(i32) -> u64) -> Option<Scope> {
    // SAFETY: the entries are copied before any other call to the map.
    unsafe {
        if let Some(own) = SCOPE.get(own) {
            return Some(*own);
        }
        // Two variables, not one that may be empty: the compiler spills the empty one from a register that holds a
        // pointer, which the verifier refuses.
        let (mut found, mut nearest) = (false, Scope::default());
        for level in 1..=SCOPE_LEVELS {
            let ancestor = ancestor(level as i32);
            if ancestor == 0 {
                break;
            }
            if let Some(entry) = SCOPE.get(ancestor) {
                (found, nearest) = (true, *entry);
            }
        }
        found.then_some(nearest)
    }
}

/// The entry of a user, by its number in the initial user namespace.
#[inline(always)]
pub(crate) fn by_user(uid: u32) -> Option<Scope> {
    // SAFETY: copied before any other call to the map.
    unsafe { USER.get(uid) }.copied()
}

/// The entry of what the task runs, else of what its nearest ancestor runs that has one: a script's interpreter and the
/// tools that it calls belong to the script.
#[inline(never)]
fn by_executable(config: &Config) -> Option<Scope> {
    let offsets = &config.offsets;
    if offsets.task_mm == 0 || offsets.super_device == 0 {
        return None;
    }
    // SAFETY: no arguments.
    let mut task = unsafe { bpf_get_current_task() } as *const c_void;
    for _ in 0..ANCESTORS {
        if let Some(key) = executable(task, config)
            // SAFETY: copied before any other call to the map.
            && let Some(found) = unsafe { EXECUTABLE.get(key) }
        {
            return Some(*found);
        }
        let parent: *const c_void = read(task, offsets.task_real_parent)?;
        if parent.is_null() || parent == task {
            return None;
        }
        task = parent;
    }
    None
}

/// The file that a task runs; `None` for the kernel's own tasks.
#[inline(always)]
fn executable(task: *const c_void, config: &Config) -> Option<ExecutableKey> {
    let offsets = &config.offsets;
    let memory: *const c_void = read(task, offsets.task_mm)?;
    let file: *const c_void = read(memory, offsets.mm_exe_file)?;
    let inode: *const c_void = read(file, offsets.file_inode)?;
    let system: *const c_void = read(inode, offsets.inode_super)?;
    Some(ExecutableKey {
        inode: read(inode, offsets.inode_number)?,
        device: read(system, offsets.super_device)?,
        reserved: 0,
    })
}

/// A field of the kernel's memory; `None` behind a null or wrong pointer.
#[inline(always)]
pub(crate) fn read<T>(base: *const c_void, offset: u32) -> Option<T> {
    if base.is_null() {
        return None;
    }
    // SAFETY: the helper checks the address; a wrong one is an error, not a fault.
    unsafe { bpf_probe_read_kernel(base.cast::<u8>().wrapping_add(offset as usize).cast::<T>()) }.ok()
}
