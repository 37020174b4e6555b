//! Keeps the listener's port the listener's: the part that IPv4 and IPv6 share.
//!
//! Redirected connections go to a port. While the daemon is dead that port is free, and whoever took it would be handed
//! the connections of others. No scoped task may.

use core::ffi::c_void;

use aya_ebpf::helpers::bpf_get_netns_cookie;
use interdict_abi::{Address, Hook, Verdict, protocol};

use crate::maps::PROXY;
use crate::report::{config, count, observing, tell};
use crate::scope::scope;
use crate::task;

/// Whether a bind may go on.
#[inline(always)]
pub(crate) fn may(ctx: *mut c_void, hook: Hook, address: Address, port: u16, protocol: u32) -> bool {
    if port == 0 || (protocol != protocol::TCP && protocol != protocol::MPTCP) {
        return true;
    }
    // SAFETY: the helper takes the context; the entry is copied before any other call to the map.
    let Some(proxy) = unsafe { PROXY.get(bpf_get_netns_cookie(ctx)) }.copied() else {
        return true;
    };
    if port != proxy.v4 && port != proxy.v6 {
        return true;
    }
    let Some(config) = config() else { return false };
    let Some(scope) = scope(config) else {
        count(hook, Verdict::OutOfScope);
        return true;
    };
    let mut flow = task::flow(ctx, config, address, port);
    flow.workload = scope.workload;
    if observing(config) {
        tell(hook, Verdict::Observed, protocol, &flow);
        return true;
    }
    tell(hook, Verdict::ListenerPort, protocol, &flow);
    false
}
