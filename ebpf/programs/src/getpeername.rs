//! `cgroup/getpeername4` and `6`: a redirected socket tells the address that was asked for.

use core::ffi::c_void;

use aya_ebpf::helpers::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::{AF_INET, Address, Hook, Peer, TupleKey, Verdict, protocol};

use crate::context::{V4, V6, raw};
use crate::maps::{FLOW, PEER};
use crate::report::count;

#[cgroup_sock_addr(getpeername4)]
pub(crate) fn getpeername4(ctx: SockAddrContext) -> i32 {
    let call = V4::read(&ctx);
    let peer = Address::mapped(call.ip);
    let asked = match asked_for(raw(call.ctx), peer, call.port) {
        None if call.protocol == protocol::MPTCP => subflow(
            raw(call.ctx),
            Address::mapped(call.bound()),
            call.local_port(),
            call.port,
        ),
        found => found,
    };
    match asked {
        Some(asked) if asked.family == AF_INET => {
            let Address([_, _, _, ip]) = asked.address;
            call.write(ip, asked.port);
            count(Hook::Getpeername4, Verdict::Shown);
        }
        _ => count(Hook::Getpeername4, Verdict::Untouched),
    }
    1
}

#[cgroup_sock_addr(getpeername6)]
pub(crate) fn getpeername6(ctx: SockAddrContext) -> i32 {
    let call = V6::read(&ctx);
    let asked = match asked_for(raw(call.ctx), call.address, call.port) {
        None if call.protocol == protocol::MPTCP => {
            subflow(raw(call.ctx), call.bound(), call.local_port(), call.port)
        }
        found => found,
    };
    if let Some(asked) = asked {
        call.write(asked.address, asked.port);
        count(Hook::Getpeername6, Verdict::Shown);
    } else {
        count(Hook::Getpeername6, Verdict::Untouched);
    }
    1
}

/// What a socket asked for whose peer is the listener that its flow was sent to. A peer that is anything else (the socket
/// was connected again) is shown as it is.
#[inline(always)]
fn asked_for(ctx: *mut c_void, peer: Address, port: u16) -> Option<Peer> {
    if !peer.is_loopback() {
        return None;
    }
    // SAFETY: the helper takes the context; the entry is copied before any other call to the map.
    let flow = unsafe { FLOW.get(bpf_get_socket_cookie(ctx)) }?;
    (flow.proxy_port == port).then_some(Peer {
        address: flow.address,
        port: flow.port,
        family: flow.family,
    })
}

/// The same for a multipath TCP socket: the connect hooks saw its first subflow, which has another cookie.
#[inline(always)]
fn subflow(ctx: *mut c_void, local: Address, port: u16, proxy_port: u16) -> Option<Peer> {
    let key = TupleKey {
        // SAFETY: the helper takes the context.
        netns_cookie: unsafe { bpf_get_netns_cookie(ctx) },
        address: local,
        port,
        proxy_port,
        reserved: 0,
    };
    // SAFETY: copied before any other call to the map.
    unsafe { PEER.get(key) }.copied()
}
