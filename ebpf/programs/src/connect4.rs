//! `cgroup/connect4`: connects of IPv4 sockets.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::{Address, Hook};

use crate::connect::{Decision, decide};
use crate::context::{V4, raw};

const LOOPBACK: u32 = 0x7f00_0001u32.to_be();

#[cgroup_sock_addr(connect4)]
pub(crate) fn connect4(ctx: SockAddrContext) -> i32 {
    let call = V4::read(&ctx);
    match decide(
        raw(call.ctx),
        Hook::Connect4,
        destination(&call),
        call.port,
        call.protocol,
    ) {
        Decision::Leave => 1,
        Decision::Refuse => {
            #[cfg(feature = "log")]
            aya_log_ebpf::debug!(&ctx, "connect4 {:i}:{} refused", u32::from_be(call.ip), call.port);
            0
        }
        Decision::Redirect(port) => {
            call.write(LOOPBACK, port);
            #[cfg(feature = "log")]
            aya_log_ebpf::debug!(
                &ctx,
                "connect4 {:i}:{} to {}",
                u32::from_be(call.ip),
                call.port,
                port
            );
            1
        }
    }
}

/// 0.0.0.0 reaches the address that the socket is bound to, or else 127.0.0.1.
#[inline(always)]
fn destination(call: &V4) -> Address {
    let bound = call.bound();
    Address::mapped(match (call.ip, bound) {
        (0, 0) => LOOPBACK,
        (0, bound) => bound,
        (ip, _) => ip,
    })
}
