//! Workloads that may reach nothing protected until somebody lifts it.

use aya::maps::MapError;
use interdict_abi::name;

use crate::heart::monotonic_ns;
use crate::kernel::lock;
use crate::{Kernel, KernelError, stable_id};

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

    /// The numbers ([`stable_id`](crate::stable_id)) of the workloads in quarantine.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn quarantined(&self) -> Result<Vec<u32>, KernelError> {
        lock(&self.quarantine)
            .keys()
            .collect::<Result<_, _>>()
            .map_err(KernelError::read(name::QUARANTINE))
    }
}
