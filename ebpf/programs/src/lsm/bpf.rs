//! `lsm/bpf`: no scoped task calls bpf(): it could detach programs, or write into their tables.
//!
//! Calls of everybody else are counted: the daemon makes one to learn whether the kernel runs these hooks at all.

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Verdict};

use super::answer;
use crate::guard::may;

/// `(int cmd, union bpf_attr *attr, unsigned int size)`
#[lsm(hook = "bpf")]
pub(crate) fn lsm_bpf(ctx: LsmContext) -> i32 {
    answer(may(Hook::LsmBpf, Verdict::Attack, ctx.arg(0)))
}
