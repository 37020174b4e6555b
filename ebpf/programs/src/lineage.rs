//! Raw tracepoints `sched_process_fork` and `sched_process_exec`: who made a scoped process, and what it runs, so that its
//! ancestry can be told when its parents have ended.
//!
//! Only what scoped tasks do is noted: on a busy host the table would otherwise be of everybody else's processes. Nothing is
//! decided here.

use core::ffi::c_void;
use core::mem::{MaybeUninit, offset_of};
use core::ptr;

use aya_ebpf::helpers::generated;
use aya_ebpf::macros::raw_tracepoint;
use aya_ebpf::programs::RawTracePointContext;
use interdict_abi::{Config, Lineage, LineageKey, TICK_NS};

use crate::guard::caller;
use crate::maps::LINEAGE;
use crate::scope::read;

/// `(struct task_struct *parent, struct task_struct *child)`
#[raw_tracepoint(tracepoint = "sched_process_fork")]
pub(crate) fn process_fork(ctx: RawTracePointContext) -> i32 {
    let parent: *const c_void = ctx.arg(0);
    let child: *const c_void = ctx.arg(1);
    let Some((config, _)) = caller() else { return 0 };
    // A thread is of its process's lineage.
    if read::<*const c_void>(child, config.offsets.task_group_leader) != Some(child) {
        return 0;
    }
    if let (Some(parent), Some(child)) = (key(parent, config), key(child, config)) {
        note(child, parent, ptr::null());
    }
    0
}

/// `(struct task_struct *p, pid_t old_pid, struct linux_binprm *bprm)`
#[raw_tracepoint(tracepoint = "sched_process_exec")]
pub(crate) fn process_exec(ctx: RawTracePointContext) -> i32 {
    let task: *const c_void = ctx.arg(0);
    let program: *const c_void = ctx.arg(2);
    let Some((config, _)) = caller() else { return 0 };
    let Some(own) = key(task, config) else { return 0 };
    // SAFETY: copied before any other call to the map.
    let parent = match unsafe { LINEAGE.get(own) } {
        Some(known) => known.parent,
        // Forked before its parent was in scope, or before these programs were there: its parent is the one that it has now.
        None => read::<*const c_void>(task, config.offsets.task_real_parent)
            .and_then(|parent| key(parent, config))
            .unwrap_or(LineageKey {
                start_ticks: 0,
                tgid: 0,
                reserved: 0,
            }),
    };
    let path = read::<*const c_void>(program, config.offsets.binprm_filename).unwrap_or(ptr::null());
    note(own, parent, path);
    0
}

/// The process that a task is of.
#[inline(always)]
fn key(task: *const c_void, config: &Config) -> Option<LineageKey> {
    let offsets = &config.offsets;
    if offsets.task_group_leader == 0 || offsets.task_start_boottime == 0 || offsets.task_tgid == 0 {
        return None;
    }
    let leader: *const c_void = read(task, offsets.task_group_leader)?;
    let started: u64 = read(leader, offsets.task_start_boottime)?;
    Some(LineageKey {
        start_ticks: started / TICK_NS,
        tgid: read(task, offsets.task_tgid)?,
        reserved: 0,
    })
}

/// `path`: null for a process that goes on with what its parent runs.
#[inline(always)]
fn note(own: LineageKey, parent: LineageKey, path: *const c_void) {
    const PATH: u32 = size_of::<[u8; 128]>() as u32;
    let mut entry = MaybeUninit::<Lineage>::uninit();
    let place = entry.as_mut_ptr().cast::<u8>();
    // SAFETY: each field is written at its own place and in its own size. Both helpers fill what they are given when they
    // fail, so that a null pointer makes zeros, without the call of memset that the verifier would refuse.
    unsafe {
        (&raw mut (*entry.as_mut_ptr()).parent).write(parent);
        generated::bpf_get_current_comm(place.add(offset_of!(Lineage, comm)).cast(), 16);
        let buffer = place.add(offset_of!(Lineage, path)).cast::<c_void>();
        generated::bpf_probe_read_kernel(buffer, PATH, ptr::null());
        if !path.is_null() {
            generated::bpf_probe_read_kernel_str(buffer, PATH, path);
        }
        let _ = LINEAGE.insert(own, entry.assume_init_ref(), 0);
    }
}
