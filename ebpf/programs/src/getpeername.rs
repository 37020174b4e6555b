//! `cgroup/getpeername4` and `6`: a redirected socket tells the address that was asked for.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_socket_cookie;
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::{AF_INET, Address, Flow, Hook, Verdict};

use crate::context::{V4, V6, raw};
use crate::maps::FLOW;
use crate::report::count;

#[cgroup_sock_addr(getpeername4)]
pub(crate) fn getpeername4(ctx: SockAddrContext) -> i32 {
    let call = V4::read(&ctx);
    match asked_for(raw(call.ctx), Address::mapped(call.ip), call.port) {
        Some(flow) if flow.family == AF_INET => {
            let Address([_, _, _, ip]) = flow.address;
            call.write(ip, flow.port);
            count(Hook::Getpeername4, Verdict::Shown);
        }
        _ => count(Hook::Getpeername4, Verdict::Untouched),
    }
    1
}

#[cgroup_sock_addr(getpeername6)]
pub(crate) fn getpeername6(ctx: SockAddrContext) -> i32 {
    let call = V6::read(&ctx);
    if let Some(flow) = asked_for(raw(call.ctx), call.address, call.port) {
        call.write(flow.address, flow.port);
        count(Hook::Getpeername6, Verdict::Shown);
    } else {
        count(Hook::Getpeername6, Verdict::Untouched);
    }
    1
}

/// The flow of a socket whose peer is the listener that the flow was sent to. A peer that is anything else (the socket
/// was connected again) is shown as it is.
#[inline(always)]
fn asked_for(ctx: *mut c_void, peer: Address, port: u16) -> Option<Flow> {
    if !peer.is_loopback() {
        return None;
    }
    // SAFETY: the helper takes the context; the entry is copied before any other call to the map.
    let flow = unsafe { FLOW.get(bpf_get_socket_cookie(ctx)) }.copied()?;
    (flow.proxy_port == port).then_some(flow)
}
