//! Workloads that may reach nothing protected until somebody lifts it.

use std::time::Duration;

use aya::maps::MapError;
use interdict_abi::name;

use crate::heart::monotonic_ns;
use crate::kernel::lock;
use crate::{Kernel, KernelError, stable_id};

/// A workload in quarantine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Its number: [`stable_id`](crate::stable_id) of its name.
    pub workload: u32,
    /// For how long it has been, without the time that the host was asleep.
    pub age: Duration,
}

impl Kernel {
    /// Refuses every connect of a workload to a protected destination from now on, also after a restart. What is
    /// established is the proxy's to end.
    ///
    /// # Errors
    /// The kernel refused, or the table is full.
    pub fn quarantine(&self, workload: &str) -> Result<(), KernelError> {
        lock(&self.quarantine)
            .insert(stable_id(workload), monotonic_ns(), 0)
            .map_err(KernelError::written(name::QUARANTINE))
    }

    /// Ends it; `false` if there was none.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn lift_quarantine(&self, workload: &str) -> Result<bool, KernelError> {
        match lock(&self.quarantine).remove(&stable_id(workload)) {
            Ok(()) => Ok(true),
            Err(MapError::KeyNotFound) => Ok(false),
            Err(MapError::SyscallError(call)) if call.io_error.raw_os_error() == Some(libc::ENOENT) => {
                Ok(false)
            }
            Err(error) => Err(KernelError::written(name::QUARANTINE)(error)),
        }
    }

    /// The workloads in quarantine.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn quarantined(&self) -> Result<Vec<Quarantined>, KernelError> {
        let now = monotonic_ns();
        lock(&self.quarantine)
            .iter()
            .map(|entry| {
                entry.map(|(workload, since)| Quarantined {
                    workload,
                    age: Duration::from_nanos(now.saturating_sub(since)),
                })
            })
            .collect::<Result<_, _>>()
            .map_err(KernelError::read(name::QUARANTINE))
    }
}
