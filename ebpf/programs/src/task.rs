//! Who is calling.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::ptr::read_volatile;

use aya_ebpf::helpers::{
    bpf_get_current_cgroup_id, bpf_get_current_pid_tgid, bpf_get_current_task, bpf_get_current_uid_gid,
    bpf_get_netns_cookie, bpf_get_socket_cookie, bpf_ktime_get_boot_ns, generated,
};
use interdict_abi::{AF_INET, AF_INET6, Address, Config, Flow};

use crate::scope::read;

/// A flow with everything known about the calling task and its socket. Only for `sock_addr` contexts.
#[inline(always)]
pub(crate) fn flow(ctx: *mut c_void, config: &Config, address: Address, port: u16) -> Flow {
    let mut flow = caller(config, address, port);
    // SAFETY: these helpers take the context.
    flow.netns_cookie = unsafe { bpf_get_netns_cookie(ctx) };
    flow.socket_cookie = unsafe { bpf_get_socket_cookie(ctx) };
    flow
}

/// A flow with everything known about the calling task, and nothing of a socket.
#[inline(always)]
pub(crate) fn caller(config: &Config, address: Address, port: u16) -> Flow {
    let pid_tgid = bpf_get_current_pid_tgid();
    let uid_gid = bpf_get_current_uid_gid();
    Flow {
        netns_cookie: 0,
        // SAFETY: these helpers take nothing.
        cgroup_id: unsafe { bpf_get_current_cgroup_id() },
        socket_cookie: 0,
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        process_start_ns: process_start(config),
        tgid: (pid_tgid >> 32) as u32,
        tid: pid_tgid as u32,
        uid: uid_gid as u32,
        gid: (uid_gid >> 32) as u32,
        address,
        port,
        proxy_port: 0,
        family: if address.is_mapped() { AF_INET } else { AF_INET6 },
        reserved: 0,
        service: 0,
        workload: 0,
        comm: comm(),
    }
}

/// `current->group_leader->start_boottime`, 0 when the offsets are unknown or can't be read.
#[inline(always)]
fn process_start(config: &Config) -> u64 {
    let offsets = &config.offsets;
    if offsets.task_group_leader == 0 || offsets.task_start_boottime == 0 {
        return 0;
    }
    // SAFETY: no arguments.
    let task = unsafe { bpf_get_current_task() } as *const c_void;
    read::<*const c_void>(task, offsets.task_group_leader)
        .and_then(|leader| read(leader, offsets.task_start_boottime))
        .unwrap_or(0)
}

/// The calling thread's name. aya's wrapper zeroes the buffer first by calling memset as a function, which libbpf
/// refuses; the helper fills all of the buffer by itself, with zeros if it fails.
#[inline(always)]
fn comm() -> [u8; 16] {
    let mut name = MaybeUninit::<[u8; 16]>::uninit();
    // SAFETY: the buffer has the size that is told, and the helper writes all of it.
    unsafe {
        generated::bpf_get_current_comm(name.as_mut_ptr().cast(), 16);
        name.assume_init()
    }
}

/// A zero that the compiler can't know. Where it knows that a range of bytes becomes zero it calls memset, and the verifier
/// refuses calls of a function that returns a pointer.
#[inline(always)]
pub(crate) fn zero() -> u32 {
    let zero = 0;
    // SAFETY: a valid reference.
    unsafe { read_volatile(&raw const zero) }
}
