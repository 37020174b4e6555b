//! What became of connects to protected destinations, by workload and service.

use interdict_abi::{LedgerCounts, LedgerKey, name};

use crate::{Kernel, KernelError};

/// The counts of one workload and service since the programs were first attached; they outlive the daemon. `seen` is the sum
/// of `redirected`, `refused`, `exempt`, `observed` and `failed_open`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerRow {
    /// The workload's number; 0 for tasks that are not in scope.
    pub workload: u32,
    /// The service's number.
    pub service: u32,
    /// Connects to a protected destination.
    pub seen: u64,
    /// Sent to a listener.
    pub redirected: u64,
    /// Refused.
    pub refused: u64,
    /// Left alone: the caller is not in scope.
    pub exempt: u64,
    /// Left alone: the mode was `observe`.
    pub observed: u64,
    /// Left alone: no daemon was alive, and the service fails open.
    pub failed_open: u64,
    /// Connections that were established with a listener: each must come to be a session.
    pub established: u64,
}

impl LedgerRow {
    fn sum(key: LedgerKey, counts: &[LedgerCounts]) -> Self {
        let sum = |field: fn(&LedgerCounts) -> u64| counts.iter().map(field).sum();
        Self {
            workload: key.workload,
            service: key.service,
            seen: sum(|one| one.seen),
            redirected: sum(|one| one.redirected),
            refused: sum(|one| one.refused),
            exempt: sum(|one| one.exempt),
            observed: sum(|one| one.observed),
            failed_open: sum(|one| one.failed_open),
            established: sum(|one| one.established),
        }
    }
}

impl Kernel {
    /// Every pair of workload and service that was ever seen, ordered by both. A pair that appears while this reads may be
    /// missing until the next time.
    ///
    /// # Errors
    /// The kernel refused.
    pub fn ledger(&self) -> Result<Vec<LedgerRow>, KernelError> {
        let mut rows = self
            .ledger
            .iter()
            .map(|entry| entry.map(|(key, counts)| LedgerRow::sum(key, &counts)))
            .collect::<Result<Vec<_>, _>>()
            .map_err(KernelError::read(name::LEDGER))?;
        rows.sort_unstable_by_key(|row| (row.workload, row.service));
        Ok(rows)
    }
}
