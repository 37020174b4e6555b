//! `lsm/task_alloc`: no scoped task starts a child in another cgroup (CLONE_INTO_CGROUP). The hook is not told which cgroup
//! that is, so those below its own are refused as well; the callers that use this flag (systemd) fall back to moving the
//! child, which `file_open` judges by the cgroup that it goes to.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Verdict};

use super::answer;
use crate::guard::may;

const CLONE_INTO_CGROUP: u64 = 1 << 33;

/// `(struct task_struct *task, unsigned long clone_flags)`
#[lsm(hook = "task_alloc")]
pub(crate) fn lsm_clone(ctx: LsmContext) -> i32 {
    let flags: u64 = ctx.arg(1);
    answer(flags & CLONE_INTO_CGROUP == 0 || may(Hook::LsmClone, Verdict::Attack, 0))
}
