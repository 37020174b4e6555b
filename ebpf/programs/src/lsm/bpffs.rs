//! `lsm/inode_unlink`, `lsm/inode_rename` and `lsm/sb_umount`: no scoped task removes a pin, moves one away, or takes the
//! file system with the pins off the host. Which pins are ours is not asked: no workload has any business with others' either.

use core::ffi::c_void;

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Verdict};

use super::{answer, magic};
use crate::guard::may;
use crate::report::config;
use crate::scope::read;

const BPF_FS_MAGIC: u64 = 0xcafe_4a11;

/// `(struct inode *dir, struct dentry *dentry)`
#[lsm(hook = "inode_unlink")]
pub(crate) fn lsm_unlink(ctx: LsmContext) -> i32 {
    answer(within(ctx.arg(0), Hook::LsmUnlink))
}

/// `(struct inode *old_dir, struct dentry *old_dentry, struct inode *new_dir, struct dentry *new_dentry)`: both
/// directories are of one file system.
#[lsm(hook = "inode_rename")]
pub(crate) fn lsm_rename(ctx: LsmContext) -> i32 {
    answer(within(ctx.arg(0), Hook::LsmRename))
}

#[inline(always)]
fn within(directory: *const c_void, hook: Hook) -> bool {
    match config() {
        Some(config) => magic(directory, config) != BPF_FS_MAGIC || may(hook, Verdict::Attack, 0),
        None => true,
    }
}

/// `(struct vfsmount *mnt, int flags)`
#[lsm(hook = "sb_umount")]
pub(crate) fn lsm_unmount(ctx: LsmContext) -> i32 {
    let mount: *const c_void = ctx.arg(0);
    let Some(config) = config() else { return 0 };
    let offsets = &config.offsets;
    if offsets.mount_super == 0 || offsets.super_magic == 0 {
        return 0;
    }
    let kind: u64 = read::<*const c_void>(mount, offsets.mount_super)
        .and_then(|system| read(system, offsets.super_magic))
        .unwrap_or(0);
    answer(kind != BPF_FS_MAGIC || may(Hook::LsmUnmount, Verdict::Attack, 0))
}
