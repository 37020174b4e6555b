//! What to do with a connect: the part that IPv4 and IPv6 share.

use core::ffi::c_void;

use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::helpers::bpf_get_socket_cookie;
use interdict_abi::{AF_INET, Address, Flow, Hook, ProtectKey, Verdict, protocol};

use crate::maps::{FLOW, PROTECT, PROXY};
use crate::report::{config, count, observing, tell};
use crate::scope::scope;
use crate::task;

/// What the hook does.
pub(crate) enum Decision {
    /// Nothing.
    Leave,
    /// Fail the call with EPERM.
    Refuse,
    /// Connect to this port of the loopback address instead.
    Redirect(u16),
}

/// Decides about a connect to `address` and `port`. Destinations are looked up first: most are not protected, and then
/// this lookup is all that an unconcerned task pays.
#[inline(always)]
pub(crate) fn decide(ctx: *mut c_void, hook: Hook, address: Address, port: u16, protocol: u32) -> Decision {
    let key = Key::new(ProtectKey::FIXED + 128, ProtectKey::new(address, port));
    let Some(protect) = PROTECT.get(&key).copied() else {
        return leave(ctx, hook, Verdict::Untouched, address);
    };
    let Some(scope) = scope() else {
        return leave(ctx, hook, Verdict::OutOfScope, address);
    };

    let config = config();
    let mut flow = task::flow(ctx, &config, address, port);
    flow.service = protect.service;
    flow.workload = scope.workload;

    if observing(&config) {
        tell(hook, Verdict::Observed, protocol, &flow);
        forget(ctx, address);
        return Decision::Leave;
    }
    let verdict = redirect(&mut flow, protocol);
    if matches!(verdict, Verdict::Redirected) {
        count(hook, verdict);
        Decision::Redirect(flow.proxy_port)
    } else {
        tell(hook, verdict, protocol, &flow);
        Decision::Refuse
    }
}

/// Finds the listener and remembers the flow.
#[inline(always)]
fn redirect(flow: &mut Flow, protocol: u32) -> Verdict {
    if protocol != protocol::TCP && protocol != protocol::MPTCP {
        return Verdict::NotTcp;
    }
    // SAFETY: copied before any other call to the map.
    let Some(proxy) = unsafe { PROXY.get(flow.netns_cookie) }.copied() else {
        return Verdict::NoListener;
    };
    flow.proxy_port = if flow.family == AF_INET {
        proxy.v4
    } else {
        proxy.v6
    };
    if flow.proxy_port == 0 {
        return Verdict::NoListener;
    }
    match FLOW.insert(flow.socket_cookie, &*flow, 0) {
        Ok(()) => Verdict::Redirected,
        Err(_) => Verdict::NotRecorded,
    }
}

#[inline(always)]
fn leave(ctx: *mut c_void, hook: Hook, verdict: Verdict, address: Address) -> Decision {
    count(hook, verdict);
    forget(ctx, address);
    Decision::Leave
}

/// A socket can be connected again after AF_UNSPEC. Were an earlier flow kept, a direct connect to the listener would
/// be taken for a redirected one. Only loopback addresses lead to a listener, so other connects skip this.
#[inline(always)]
fn forget(ctx: *mut c_void, address: Address) {
    if address.is_loopback() {
        // SAFETY: the helper takes the context.
        let cookie = unsafe { bpf_get_socket_cookie(ctx) };
        let _absent = FLOW.remove(cookie);
    }
}
