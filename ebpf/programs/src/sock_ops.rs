//! `sockops`, TCP_CONNECT_CB: files the flow under the connection's own addresses, which are what the daemon sees at
//! accept. This callback runs before the SYN leaves, so the entry is always there first.

use core::ptr::{addr_of, read_volatile};

use aya_ebpf::bindings::BPF_SOCK_OPS_TCP_CONNECT_CB;
use aya_ebpf::helpers::bpf_get_socket_cookie;
use aya_ebpf::macros::sock_ops;
use aya_ebpf::programs::SockOpsContext;
use interdict_abi::{AF_INET, Address, Hook, TupleKey, Verdict};

use crate::maps::{FLOW, TUPLE};
use crate::report::count;

#[sock_ops]
pub(crate) fn sock_ops(ctx: SockOpsContext) -> u32 {
    let ctx = ctx.ops;
    // SAFETY: the kernel hands a valid context, of which these fields may be read.
    let (op, ip4, ip6, port, remote_port) = unsafe {
        (
            read_volatile(addr_of!((*ctx).op)),
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
    if op == BPF_SOCK_OPS_TCP_CONNECT_CB {
        // SAFETY: the helper takes the context; the entry is copied before any other call to the map.
        let flow = unsafe { FLOW.get(bpf_get_socket_cookie(ctx.cast())) }.copied();
        match flow {
            Some(flow) if flow.proxy_port == remote_port => {
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
            }
            _ => count(Hook::SockOps, Verdict::Untouched),
        }
    }
    1
}
