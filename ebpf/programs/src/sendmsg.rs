//! `cgroup/sendmsg4` and `6`: datagrams that name their destination. To a protected one there are none: the databases and
//! APIs behind it are reached by TCP, and what speaks QUIC falls back to it.

use core::ffi::c_void;

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::{Address, Hook, Verdict};

use crate::connect::{barred, protection};
use crate::context::{V4, V6, raw};
use crate::report::{config, count, tell};
use crate::scope::scope;
use crate::task;

#[cgroup_sock_addr(sendmsg4)]
pub(crate) fn sendmsg4(ctx: SockAddrContext) -> i32 {
    let call = V4::read(&ctx);
    let address = match call.ip {
        0 => Address::LOOPBACK_V4,
        ip => Address::mapped(ip),
    };
    i32::from(may(
        raw(call.ctx),
        Hook::Sendmsg4,
        address,
        call.port,
        call.protocol,
    ))
}

#[cgroup_sock_addr(sendmsg6)]
pub(crate) fn sendmsg6(ctx: SockAddrContext) -> i32 {
    let call = V6::read(&ctx);
    let address = if call.address.is_any_v6() {
        Address::LOOPBACK_V6
    } else if call.address == Address::mapped(0) {
        Address::LOOPBACK_V4
    } else {
        call.address
    };
    i32::from(may(
        raw(call.ctx),
        Hook::Sendmsg6,
        address,
        call.port,
        call.protocol,
    ))
}

#[inline(always)]
fn may(ctx: *mut c_void, hook: Hook, address: Address, port: u16, protocol: u32) -> bool {
    let Some(protect) = protection(address, port) else {
        count(hook, Verdict::Untouched);
        return true;
    };
    let Some(config) = config() else { return false };
    let Some(scope) = scope(config) else {
        count(hook, Verdict::OutOfScope);
        return true;
    };
    let mut flow = task::flow(ctx, config, address, port);
    flow.service = protect.service;
    flow.workload = scope.workload;
    let verdict = barred(config, &scope, &protect).unwrap_or(Verdict::NotTcp);
    tell(hook, verdict, protocol, &flow);
    matches!(verdict, Verdict::Observed | Verdict::FailedOpen)
}
