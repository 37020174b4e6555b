//! `cgroup/connect6`: connects of IPv6 sockets, among them those to v4-mapped addresses, which are IPv4 on the wire.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::{Address, Hook};

use crate::connect::{Decision, decide};
use crate::context::{V6, raw};

#[cgroup_sock_addr(connect6)]
pub(crate) fn connect6(ctx: SockAddrContext) -> i32 {
    let call = V6::read(&ctx);
    let address = destination(&call);
    match decide(raw(call.ctx), Hook::Connect6, address, call.port, call.protocol) {
        Decision::Leave => 1,
        Decision::Refuse => {
            #[cfg(feature = "log")]
            aya_log_ebpf::debug!(&ctx, "connect6 port {} refused", call.port);
            0
        }
        Decision::Redirect(port) => {
            let loopback = if address.is_mapped() {
                Address::LOOPBACK_V4
            } else {
                Address::LOOPBACK_V6
            };
            call.write(loopback, port);
            #[cfg(feature = "log")]
            aya_log_ebpf::debug!(&ctx, "connect6 port {} to {}", call.port, port);
            1
        }
    }
}

/// `::` reaches ::1, or 127.0.0.1 from a socket bound to an IPv4 address; `::ffff:0.0.0.0` is as 0.0.0.0.
#[inline(always)]
fn destination(call: &V6) -> Address {
    let bound = call.bound();
    if call.address.is_any_v6() {
        return if bound.is_mapped() {
            Address::LOOPBACK_V4
        } else {
            Address::LOOPBACK_V6
        };
    }
    if call.address == Address::mapped(0) {
        return if bound.is_mapped() && bound != Address::mapped(0) {
            bound
        } else {
            Address::LOOPBACK_V4
        };
    }
    call.address
}
