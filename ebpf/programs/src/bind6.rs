//! `cgroup/bind6`.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::Hook;

use crate::bind::may;
use crate::context::{V6, raw};

#[cgroup_sock_addr(bind6)]
pub(crate) fn bind6(ctx: SockAddrContext) -> i32 {
    let call = V6::read(&ctx);
    i32::from(may(
        raw(call.ctx),
        Hook::Bind6,
        call.address,
        call.port,
        call.protocol,
    ))
}
