//! `lsm/file_open`: no task that is in scope by its cgroup moves a task to where that scope does not reach, by writing to
//! `cgroup.procs` or `cgroup.threads`. Cgroups of the same workload, among them those below its own, may be moved to:
//! container runtimes and user sessions do.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_get_current_ancestor_cgroup_id, bpf_get_current_cgroup_id};
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Offsets, SCOPE_LEVELS, Scope, Verdict};

use super::{answer, magic};
use crate::guard::judge;
use crate::maps::SCOPE;
use crate::report::{config, count};
use crate::scope::{nearest, read};

const CGROUP2_SUPER_MAGIC: u64 = 0x6367_7270;
const FMODE_WRITE: u32 = 2;
/// Bytes of a name that are compared: the longer of the two, and its end.
const NAME: usize = 16;

/// `(struct file *file)`
#[lsm(hook = "file_open")]
pub(crate) fn lsm_file_open(ctx: LsmContext) -> i32 {
    let file: *const c_void = ctx.arg(0);
    let Some(config) = config() else { return 0 };
    let offsets = &config.offsets;
    if offsets.file_mode == 0 || offsets.file_dentry == 0 || offsets.dentry_inode == 0 {
        return 0;
    }
    if read::<u32>(file, offsets.file_mode).unwrap_or(0) & FMODE_WRITE == 0 {
        return 0;
    }
    let Some(inode) = read::<*const c_void>(file, offsets.file_inode) else {
        return 0;
    };
    if magic(inode, config) != CGROUP2_SUPER_MAGIC {
        return 0;
    }
    let Some(entry) = read::<*const c_void>(file, offsets.file_dentry) else {
        return 0;
    };
    if !moves_tasks(entry, offsets) {
        return 0;
    }
    // SAFETY: no arguments.
    let home = nearest(unsafe { bpf_get_current_cgroup_id() }, |level| unsafe {
        bpf_get_current_ancestor_cgroup_id(level)
    });
    let Some(home) = home else {
        count(Hook::LsmFileOpen, Verdict::OutOfScope);
        return 0;
    };
    if scope_of(entry, offsets).is_some_and(|there| there.workload == home.workload) {
        count(Hook::LsmFileOpen, Verdict::Untouched);
        return 0;
    }
    answer(judge(config, &home, Hook::LsmFileOpen, Verdict::Attack, 0))
}

#[inline(always)]
fn moves_tasks(entry: *const c_void, offsets: &Offsets) -> bool {
    const PROCESSES: [u8; NAME] = *b"cgroup.procs\0\0\0\0";
    const THREADS: [u8; NAME] = *b"cgroup.threads\0\0";
    const PROCESSES_END: u64 = 0xff_ffff_ffff;
    const THREADS_END: u64 = 0xff_ffff_ffff_ffff;
    let Some(name) = read::<*const u8>(entry, offsets.dentry_name) else {
        return false;
    };
    // Names are kept in words, so that reading sixteen bytes of a shorter one reads nothing that isn't there.
    let Some([first, second]) = read::<[u64; 2]>(name.cast(), 0) else {
        return false;
    };
    let [procs, procs_end] = words(PROCESSES);
    let [threads, threads_end] = words(THREADS);
    (first == procs && second & PROCESSES_END == procs_end)
        || (first == threads && second & THREADS_END == threads_end)
}

#[inline(always)]
const fn words(name: [u8; NAME]) -> [u64; 2] {
    let all = u128::from_le_bytes(name);
    [all as u64, (all >> 64) as u64]
}

/// The scope of the cgroup whose file this is: its own, else that of its nearest ancestor. A cgroup that lies too deep to be
/// looked through counts as out of scope.
#[inline(always)]
fn scope_of(file: *const c_void, offsets: &Offsets) -> Option<Scope> {
    let mut entry = file;
    for _ in 0..=SCOPE_LEVELS {
        let parent: *const c_void = read(entry, offsets.dentry_parent)?;
        if parent == entry {
            return None;
        }
        entry = parent;
        let inode: *const c_void = read(entry, offsets.dentry_inode)?;
        let id: u64 = read(inode, offsets.inode_number)?;
        // SAFETY: copied before any other call to the map.
        if let Some(found) = unsafe { SCOPE.get(id) } {
            return Some(*found);
        }
    }
    None
}
