//! Counting, and telling the daemon.

use aya_ebpf::bindings::BPF_NOEXIST;
use interdict_abi::{Config, Event, Flow, Hook, LedgerCounts, LedgerKey, Verdict, counter, mode};

use crate::maps::{CONFIG, EVENTS, LEDGER, STATS, TOLD};

/// Not on the stack, where the compiler would clear it by a call that the verifier refuses.
static EMPTY: LedgerCounts = LedgerCounts {
    seen: 0,
    redirected: 0,
    refused: 0,
    exempt: 0,
    observed: 0,
    failed_open: 0,
    established: 0,
    reserved: 0,
};

/// Counts a verdict. Each processor has its own numbers, so nothing is lost and nothing waits.
#[inline(always)]
pub(crate) fn count(hook: Hook, verdict: Verdict) {
    if let Some(number) = STATS.get_ptr_mut(counter(hook, verdict)) {
        // SAFETY: a valid entry of this processor; a program runs to its end on one processor.
        unsafe { *number = (*number).wrapping_add(1) };
    }
}

/// Counts a connect in the ledger: that it was seen, or what became of it.
#[inline(always)]
pub(crate) fn enter(workload: u32, service: u32, what: impl FnOnce(&mut LedgerCounts)) {
    let key = LedgerKey { workload, service };
    if LEDGER.get_ptr_mut(key).is_none() {
        // Another processor may have been first: its entry is as good.
        let _exists = LEDGER.insert(key, &EMPTY, u64::from(BPF_NOEXIST));
    }
    if let Some(counts) = LEDGER.get_ptr_mut(key) {
        // SAFETY: a valid entry of this processor; a program runs to its end on one processor.
        what(unsafe { &mut *counts });
    }
}

/// Counts a verdict and sends it. The decision stands whether or not there is room.
#[inline(always)]
pub(crate) fn tell(hook: Hook, verdict: Verdict, protocol: u32, flow: &Flow) {
    count(hook, verdict);
    send(hook, verdict, protocol, flow);
}

/// Whether this is the first time that something is about to be told: what repeats by the packet is told once.
#[inline(always)]
pub(crate) fn first_time(key: u64) -> bool {
    TOLD.insert(key, 1, u64::from(BPF_NOEXIST)).is_ok()
}

/// Sends a verdict that is counted elsewhere.
#[inline(always)]
pub(crate) fn send(hook: Hook, verdict: Verdict, protocol: u32, flow: &Flow) {
    if let Some(mut entry) = EVENTS.reserve_untyped::<Event>(0) {
        entry.write(Event {
            verdict: verdict as u32,
            hook: hook as u32,
            protocol,
            reserved: 0,
            flow: *flow,
        });
        entry.submit(0);
    } else {
        count(hook, Verdict::EventLost);
    }
}

/// The settings. An array's entry is always there; were it not, nothing would be known of any scope, so that connects to
/// protected destinations were refused as from a table of zeros.
#[inline(always)]
pub(crate) fn config() -> Option<&'static Config> {
    CONFIG.get(0)
}

#[inline(always)]
pub(crate) fn observing(config: &Config) -> bool {
    config.mode == mode::OBSERVE
}
