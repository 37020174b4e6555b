//! What the kernel noted of processes, also of those that have ended.

use std::fmt;

/// Where a process comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// Who forked it: process id, and start in ticks since boot. `None`: nobody.
    pub parent: Option<(u32, u64)>,
    /// The file that it executed, as execve was told it; `None`: what its parent ran.
    pub executable: Option<String>,
    /// Its name for itself.
    pub comm: String,
}

/// Whoever has it noted.
pub trait Lineage: fmt::Debug + Send + Sync {
    /// What was noted of the process with this id that started at this tick since boot.
    fn origin(&self, pid: u32, start_ticks: u64) -> Option<Origin>;
}
