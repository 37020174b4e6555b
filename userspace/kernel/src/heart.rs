//! Telling the programs that a daemon lives.

use aya::maps::{Array, MapData};
use interdict_abi::name;
use nix::time::{ClockId, clock_gettime};

use crate::kernel::lock;
use crate::{Kernel, KernelError};

impl Kernel {
    /// Says that the daemon serves. Without it for as long as [`Settings::heartbeat`](crate::Settings::heartbeat) says,
    /// connects to protected destinations are refused, or let through to services that fail open. So it must be said by
    /// somebody who knows that the data path moves.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn beat(&self) -> Result<(), KernelError> {
        beat(&mut lock(&self.heart))
    }
}

pub(crate) fn beat(heart: &mut Array<MapData, u64>) -> Result<(), KernelError> {
    heart
        .set(0, monotonic_ns(), 0)
        .map_err(KernelError::written(name::HEART))
}

/// The clock that the programs read: time asleep does not count, or else every wake-up would begin with refusals.
pub(crate) fn monotonic_ns() -> u64 {
    // The clock is always there.
    let now = clock_gettime(ClockId::CLOCK_MONOTONIC).map_or(std::time::Duration::ZERO, Into::into);
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
