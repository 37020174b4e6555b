//! `cgroup/bind4`.

use aya_ebpf::macros::cgroup_sock_addr;
use aya_ebpf::programs::SockAddrContext;
use interdict_abi::{Address, Hook};

use crate::bind::may;
use crate::context::{V4, raw};

#[cgroup_sock_addr(bind4)]
pub(crate) fn bind4(ctx: SockAddrContext) -> i32 {
    let call = V4::read(&ctx);
    i32::from(may(
        raw(call.ctx),
        Hook::Bind4,
        Address::mapped(call.ip),
        call.port,
        call.protocol,
    ))
}
