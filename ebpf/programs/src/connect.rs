//! What to do with a connect: the part that IPv4 and IPv6 share.

use core::ffi::c_void;

use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::helpers::bpf_get_socket_cookie;
use interdict_abi::{
    AF_INET, Address, Config, Flow, Hook, Protect, ProtectKey, Scope, Verdict, protect_flag, protocol,
    scope_flag, told,
};

use crate::heart::is_alive;
use crate::maps::{FLOW, PORTS, PROTECT, PROXY, QUARANTINE};
use crate::report::{config, count, enter, first_time, observing, tell};
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

/// What protects an address and port, if anything does.
#[inline(always)]
pub(crate) fn protection(address: Address, port: u16) -> Option<Protect> {
    if !is_anywhere_protected(port) {
        return None;
    }
    PROTECT
        .get(&Key::new(ProtectKey::FIXED + 128, ProtectKey::new(address, port)))
        .copied()
}

/// Whether a port is protected at some address. Most packets and connects go to ports that are not, and looking at a bit is
/// much cheaper than looking for a prefix.
#[inline(always)]
pub(crate) fn is_anywhere_protected(port: u16) -> bool {
    PORTS
        .get(u32::from(port >> 6))
        .is_none_or(|word| word >> (port & 63) & 1 == 1)
}

/// Decides about a connect to `address` and `port`. Destinations are looked up first: most are not protected, and then
/// this lookup is all that an unconcerned task pays.
#[inline(always)]
pub(crate) fn decide(ctx: *mut c_void, hook: Hook, address: Address, port: u16, protocol: u32) -> Decision {
    let Some(protect) = protection(address, port) else {
        return leave(ctx, hook, Verdict::Untouched, address);
    };
    // An array's entry is always there. Without it nobody could be told from anybody: refuse.
    let Some(config) = config() else {
        return Decision::Refuse;
    };
    let Some(scope) = scope(config) else {
        enter(0, protect.service, |counts| {
            counts.seen += 1;
            counts.exempt += 1;
        });
        return leave(ctx, hook, Verdict::OutOfScope, address);
    };

    let mut flow = task::flow(ctx, config, address, port);
    flow.service = protect.service;
    flow.workload = scope.workload;
    let verdict = judge(config, &scope, &protect, &mut flow, protocol);
    enter(scope.workload, protect.service, |counts| {
        counts.seen += 1;
        match verdict {
            Verdict::Redirected => counts.redirected += 1,
            Verdict::Observed => counts.observed += 1,
            Verdict::FailedOpen => counts.failed_open += 1,
            _ => counts.refused += 1,
        }
    });
    match verdict {
        Verdict::Redirected => {
            count(hook, verdict);
            Decision::Redirect(flow.proxy_port)
        }
        Verdict::Observed | Verdict::FailedOpen => {
            tell(hook, verdict, protocol, &flow);
            // The egress guard would tell it once more.
            first_time(told::SOCKET | flow.socket_cookie);
            forget(ctx, address);
            Decision::Leave
        }
        _ => {
            tell(hook, verdict, protocol, &flow);
            Decision::Refuse
        }
    }
}

/// What becomes of a scoped task's connect to a protected destination.
#[inline(always)]
fn judge(config: &Config, scope: &Scope, protect: &Protect, flow: &mut Flow, protocol: u32) -> Verdict {
    match barred(config, scope, protect) {
        Some(verdict) => verdict,
        None => redirect(flow, protocol),
    }
}

/// What decides about a scoped task's use of a protected destination whatever way it takes there; `None`: the way decides.
#[inline(always)]
pub(crate) fn barred(config: &Config, scope: &Scope, protect: &Protect) -> Option<Verdict> {
    if observing(config) {
        return Some(Verdict::Observed);
    }
    if scope.flags & scope_flag::PENDING != 0 {
        return Some(Verdict::Pending);
    }
    if QUARANTINE.get_ptr(scope.workload).is_some() {
        return Some(Verdict::Quarantined);
    }
    if !is_alive(config) {
        return Some(if protect.flags & protect_flag::FAIL_OPEN != 0 {
            Verdict::FailedOpen
        } else {
            Verdict::NoHeartbeat
        });
    }
    None
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
