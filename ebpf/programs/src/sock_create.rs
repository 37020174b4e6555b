//! `cgroup/sock_create`: which IP sockets a scoped task may make. Only those kinds are let through whose every way to a
//! destination has a hook: UDP-Lite's connect has none, raw sockets write their own headers, SCTP and DCCP are not redirected.
//!
//! Multipath TCP is refused as well, and programs fall back to TCP as they do where the kernel has none: its subflows meet
//! the connect hooks, but a socket that is redirected hangs on some kernels (7.2), and tells the proxy as its peer on all.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::bindings::bpf_sock;
use aya_ebpf::helpers::{bpf_get_netns_cookie, bpf_get_socket_cookie};
use aya_ebpf::macros::cgroup_sock;
use aya_ebpf::programs::SockContext;
use interdict_abi::{Address, Config, Flow, Hook, Verdict, protocol, told};

use crate::maps::PROXY;
use crate::report::{config, count, first_time, observing, send, tell};
use crate::scope::scope;
use crate::task;

const STREAM: u32 = 1;
const DATAGRAM: u32 = 2;

#[cgroup_sock(sock_create)]
pub(crate) fn sock_create(ctx: SockContext) -> i32 {
    let sock = ctx.sock;
    // SAFETY: the kernel hands a valid context, of which these fields may be read.
    let (kind, protocol) = unsafe {
        (
            read_volatile(addr_of!((*sock).type_)),
            read_volatile(addr_of!((*sock).protocol)),
        )
    };
    let Some(config) = config() else { return 0 };
    let Some(scope) = scope(config) else {
        count(Hook::SockCreate, Verdict::OutOfScope);
        return 1;
    };
    if matches!(
        (kind, protocol),
        (STREAM, protocol::TCP) | (DATAGRAM, protocol::UDP | protocol::ICMP | protocol::ICMPV6)
    ) {
        count(Hook::SockCreate, Verdict::Untouched);
        announce(sock, config, scope.workload, protocol);
        return 1;
    }
    let flow = task_flow(sock, config, scope.workload);
    if observing(config) {
        tell(Hook::SockCreate, Verdict::Observed, protocol, &flow);
        return 1;
    }
    tell(Hook::SockCreate, Verdict::SocketKind, protocol, &flow);
    0
}

/// Tells the daemon, once, of a namespace in which it has no listener: before the connect that would be refused for it.
#[inline(always)]
fn announce(sock: *mut bpf_sock, config: &Config, workload: u32, protocol: u32) {
    // SAFETY: the helper takes the context.
    let cookie = unsafe { bpf_get_netns_cookie(sock.cast()) };
    if PROXY.get_ptr(cookie).is_none() && first_time(told::NAMESPACE | cookie) {
        count(Hook::SockCreate, Verdict::NewNamespace);
        let flow = task_flow(sock, config, workload);
        send(Hook::SockCreate, Verdict::NewNamespace, protocol, &flow);
    }
}

#[inline(always)]
fn task_flow(sock: *mut bpf_sock, config: &Config, workload: u32) -> Flow {
    let none = task::zero();
    let mut flow = task::caller(config, Address([none; 4]), none as u16);
    // SAFETY: these helpers take the context.
    flow.netns_cookie = unsafe { bpf_get_netns_cookie(sock.cast()) };
    flow.socket_cookie = unsafe { bpf_get_socket_cookie(sock.cast()) };
    flow.workload = workload;
    flow
}
