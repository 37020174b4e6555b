//! `lsm/socket_create`: which families of sockets a scoped task may make.
//!
//! What is listed is let through, because it carries no data off the host by itself, or only past other hooks: Unix (its own
//! hooks), IPv4 and IPv6 (the cgroup hooks), netlink (talks to the kernel) and the crypto interface (likewise). Everything
//! else is refused, also what later kernels add: packet, XDP, vsock, SMC, RDS, TIPC, KCM, PPPoX, CAN, Bluetooth, …
//! reach the wire or another machine without an address that any hook could compare.

use core::ffi::c_void;

use aya_ebpf::EbpfContext as _;
use aya_ebpf::macros::lsm;
use aya_ebpf::programs::LsmContext;
use interdict_abi::{Hook, Verdict};

use super::answer;
use crate::guard::may;

const AF_UNIX: i32 = 1;
const AF_INET: i32 = 2;
const AF_INET6: i32 = 10;
const AF_NETLINK: i32 = 16;
const AF_ALG: i32 = 38;
/// SMC asked for as a protocol of IPv4 or IPv6 (from 6.11).
const IPPROTO_SMC: i32 = 256;

/// `(int family, int type, int protocol, int kern)`
#[lsm(hook = "socket_create")]
pub(crate) fn lsm_socket_create(ctx: LsmContext) -> i32 {
    let arguments: *const u64 = ctx.as_ptr().cast::<c_void>().cast();
    // SAFETY: the kernel hands this hook's four arguments, each in eight bytes.
    let (family, protocol, kernel) = unsafe {
        (
            arguments.read_volatile() as i32,
            arguments.add(2).read_volatile() as i32,
            arguments.add(3).read_volatile() as i32,
        )
    };
    let harmless = match family {
        AF_INET | AF_INET6 => protocol != IPPROTO_SMC,
        AF_UNIX | AF_NETLINK | AF_ALG => true,
        _ => false,
    };
    // Sockets of the kernel's own are no task's.
    answer(harmless || kernel != 0 || may(Hook::LsmSocketCreate, Verdict::SocketKind, family as u32))
}
