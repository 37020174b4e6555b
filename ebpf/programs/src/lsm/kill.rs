//! `lsm/task_kill`: no scoped task sends the daemon a signal. Signal 0 only asks whether it is there.

use core::ffi::c_void;

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Verdict};

use super::{answer, is_daemon};
use crate::guard::may;
use crate::report::config;

/// `(struct task_struct *p, struct kernel_siginfo *info, int sig, const struct cred *cred)`
#[lsm(hook = "task_kill")]
pub(crate) fn lsm_kill(ctx: LsmContext) -> i32 {
    let task: *const c_void = ctx.arg(0);
    let signal: u32 = ctx.arg(2);
    let Some(config) = config() else { return 0 };
    answer(signal == 0 || !is_daemon(task, config) || may(Hook::LsmKill, Verdict::Attack, signal))
}
