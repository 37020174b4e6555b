//! `sockops`. TCP_CONNECT_CB files the flow under the connection's own addresses, which are what the daemon sees at accept;
//! it runs before the SYN leaves, so the entry is always there first. ACTIVE_ESTABLISHED_CB counts the connections that came
//! about, which the daemon compares with those that it served.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::bindings::{BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB, BPF_SOCK_OPS_TCP_CONNECT_CB, bpf_sock_ops};
use aya_ebpf::helpers::bpf_get_socket_cookie;
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use interdict_abi::{AF_INET, Address, Flow, Hook, TupleKey, Verdict};

use crate::maps::{FLOW, TUPLE};
use crate::report::{count, enter};

#[sock_ops]
pub(crate) fn sock_ops(ctx: SockOpsContext) -> u32 {
    let ctx = ctx.ops;
    // SAFETY: the kernel hands a valid context, of which this field may be read.
    let op = unsafe { read_volatile(addr_of!((*ctx).op)) };
    // Most callbacks are of no interest, and the other fields are dear to read.
    if op != BPF_SOCK_OPS_TCP_CONNECT_CB && op != BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB {
        return 1;
    }
    // SAFETY: as above.
    let (ip4, ip6, port, remote_port) = unsafe {
        (
            read_volatile(addr_of!((*ctx).local_ip4)),
            Address([
                read_volatile(addr_of!((*ctx).local_ip6[0])),
                read_volatile(addr_of!((*ctx).local_ip6[1])),
                read_volatile(addr_of!((*ctx).local_ip6[2])),
                read_volatile(addr_of!((*ctx).local_ip6[3])),
            ]),
            read_volatile(addr_of!((*ctx).local_port)) as u16,
            u32::from_be(read_volatile(addr_of!((*ctx).remote_port))) as u16,
        )
    };
    let Some(flow) = redirected(ctx, remote_port) else {
        count(Hook::SockOps, Verdict::Untouched);
        return 1;
    };
    if op == BPF_SOCK_OPS_ACTIVE_ESTABLISHED_CB {
        enter(flow.workload, flow.service, |counts| counts.established += 1);
        return 1;
    }
    let key = TupleKey {
        netns_cookie: flow.netns_cookie,
        address: if flow.family == AF_INET {
            Address::mapped(ip4)
        } else {
            ip6
        },
        port,
        proxy_port: remote_port,
        reserved: 0,
    };
    // A failure needs no handling here: the daemon refuses what it finds no flow for.
    let filed = TUPLE.insert(key, flow, 0).is_ok();
    count(
        Hook::SockOps,
        if filed {
            Verdict::Filed
        } else {
            Verdict::NotRecorded
        },
    );
    1
}

/// The flow of a socket that is being connected to the listener that the flow was sent to.
#[inline(always)]
fn redirected(ctx: *mut bpf_sock_ops, remote_port: u16) -> Option<Flow> {
    // SAFETY: the helper takes the context; the entry is copied before any other call to the map.
    let flow = unsafe { FLOW.get(bpf_get_socket_cookie(ctx.cast())) }.copied()?;
    (flow.proxy_port == remote_port).then_some(flow)
}
