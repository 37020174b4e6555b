//! `lsm/unix_stream_connect` and `lsm/unix_may_send`: protected Unix sockets. The one that listens is recognised by where it
//! was bound, so no other name for it (a symbolic or hard link, another mount, a relative path) makes a difference.

use core::ffi::c_void;

use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Config, Hook, Offsets, Protect, UnixKey, Verdict, unix_kind};

use super::answer;
use crate::guard::{caller, judge_service};
use crate::maps::UNIX;
use crate::scope::read;
use crate::unix_name::{self, fill};

const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;

/// `(struct sock *sock, struct sock *other, struct sock *newsk)`: `other` is the one that listens.
#[lsm(hook = "unix_stream_connect")]
pub(crate) fn lsm_unix_connect(ctx: LsmContext) -> i32 {
    answer(reaches(ctx.arg(1), Hook::LsmUnixConnect, STREAM))
}

/// `(struct socket *sock, struct socket *other)`: `other` is the one that receives.
#[lsm(hook = "unix_may_send")]
pub(crate) fn lsm_unix_send(ctx: LsmContext) -> i32 {
    let other: *const c_void = ctx.arg(1);
    let sock = crate::report::config()
        .filter(|config| config.offsets.socket_sock != 0)
        .and_then(|config| read(other, config.offsets.socket_sock))
        .unwrap_or(core::ptr::null());
    answer(reaches(sock, Hook::LsmUnixSend, DATAGRAM))
}

#[inline(always)]
fn reaches(sock: *const c_void, hook: Hook, kind: u32) -> bool {
    let Some((config, scope)) = caller() else {
        return true;
    };
    let Some(protect) = protection(sock, config) else {
        return true;
    };
    judge_service(config, &scope, &protect, hook, Verdict::UnixSocket, kind)
}

/// What protects a Unix socket, if anything does. Those without a file (abstract, unnamed) are no service's.
#[inline(always)]
fn protection(sock: *const c_void, config: &Config) -> Option<Protect> {
    let offsets = &config.offsets;
    if offsets.unix_dentry == 0 || offsets.dentry_inode == 0 || offsets.inode_super == 0 {
        return None;
    }
    let entry: *const c_void = read(sock, offsets.unix_dentry)?;
    let mut key = key(unix_kind::INODE, entry, offsets)?;
    // SAFETY: copied before any other call to the map.
    if let Some(found) = unsafe { UNIX.get(&key) } {
        return Some(*found);
    }
    let directory: *const c_void = read(entry, offsets.dentry_parent)?;
    let name: *const u8 = read(entry, offsets.dentry_name)?;
    key = self::key(unix_kind::ENTRY, directory, offsets)?;
    fill(&mut key, name);
    // SAFETY: as above.
    unsafe { UNIX.get(&key) }.copied()
}

/// The key of a directory entry's inode.
#[inline(always)]
fn key(kind: u32, entry: *const c_void, offsets: &Offsets) -> Option<UnixKey> {
    let inode: *const c_void = read(entry, offsets.dentry_inode)?;
    let system: *const c_void = read(inode, offsets.inode_super)?;
    Some(unix_name::key(
        kind,
        read(inode, offsets.inode_number)?,
        read(system, offsets.super_device)?,
    ))
}
