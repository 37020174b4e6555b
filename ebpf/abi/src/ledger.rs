//! Counts of connects by workload and service.

/// Whose connects, and whither (map `LEDGER`).
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey {
    /// [`Scope::workload`](crate::Scope::workload); 0 for tasks that are not in scope.
    pub workload: u32,
    /// [`Protect::service`](crate::Protect::service).
    pub service: u32,
}

/// What became of connects to protected destinations, as one processor counted them. `seen` is the sum of `redirected`,
/// `refused`, `exempt`, `observed` and `failed_open`.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LedgerCounts {
    /// Connects to a protected destination.
    pub seen: u64,
    /// Sent to a listener.
    pub redirected: u64,
    /// Refused.
    pub refused: u64,
    /// Left alone: the caller is not in scope.
    pub exempt: u64,
    /// Left alone: the mode is `observe`.
    pub observed: u64,
    /// Left alone: no daemon is alive, and the service is set to fail open.
    pub failed_open: u64,
    /// Connections that were established with a listener.
    pub established: u64,
    /// Zero.
    pub reserved: u64,
}

const _: () = {
    assert!(size_of::<LedgerKey>() == 8);
    assert!(size_of::<LedgerCounts>() == 64);
};
