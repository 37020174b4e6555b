//! Hooks of the kernel's security modules: what no cgroup hook sees. All are optional: a kernel may lack them, or not run
//! them, and the daemon then names what is open.
//!
//! Each first sorts out, by the fewest reads, what is none of its business: these hooks see every task of the host.
//! Structures are read by offsets from the kernel's own description of its types; one that is unknown (0) makes its hook
//! let everything pass, and the daemon reports that hook as unavailable.

mod bpf;
mod bpffs;
mod clone;
mod file_open;
mod kill;
mod ptrace;
mod socket_create;
mod unix;

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_current_pid_tgid;
use interdict_abi::Config;

use crate::scope::read;

/// The answer of a hook: 0, or the error that the caller gets.
#[inline(always)]
fn answer(may: bool) -> i32 {
    const EPERM: i32 = 1;
    if may { 0 } else { -EPERM }
}

/// Whether a task is of the daemon's process, and the caller isn't.
#[inline(always)]
fn is_daemon(task: *const c_void, config: &Config) -> bool {
    config.daemon != 0
        && config.offsets.task_tgid != 0
        && read::<u32>(task, config.offsets.task_tgid) == Some(config.daemon)
        && (bpf_get_current_pid_tgid() >> 32) as u32 != config.daemon
}

/// The kind of file system that an inode is of; 0 if that can't be read.
#[inline(always)]
fn magic(inode: *const c_void, config: &Config) -> u64 {
    let offsets = &config.offsets;
    if offsets.inode_super == 0 || offsets.super_magic == 0 {
        return 0;
    }
    read::<*const c_void>(inode, offsets.inode_super)
        .and_then(|system| read(system, offsets.super_magic))
        .unwrap_or(0)
}
