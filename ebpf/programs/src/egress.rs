//! `cgroup_skb/egress`: the second line. No packet of a scoped socket goes to a protected destination, however it came
//! about: a connection from before enrolment, a destination that address translation put there, a header that somebody
//! wrote himself. The proxy's own packets pass because its cgroup is outside of every scope, and redirected connections
//! because they go to a loopback address.
//!
//! Here a packet is judged by its socket's cgroup and user: there is no calling task to ask.

use core::mem::MaybeUninit;
use core::ptr::{addr_of, read_volatile};

use aya_ebpf::bindings::__sk_buff;
use aya_ebpf::btf_maps::lpm_trie::Key;
use aya_ebpf::helpers::{
    bpf_get_socket_cookie, bpf_get_socket_uid, bpf_ktime_get_boot_ns, bpf_skb_ancestor_cgroup_id,
    bpf_skb_cgroup_id, bpf_skb_load_bytes,
};
use aya_ebpf::macros::cgroup_skb;
use aya_ebpf::programs::SkBuffContext;
use interdict_abi::{
    AF_INET, AF_INET6, Config, Flow, Hook, Protect, ProtectKey, Scope, Verdict, config_flag, told,
};

use crate::connect::{barred, is_anywhere_protected};
use crate::maps::{KEPT, PROTECT};
use crate::packet::{Target, target};
use crate::report::{config, count, first_time, send};
use crate::scope::{by_user, nearest};
use crate::task::zero;

#[cgroup_skb(egress)]
pub(crate) fn egress(ctx: SkBuffContext) -> i32 {
    let skb = ctx.skb.skb;
    let Some(target) = target(skb) else {
        return 1;
    };
    let Some(protect) = protection(&target) else {
        return 1;
    };
    let Some(config) = config() else { return 0 };
    let Some(scope) = scope(skb, config) else {
        return 1;
    };
    // It tells the other side that a connection is over, and can't carry anything.
    if target.is_reset {
        return 1;
    }
    // SAFETY: the helper takes the context.
    let cookie = unsafe { bpf_get_socket_cookie(skb.cast()) };
    if KEPT.get_ptr(cookie).is_some() {
        count(Hook::Egress, Verdict::Kept);
        return 1;
    }
    let verdict = match barred(config, &scope, &protect) {
        Some(passes @ (Verdict::Observed | Verdict::FailedOpen)) => passes,
        _ => Verdict::Dropped,
    };
    count(Hook::Egress, verdict);
    if first_time(told::SOCKET | cookie) {
        report(skb, verdict, &target, &protect, &scope, cookie);
    }
    i32::from(!matches!(verdict, Verdict::Dropped))
}

/// What protects a packet's destination. One whose port can't be read counts as going to any port.
#[inline(always)]
fn protection(target: &Target) -> Option<Protect> {
    if target.has_port && !is_anywhere_protected(target.port) {
        return None;
    }
    let key = if target.has_port {
        ProtectKey::new(target.address, target.port)
    } else {
        ProtectKey::any_port(target.address)
    };
    PROTECT.get(&Key::new(ProtectKey::FIXED + 128, key)).copied()
}

#[inline(always)]
fn scope(skb: *mut __sk_buff, config: &Config) -> Option<Scope> {
    // SAFETY: these helpers take the context.
    let own = unsafe { bpf_skb_cgroup_id(skb) };
    if let Some(found) = nearest(own, |level| unsafe { bpf_skb_ancestor_cgroup_id(skb, level) }) {
        return Some(found);
    }
    if config.flags & config_flag::USERS == 0 {
        return None;
    }
    // SAFETY: as above.
    by_user(unsafe { bpf_get_socket_uid(skb) })
}

#[inline(always)]
fn report(
    skb: *mut __sk_buff,
    verdict: Verdict,
    target: &Target,
    protect: &Protect,
    scope: &Scope,
    cookie: u64,
) {
    let nobody = zero();
    let flow = Flow {
        // SAFETY: these helpers take the context or nothing.
        netns_cookie: 0,
        cgroup_id: unsafe { bpf_skb_cgroup_id(skb) },
        socket_cookie: cookie,
        boot_ns: unsafe { bpf_ktime_get_boot_ns() },
        process_start_ns: 0,
        tgid: nobody,
        tid: nobody,
        uid: unsafe { bpf_get_socket_uid(skb) },
        gid: nobody,
        address: target.address,
        port: target.port,
        proxy_port: 0,
        family: if target.address.is_mapped() {
            AF_INET
        } else {
            AF_INET6
        },
        reserved: 0,
        service: protect.service,
        workload: scope.workload,
        comm: *b"(packet)\0\0\0\0\0\0\0\0",
    };
    send(Hook::Egress, verdict, target.protocol, &flow);
}

/// Bytes of a packet, from the network header on; `None` past its end.
#[inline(always)]
pub(crate) fn load<const N: usize>(skb: *mut __sk_buff, offset: u32) -> Option<[u8; N]> {
    let mut bytes = MaybeUninit::<[u8; N]>::uninit();
    // SAFETY: the helper writes all `N` bytes of the buffer, zeros if it fails.
    unsafe {
        let result = bpf_skb_load_bytes(skb.cast(), offset, bytes.as_mut_ptr().cast(), N as u32);
        (result == 0).then_some(bytes.assume_init())
    }
}

/// The link layer's protocol number of a packet.
#[inline(always)]
pub(crate) fn ethertype(skb: *mut __sk_buff) -> u16 {
    // SAFETY: the kernel hands a valid context, of which this field may be read.
    u16::from_be(unsafe { read_volatile(addr_of!((*skb).protocol)) } as u16)
}

/// Bytes of a packet, from the network header on.
#[inline(always)]
pub(crate) fn size(skb: *mut __sk_buff) -> u32 {
    // SAFETY: the kernel hands a valid context, of which this field may be read.
    unsafe { read_volatile(addr_of!((*skb).len)) }
}
