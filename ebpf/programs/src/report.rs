//! Counting, and telling the daemon.

use interdict_abi::{Config, Event, Flow, Hook, Verdict, counter, mode};

use crate::maps::{CONFIG, EVENTS, STATS};

/// Counts a verdict. Each processor has its own numbers, so nothing is lost and nothing waits.
#[inline(always)]
pub(crate) fn count(hook: Hook, verdict: Verdict) {
    if let Some(number) = STATS.get_ptr_mut(counter(hook, verdict)) {
        // SAFETY: a valid entry of this processor; a program runs to its end on one processor.
        unsafe { *number = (*number).wrapping_add(1) };
    }
}

/// Counts a verdict and sends it. The decision stands whether or not there is room.
#[inline(always)]
pub(crate) fn tell(hook: Hook, verdict: Verdict, protocol: u32, flow: &Flow) {
    count(hook, verdict);
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

/// The settings. An array's entry is always there; were it not, the answer is to enforce.
#[inline(always)]
pub(crate) fn config() -> Config {
    CONFIG.get(0).copied().unwrap_or_default()
}

#[inline(always)]
pub(crate) fn observing(config: &Config) -> bool {
    config.mode == mode::OBSERVE
}
