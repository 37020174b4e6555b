//! Where scoped processes come from.

/// Nanoseconds of a clock tick as `/proc` counts them (`USER_HZ` is 100 wherever these programs run).
pub const TICK_NS: u64 = 10_000_000;

/// A process (map `LINEAGE`): its number, and when it started, so that another one with that number is another key.
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct LineageKey {
    /// When its first thread started, in ticks since boot: field 22 of `/proc/PID/stat`.
    pub start_ticks: u64,
    /// Thread group id in the initial pid namespace.
    pub tgid: u32,
    /// Zero.
    pub reserved: u32,
}

/// Who made a process, and what it runs (map `LINEAGE`).
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lineage {
    /// The process that forked it, whether it lives or not. All zeros: it has none, or none that could be read.
    pub parent: LineageKey,
    /// Its name at that time.
    pub comm: [u8; 16],
    /// The file that it executes, as execve was told it, ended by a zero unless it is longer. Empty: it runs what its parent
    /// ran.
    pub path: [u8; 128],
}

const _: () = {
    assert!(size_of::<LineageKey>() == 16);
    assert!(size_of::<Lineage>() == 160);
};
