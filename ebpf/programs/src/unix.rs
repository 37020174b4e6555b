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

use aya_ebpf::helpers::generated::bpf_probe_read_kernel;
use interdict_abi::{Config, Hook, UnixKey, Verdict, unix_kind};

use crate::guard::{caller, judge_service};
use crate::maps::UNIX;
use crate::scope::read;

/// Bytes of a socket's path at most, and where it begins in a `sockaddr_un`.
const PATH: u32 = 108;
const PATH_OFFSET: u32 = 2;
/// Bytes that are looked at in one step, one in each of them, and a slash in each.
const WORD: u32 = 8;
const ONES: u64 = 0x0101_0101_0101_0101;
const SLASHES: u64 = ONES * b'/' as u64;
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
///
/// The path ends at its NUL or, without one, where the address ends. What lies behind either is not the kernel's business,
/// so it must not be ours.
#[inline(always)]
fn named(ctx: *const c_void, config: &Config) -> Option<UnixKey> {
    let offsets = &config.offsets;
    if offsets.sock_addr_address == 0 || offsets.sock_addr_length == 0 {
        return None;
    }
    let address: *const c_void = read(ctx, offsets.sock_addr_address)?;
    let length = read::<u32>(ctx, offsets.sock_addr_length)?.wrapping_sub(PATH_OFFSET);
    if length > PATH {
        return None;
    }
    let (start, end) = last_part(address, length)?;
    let mut key = unix_name::key(unix_kind::NAME, 0, 0);
    // In the width of a register: the verifier loses sight of a limit that is tested on a copy.
    let length = u64::from(end).wrapping_sub(u64::from(start));
    if length == 0 || length > u64::from(PATH) {
        return None;
    }
    let name = address.cast::<u8>().wrapping_add((PATH_OFFSET + start) as usize);
    // SAFETY: the name has room for so many bytes, and the helper checks the address that it reads from.
    let failed = unsafe {
        bpf_probe_read_kernel(
            key.name.as_mut_ptr().cast::<c_void>(),
            length as u32,
            name.cast::<c_void>(),
        )
    };
    (failed == 0).then_some(key)
}

/// Where the last part of a path begins and ends. Eight bytes are looked at in one step, by arithmetic: the verifier would
/// follow a loop over bytes through every path that could be.
#[inline(always)]
fn last_part(address: *const c_void, length: u32) -> Option<(u32, u32)> {
    let (mut start, mut end) = (0, PATH);
    for word in 0..PATH.div_ceil(WORD) {
        let place = word * WORD;
        // The kernel's copy of an address has room for more than a path.
        let mut bytes: u64 = read(address, PATH_OFFSET + place)?;
        if length < place + WORD {
            // What lies behind the address's end becomes NUL.
            bytes &= (1u64 << ((length.wrapping_sub(place) & 7) * 8)) - 1;
        }
        let nul = zeros(bytes);
        // All bytes before the first NUL; all there are if there is none.
        let within = ((nul & nul.wrapping_neg()) >> 7).wrapping_sub(1);
        let mut slash = zeros(bytes ^ SLASHES) & within;
        if slash != 0 {
            slash |= slash >> 8;
            slash |= slash >> 16;
            slash |= slash >> 32;
            start = place + sum(slash >> 7);
        }
        if nul != 0 {
            end = place + sum(within & ONES);
            break;
        }
        if length <= place + WORD {
            end = length;
            break;
        }
    }
    Some((start, end))
}

/// The upper bit of each byte that is zero.
#[inline(always)]
const fn zeros(bytes: u64) -> u64 {
    const LOWER: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    !(((bytes & LOWER) + LOWER) | bytes | LOWER)
}

/// How many bytes' lowest bits are set, where no other bits are.
#[inline(always)]
const fn sum(bits: u64) -> u32 {
    ((bits & ONES).wrapping_mul(ONES) >> 56) as u32
}

/// The licence that the kernel reads, which decides about the helpers that may be called.
#[unsafe(link_section = "license")]
#[unsafe(no_mangle)]
static LICENSE: [u8; 13] = *b"Dual MIT/GPL\0";

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
