//! The programs for Unix sockets on kernels that run no security module programs (from 6.7): an object of its own, because
//! aya refuses one that has these sections. Its maps are those of the other object.
//!
//! These hooks run before the kernel looks the address up, so they see the path that the caller named and nothing of the
//! socket behind it: they refuse every path whose last part is the name of a protected socket. A link of another name to
//! the same socket is not seen; the daemon reports that.
#![no_std]
#![no_main]
#![allow(unsafe_code, reason = "helpers and context fields are raw pointers by nature")]
#![expect(
    dead_code,
    reason = "what is shared with the other object is used there to the full"
)]

mod guard;
mod heart;
mod maps;
mod report;
mod scope;
mod task;
mod unix_name;

use core::ffi::c_void;

use interdict_abi::{Config, Hook, UnixKey, Verdict, unix_kind};

use crate::guard::{caller, judge_service};
use crate::maps::UNIX;
use crate::scope::read;
use crate::unix_name::fill;

/// Bytes of a socket's path at most, and where it begins in a `sockaddr_un`.
const PATH: usize = 108;
const PATH_OFFSET: u32 = 2;
const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;

#[unsafe(no_mangle)]
#[unsafe(link_section = "cgroup/connect_unix")]
extern "C" fn connect_unix(ctx: *const c_void) -> i32 {
    i32::from(may(ctx, Hook::ConnectUnix, STREAM))
}

#[unsafe(no_mangle)]
#[unsafe(link_section = "cgroup/sendmsg_unix")]
extern "C" fn sendmsg_unix(ctx: *const c_void) -> i32 {
    i32::from(may(ctx, Hook::SendmsgUnix, DATAGRAM))
}

#[inline(always)]
fn may(ctx: *const c_void, hook: Hook, kind: u32) -> bool {
    let Some((config, scope)) = caller() else {
        return true;
    };
    let Some(key) = named(ctx, config) else {
        return true;
    };
    // SAFETY: copied before any other call to the map.
    let Some(protect) = unsafe { UNIX.get(&key) }.copied() else {
        return true;
    };
    judge_service(config, &scope, &protect, hook, Verdict::UnixSocket, kind)
}

/// The key of the last part of the path that the caller named. `None` for abstract and missing names.
#[inline(always)]
fn named(ctx: *const c_void, config: &Config) -> Option<UnixKey> {
    let offsets = &config.offsets;
    if offsets.sock_addr_address == 0 || offsets.sock_addr_length == 0 {
        return None;
    }
    let address: *const c_void = read(ctx, offsets.sock_addr_address)?;
    let length = (read::<u32>(ctx, offsets.sock_addr_length)? as usize).wrapping_sub(PATH_OFFSET as usize);
    let path: [u8; PATH] = read(address, PATH_OFFSET)?;
    let mut start = 0;
    for (place, byte) in path.iter().enumerate() {
        if *byte == 0 || place >= length {
            break;
        }
        if *byte == b'/' {
            start = place + 1;
        }
    }
    let mut key = unix_name::key(unix_kind::NAME, 0, 0);
    let name = address.cast::<u8>().wrapping_add(PATH_OFFSET as usize + start);
    fill(&mut key, name);
    Some(key)
}

/// The licence that the kernel reads, which decides about the helpers that may be called.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
