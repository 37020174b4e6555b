//! Whether a daemon is alive.

use aya_ebpf::helpers::bpf_ktime_get_ns;
use interdict_abi::Config;

use crate::maps::HEART;

/// Whether a daemon has said so lately. One that hangs keeps its sockets and would let connections wait for ever; one that
/// is dead has no listener, but whoever took its port would be handed them.
#[inline(always)]
pub(crate) fn is_alive(config: &Config) -> bool {
    if config.heartbeat_ns == 0 {
        return true;
    }
    let last = HEART.get(0).copied().unwrap_or(0);
    // SAFETY: no arguments.
    let now = unsafe { bpf_ktime_get_ns() };
    // A beat may come from another processor a moment after `now`.
    now <= last || now - last <= config.heartbeat_ns
}
