//! The system calls of a session thread.
//!
//! Two filters, of which the stricter answer counts. The first lets pass what a single-threaded tokio runtime with TCP
//! sockets, TLS and an allocator calls, and answers everything else with EPERM: a library that tries something new goes on
//! without it. The second kills the daemon at calls that nothing in it makes on these threads, as whoever makes them runs
//! code of their own: the kernel logs it, the host's guard stays, and protected destinations are refused until the daemon
//! is back. Who has come that far can end the process anyway; this way it is seen, and nothing is tried twice.

use std::collections::BTreeMap;

use libc::c_long;
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, apply_filter,
};

use super::Gap;

/// Let pass, whatever their arguments. All of them work on what the thread has already.
const HARMLESS: &[c_long] = &[
    // Bytes of sockets; a wake-up of another runtime (an eventfd); the log.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_recvfrom,
    libc::SYS_close,
    libc::SYS_shutdown,
    libc::SYS_connect,
    libc::SYS_getsockname,
    libc::SYS_getpeername,
    libc::SYS_getsockopt,
    // Waiting.
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_ppoll,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_restart_syscall,
    libc::SYS_sched_yield,
    // Memory that is there already; a new mapping is looked at below.
    libc::SYS_brk,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_madvise,
    // Time, chance, and what the thread runs on.
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    libc::SYS_getrandom,
    libc::SYS_getpid,
    libc::SYS_gettid,
    libc::SYS_getcpu,
    libc::SYS_sched_getaffinity,
    libc::SYS_membarrier,
    // Its own signals and end.
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    libc::SYS_set_robust_list,
    libc::SYS_rseq,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// The same, for calls of which newer architectures have one form only.
#[cfg(target_arch = "x86_64")]
const HARMLESS_TOO: &[c_long] = &[libc::SYS_epoll_wait, libc::SYS_poll, libc::SYS_time];
#[cfg(not(target_arch = "x86_64"))]
const HARMLESS_TOO: &[c_long] = &[];

/// Nothing on these threads makes them: programs, other processes, namespaces, mounts, the kernel itself.
const HOSTILE: &[c_long] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_getfd,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_setns,
    libc::SYS_unshare,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_open_by_handle_at,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
];

/// Leaves the calling thread with these calls.
pub(super) fn restrict() -> Option<Gap> {
    let filters = match filters() {
        Ok(filters) => filters,
        Err(error) => return Some(gap(error.to_string())),
    };
    for filter in &filters {
        if let Err(error) = apply_filter(filter) {
            return Some(gap(error.to_string()));
        }
    }
    None
}

fn gap(reason: String) -> Gap {
    Gap {
        what: "seccomp",
        reason,
        consequence: "session threads may make any system call that their lack of capabilities and Landlock leave; the kernel \
                      needs CONFIG_SECCOMP_FILTER, and a container runtime must let seccomp(2) pass",
    }
}

/// The hostile calls first, as the second filter lets no further one be put in place.
fn filters() -> Result<[BpfProgram; 2], BackendError> {
    let hostile = HOSTILE.iter().map(|call| (*call, Vec::new())).collect();
    let kill = SeccompFilter::new(
        hostile,
        SeccompAction::Allow,
        SeccompAction::KillProcess,
        std::env::consts::ARCH.try_into()?,
    )?;
    let pass = SeccompFilter::new(
        allowed()?,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        std::env::consts::ARCH.try_into()?,
    )?;
    Ok([kill.try_into()?, pass.try_into()?])
}

fn allowed() -> Result<BTreeMap<c_long, Vec<SeccompRule>>, BackendError> {
    let mut calls: BTreeMap<c_long, Vec<SeccompRule>> = HARMLESS
        .iter()
        .chain(HARMLESS_TOO)
        .map(|call| (*call, Vec::new()))
        .collect();
    let tcp_only = |family: i32| {
        // The type's upper bits are SOCK_NONBLOCK and SOCK_CLOEXEC.
        SeccompRule::new(vec![
            is(0, family)?,
            has(1, 0xf, libc::SOCK_STREAM)?,
            SeccompCondition::new(
                2,
                SeccompCmpArgLen::Dword,
                SeccompCmpOp::Le,
                libc::IPPROTO_TCP as u64,
            )?,
        ])
    };
    calls.insert(
        libc::SYS_socket,
        vec![tcp_only(libc::AF_INET)?, tcp_only(libc::AF_INET6)?],
    );
    // send() and no more: no destination of its own, hence no unconnected socket.
    let nowhere = SeccompCondition::new(4, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?;
    calls.insert(libc::SYS_sendto, vec![SeccompRule::new(vec![nowhere])?]);
    calls.insert(
        libc::SYS_setsockopt,
        vec![SeccompRule::new(vec![
            is(1, libc::IPPROTO_TCP)?,
            is(2, libc::TCP_NODELAY)?,
        ])?],
    );
    // Its type differs by C library.
    let nonblocking = is(1, libc::FIONBIO as i32)?;
    calls.insert(libc::SYS_ioctl, vec![SeccompRule::new(vec![nonblocking])?]);
    calls.insert(
        libc::SYS_fcntl,
        vec![
            SeccompRule::new(vec![is(1, libc::F_GETFD)?])?,
            SeccompRule::new(vec![is(1, libc::F_GETFL)?])?,
        ],
    );
    // New memory only: never a file's, never to be executed.
    calls.insert(
        libc::SYS_mmap,
        vec![SeccompRule::new(vec![
            has(2, libc::PROT_EXEC, 0)?,
            has(3, libc::MAP_ANONYMOUS, libc::MAP_ANONYMOUS)?,
        ])?],
    );
    calls.insert(
        libc::SYS_mprotect,
        vec![SeccompRule::new(vec![has(2, libc::PROT_EXEC, 0)?])?],
    );
    // How a process ends itself: abort().
    let own = i32::try_from(std::process::id()).unwrap_or(i32::MAX);
    calls.insert(libc::SYS_tgkill, vec![SeccompRule::new(vec![is(0, own)?])?]);
    Ok(calls)
}

/// An argument is this value.
fn is(argument: u8, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value as u64)
}

/// Of an argument's bits in the mask, those of the value are set and no others.
fn has(argument: u8, mask: i32, value: i32) -> Result<SeccompCondition, BackendError> {
    SeccompCondition::new(
        argument,
        SeccompCmpArgLen::Dword,
        SeccompCmpOp::MaskedEq(mask as u64),
        value as u64,
    )
}
