//! `lsm/ptrace_access_check`: no scoped task looks into the daemon or takes hold of it: ptrace, /proc/PID/mem and its
//! like, process_vm_readv, pidfd_getfd.

use core::ffi::c_void;

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Verdict};

use super::{answer, is_daemon};
use crate::guard::{caller, judge};
use crate::report::{config, count, observing};

/// What asks without meaning it: `ps` leaves out the fields that it is refused.
const PTRACE_MODE_NOAUDIT: u32 = 4;

/// `(struct task_struct *child, unsigned int mode)`
#[lsm(hook = "ptrace_access_check")]
pub(crate) fn lsm_ptrace(ctx: LsmContext) -> i32 {
    let child: *const c_void = ctx.arg(0);
    let mode: u32 = ctx.arg(1);
    let Some(config) = config() else { return 0 };
    if !is_daemon(child, config) {
        return 0;
    }
    let Some((config, scope)) = caller() else {
        count(Hook::LsmPtrace, Verdict::OutOfScope);
        return 0;
    };
    if mode & PTRACE_MODE_NOAUDIT != 0 && !observing(config) {
        count(Hook::LsmPtrace, Verdict::Attack);
        return answer(false);
    }
    answer(judge(config, &scope, Hook::LsmPtrace, Verdict::Attack, mode))
}
